"""Words of any script, by Unicode's properties, and the form in which two spellings are the same.

A word is a run of letters, the marks on them and digits (general categories L, M, N): an Indic vowel sign or virama
belongs to its word. Scripts that are written without blanks between words count by grapheme clusters (UAX #29), so
that a Thai or Burmese consonant keeps its vowels; Tibetan divides its syllables by marks of its own. What does not
tell two texts apart is taken away first: composition (NFC), invisible format characters, the stretching of Arabic
(tatweel), the optional points of Arabic and Hebrew, and the shapes of decimal digits.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Final

WORD: Final = re.compile(r"[^\W_]")
"""What makes a token a word: a letter or a digit."""
_UNSPACED: Final = (
    "Han Hiragana Katakana Bopomofo Yi Thai Lao Khmer Myanmar Tai_Le New_Tai_Lue Tai_Tham Tai_Viet Javanese Balinese"
)
"""Scripts without blanks between words, by their names in Unicode."""
_OPTIONAL: Final = re.compile("[\u0640\u064b-\u0652\u0670\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7]")
"""Tatweel, the vowel points of Arabic, points and accents of Hebrew."""
_ZERO_WIDTH_SPACE: Final = "\u200b"


def nfc(text: str) -> str:
    """Compose a text, so that one letter with its marks is written in one way.

    >>> nfc("e\u0301") == "\u00e9"
    True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def folded(text: str) -> str:
    """Give the form in which short texts are the same: without case, width, composition and optional points.

    >>> folded("ΟΔΟΣ ４") == folded("οδος 4")
    True
    """
    if text.isascii():
        return text.lower()
    return _bare(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()))


def unicode_tokens(text: str) -> list[str]:
    """Split into words, grapheme clusters of scripts without blanks, and single marks of punctuation.

    >>> unicode_tokens("Принимать 2,5мг."), unicode_tokens("गोली लें।"), unicode_tokens("ไข้ ๓๙")
    (['Принимать', '2,5мг', '.'], ['गोली', 'लें', '।'], ['ไ', 'ข้', '39'])
    """
    found: list[str] = _patterns()["token"].findall(_digits(_bare(nfc(text))))
    return found


def words(text: str) -> list[str]:
    """Split into words alone, blanks filled with underscores among them.

    >>> words("दवा, लें 2.5 ?")
    ['दवा', 'लें', '2', '5']
    """
    found: list[str] = _patterns()["word"].findall(text)
    return found


def letters_only(text: str) -> str:
    """Leave out whatever is neither letter, mark nor digit.

    >>> letters_only("दवा, लें ?") == "दवालें"
    True
    """
    return "".join(re.findall(r"[^\W_]+", text)) if text.isascii() else _patterns()["letters"].sub("", text)


def _bare(text: str) -> str:
    """Take away what is not seen or not always written."""
    if text.isascii():
        return text
    seen = _patterns()["format"].sub("", text.replace(_ZERO_WIDTH_SPACE, " "))
    return nfc(_OPTIONAL.sub("", seen))


def _digits(text: str) -> str:
    """Write decimal digits of all scripts in one way."""
    if text.isascii():
        return text
    found: str = _patterns()["digit"].sub(lambda digit: str(unicodedata.decimal(digit[0])), text)
    return found


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    import regex  # not at the top: English and Chinese do without

    unspaced = "".join(rf"\p{{Script={name}}}" for name in _UNSPACED.split())
    character = rf"(?=[{unspaced}ー])(?=\p{{L}})\X\p{{M}}*"
    word = rf"(?:(?![{unspaced}ー])[\p{{L}}\p{{M}}\p{{N}}])+"
    return {
        "token": regex.compile(rf"{character}|{word}(?:(?<=\p{{N}})[.,٫٬](?=\p{{N}}){word})*|(?!\s)\X"),
        "word": regex.compile(rf"{character}|(?:(?![{unspaced}ー])[\p{{L}}\p{{M}}\p{{N}}_])+"),
        "letters": regex.compile(r"[^\p{L}\p{M}\p{N}]+"),
        "format": regex.compile(r"\p{Cf}+"),
        "digit": regex.compile(r"(?![0-9])\p{Nd}"),
    }
