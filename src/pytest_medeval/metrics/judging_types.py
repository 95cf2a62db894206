"""What a judge is to do, and what it said: facts alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pytest_medeval.metrics.judging_ask import Budget, Unjudged

ROLES = ("candidate", "baseline")
Style: TypeAlias = Literal["auto", "json", "grades"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How to judge.

    ``sample``: judge that many cases of a suite, drawn by ``seed``, the same for both models; ``reference``:
    show the judge the right answer; ``preference``: also ask which of two replies is better. ``style``:
    ``json`` asks for all dimensions in one object, ``grades`` one dimension a request, by the probabilities
    of its grades; ``auto`` is ``grades`` for a local model, and for a server ``json`` unless the judge does
    not write it.
    """

    seed: int = 0
    sample: int | None = None
    reference: bool = True
    preference: bool = True
    style: Style = "auto"
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one judge says of one reply; every dimension of the rubric is in one of the two mappings."""

    grades: Mapping[str, float]
    unjudged: Mapping[str, Unjudged]
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Preference:
    """Which reply a judge prefers, asked in both orders: 1 the candidate's, -1 the baseline's, 0 neither.

    ``same``: the two replies are one text, and nobody was asked.
    """

    first: int
    second: int
    same: bool = False
    tokens: int = 0

    @property
    def consistent(self) -> bool:
        """Whether the order of the replies made no difference."""
        return self.first == self.second

    @property
    def share(self) -> float:
        """The candidate's share of the point: 1, or 0, or 0.5 for a tie and for a preference that flips."""
        return (1 + self.first) / 2 if self.consistent else 0.5


@dataclass(frozen=True, slots=True)
class Judged:
    """One judge's say on one case."""

    suite: str
    id: str
    replies: Mapping[str, Judgement]
    preference: Preference | Unjudged | None = None


@dataclass(frozen=True, kw_only=True)
class JudgeRun:
    """All that one judge said, who it is, how it was asked, and what it cost.

    ``requests`` and ``tokens`` are what was asked now, ``cached`` the answers that were stored, ``failed``
    the requests that were not answered.
    """

    spec: str
    fingerprint: str
    prompt_hash: str
    style: Style
    cases: Sequence[Judged]
    requests: int
    tokens: int
    cached: int
    failed: int
    seconds: float
    notices: Sequence[str] = ()
