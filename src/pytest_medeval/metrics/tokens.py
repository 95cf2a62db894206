"""Words of a text, by the tokenizer that fits its script."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Final, Literal, TypeAlias

Language: TypeAlias = Literal["auto", "en", "zh"]
Script: TypeAlias = Literal["en", "zh"]

CHINESE_SHARE: Final = 0.2
"""A text is Chinese when at least this share of its letters and digits are Chinese characters: a Chinese text
about drugs holds many Latin letters, and an English one hardly a Chinese character."""

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]")
_WORD = re.compile(r"[^\W_]")
_ASCII_WORDS = re.compile(r"[a-z0-9]+")
_STEMMED_FROM = 4
"""rouge-score leaves words of up to three letters as they are."""


def script_of(reference: str, language: Language) -> Script:
    """Choose the tokenizer: as the suite says, else by the script of the reference.

    >>> script_of("服用阿司匹林 aspirin 100 mg", "auto"), script_of("Take aspirin.", "auto")
    ('zh', 'en')
    """
    if language != "auto":
        return language
    if reference.isascii():
        return "en"
    letters = len(_WORD.findall(reference))
    return "zh" if letters and len(_HAN.findall(reference)) >= CHINESE_SHARE * letters else "en"


@lru_cache(maxsize=64)
def bleu_tokens(text: str, script: Script) -> tuple[str, ...]:
    """Split as sacrebleu does: ``13a`` for English, ``zh`` (each Chinese character a token) for Chinese.

    The last texts are remembered, because several metrics ask for the same ones in turn.

    >>> bleu_tokens("Mild fever, 39.5.", "en")
    ('Mild', 'fever', ',', '39.5', '.')
    """
    if script == "zh":
        return tuple(_tokenizer("zh")(text.rstrip()).split())
    if _RARE.search(text):
        return tuple(_tokenizer("13a")(text.rstrip()).split())
    return tuple(token for word in text.split() for token in _split(word))


_RARE = re.compile("[<&\n]")
"""What 13a replaces before it looks at words: marks of skipped text, entities, hyphens at line ends."""


@cache
def _tokenizer(name: str) -> Callable[[str], str]:
    from sacrebleu.metrics.bleu import BLEU

    tokenize: Callable[[str], str] = BLEU(tokenize=name).tokenizer
    return tokenize


class _Words(dict[str, tuple[str, ...]]):
    """Words as 13a splits them, each split once: its rules look no further than the blanks around a word."""

    def __missing__(self, word: str) -> tuple[str, ...]:
        self[word] = tuple(_tokenizer("13a")(word).split())
        return self[word]


_words = _Words()
_split: Final = _words.__getitem__


def rouge_tokens(text: str, script: Script) -> list[str]:
    """Split as rouge-score does with its stemmer; Chinese into characters, lower case, no punctuation.

    >>> rouge_tokens("Fevers, coughing.", "en"), rouge_tokens("发热39度。", "zh")
    (['fever', 'cough'], ['发', '热', '39', '度'])
    """
    if script == "zh":
        return [token for token in bleu_tokens(text.lower(), script) if _WORD.search(token)]
    words = _ASCII_WORDS.findall(text.lower())
    return [stem(word) if len(word) >= _STEMMED_FROM else word for word in words]


class _Stems(dict[str, str]):
    """Stems, each computed once by NLTK's Porter stemmer."""

    stemmer: Any = None

    def __missing__(self, word: str) -> str:
        if self.stemmer is None:
            from nltk.stem.porter import PorterStemmer

            self.stemmer = PorterStemmer()
        self[word] = self.stemmer.stem(word)
        return self[word]


_stems = _Stems()
stem: Final = _stems.__getitem__
"""``stem(word)``: NLTK's Porter stem, remembered."""


def ngrams(tokens: Sequence[str], order: int) -> Iterator[Hashable]:
    """Give the n-grams of an order."""
    return zip(*(tokens[start:] for start in range(order)), strict=False)


def forget() -> None:
    """Empty the memory of words, for a benchmark that begins like a new process."""
    _stems.clear()
    _words.clear()
    bleu_tokens.cache_clear()
