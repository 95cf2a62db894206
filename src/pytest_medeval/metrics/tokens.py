"""Words of a text, by the tokenizer that fits its script."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from functools import cache
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
    letters = len(_WORD.findall(reference))
    return "zh" if letters and len(_HAN.findall(reference)) >= CHINESE_SHARE * letters else "en"


@cache
def _bleu_tokenizer(script: Script) -> Callable[[str], str]:
    from sacrebleu.metrics.bleu import BLEU

    tokenize: Callable[[str], str] = BLEU(tokenize="zh" if script == "zh" else "13a").tokenizer
    return tokenize


def bleu_tokens(text: str, script: Script) -> list[str]:
    """Split as sacrebleu does: ``13a`` for English, ``zh`` (each Chinese character a token) for Chinese."""
    return _bleu_tokenizer(script)(text.rstrip()).split()


def rouge_tokens(text: str, script: Script) -> list[str]:
    """Split as rouge-score does with its stemmer; Chinese into characters, lower case, no punctuation.

    >>> rouge_tokens("Fevers, coughing.", "en"), rouge_tokens("发热39度。", "zh")
    (['fever', 'cough'], ['发', '热', '39', '度'])
    """
    if script == "zh":
        return [token for token in bleu_tokens(text.lower(), script) if _WORD.search(token)]
    words = _ASCII_WORDS.findall(text.lower())
    return [stem(word) if len(word) >= _STEMMED_FROM else word for word in words]


class _Memo(dict[str, str]):
    """Stems, each computed once by NLTK's Porter stemmer."""

    stemmer: Any = None

    def __missing__(self, word: str) -> str:
        if self.stemmer is None:
            from nltk.stem.porter import PorterStemmer

            self.stemmer = PorterStemmer()
        self[word] = self.stemmer.stem(word)
        return self[word]


stem: Final = _Memo().__getitem__
"""``stem(word)``: NLTK's Porter stem, remembered."""


def ngrams(tokens: list[str], order: int) -> Iterator[Hashable]:
    """Give the n-grams of an order."""
    return zip(*(tokens[start:] for start in range(order)), strict=False)
