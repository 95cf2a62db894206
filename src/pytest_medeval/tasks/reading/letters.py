"""Which option does a generated reply name, or which several? One, a set or none, and why: never a guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pytest_medeval.tasks.reading import fields
from pytest_medeval.tasks.reading.claims import Claim, claims, mentions, weigh
from pytest_medeval.tasks.reading.normal import tidy
from pytest_medeval.tasks.reading.offered import Offered, Slot
from pytest_medeval.tasks.reading.opening import opening, plain, plain_lines

_LONGEST_SHORT = 400
_BLOCKS = (
    "several", "none of them", "letter and text differ", "letter of one option, text of another", "not offered",
    "text of several options",
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """The option that a reply names, or None; ``why``: the rule that read it, or what kept it from being read."""

    letter: str | None
    why: str


def read(text: str, options: Mapping[str, str]) -> Reading:
    r"""Read the one option that a reply commits to, with the rule that found it.

    An answer in a field decides (``<answer>``, ``\\boxed``, JSON), and words around it may not contradict it.
    Else a reply's first line does that is a letter, with its text or without; else what the reply states. All
    that state something must agree. What is denied, supposed, asked, attributed to others or only possible
    states nothing; a short reply that leaves exactly one option undenied names it.

    >>> read("The answer is not A.", {"A": "aspirin", "B": "heparin"})
    Reading(letter=None, why='denied')
    >>> options = {"A": "aspirin", "B": "heparin", "C": "aspirin and heparin"}
    >>> [read(reply, options).letter for reply in ("(B) heparin", "The answer is C.", "Aspirin", "A/B", "E")]
    ['B', 'C', 'A', None, None]
    """
    offered = Offered(options)
    values = fields.objects(text)
    if values is not None:
        return _agreed([_field(value, offered) for value in values], "JSON field")
    marked = fields.marked(text)
    if marked:
        found = _agreed([_field(value, offered) for value in marked], "marked field")
        around = _said(tidy(fields.without_marked(text)), offered)
        return found if around.letter in (None, found.letter) else Reading(None, "contradicted")
    said = _said(tidy(text), offered)
    if quoted := fields.quoted(text):
        found = _agreed([_field(value, offered) for value in quoted], "JSON field")
        led = re.search(r"(?:\A|[:\n])\s*\{", text)
        if (said.letter is None and not led) or said.letter not in {None, found.letter}:
            return Reading(None, "quoted")
        return found
    return said


def _field(value: str, offered: Offered) -> Reading:
    """Read the value of a field: an option alone, or a statement."""
    text = tidy(value)
    slot = offered.slot(text, 0)
    if (slot.letter and plain(text, offered)) or slot.reason not in {"", "no option"}:
        return Reading(slot.letter, slot.by or slot.reason)
    return _said(text, offered)


def _agreed(readings: Iterable[Reading], rule: str) -> Reading:
    found = list(readings)
    letters = {reading.letter for reading in found}
    if len(letters) > 1:
        return Reading(None, "contradicted")
    letter = letters.pop() if letters else None
    return Reading(letter, rule if letter else (found[0].why if found else "no option"))


def _said(text: str, offered: Offered) -> Reading:
    """Read words: their opening, their lines, their statements."""
    if not text.strip():
        return Reading(None, "empty")
    first, alone = opening(text, offered)
    found = claims(text, offered)
    lines = plain_lines(text, offered)
    firm = [claim for claim in found if claim.kind == "stated" and claim.rule != "finding"]
    if first.letter and alone:
        said = {claim.letter for claim in firm if claim.rule != "verdict"}
        return _one({first.letter, *said, *_single(lines)}, f"first line: {first.by}")
    if blocked := _blocked(first, found, firm):
        return Reading(None, blocked)
    named = {first.letter} if first.letter else set()
    if firm:
        reading = _one({*named, *_single(lines), *(claim.letter for claim in firm)}, firm[0].rule)
        denied = {claim.letter for claim in found if claim.kind in {"denied", "withdrawn"}}
        return Reading(None, "contradicted") if reading.letter in denied else reading
    if lines or named:
        return _one({*lines, *named}, f"first line: {first.by}" if named else "line")
    findings = {claim.letter for claim in found if claim.kind == "stated"}
    return _one(findings, "finding") if findings else _left(text, offered, found)


def _blocked(first: Slot, found: list[Claim], firm: list[Claim]) -> str:
    """Give the reason why a statement or the opening names no single option, or nothing."""
    reasons = [claim.kind for claim in found if claim.kind in _BLOCKS and claim.rule in {"statement", "verdict"}]
    later = any(claim.rule != "verdict" for claim in firm)
    if first.reason in _BLOCKS and not (later and first.reason in {"several", "none of them"}):
        reasons.append(first.reason)
    return reasons[0] if reasons else ""


def _single(letters: set[str]) -> set[str]:
    return letters if len(letters) == 1 else set()


def _one(letters: set[str | None], rule: str) -> Reading:
    return Reading(next(iter(letters)), rule) if len(letters) == 1 else Reading(None, "contradicted")


def _left(text: str, offered: Offered, found: list[Claim]) -> Reading:
    """Read a short reply that leaves exactly one option undenied."""
    kinds: dict[str, set[str]] = {}
    for claim in found:
        if claim.letter:
            kinds.setdefault(claim.letter, set()).add(claim.kind)
    refusal = next((claim.kind for claim in found), "no option")
    if len(text) > _LONGEST_SHORT:
        return Reading(None, refusal)
    for start, end, letter, firm in mentions(text, offered):
        kind = weigh(text, start, end, letter)
        kinds.setdefault(letter, set()).add(kind if firm or kind != "stated" else "named")
    left = {letter for letter, said in kinds.items() if "stated" in said and said <= {"stated", "named"}}
    others = set().union(*(said for letter, said in kinds.items() if letter not in left)) if kinds else set()
    if len(left) == 1 and not others & {"stated", "named", "possible", "several"}:
        return Reading(left.pop(), "the only option not denied" if others else "the only option named")
    return Reading(None, "several" if len(left) > 1 else next(iter(sorted(others)), refusal))


# Where several options may be right: a set of letters.

_BETWEEN = re.compile(
    r"(?i)[\s,;/&+、，；*•]*(?:(?:and also|as well as|and|und|et|和|与|及|以及|plus)(?![^\W\d_]))?[\s*•]*[-–]?\s*"
)
_ITEM = re.compile(r"(?i)[(\[\"']{0,2}(?:options?\s+)?[(\[\"']{0,2}([A-Z])(?![^\W_]|['’]\w)[)\].:\"']{0,3}")
_RUN = re.compile(r"[A-Z]{2,26}(?![^\W_])")
_LISTED_AS = re.compile(
    r"(?i)(?P<wrong>\b(?:in|not\s+(?:the\s+)?)(?:correct|right)\s+|\bwrong\s+)?"
    r"(?:\b(?:answers?|options?|choices?|letters?|selections?)\b(?:\s+(?:here|to\s+this\s+question|to\s+the\s+question))?"
    r"\s*(?:\(s\))?\s*(?:\bwould\s+be\b|\bare\b|\bis\b|[:：=])+(?:\s+(?:all|both)\b)?\s*[:：]?|答案(?:是|为|[:：])+|\b(?:i\s+(?:choose|select|pick))\b)"
)
_ARE_RIGHT = re.compile(
    r"(?i)\s*(?:are|is)\s+(?:all\s+|both\s+)?(?:correct|right|true|the\s+(?:right|correct)\s+\w+)\b"
)
_LIST_END = re.compile(r"(?i)\s*(?:\Z|[.。;!]|\n|\(|[-–—]|,?\s*(?:because|since|as)\b|因为)")


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
        return _alike([_whole(value, offered) for value in values], "field")
    said = tidy(text).strip()
    stated = list(_stated(said, offered))
    if stated:
        return _alike(stated, "statement")
    first = said.split("\n")[0]
    return (
        _lines(said, offered) or _first_list(first, offered) or Reading(None, "no list of options" if said else "empty")
    )


def _alike(found: Iterable[str | None], rule: str) -> Reading:
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
    for led in _LISTED_AS.finditer(text):
        letters, end = _listed(text, led.end(), offered)
        if letters and not led["wrong"]:
            yield letters if _LIST_END.match(text, end) else None
    for start in re.finditer(r"(?:\A|(?<=[.!?\n。]))\s*", text):
        letters, end = _listed(text, start.end(), offered)
        if letters and _ARE_RIGHT.match(text, end):
            yield letters


def _first_list(line: str, offered: Offered) -> Reading | None:
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
        named, after = _next_option(text, start.end() if start else end, offered)
        if not named:
            return "".join(sorted(found)), end
        found |= named
        end = after


def _next_option(text: str, at: int, offered: Offered) -> tuple[set[str], int]:
    """Read one option at a place: its letter, with its own text behind it or without, its text, or letters in a run."""
    texts, after = offered.text_at(text, at)
    letter = _ITEM.match(text, at)
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
