"""Which options does a generated reply name, where several may be right? A set of them, or none, and why."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from pytest_medeval.tasks.reading import fields
from pytest_medeval.tasks.reading.letters import Reading
from pytest_medeval.tasks.reading.normal import tidy
from pytest_medeval.tasks.reading.offered import Offered

_BETWEEN = re.compile(
    r"(?i)[\s,;/&+、，；*•]*(?:(?:and also|as well as|and|und|et|和|与|及|以及|plus)(?![^\W\d_]))?[\s*•]*[-–]?\s*"
)
_LETTER = re.compile(r"(?i)[(\[\"']{0,2}(?:options?\s+)?[(\[\"']{0,2}([A-Z])(?![^\W_]|['’]\w)[)\].:\"']{0,3}")
_RUN = re.compile(r"[A-Z]{2,26}(?![^\W_])")
_LED = re.compile(
    r"(?i)(?P<wrong>\b(?:in|not\s+(?:the\s+)?)(?:correct|right)\s+|\bwrong\s+)?"
    r"(?:\b(?:answers?|options?|choices?|letters?|selections?)\b(?:\s+(?:here|to\s+this\s+question|to\s+the\s+question))?"
    r"\s*(?:\(s\))?\s*(?:\bwould\s+be\b|\bare\b|\bis\b|[:：=])+(?:\s+(?:all|both)\b)?\s*[:：]?|答案(?:是|为|[:：])+|\b(?:i\s+(?:choose|select|pick))\b)"
)
_VERDICT = re.compile(r"(?i)\s*(?:are|is)\s+(?:all\s+|both\s+)?(?:correct|right|true|the\s+(?:right|correct)\s+\w+)\b")
_END = re.compile(r"(?i)\s*(?:\Z|[.。;!]|\n|\(|[-–—]|,?\s*(?:because|since|as)\b|因为)")


def read_several(text: str, options: Mapping[str, str]) -> Reading:
    """Read all options that a reply says are right, as their letters in order (``AC``), with the rule that found them.

    An answer in a field decides, else what is stated (``The answers are A and C``, ``A, C and D are correct``), else a
    first line, or lines, that hold options alone. Statements that differ, and a list that goes on with anything but the
    end of its sentence, are no answer: what is denied or doubted is never read.

    >>> options = {"A": "fever", "B": "cough", "C": "rash"}
    >>> [read_several(reply, options).letter for reply in ("AC", "The answers are A and C.", "(B) cough", "A, maybe C")]
    ['AC', 'AC', 'B', None]
    """
    offered = Offered(options)
    values = [*fields.lists(text), *fields.marked(text)]
    if values:
        return _agreed([_whole(value, offered) for value in values], "field")
    said = tidy(text).strip()
    stated = list(_stated(said, offered))
    if stated:
        return _agreed(stated, "statement")
    first = said.split("\n")[0]
    return _lines(said, offered) or _first(first, offered) or Reading(None, "no list of options" if said else "empty")


def _agreed(found: Iterable[str | None], rule: str) -> Reading:
    sets = set(found)
    letters = sets.pop() if len(sets) == 1 else None
    return Reading(letters, rule if letters else "contradicted" if sets else f"{rule} that is no list of options")


def _whole(value: str, offered: Offered) -> str | None:
    """Read a text that holds a list of options and nothing else."""
    text = tidy(value).strip()
    letters, end = _listed(text, 0, offered)
    return letters if letters and not text[end:].strip(" .。)]\"'") else None


def _stated(text: str, offered: Offered) -> Iterator[str | None]:
    """Yield what each statement of the answer names; None where a list goes on with something else."""
    for led in _LED.finditer(text):
        letters, end = _listed(text, led.end(), offered)
        if letters and not led["wrong"]:
            yield letters if _END.match(text, end) else None
    for start in re.finditer(r"(?:\A|(?<=[.!?\n。]))\s*", text):
        letters, end = _listed(text, start.end(), offered)
        if letters and _VERDICT.match(text, end):
            yield letters


def _first(line: str, offered: Offered) -> Reading | None:
    letters, end = _listed(line, 0, offered)
    rest = line[end:]
    return Reading(letters, "first line") if letters and not rest.strip(" .。*") else None


def _lines(text: str, offered: Offered) -> Reading | None:
    """Read lines that are an option each; none where one is anything else."""
    found = [_whole(line, offered) for line in text.split("\n") if line.strip()]
    return Reading("".join(sorted(set("".join(filter(None, found))))), "lines") if found and all(found) else None


def _listed(text: str, at: int, offered: Offered) -> tuple[str, int]:
    """Read options one behind the other: their letters in order, each once, and where the last one ends."""
    found: set[str] = set()
    end = at
    while True:
        start = _BETWEEN.match(text, end)
        named, after = _one(text, start.end() if start else end, offered)
        if not named:
            return "".join(sorted(found)), end
        found |= named
        end = after


def _one(text: str, at: int, offered: Offered) -> tuple[set[str], int]:
    """Read one option at a place: its letter, with its own text behind it or without, its text, or letters in a run."""
    texts, after = offered.text_at(text, at)
    letter = _LETTER.match(text, at)
    if letter and letter[1].upper() in offered.letters and letter.end() >= after:
        gap = re.match(r"\s*[-–:]?\s*", text[letter.end() :])
        own, end = offered.text_at(text, letter.end() + (gap.end() if gap else 0))
        return {letter[1].upper()}, end if letter[1].upper() in own else letter.end()
    if len(texts) == 1:
        return texts, after
    run = _RUN.match(text, at)
    if run and set(run.group()) <= offered.letters and len(set(run.group())) == len(run.group()):
        return set(run.group()), run.end()
    return set(), at
