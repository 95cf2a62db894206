"""Which option does a generated reply name? One, or none, and why: never a guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
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
