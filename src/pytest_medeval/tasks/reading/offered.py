"""The options that a question offers, found in a reply: their letters and their texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pytest_medeval.tasks.reading import phrases as say
from pytest_medeval.tasks.reading.names import other_names
from pytest_medeval.tasks.reading.normal import tidy

_EDGE = " \t\n\"'.,;:!?。()[]{}-–—।"
_OPENING = r"[\s\"'({\[<:=\-–—【「『]{0,8}"
_CLOSING = re.compile(rf"(?i)[ \"')}}\]>】」』.:,\-–—=|(]{{0,6}}(?:{say.I_E}[ .,:(\"']{{1,4}}(?:{say.THE}\s)?[\"']?)?")
LETTER: Final = rf"(?<![{say.WORD}\-/])(?<![{say.WORD}]')([A-Za-z])(?![{say.WORD}\-/])(?!'[{say.WORD}])"
_OPENER = re.compile(rf"(?i){_OPENING}(?:(?:{say.OPTION}|{say.ANSWER}|{say.THE})(?:\s{{0,2}}[:：])?{_OPENING}){{0,4}}")
_BRACKETS = re.compile(_OPENING)
_LETTER = re.compile(LETTER)
_NONE = re.compile(rf"(?i)\W{{0,4}}{say.NONE}")
_LIST = re.compile(
    rf"(?i)[\s)\]\"'.(]{{0,4}}(?:/|,|;|&|\+|~|{say.OR}|\()+\s*(?:{say.MAYBE}\s*){{0,2}}[\s(\[\"']{{0,4}}(?:{say.OPTION}\s*)?(?:{say.OR}\s*)?[(\[\"']{{0,2}}"
)
_SLASH = re.compile(rf"(?<![{say.WORD}])([A-Ja-j])\s*(?:/|-|–|~|&|\+)\s*([A-Ja-j])(?![{say.WORD}'])")
_ENDS = re.compile(
    rf"(?i)\s*(?:\Z|[\n.,;:!?)\]}}\"'…。(\[।|】」』=]|[-–—]{{1,2}}|\s?{say.BECAUSE}|{say.CHOSEN}|{say.IS}|{say.RIGHT}|{say.WRONG}|{say.NOT}|{say.IF}|[\u3040-\u30FF\u3400-\u9FFF\uAC00-\uD7AF])"
)
_BINOMIAL = re.compile(r"\.\s?[a-z]{4,}")
"""The second word of a species, ``E. coli``: no letter with its mark."""
_DOT_BECAUSE = re.compile(rf"(?i)\.\s?{say.BECAUSE}")
_SMALL_ENDS = re.compile(r"[\"']?(?:\s*(?:\Z|[\n.,;:)\]}\"!?。।])|\s+(?:i\.e|is\b|and not\b))")
"""What follows a small letter that is an option's: it ends its clause, or stands in brackets."""
_BEHIND = re.compile(rf"\s*[(\[]\s*(?:(?i:{say.OPTION})\s*)?([A-Za-z])\s*[)\]]")
_RANGE = re.compile(r"\s*(?:-|–|~)\s*[A-J](?![\w'])")
_USUAL = frozenset("ABCDE")
_TEN = frozenset("ABCDEFGHIJ")
"""Letters that are read as an option's also where it is not offered; later ones are read where they are."""


@dataclass(frozen=True)
class Slot:
    """What stands where an answer is expected: an option's letter, or ``reason`` why none; where it ends."""

    letter: str | None
    reason: str
    end: int
    by: str = ""


class Offered:
    """The letters and the texts of a question's options."""

    def __init__(self, options: Mapping[str, str]) -> None:
        """Prepare the search for each option's text, longest first."""
        self.raw = dict(options)
        self.letters = frozenset(options)
        texts = {letter: _bare(letter, text) for letter, text in options.items()}
        self.by_text: dict[str, set[str]] = {}
        texts_of_all = {text for text in texts.values() if _tells(text)}
        for letter, text in texts.items():
            if _tells(text):
                self.by_text.setdefault(_key(text), set()).add(letter)
        for letter, text in texts.items():
            for name in other_names(text):
                self.by_text.setdefault(_key(tidy(name)), set()).add(letter)
                texts_of_all.add(tidy(name))
        ordered = sorted(texts_of_all, key=len, reverse=True)
        self.pattern = re.compile("|".join(map(_pattern, ordered)) or r"(?!)", re.IGNORECASE)

    def named_by(self, text: str) -> set[str]:
        """Give the options whose text this is."""
        return self.by_text.get(_key(text), set())

    def text_at(self, text: str, at: int) -> tuple[set[str], int]:
        """Give the options whose text stands at a place, and where it ends."""
        match = self.pattern.match(text, at)
        return (self.named_by(match.group()), match.end()) if match else (set(), at)

    def texts_in(self, text: str) -> Iterator[tuple[int, int, set[str]]]:
        """Give every option's text in a reply: where it begins and ends, and whose it is."""
        for match in self.pattern.finditer(text):
            yield match.start(), match.end(), self.named_by(match.group())

    def slot(self, text: str, at: int, *, small: bool = True) -> Slot:
        """Read the option that stands at a place; ``small`` letters count where nothing but them stands there."""
        for start in dict.fromkeys((self._opened(text, at, words=False), self._opened(text, at, words=True))):
            found = self._at(text, start, small=small)
            if found.letter or found.reason != "no option":
                return found
        return found

    def _opened(self, text: str, at: int, *, words: bool) -> int:
        match = (_OPENER if words else _BRACKETS).match(text, at)
        return match.end() if match else at

    def _letter(self, pattern: re.Pattern[str], text: str, at: int) -> re.Match[str] | None:
        """Find a letter that may be an option's."""
        match = pattern.match(text, at)
        return match if match and match.group(1).upper() in self.letters | _TEN else None

    def _at(self, text: str, at: int, *, small: bool) -> Slot:
        texts, end = self.text_at(text, at)
        letter = self._letter(_LETTER, text, at)
        if texts and not (letter and letter.end() >= end):
            return self._text_slot(text, texts, end)
        if letter is None:
            none = _NONE.match(text, at)
            pair = _SLASH.match(text, at)
            return Slot(None, "several" if pair else "none of them" if none else "no option", at)
        return self._letter_slot(text, letter, small=small)

    def _text_slot(self, text: str, texts: set[str], end: int) -> Slot:
        """Read an option's text, with its letter behind it or without."""
        behind = self._letter(_BEHIND, text, end)
        named = texts & {behind.group(1).upper()} if behind else texts
        end = behind.end() if behind else end
        if self._another(text, end, texts):
            return Slot(None, "several", end)
        if len(named) != 1:
            return Slot(None, "letter and text differ" if behind else "text of several options", end)
        if not _ENDS.match(text, end):
            return Slot(None, "no option", end)
        return Slot(next(iter(named)), "", end, "text")

    def _letter_slot(self, text: str, match: re.Match[str], *, small: bool) -> Slot:
        """Read a letter, with its own text behind it or without."""
        letter, end = match.group(1).upper(), match.end()
        if self._another(text, end, {letter}):
            return Slot(None, "several", end)
        closing = _CLOSING.match(text, end)
        after = closing.end() if closing else end
        texts, text_end = self.text_at(text, after)
        if texts:
            return self._letter_and_text(text, letter, texts, end, text_end)
        none = _NONE.match(text, after) if after > end else None
        if none and "\n" not in text[end : none.end()]:
            return Slot(None, "none of them", end)
        return self._letter_alone(text, match, small=small)

    def _letter_and_text(self, text: str, letter: str, texts: set[str], end: int, text_end: int) -> Slot:
        """Read a letter with an option's text behind it, which must be its own."""
        if letter not in texts:
            return Slot(None, "letter and text differ", end)
        if self._another(text, text_end, texts):
            return Slot(None, "several", text_end)
        return Slot(letter, "", text_end, "letter and text")

    def _letter_alone(self, text: str, match: re.Match[str], *, small: bool) -> Slot:
        """Read a letter that no option's text follows; it ends its clause, or a small word goes on."""
        found, end = match.group(1), match.end()
        letter = found.upper()
        binomial = _BINOMIAL.match(text, end) and not _DOT_BECAUSE.match(text, end)
        ends = _ENDS.match(text, end) and not binomial
        if letter not in self.letters:
            return Slot(None, "not offered" if ends and found.isupper() and found != "I" else "no option", end)
        if not ends or (found.islower() and not (small and _SMALL_ENDS.match(text, end))):
            return Slot(None, "no option", end)
        others = {key for key, option in self.raw.items() if option.strip(_EDGE) == found}
        if others <= {letter}:
            return Slot(letter, "", end, "letter")
        return Slot(None, "letter of one option, text of another", end)

    def _another(self, text: str, end: int, own: set[str]) -> bool:
        """Say whether another option is named beside the first: ``A or B``, ``A, B``, ``A/B``."""
        joint = _LIST.match(text, end)
        if joint is None:
            return bool(_RANGE.match(text, end))
        texts, _ = self.text_at(text, joint.end())
        worded = re.search(r"[^\W\d_]", joint.group())
        if texts & own:
            return False
        if texts and (worded or re.search(r"[/+&]", joint.group())) and not joint.group().strip().startswith("("):
            return True
        letter = self._letter(_LETTER, text, joint.end())
        if letter is None or letter.group(1).upper() not in (self.letters | _USUAL) - own:
            return False
        after = text[letter.end() : letter.end() + 2]
        if letter.group(1).islower():
            return not after.strip(" .)]?!")
        return bool(worded) or not re.match(r"'|\s[a-z]", after)


def _bare(letter: str, text: str) -> str:
    """Give an option's text in the form of replies, without a letter that repeats its own."""
    text = tidy(text).replace("\n", " ").strip()
    text = re.sub(rf"\A[(\[]?{letter}[.)\]:]\s*(?=\w)", "", text, flags=re.IGNORECASE)
    return text.strip(_EDGE) or text


def _tells(text: str) -> bool:
    """Say whether a text can name its option: a lone Latin letter reads as a letter."""
    return bool(text) and not (len(text) == 1 and text.isascii() and text.isalpha()) and any(map(str.isalnum, text))


def _key(text: str) -> str:
    return re.sub(r"\s+", "", text.strip(_EDGE).lower())


def _pattern(text: str) -> str:
    """Find a text whatever its blanks and case, not within a longer word or number."""
    parts = re.findall(r"\d+|[^\W\d]+|[^\w\s]", text)
    before = rf"(?<![{say.WORD}\-])" if re.match(f"[{say.WORD}]", text) else ""
    after = rf"(?![{say.WORD}])" if re.search(f"[{say.WORD}]\\Z", text) else ""
    if text[0].isdigit():
        before += r"(?<![\d][.,/])"
    if text[-1].isdigit():
        after += r"(?![.,/]\d|\s?%)"
    return before + r"\s*".join(map(re.escape, parts)) + after
