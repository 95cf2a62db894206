"""What a report is made of: typed blocks that say what is to be read, and nothing of how it looks.

A block may carry a ``brief``: how it is said where there is no room for a table. A terminal says the brief of a block
that has one; a page shows its table. ``deep`` blocks are put away until asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_medeval.core.record import CaseEntry, ReliabilityBin, SuiteRecord
from pytest_medeval.verdicts.verdict import RunVerdict

Tone: TypeAlias = Literal["plain", "good", "bad", "open", "strong"]
"""How it stands with what is said: in order, not in order, to be minded; ``strong`` is only emphasis."""
Scale: TypeAlias = Literal["share", "grade", "own"]


class Code(str):
    """A name, an expression or a digest, to be shown as it is."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """A value with its interval, to be drawn: scores from 0 to 1 on one axis, grades on one, others on their own."""

    label: str
    value: float
    ends: Sequence[float]
    scale: Scale


@dataclass(frozen=True, slots=True)
class Cell:
    """A text of a table with what goes with it."""

    text: str
    tone: Tone = "plain"
    notes: Sequence[str] = ()
    """In small print, where there is room."""


Content: TypeAlias = str | Cell | Drawn


def text(cell: Content) -> str:
    """Give what a cell says, without its notes."""
    return cell if isinstance(cell, str) else cell.text if isinstance(cell, Cell) else cell.label


Prose: TypeAlias = Sequence[str]
"""Pieces of a sentence, of which ``Code`` is shown as code."""


@dataclass(frozen=True, slots=True)
class Brief:
    """A line for a terminal: a head that is never broken, parts side by side, prose below."""

    head: str
    parts: Sequence[str] = ()
    below: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Heading:
    """The beginning of a section (``level`` 2, with its place ``anchor``) or of a part of one (3)."""

    text: Prose
    anchor: str = ""
    note: str = ""
    level: Literal[2, 3] = 2
    brief: str = ""
    """How a terminal heads it; empty: not at all."""
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence or more."""

    text: Prose
    tone: Tone = "plain"
    deep: str = ""
    """Under this name it is put away until asked for, by those that have room for it at all."""
    whole: bool = False
    """On one line however long it is: what a library or a model said is searched for in the logs of CI jobs."""
    glance: bool = False
    """Told even where there is room only for the answer, as what is to be minded is."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values of the run itself: for those who read the report later."""

    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, whether it holds words or numbers, and its width in a terminal; 0: not shown there."""

    name: str
    words: bool = False
    width: int = 0
    drawn: bool = False
    rank: int = 0
    """Where a terminal is too narrow, the columns of the highest rank are left out first; those of 0 never are."""


def words(*names: str) -> list[Column]:
    """Give columns of words, shown where there is room."""
    return [Column(name, words=True) for name in names]


def figures(*names: str) -> list[Column]:
    """Give columns of numbers, shown where there is room."""
    return [Column(name) for name in names]


def listed(told: str, rows: Iterable[Sequence[str]], *, by: str = " ", tone: Tone = "plain") -> Brief:
    """Say rows in a line, one after another; ``by`` stands between the cells of a row."""
    return Brief(f"{told}: ", [by.join(row) for row in rows], tone=tone)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under a caption; the first cell names the row."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Content]]
    brief: Sequence[Brief] = ()
    deep: bool = False
    glance: bool = False
    """As of a note."""


@dataclass(frozen=True, kw_only=True)
class Metrics(Table):
    """The metrics of a suite, against another role where there is one (``other``)."""

    suite: str
    other: str | None
    minor: frozenset[str] = frozenset()
    """Metrics that a terminal counts and does not list."""


@dataclass(frozen=True, kw_only=True)
class Judged(Table):
    """Rows that were judged: a tone says whether what was asked holds, not which way a value went."""


@dataclass(frozen=True, kw_only=True)
class Gates(Judged):
    """The gates, in the order of the verdict."""


@dataclass(frozen=True, kw_only=True)
class Curve(Table):
    """Accuracy over confidence, to be drawn."""

    bins: Mapping[str, Sequence[ReliabilityBin]]


@dataclass(frozen=True, slots=True)
class Cases:
    """All cases, for those who can browse them."""

    suites: Mapping[str, SuiteRecord]
    cases: Sequence[CaseEntry]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the run says, and what to keep in mind about it."""

    verdict: RunVerdict
    alarms: Sequence[str]
    """What to look at, whether or not a gate asks for it."""


Block: TypeAlias = Verdict | Heading | Note | Facts | Table | Cases
