"""Words of a text, by the tokenizer that fits its script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from pytest_medeval.core.words import WORD, nfc, unicode_tokens
from pytest_medeval.metrics.base import version_of

if TYPE_CHECKING:
    from nltk.stem.porter import PorterStemmer

T = TypeVar("T")
Language: TypeAlias = Literal["auto", "en", "zh", "unicode"]
Script: TypeAlias = Literal["en", "zh", "unicode"]

CHINESE_SHARE: Final = 0.2
"""A text is Chinese when at least this share of its letters and digits are Chinese characters: a Chinese text
about drugs holds many Latin letters, and an English one hardly a Chinese character."""

FOREIGN: Final = 0.02
"""A text is English when at most this share of its letters and digits is not ASCII: an English text holds a Greek
letter or an accent now and then, and one in Vietnamese, Czech or French many."""
FEW: Final = 10
"""From so many letters and digits on, one that is not ASCII is no sign of another language, in short texts too."""

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]")
_NOT_CHINESE = re.compile(r"[\u3041-\u30ff\u1100-\u11ff\uac00-\ud7af]")
"""Kana and Hangul: what tells Japanese and Korean, which use Chinese characters too."""
_ASCII = re.compile(r"[A-Za-z0-9]")
_ASCII_WORDS = re.compile(r"[a-z0-9]+")
_STEMMED_FROM = 4
"""rouge-score leaves words of up to three letters as they are."""


def script_of(reference: str, language: Language) -> Script:
    """Choose the tokenizer of a case, for all replies to it: as the suite says, else by the script of the reference.

    >>> script_of("服用阿司匹林 aspirin 100 mg", "auto"), script_of("Take aspirin.", "auto")
    ('zh', 'en')
    >>> script_of("Принимайте аспирин 100 mg.", "auto")
    'unicode'
    """
    if language != "auto":
        return language
    if reference.isascii():
        return "en"
    text = nfc(reference)
    letters, chinese = len(WORD.findall(text)), len(_HAN.findall(text))
    if chinese and chinese >= CHINESE_SHARE * letters and not _NOT_CHINESE.search(text):
        return "zh"
    foreign = letters - len(_ASCII.findall(text))
    return "en" if foreign <= FOREIGN * letters or (foreign == 1 and letters >= FEW) else "unicode"


_BLEU: Final[dict[Script, str]] = {"en": "13a", "zh": "zh", "unicode": "unicode"}
_ROUGE: Final[dict[Script, str]] = {"en": "rouge-score", "zh": "zh-char", "unicode": "unicode"}


def bleu_parts(language: Language) -> tuple[str, ...]:
    """Name the tokenizer of BLEU and METEOR, as signatures do.

    >>> bleu_parts("en"), bleu_parts("auto")[0]
    (('tok:13a', 'norm:nfc'), 'tok:auto(13a,zh,unicode)')
    """
    return _parts(_BLEU, language)


def rouge_parts(language: Language) -> tuple[str, ...]:
    """Name the tokenizer of ROUGE, as signatures do.

    >>> rouge_parts("zh")
    ('tok:zh-char', 'norm:nfc')
    """
    return _parts(_ROUGE, language)


def _parts(names: dict[Script, str], language: Language) -> tuple[str, ...]:
    """Name a tokenizer; that of Unicode changes with its tables, and so with what brings them."""
    tok = f"auto({','.join(names.values())})" if language == "auto" else names[language]
    tables = (f"regex:{version_of('regex')}",) if language in ("auto", "unicode") else ()
    return (f"tok:{tok}", *tables, "norm:nfc")


def stemmer(language: Language) -> str:
    """Name the stemmer: Porter's is for English alone."""
    return {"en": "porter", "auto": "auto(porter,no,no)"}.get(language, "no")


def has_content(text: str) -> bool:
    r"""Say whether a text says anything: blanks and punctuation alone leave a question unanswered, an emoji does not.

    >>> has_content("👍"), has_content(" \u200b\t"), has_content("?")
    (True, False, False)
    """
    return any(not (char.isspace() or unicodedata.category(char) in _SILENT) for char in text)


_SILENT: Final = frozenset({"Cc", "Cf", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps"})


@lru_cache(maxsize=64)
def bleu_tokens(text: str, script: Script) -> tuple[str, ...]:
    """Split as sacrebleu does: ``13a`` for English, ``zh`` for Chinese (each character a token); others by Unicode.

    The last texts are remembered, because several metrics ask for the same ones in turn.

    >>> bleu_tokens("Mild fever, 39.5.", "en")
    ('Mild', 'fever', ',', '39.5', '.')
    """
    if script == "unicode":
        return tuple(unicode_tokens(text))
    text = nfc(text)
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


class _Memory(dict[str, T]):
    """What a function gives for each word, found once: quicker than ``lru_cache``."""

    def __init__(self, find: Callable[[str], T]) -> None:
        super().__init__()
        self.find = find

    def __missing__(self, word: str) -> T:
        self[word] = found = self.find(word)
        return found


_words = _Memory(lambda word: tuple(_tokenizer("13a")(word).split()))
_split: Final = _words.__getitem__
"""Words as 13a splits them: its rules look no further than the blanks around a word."""


def rouge_tokens(text: str, script: Script) -> list[str]:
    """Split as rouge-score does with its stemmer; other scripts as for BLEU, in lower case and without punctuation.

    >>> rouge_tokens("Fevers, coughing.", "en"), rouge_tokens("发热39度。", "zh")
    (['fever', 'cough'], ['发', '热', '39', '度'])
    >>> rouge_tokens("Жар, КАШЕЛЬ.", "unicode")
    ['жар', 'кашель']
    """
    if script != "en":
        plain = text.lower() if script == "zh" else nfc(text).casefold()
        return [token for token in bleu_tokens(plain, script) if WORD.search(token)]
    words = _ASCII_WORDS.findall(nfc(text).lower())
    return [stem(word) if len(word) >= _STEMMED_FROM else word for word in words]


def legible(reference: str, script: Script) -> bool:
    """Say whether ROUGE's tokenizer sees most of a reference: that of English knows ASCII alone.

    >>> legible("Примите 5 mg", "en"), legible("Take 5 µg", "en"), legible("👍", "unicode")
    (False, True, False)
    """
    if script != "en" or reference.isascii():
        return WORD.search(reference) is not None
    return len(_ASCII.findall(reference)) > len(WORD.findall(reference)) / 2


def _stemmed(word: str) -> str:
    return str(_porter().stem(word))


@cache
def _porter() -> PorterStemmer:
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


_stems = _Memory(_stemmed)
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
