"""Which replica does what next? The work of one sweep over many requests; pure, no process is started here.

Requests are taken a slab at a time: replicas tokenise its parts, the units are planned here by the function that a
single process uses, and whoever is idle takes the next one. What a replica had taken when it died is given out again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from pytest_medeval.errors import MedevalError
from pytest_medeval.models.units import SLAB, Limits, Prompt, Unit, plan, unfit_answer
from pytest_medeval.types import Answer, Request

TRIES = 3
"""Replicas that may die over one piece of work before it is taken for the cause."""


@dataclass(frozen=True, slots=True)
class Encode:
    """Tokenise the requests from ``first`` up to ``last``, of the slab that begins at ``slab``."""

    slab: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Compute:
    """Answer a unit of the slab that begins at ``slab``."""

    slab: int
    unit: Unit


Job: TypeAlias = Encode | Compute


@dataclass(frozen=True, slots=True)
class Order:
    """A unit with all that it takes to answer it; the words of its messages stay here."""

    unit: Unit
    requests: tuple[Request, ...]
    prompts: tuple[Prompt, ...]


class Dispatch:
    """Gives the work of ``requests`` to ``replicas`` that compute within ``limits``; takes in what was found."""

    def __init__(self, requests: Sequence[Request], replicas: int, limits: Limits, *, slab: int = SLAB) -> None:
        self._requests = requests
        self._replicas = replicas
        self._limits = limits
        self._slab = slab
        self._begun = 0
        """Requests of which the tokens are there or being made."""
        self._missing: set[Encode] = set()
        """Parts of the newest slab that are not tokenised yet."""
        self._prompts: dict[int, dict[int, Prompt]] = {}
        """Start of a slab -> index of a request -> its tokens."""
        self._open: Counter[int] = Counter()
        """Start of a slab -> its units that are not answered."""
        self._waiting: deque[Job] = deque()
        self._deaths: Counter[Job] = Counter()
        self._left = len(requests)

    @property
    def finished(self) -> bool:
        """Whether every request is answered."""
        return not self._left

    def take(self) -> Job | None:
        """Give the next piece of work, if there is one just now; the next slab is begun before this one runs dry."""
        if len(self._waiting) <= self._replicas and not self._missing and self._begun < len(self._requests):
            start, stop = self._begun, min(self._begun + self._slab, len(self._requests))
            size = -(-(stop - start) // self._replicas)
            parts = [Encode(start, at, min(at + size, stop)) for at in range(start, stop, size)]
            self._begun, self._missing, self._prompts[start] = stop, set(parts), {}
            self._waiting.extend(parts)
        return self._waiting.popleft() if self._waiting else None

    def order(self, job: Job) -> Order | tuple[Request, ...]:
        """Give what a replica must be told for a piece of work: requests to tokenise, or the order of a unit."""
        if isinstance(job, Encode):
            return tuple(self._requests[job.first : job.last])
        places = [job.slab + member for member in job.unit.members]
        return Order(
            replace(job.unit, members=tuple(range(len(places)))),
            tuple(replace(self._requests[place], messages=(), schema="") for place in places),
            tuple(self._prompts[job.slab][place] for place in places),
        )

    def tokenised(self, job: Encode, prompts: Sequence[Prompt]) -> list[tuple[int, Answer]]:
        """Take in tokens; with the last of a slab its units are planned. Gives the answers that need no model."""
        found = self._prompts[job.slab]
        found.update(zip(range(job.first, job.last), prompts, strict=True))
        self._missing.discard(job)
        if self._missing:
            return []
        indices = range(job.slab, job.slab + len(found))
        unfit, units = plan(
            [self._requests[index] for index in indices], [found[index] for index in indices], self._limits
        )
        self._waiting.extend(Compute(job.slab, unit) for unit in units)
        self._open[job.slab] = len(units)
        self._left -= len(unfit)
        answers = [
            (job.slab + place, unfit_answer(found[job.slab + place], reason)) for place, reason in unfit.items()
        ]
        self._release(job.slab)
        return answers

    def answered(self, job: Compute, answers: Sequence[Answer]) -> list[tuple[int, Answer]]:
        """Take in the answers of a unit; those that a replica died over say that they were asked again."""
        if self._deaths.pop(job, 0):
            answers = [replace(answer, again=True) for answer in answers]
        self._left -= len(answers)
        self._open[job.slab] -= 1
        self._release(job.slab)
        return [
            (job.slab + member, answer) for member, answer in zip(job.unit.members, answers, strict=True)
        ]

    def lost(self, job: Job, reason: str) -> str:
        """Put back what a replica had taken when it died, and say so; ``MedevalError`` when it killed several."""
        self._deaths[job] += 1
        size = job.last - job.first if isinstance(job, Encode) else len(job.unit.members)
        if self._deaths[job] == TRIES:
            raise MedevalError(f"{TRIES} replicas died over the same {size} requests: {reason}")
        self._waiting.appendleft(job)
        return f"its {size} requests are {'tokenised' if isinstance(job, Encode) else 'asked'} again"

    def _release(self, slab: int) -> None:
        if not self._open[slab]:
            del self._open[slab], self._prompts[slab]
