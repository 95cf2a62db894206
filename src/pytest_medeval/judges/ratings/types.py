"""What a rating is, what was left out of a file, and what a file of ratings gives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from pytest_medeval.core.types import FloatArray, Source
from pytest_medeval.stats.agreement import IntArray

Role: TypeAlias = Literal["human", "judge", "any"]
Choice: TypeAlias = Literal[1, 0, -1]
"""The first answer is better, neither is, the second is."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The grades that raters could give: ``low``, ``low + step``, ... ``high``; or ``names`` without an order."""

    low: float
    high: float
    step: float = 1.0
    names: tuple[str, ...] = field(default=(), kw_only=True)
    """Labels of a nominal scale; a score is the position of one."""
    counted: str = field(default="", kw_only=True, compare=False)
    """The label whose share is what replies are compared by, if one is."""

    def __str__(self) -> str:
        if self.names:
            return ", ".join(self.names)
        steps = "" if self.step == 1 else f" in steps of {self.step:g}"
        return f"{self.low:g} to {self.high:g}{steps}"

    @property
    def levels(self) -> int:
        """How many grades there are."""
        return round((self.high - self.low) / self.step) + 1

    @property
    def grades(self) -> FloatArray:
        """All grades, ascending."""
        return np.asarray(self.low + self.step * np.arange(self.levels), dtype=np.float64)

    def holds(self, score: float) -> bool:
        """Say whether a score lies within the ends of the scale, on a step or between two."""
        return math.isfinite(score) and self.low <= score <= self.high

    def offers(self, score: float) -> bool:
        """Say whether a score is one of the grades."""
        return self.holds(score) and float((score - self.low) / self.step).is_integer()

    def codes(self, scores: ArrayLike) -> IntArray:
        """Give the position of the nearest grade, from 0; half-way goes up (8.75 is 9 in halves)."""
        steps = (np.asarray(scores, dtype=np.float64) - self.low) / self.step
        return np.floor(steps + 0.5).astype(np.int64)


def nominal(*names: str, counted: str = "") -> Scale:
    """Make a scale of labels that have no order."""
    return Scale(0, len(names) - 1, names=names, counted=counted)


CRITERIA = "criteria"
"""The dimension of labels that say whether a reply meets a criterion; ``part_of`` names one of some of these."""
MET = nominal("not met", "met", counted="met")
STATEMENTS = "entailment"
"""The dimension of labels that say whether a reply entails a statement."""
ENTAILS = nominal("Entailment", "Neutral", "Contradiction", counted="Entailment")


def part_of(tag: str, value: str) -> str:
    """Name the dimension of criteria with a tag, as their metric is named."""
    return f"{CRITERIA}[{tag}={value}]"


@dataclass(frozen=True, slots=True)
class Rating:
    """One score of one reply by one rater.

    ``item`` names the reply, ``cluster`` what it shares with others (its case or conversation); ``about``
    is a digest of what was rated, where the file tells it: two files that disagree on it are not about the
    same thing. ``system`` names what wrote the reply, where the file does.
    """

    item: str
    rater: str
    dimension: str
    score: float
    cluster: str
    source: Source
    about: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Which of two answers a judge preferred, asked in both orders, and which one is right.

    ``first`` and ``second`` are in the same terms: the second decision is flipped back; None is one that could not be
    read. ``longer`` is 1 where the first answer is the longer one.
    """

    item: str
    judge: str
    label: Choice
    first: Choice | None
    second: Choice | None
    longer: Choice
    cluster: str
    source: Source


@dataclass(frozen=True, slots=True)
class Left:
    """A place in a file that gave no score, and why; ``detail`` is what was found there."""

    source: Source
    reason: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class RatingSet:
    """What a file of ratings holds: scores, what was left out, scales by dimension."""

    file: str
    role: Role
    ratings: tuple[Rating, ...] = ()
    decisions: tuple[Decision, ...] = ()
    left: tuple[Left, ...] = ()
    scales: Mapping[str, Scale] = field(default_factory=dict)
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """item -> ``question``, ``reply``, ``reference``, ``criterion``, as far as the file tells them."""
    notes: tuple[str, ...] = ()


class Reader(Protocol):
    """One published format."""

    def recognises(self, opening: str) -> bool:
        """Say from a file's first characters whether it has this format."""

    def read(self, path: Path, scale: Scale) -> RatingSet:
        """Read a file; ``scale`` is for formats that do not bring their own."""


def without_repeats(ratings: Iterable[Rating]) -> tuple[tuple[Rating, ...], tuple[Left, ...]]:
    """Keep the first score of a rater for a reply and dimension; a second one is left out and said."""
    kept: dict[tuple[str, str, str], Rating] = {}
    left = []
    for rating in ratings:
        first = kept.setdefault((rating.item, rating.rater, rating.dimension), rating)
        if first is not rating:
            left.append(
                Left(
                    rating.source,
                    "second score of the same rater for the same reply",
                    f"{rating.item}: {rating.score:g} after {first.score:g}",
                )
            )
    return tuple(kept.values()), tuple(left)
