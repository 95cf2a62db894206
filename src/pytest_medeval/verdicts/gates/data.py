"""What the gates of a run see: rows of a suite by role, and the evidence in them; and what a gate says.

Evidence is gathered once a run: gates on the same cases share their resamples.

Replies that a metric cannot score though they hold something are counted and named: left out of a mean they would cost
a model nothing, and as 0 they would claim what was not measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeAlias

import numpy as np

from pytest_medeval.core.record import (
    ROLES,
    CaseEntry,
    Compared,
    GateOutcome,
    GateRecord,
    HumanGrade,
    JudgeAgreement,
    Role,
    RoleEntry,
)
from pytest_medeval.core.types import FloatArray, Metric, Verdict
from pytest_medeval.stats.bootstrap import Interval
from pytest_medeval.stats.correct import holm
from pytest_medeval.stats.evidence import Evidence, Rows, gather
from pytest_medeval.stats.ppi import Corrected
from pytest_medeval.stats.spending import Spending
from pytest_medeval.verdicts.gates.grammar import Against, Gate, Threshold

FEWEST = 20
"""Fewer cases than this are shown and not judged as a subgroup, and too few for a comparison."""
PART = "only a part of the suite ran"
"""Why no gate is judged, where the rest of the cases was not asked for another reason."""
FEWEST_CLUSTERS = 6
"""Below it no swap of whole clusters can be significant at 5 %: 2 / 2^5 is 0.06."""
ALONE = Spending()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """A verdict and what it rests on.

    ``observed``: the value, or the difference candidate less other role, in the metric's own unit;
    ``interval``: of ``observed``, for comparisons at the level that Holm's procedure asked for (``reason``
    names it); ``threshold``: what ``observed`` was held against; ``cases_needed``: about how many cases would
    settle what ``n`` could not; ``waits``: it asks for a reference in a run that may be the first release;
    ``within_noise``: the value passes a threshold that its interval reaches across; ``remark``: what a pass does not
    show.
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
    within_noise: bool = False
    remark: str = ""

    def record(self, outcome: GateOutcome) -> GateRecord:
        """Say it in the run record, with what it means for the run."""
        return {
            "suite": self.suite,
            "expression": self.expression,
            "verdict": self.verdict,
            "reason": self.reason,
            "observed": self.observed,
            "interval": self.interval,
            "threshold": self.threshold,
            "n": self.n,
            "cases_needed": self.cases_needed,
            "waits": self.waits,
            "within_noise": self.within_noise,
            "remark": self.remark,
            "outcome": outcome,
        }


@dataclass(frozen=True, kw_only=True)
class SuiteData:
    """What gates see of a suite.

    ``rows``: role (``candidate``, ``baseline``, ``reference``) -> counts name -> stored rows (n, r), all in
    the order of ``ids``; a case that a role has no row for is a row of NaN. ``tags``, ``clusters``: one entry a
    case, or empty; ``cluster``: what names the clusters; ``found``: nobody declared them.
    ``complete`` is False where only a part of the suite ran, and ``reason`` says why; the
    gates are then not evaluated. ``barred``: role -> metric -> why it must not be compared with that role.
    ``undefined``: role -> counts name -> ids of the cases whose row is NaN because the metric cannot score the reply.
    ``awaited``: role -> why there is none yet, where that is expected.
    ``corrected``: metric -> difference from the baseline, a judge's corrected by people's ratings.
    ``judges``: of each judge, dimension -> how far it agrees with people.
    ``spending``: which look at the suite it is. ``largest``: cases of its largest cluster, where cases were asked in
    batches until the gates were decided; None where all were asked at once.
    """

    name: str
    metrics: Mapping[str, Metric]
    rows: Mapping[str, Rows]
    ids: Sequence[str]
    tags: Sequence[Mapping[str, str]] = ()
    clusters: Sequence[str | None] = ()
    cluster: str | None = None
    found: bool = False
    complete: bool = True
    reason: str = ""
    barred: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    undefined: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    awaited: Mapping[str, str] = field(default_factory=dict)
    corrected: Mapping[str, Corrected] = field(default_factory=dict)
    judges: Sequence[Mapping[str, JudgeAgreement]] = ()
    spending: Spending = ALONE
    largest: int | None = None

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
            clusters=[self.clusters[i] for i in where] if self.clusters else (),
        )


def suite_data(
    name: str, metrics: Sequence[Metric], entries: Sequence[CaseEntry], *, complete_only: bool, reason: str
) -> SuiteData:
    """Arrange a suite's entries of a run, under way or stored, as arrays: one row a case, NaN where there is none.

    ``complete_only``: cases of which a reply is not complete are left out (``pairs="complete"``); ``reason``: why the
    suite did not run as a whole, empty where it did.
    """
    cases = [case for case in entries if not (complete_only and left_out(case))]
    kinds = sorted({metric.counts for metric in metrics})
    present = [role for role in ROLES if any(role in case for case in cases)]
    return SuiteData(
        name=name,
        metrics={metric.name: metric for metric in metrics},
        rows={role: {kind: rows_of([case.get(role) for case in cases], kind) for kind in kinds} for role in present},
        ids=[case["id"] for case in cases],
        tags=[case["tags"] for case in cases],
        clusters=[case["cluster"] for case in cases],
        complete=not reason,
        reason=reason,
        undefined={role: undefined_in(cases, role) for role in present},
    )


def rows_of(entries: Sequence[RoleEntry | None], kind: str) -> FloatArray:
    """Arrange one family of counts; what is not there, and null in a stored run, is NaN."""
    found = [entry["rows"].get(kind) if entry else None for entry in entries]
    width = next((len(row) for row in found if row is not None), 1)
    blank = [math.nan] * width
    return np.array([blank if row is None else row for row in found], dtype=np.float64).reshape(len(found), width)


def correct_together(rows: Iterable[Compared | HumanGrade]) -> None:
    """Correct the p-values of a family of comparisons (Holm)."""
    family = list(rows)
    for one, corrected in zip(family, holm([one["p_value"] for one in family]), strict=True):
        one["p_corrected"] = corrected


def left_out(case: CaseEntry) -> str:
    """Say why complete pairs leave a case out: the first reply that is not complete; empty where they do not."""
    replies = ((role, case[role]["outcome"]) for role in ROLES if role in case)
    return next((f"{role} {outcome}" for role, outcome in replies if outcome != "answered"), "")


class Look(NamedTuple):
    """The cases of a suite, or of a subgroup of it; with ``against`` those that both roles have."""

    suite: str
    against: Against | None
    tag: str | None = None
    value: str | None = None


Seen: TypeAlias = Mapping[Look, Mapping[str, Evidence]]
"""Evidence by metric name; what no case says anything about is absent."""


def looks(gate: Gate, suite: SuiteData) -> list[Look]:
    """List what a gate looks at: one part of the suite, or each group of which it judges the worst."""
    target = gate.target
    against = None if isinstance(gate.condition, Threshold) else gate.condition.against
    if target.by is None:
        return [Look(suite.name, against, target.tag, target.value)]
    values = sorted({case[target.by] for case in suite.tags if target.by in case})
    return [Look(suite.name, against, target.by, value) for value in values]


def see(gates: Sequence[tuple[Gate, SuiteData]], *, seed: int, resamples: int) -> Seen:
    """Gather the evidence for all gates; a suite's name stands for its data. Partial suites are left out."""
    suites = {suite.name: suite.ordered() for _, suite in gates if suite.complete}
    wanted: dict[Look, dict[str, Metric]] = {}
    for gate, suite in gates:
        for look in looks(gate, suite) if suite.complete else ():
            metric = suite.metrics[gate.target.measured]
            if all(metric.counts in suite.rows.get(role, {}) for role in ("candidate", look.against) if role):
                wanted.setdefault(look, {})[metric.name] = metric
    return {
        look: _gather(list(metrics.values()), suites[look.suite], look, seed, resamples)
        for look, metrics in wanted.items()
    }


def _gather(
    metrics: Sequence[Metric], suite: SuiteData, look: Look, seed: int, resamples: int
) -> Mapping[str, Evidence]:
    if look.tag is not None and look.value is not None:
        suite = suite.having(look.tag, look.value)
    baseline = None if look.against is None else suite.rows[look.against]
    # of a subgroup within one cluster an interval speaks for the cases of that cluster
    within = look.tag is not None and len(set(suite.clusters)) == 1
    clusters = None if within else suite.clusters or None
    return gather(
        metrics,
        suite.rows["candidate"],
        baseline,
        clusters=clusters,
        wider=suite.found,
        seed=seed,
        resamples=resamples,
        permute=False,
    )


Undefined: TypeAlias = Mapping[str, Sequence[str]]
"""Family of counts -> ids of the cases whose row is undefined."""
GRADED = "judge."
"""Families of judges' grades: an unjudged reply is the judges' coverage, and told there."""


def undefined_in(cases: Iterable[CaseEntry], role: Role) -> dict[str, list[str]]:
    """Find the cases of which a role has a row that says nothing: NaN, or null in a stored run."""
    found: dict[str, list[str]] = {}
    for case in cases:
        for kind, row in case[role]["rows"].items() if role in case else ():
            if not kind.startswith(GRADED) and any(value is None or math.isnan(value) for value in row):
                found.setdefault(kind, []).append(case["id"])
    return found


def about(gate: Gate, suite: SuiteData) -> set[str]:
    """Give the cases that a gate is about."""
    tag, value = gate.target.by or gate.target.tag, gate.target.value
    if tag is None:
        return set(suite.ids)
    own = zip(suite.ids, suite.tags, strict=True)
    return {name for name, tags in own if tag in tags and (value is None or tags[tag] == value)}
