"""A candidate that was tried before, or may be looked at several times: which attempt this is, and what is said of it.

An attempt is what was looked at: cases, how they were asked, and where replies are drawn what was replied. A run that
looks at the same again is the same attempt, and its verdict the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypedDict

from pytest_medeval.core.record import AttemptRecord, CaseEntry
from pytest_medeval.core.types import ALPHA
from pytest_medeval.stats.spending import Spending

DIGEST = 12
"""Digits that tell one case that was looked at from another."""

ANY = ""
"""The suite of an attempt of which nobody knows what it was of: it counts as one of each."""

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


class Attempt(TypedDict):
    """One attempt, as the store keeps it."""

    suite: str
    candidate: str
    reference: str | None
    share: float
    """Of the looks that were declared, those that were made with this one; 1 where none were."""
    cases: list[str]
    """Digests of what was looked at."""


@dataclass
class Attempts:
    """The attempts that the store knows, and those of this run."""

    known: Sequence[Attempt] = ()
    looks: int | None = None
    new: list[Attempt] = field(default_factory=list)
    notices: Sequence[str] = ()
    """What is to be told of the store."""

    def look(
        self, suite: str, candidate: str, reference: str | None, cases: Sequence[CaseEntry], *, drawn: bool
    ) -> Spending:
        """Say which look at a suite this is, and note it; ``drawn``: replies are drawn, and so part of the look."""
        key, seen = (suite, candidate, reference), sorted(_digest(case, drawn=drawn) for case in cases)
        own = [one for one in self.known if (one["suite"], one["candidate"], one["reference"]) == key or _lost(one)]
        again = next((place for place, one in enumerate(own) if one["cases"] == seen), None)
        before = own[:again]
        chain = [set(one["cases"]) for one in before] + [set(seen)]
        grows = all(chain[:-1]) and all(first < second for first, second in pairwise(chain))
        spending = Spending(
            number=len(before) + 1,
            declared=self.looks,
            before=[self._share(number) if _lost(one) else one["share"] for number, one in enumerate(before, start=1)],
            sizes=[len(one) for one in chain] if grows else (),
        )
        made = Attempt(suite=suite, candidate=candidate, reference=reference, share=spending.share, cases=seen)
        if again is None and made not in self.new:
            self.new.append(made)
        return spending

    def _share(self, number: int) -> float:
        """Take a lost attempt for one that declared as many looks as this one."""
        return Spending(number=number, declared=self.looks).share


def _lost(one: Attempt) -> bool:
    return one["suite"] == ANY


def _digest(case: CaseEntry, *, drawn: bool) -> str:
    asked = [case.get("content"), case.get("request"), case["candidate"]["reply"] if drawn else ""]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:DIGEST]


def record_of(spending: Spending, candidate: str, reference: str | None) -> AttemptRecord:
    """Say it in the run record."""
    return {
        "candidate": candidate,
        "reference": reference,
        "count": spending.number,
        "looks": spending.declared,
        "alpha": 0.0 if spending.exhausted else spending.alpha(ALPHA),
    }


def nth(count: int) -> str:
    """Say which attempt it is.

    >>> nth(3), nth(11)
    ('third attempt', 'attempt 11')
    """
    return f"{ORDINALS[count - 1]} attempt" if count <= len(ORDINALS) else f"attempt {count}"


def sentences(attempts: Mapping[str, AttemptRecord]) -> Iterator[tuple[str, bool]]:
    """Say which attempt of a suite it is, what that costs, and whether all is in order; a lone one says nothing."""
    for name, one in attempts.items():
        told = f"{name}: {nth(one['count'])} of this candidate"
        if one["looks"] and not one["alpha"]:
            yield f"{told}; {one['looks']} looks were declared and nothing of the 5 % is left: no gate passes", False
        elif one["looks"] and one["looks"] > 1:
            level = f"intervals of gates are at {100 * (1 - one['alpha']):.4g} % instead of 95 %"
            yield f"{told}, {one['looks']} looks declared: {level}", True
        elif one["count"] > 1:
            chance = "one of several passes more easily by chance than one alone"
            yield f"{told}, with other cases: {chance}; --medeval-looks=K declares how many there are to be", False
