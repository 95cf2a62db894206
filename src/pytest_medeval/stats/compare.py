"""Candidate against baseline, one metric or all metrics of a suite at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pytest_medeval.core.types import ALPHA, Direction, FloatArray, Metric, bias_of, rare_class
from pytest_medeval.stats.bootstrap import RESAMPLES, Interval
from pytest_medeval.stats.effect import cohens_dz, rank_biserial
from pytest_medeval.stats.evidence import Evidence, Rows, gather
from pytest_medeval.stats.intervals import difference_interval, value_interval
from pytest_medeval.stats.paired import NO_CHANGE, TestResult, mann_whitney, mcnemar, permutation_p, wilcoxon

BISECTIONS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One metric of candidate and baseline on the same cases; what is undefined is None, never NaN.

    Values are those of the ``n`` cases that both roles have. ``difference``: candidate less baseline;
    ``relative``: difference over the size of the baseline; ``ci95``: of the paired difference; ``se``:
    bootstrap standard error of the difference; ``p_value``, ``effect_size``: of ``test`` (paired, two-sided),
    ``effect`` names the effect size; ``wilcoxon_p``, ``mann_whitney_p``: of per-case scores, what ranks say, paired and
    unpaired (S1), for comparison. ``reason`` says why a
    p-value is None or trivially 1. The correction over the run is the caller's (``stats.correct.holm``).
    """

    metric: str
    direction: Direction
    n: int
    candidate: float | None
    candidate_ci95: Interval | None
    baseline: float | None = None
    difference: float | None = None
    relative: float | None = None
    ci95: Interval | None = None
    se: float | None = None
    p_value: float | None = None
    test: str | None = None
    effect_size: float | None = None
    effect: str | None = None
    wilcoxon_p: float | None = None
    mann_whitney_p: float | None = None
    reason: str = ""


def compare(
    metric: Metric,
    candidate_rows: FloatArray,
    baseline_rows: FloatArray | None = None,
    clusters: Sequence[str | None] | None = None,
    seed: int = 0,
    *,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare one metric on stored rows (n, r) of both roles; see ``compare_all``."""
    baseline = None if baseline_rows is None else {metric.counts: baseline_rows}
    rows = {metric.counts: candidate_rows}
    return compare_all([metric], rows, baseline, clusters=clusters, seed=seed, resamples=resamples)[metric.name]


def compare_all(
    metrics: Sequence[Metric],
    candidate: Rows,
    baseline: Rows | None = None,
    *,
    clusters: Sequence[str | None] | None = None,
    wider: bool = False,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Comparison]:
    """Compare all metrics of a suite on the same cases, sharing one set of resamples.

    ``candidate``, ``baseline``: stored rows (n, r) by ``Metric.counts``, cases in the same order; a case that
    a role has no row for is a row of NaN and is left out. ``clusters``, ``wider``: see ``gather``.
    """
    evidence = gather(metrics, candidate, baseline, clusters=clusters, wider=wider, seed=seed, resamples=resamples)
    return {
        metric.name: of_evidence(evidence[metric.name]) if metric.name in evidence else _nothing(metric)
        for metric in metrics
    }


def of_evidence(evidence: Evidence) -> Comparison:
    """Read the comparison from gathered evidence."""
    metric, new, old = evidence.metric, evidence.candidate, evidence.baseline
    alone = Comparison(
        metric=metric.name,
        direction=metric.direction,
        n=evidence.n,
        candidate=_known(new.value),
        candidate_ci95=value_interval(evidence),
        reason="no baseline" if old is None else "",
    )
    if old is None:
        return alone
    difference = evidence.difference
    if difference is None:
        return replace(alone, baseline=_known(old.value), reason="the score is undefined on these cases")
    relative = difference / abs(old.value) if old.value else None
    if bias := bias_of(metric):
        return replace(alone, baseline=old.value, difference=difference, relative=relative, reason=bias)
    se = float(np.std(evidence.gaps, ddof=1)) if len(evidence.gaps) > 1 else 0.0
    test = paired_test(evidence, difference, se)
    return replace(
        alone,
        baseline=old.value,
        difference=difference,
        relative=relative,
        ci95=difference_interval(evidence),
        se=se,
        p_value=test.p_value,
        test=test.test,
        effect_size=test.effect_size,
        effect=test.effect,
        wilcoxon_p=wilcoxon(evidence.per_case) if evidence.kind == "mean" else None,
        mann_whitney_p=_unpaired(evidence),
        reason=test.reason or rare_class(metric, new.counts.sum(axis=0)),
    )


def paired_test(evidence: Evidence, difference: float, se: float) -> TestResult:
    """Choose the paired test: exact McNemar for right/wrong, else permutation of what the interval is of.

    Roles are swapped at random; for a mean of scores this flips the signs of the differences (Fisher, 1935). Cases
    that share a cluster are not independent, so clustered suites are always tested by swapping whole clusters; where
    clusters were found and not declared, the test with the larger p-value counts.

    Swapping takes both roles for exchangeable, which says more than that nothing differs on average: the p-value is
    never below the one at which the interval begins to hold 0.
    """
    if evidence.apart is not None:
        tests = [paired_test(one, difference, se) for one in (replace(evidence, apart=None), evidence.apart)]
        return max(tests, key=lambda test: 2.0 if test.p_value is None else test.p_value)
    if evidence.kind == "right/wrong" and not evidence.clustered:
        return mcnemar(*evidence.discordant)
    p_value = permutation_p(difference, evidence.relabelled)
    reason = "no relabelling has a defined score" if p_value is None else ""
    if evidence.changes[:2] == (0, 0):
        reason = NO_CHANGE
    if p_value is not None and p_value < ALPHA:
        p_value = _not_below_the_interval(evidence, p_value)
    if evidence.kind == "mean" and not evidence.clustered:
        return TestResult(p_value, "paired permutation", rank_biserial(evidence.per_case), "rank-biserial", reason)
    effect = cohens_dz(difference, se, evidence.units)
    return TestResult(p_value, "paired permutation", effect, "Cohen's d_z", reason)


def _not_below_the_interval(evidence: Evidence, p_value: float) -> float:
    """Raise p to the smallest at which the interval of level 1 - p leaves 0 out."""

    def holds(alpha: float) -> bool:
        ends = difference_interval(evidence, 1 - alpha)
        return ends is not None and ends[0] <= 0 <= ends[1]

    if not holds(p_value):
        return p_value
    low, high = p_value, 1.0
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return high


def _unpaired(evidence: Evidence) -> float | None:
    if evidence.baseline is None or evidence.candidate.scores is None or evidence.baseline.scores is None:
        return None
    new, old = evidence.candidate.scores, evidence.baseline.scores
    return mann_whitney(new[np.isfinite(new)], old[np.isfinite(old)])


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _nothing(metric: Metric) -> Comparison:
    return Comparison(
        metric=metric.name,
        direction=metric.direction,
        n=0,
        candidate=None,
        candidate_ci95=None,
        reason="no case has rows in both roles",
    )
