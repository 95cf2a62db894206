"""What the gates of a run look at, gathered once: gates on the same cases share their resamples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from pytest_medeval.stats.evidence import Evidence, gather
from pytest_medeval.types import Metric
from pytest_medeval.verdicts.grammar import Against, Gate, Threshold
from pytest_medeval.verdicts.result import SuiteData


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
            metric = suite.metrics[gate.target.metric]
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
    groups = suite.groups or None
    return gather(
        metrics,
        suite.rows["candidate"],
        baseline,
        groups=groups,
        seed=seed,
        resamples=resamples,
        permute=False,
    )
