"""What a gate reads and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pytest_medeval.stats.bootstrap import Interval
from pytest_medeval.stats.evidence import Rows
from pytest_medeval.types import Metric, Verdict

FEWEST = 20
"""Fewer cases than this are shown and not judged as a subgroup, and too few for a comparison."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """A verdict and what it rests on.

    ``observed``: the value, or the difference candidate less other role, in the metric's own unit;
    ``interval``: of ``observed``, for comparisons at the level that Holm's procedure asked for (``reason``
    names it); ``threshold``: what ``observed`` was held against; ``cases_needed``: about how many cases would
    settle what ``n`` could not; ``waits``: it asks for a reference in a run that may be the first release.
    """

    suite: str
    expression: str
    verdict: Verdict
    reason: str
    observed: float | None = None
    interval: Interval | None = None
    threshold: float | None = None
    n: int = 0
    cases_needed: int | None = None
    waits: bool = False


@dataclass(frozen=True, kw_only=True)
class SuiteData:
    """What gates see of a suite.

    ``rows``: role (``candidate``, ``baseline``, ``reference``) -> counts name -> stored rows (n, r), all in
    the order of ``ids``; a case that a role has no row for is a row of NaN. ``tags``, ``groups``: one entry a
    case, or empty. ``complete`` is False where only a part of the suite ran, and ``reason`` says why; the
    gates are then not evaluated. ``barred``: role -> metric -> why it must not be compared with that role.
    ``undefined``: role -> counts name -> ids of the cases whose row is NaN because the metric cannot score the reply.
    ``awaited``: role -> why there is none yet, where that is expected.
    """

    name: str
    metrics: Mapping[str, Metric]
    rows: Mapping[str, Rows]
    ids: Sequence[str]
    tags: Sequence[Mapping[str, str]] = ()
    groups: Sequence[str | None] = ()
    complete: bool = True
    reason: str = ""
    barred: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    undefined: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    awaited: Mapping[str, str] = field(default_factory=dict)

    def having(self, tag: str, value: str) -> SuiteData:
        """Give the suite of one subgroup's cases."""
        return self._take([i for i, case in enumerate(self.tags) if case.get(tag) == value])

    def ordered(self) -> SuiteData:
        """Give the suite in the order of case ids: no verdict depends on the order in which cases ran."""
        return self._take(sorted(range(len(self.ids)), key=lambda i: self.ids[i]))

    def _take(self, where: Sequence[int]) -> SuiteData:
        index = np.array(where, dtype=np.intp)
        return replace(
            self,
            rows={
                role: {counts: np.asarray(array)[index] for counts, array in rows.items()}
                for role, rows in self.rows.items()
            },
            ids=[self.ids[i] for i in where],
            tags=[self.tags[i] for i in where] if self.tags else (),
            groups=[self.groups[i] for i in where] if self.groups else (),
        )
