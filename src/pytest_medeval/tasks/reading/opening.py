"""The lines of a reply that are an option: its first line, and lines that hold nothing else."""

from __future__ import annotations

import re

from pytest_medeval.tasks.reading import phrases as say
from pytest_medeval.tasks.reading.claims import first_denied
from pytest_medeval.tasks.reading.offered import LETTER, Offered, Slot

_NUMBER = re.compile(r"\A\d{1,2}(?:st|nd|rd|th)?\s?[.,):]?\s?(?=\S)")
_LED = re.compile(rf"\A[\s(\[\"'{{]{{0,6}}(?i:(?:{say.OPTION}|{say.ANSWER})\s*[:：]?\s*)?[\s(\[\"'{{]{{0,6}}{LETTER}")
_MARK = re.compile(
    r"[\"')\]}]{0,2}\s?(?:[)\]}.:,、]|\s[-–—]\s|[\"']|\n|\Z|\s?\()|\s(?i:i\.?e\b|which|because|since|as|rather than|instead of|over|and not|not)\b"
)
_LINE_MARK = re.compile(r"[\"'\s]*(?:[)\]}.:、]|\s[-–—]\s|\Z)")
_EDGE = " \t\n\"'.,;:!?。()[]{}-–—।*"
_TEXT_ENDS = re.compile(
    r"(?i)[\"')\]]{0,3}\s*(?:\Z|[.,;:!?(\n。।]|[-–—]|(?:because|since|as|so|which|i\.e|due|for)\b|因为|由于)"
)
_ASKED = re.compile(r"[\s\"')\]]{0,4}\?")
_NEXT = re.compile(rf"[\"')\]]*[.;]?\s*(?i:{say.OPTION}\s)?(?P<letter>\(?[A-J][).:]\s*)?")
_HEADING = re.compile(
    r"(?i)\A\W*(?:explanation|rationale|reason|because|解析|解释|理由|begründung|explication|explicación|explicação|spiegazione|объяснение|التفسير|व्याख्या|解説|설명|해설)"
)


def opening(text: str, offered: Offered) -> tuple[Slot, bool]:
    """Read the option that a reply opens with, and whether its first line holds nothing else."""
    lines = text.split("\n")
    for first in dict.fromkeys((lines[0], _NUMBER.sub("", lines[0]))):
        slot = _opened(first, offered)
        if slot.letter or slot.reason != "no option":
            break
    if slot.letter is None:
        return slot, False
    if _ASKED.match(first, slot.end):
        return Slot(None, "asked", slot.end), False
    if listed(lines, offered) or _another_follows(first[slot.end :], slot, offered):
        return Slot(None, "no option", 0), False
    alone = not first[slot.end :].strip(_EDGE)
    if not alone and _denied(first[slot.end :], by_letter=slot.by == "letter"):
        return Slot(None, "no option", 0), False
    return slot, alone


def _another_follows(rest: str, slot: Slot, offered: Offered) -> bool:
    """Say whether another option is next, as in a list of them all: a text behind a text, a letter behind a letter."""
    start = _NEXT.match(rest)
    assert start is not None  # noqa: S101 - every part of it may be absent
    if slot.by != "text" and not start.group("letter"):
        return False
    texts, _ = offered.text_at(rest, start.end())
    return bool(texts) and slot.letter not in texts


def _denied(rest: str, *, by_letter: bool) -> bool:
    """Say whether the words behind the option that opens a reply deny it; a new sentence does not."""
    rest = re.sub(r"\A[\"')\]]*\s?[.:)、,–—-]*\s*", "", rest) if by_letter else rest
    return not _HEADING.match(rest) and first_denied(rest)


def _opened(first: str, offered: Offered) -> Slot:
    """Read the option that a line opens with, as one that is marked or ends there."""
    letter = _LED.match(first)
    slot = offered.slot(first, 0)
    if slot.letter is not None and slot.by == "text" and not _TEXT_ENDS.match(first, slot.end):
        return Slot(None, "no option", 0)
    if slot.by != "letter" or not letter:
        return slot
    return slot if _MARK.match(first, letter.end()) else Slot(None, "no option", 0)


def listed(lines: list[str], offered: Offered) -> bool:
    """Say whether a reply opens with a list of options: a second one follows before any explanation is begun."""
    led: list[str] = []
    for line in lines:
        if led and _HEADING.match(line):
            return False
        letter = _LED.match(line)
        if (
            letter
            and _LINE_MARK.match(line, letter.end())
            and letter.group(1).upper() in offered.letters | set("ABCDE")
        ):
            led.append(letter.group(1).upper())
        if len(set(led)) > 1:
            return True
    return False


def plain_lines(text: str, offered: Offered) -> set[str]:
    """Give the options that stand alone on a line; in a list of them, the one that a last line repeats."""
    lines = text.split("\n")
    alone = [plain(line, offered) for line in lines]
    named = {letter for letter in alone if letter}
    if len(named) > 1 and alone[-1] and alone[-1] in alone[:-1] and listed(lines[:-1], offered):
        return {alone[-1]}
    marked = {
        letter
        for line in lines
        if (found := _LED.match(line))
        and _LINE_MARK.match(line, found.end())
        and (letter := found.group(1).upper()) in offered.letters | set("ABCDEFGHIJ")
    }
    return named if len(named) != 1 or marked <= named or not listed(lines, offered) else set()


def plain(line: str, offered: Offered) -> str | None:
    """Read a line that holds nothing but an option."""
    slot = offered.slot(line, 0)
    rest = line[slot.end :]
    return slot.letter if slot.letter and not rest.strip(_EDGE) and "?" not in rest else None
