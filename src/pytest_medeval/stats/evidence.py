"""What the rows of a metric say: values, resampled distributions, what changed.

Made once for all metrics of a suite, so that they share the resampling weights; comparisons and gates read
it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.types import FloatArray, Metric
from pytest_medeval.stats.bootstrap import (
    RESAMPLES,
    Score,
    cluster_codes,
    cluster_sums,
    label_swaps,
    leave_one_out,
    quiet,
    resample,
    types_of,
    weighted_scores,
)
from pytest_medeval.stats.clusters import cautious_size

Kind: TypeAlias = Literal["right/wrong", "mean", "suite"]
"""A mean of per-case scores that are 0 or 1; a mean of per-case scores; anything else (micro-F1)."""

Rows: TypeAlias = Mapping[str, FloatArray]
"""Stored rows (n, r) by ``Metric.counts``."""


@dataclass(frozen=True)
class Sample:
    """One role's counts of one metric: (n, k) by case, (units, k) by independent unit."""

    counts: FloatArray
    by_unit: FloatArray
    scores: FloatArray | None
    """Per-case scores (n,), NaN where undefined; None for metrics without them."""
    value: float
    draws: FloatArray = field(default_factory=lambda: np.empty(0))
    """Bootstrap distribution of the value."""


@dataclass(frozen=True)
class Evidence:
    """One metric of candidate and perhaps baseline, on the same cases in ``units`` independent units."""

    metric: Metric
    kind: Kind
    units: int
    codes: NDArray[np.intp] | None
    """The unit of each case (n,); None where every case is a unit of its own."""
    candidate: Sample
    baseline: Sample | None
    relabelled: FloatArray = field(default_factory=lambda: np.empty(0))
    """Differences after random swaps of the roles; filled where the paired test is a permutation test."""
    apart: Evidence | None = None
    """The same cases taken as independent, where clusters were found and not declared: the wider interval counts."""

    @property
    def clustered(self) -> bool:
        """Whether some cases share a unit."""
        return self.codes is not None

    @cached_property
    def n(self) -> int:
        """Cases that count: of a mean, those with a score in each role."""
        if self.kind == "suite":
            return len(self.candidate.counts)
        scored = np.isfinite(self.candidate.scores)  # type: ignore[arg-type]  # a mean has scores
        if self.baseline is not None:
            scored &= np.isfinite(self.baseline.scores)  # type: ignore[arg-type]
        return int(scored.sum())

    @property
    def difference(self) -> float | None:
        """Candidate less baseline; None without a baseline or where either is undefined."""
        if self.baseline is None:
            return None
        gap = self.candidate.value - self.baseline.value
        return gap if np.isfinite(gap) else None

    @cached_property
    def gaps(self) -> FloatArray:
        """Bootstrap distribution of the paired difference, undefined resamples left out."""
        if self.baseline is None:
            return np.empty(0)
        return _defined(self.candidate.draws - self.baseline.draws)

    @cached_property
    def per_case(self) -> FloatArray:
        """Differences of per-case scores, of cases with a score in each role."""
        if self.baseline is None or self.candidate.scores is None or self.baseline.scores is None:
            return np.empty(0)
        gaps = self.candidate.scores - self.baseline.scores
        return gaps[np.isfinite(gaps)]

    @cached_property
    def candidate_jackknife(self) -> FloatArray:
        """Leave-one-out values of the candidate (units,), defined ones only."""
        return _defined(leave_one_out(self.metric.score, self.candidate.by_unit))

    @cached_property
    def jackknife(self) -> FloatArray:
        """Leave-one-out differences (units,), defined ones only; empty without a baseline."""
        if self.baseline is None:
            return np.empty(0)
        left_out = leave_one_out(self.metric.score, self.candidate.by_unit)
        return _defined(left_out - leave_one_out(self.metric.score, self.baseline.by_unit))

    @cached_property
    def discordant(self) -> tuple[int, int]:
        """Cases that score higher with the candidate, and cases that score lower."""
        return int(np.sum(self.per_case > 0)), int(np.sum(self.per_case < 0))

    @cached_property
    def changed_units(self) -> int:
        """Units that are not the same in both roles."""
        assert self.baseline is not None  # noqa: S101 - asked for with a baseline only
        return int((self.candidate.by_unit != self.baseline.by_unit).any(axis=1).sum())

    @cached_property
    def shares(self) -> tuple[FloatArray, FloatArray]:
        """Each case's share (n,) in the metric of candidate and baseline: its jackknife pseudo-value.

        For a mean, its score.
        """
        assert self.baseline is not None  # noqa: S101 - asked for with a baseline only
        new, old = (_pseudo_values(self.metric, one.counts, one.value) for one in (self.candidate, self.baseline))
        return new, old

    @cached_property
    def changes(self) -> tuple[int, int, float]:
        """Cases that got better, cases that got worse, and the range of one case's share in the metric."""
        assert self.baseline is not None  # noqa: S101 - asked for with a baseline only
        changed = (self.candidate.counts != self.baseline.counts).any(axis=1)
        gaps = (self.shares[0] - self.shares[1])[changed]
        seen = _defined(np.concatenate(self.shares))
        return int(np.sum(gaps > 0)), int(np.sum(gaps < 0)), float(np.ptp(seen)) if len(seen) else 0.0

    @cached_property
    def rare_size(self) -> float:
        """How many independent cases tell as much of a change that few cases show."""
        if self.codes is None:
            return float(self.n)
        known = np.isfinite(np.sum(self.shares, axis=0))
        codes = np.unique(self.codes[known], return_inverse=True)[1]
        return cautious_size([own[known] for own in self.shares], codes)


def gather(
    metrics: Sequence[Metric],
    candidate: Rows,
    baseline: Rows | None = None,
    *,
    clusters: Sequence[str | None] | None = None,
    wider: bool = False,
    seed: int = 0,
    resamples: int = RESAMPLES,
    permute: bool = True,
) -> dict[str, Evidence]:
    """Read the rows of several metrics over the same cases, in the same order, into evidence by metric name.

    A case that one role has no row for is a row of NaN there and is left out in both roles, and so is a case
    that a mean has no score for in one role: differences are paired. Metrics that have the same cases share
    their resamples. ``clusters`` (n,): cases with the same label are resampled together; with ``wider`` they are also
    looked at as independent, and of both intervals and p-values the more careful one counts.
    The numbers depend on ``seed``, the cases' order and nothing else. ``permute=False`` leaves the
    permutation test out.
    """
    present = {metric.name: _present(metric, candidate, baseline) for metric in metrics}
    masks = {mask.tobytes(): mask for mask in present.values()}
    found: dict[str, Evidence] = {}
    for key, mask in masks.items():
        alike = [metric for metric in metrics if present[metric.name].tobytes() == key]
        if not mask.any():
            continue
        labels = None if clusters is None else [label for label, keep in zip(clusters, mask, strict=True) if keep]
        codes = cluster_codes(labels, int(mask.sum()))
        read = [_read(metric, candidate, baseline, mask, codes) for metric in alike]
        found.update({e.metric.name: e for e in _resampled(read, seed, resamples, permute=permute)})
    if wider and clusters is not None:
        apart = gather(metrics, candidate, baseline, seed=seed, resamples=resamples, permute=permute)
        found = {name: replace(one, apart=apart[name]) if one.clustered else one for name, one in found.items()}
    return {metric.name: found[metric.name] for metric in metrics if metric.name in found}


def contributions(metric: Metric, candidate: Rows, baseline: Rows | None) -> tuple[NDArray[np.bool_], FloatArray]:
    """Give each case's share in the difference, or without a baseline in the value, and who has one (n,).

    Shares are jackknife pseudo-values: of a mean, the case's own score or difference of scores.
    """
    present = _present(metric, candidate, baseline)
    if not present.any():
        return present, np.empty(0)
    sides = [_sample(metric, rows[metric.counts][present], None) for rows in (candidate, baseline) if rows is not None]
    shares = [_pseudo_values(metric, side.counts, side.value) for side in sides]
    values: FloatArray = shares[0] if baseline is None else shares[0] - shares[1]
    present[present] = np.isfinite(values)
    return present, _defined(values)


def _present(metric: Metric, candidate: Rows, baseline: Rows | None) -> NDArray[np.bool_]:
    """Mark the cases (n,) that every role has a row for and, where the metric is a mean, a score."""
    present: NDArray[np.bool_] = np.all(np.isfinite(candidate[metric.counts]), axis=1)
    if baseline is None:
        return present
    other = baseline[metric.counts]
    if len(other) != len(present):
        raise ValueError(f"{metric.name}: {len(present)} rows against {len(other)} of the other role")
    present = present & np.all(np.isfinite(other), axis=1)
    if not metric.per_case or not present.any():
        return present
    samples = [_sample(metric, rows[metric.counts][present], None) for rows in (candidate, baseline)]
    if _kind(samples) != "suite":
        scored = [np.isfinite(sample.scores) for sample in samples if sample.scores is not None]
        present[present] = scored[0] & scored[1]
    return present


def _read(
    metric: Metric, candidate: Rows, baseline: Rows | None, mask: NDArray[np.bool_], codes: NDArray[np.intp] | None
) -> Evidence:
    new = _sample(metric, candidate[metric.counts][mask], codes)
    old = None if baseline is None else _sample(metric, baseline[metric.counts][mask], codes)
    samples = [new] if old is None else [new, old]
    return Evidence(metric, _kind(samples), len(new.by_unit), codes, new, old)


def _sample(metric: Metric, rows: FloatArray, codes: NDArray[np.intp] | None) -> Sample:
    counts = np.asarray(metric.expand(rows), dtype=np.float64)
    scores = quiet(metric.score, counts) if metric.per_case else None
    value = float(quiet(metric.score, counts.sum(axis=0)))
    return Sample(counts, cluster_sums(counts, codes), scores, value)


def _kind(samples: Sequence[Sample]) -> Kind:
    binary = True
    for sample in samples:
        defined = _defined(sample.scores) if sample.scores is not None else np.empty(0)
        if len(defined) == 0 or abs(defined.mean() - sample.value) > 1e-9 * (1 + abs(sample.value)):
            return "suite"
        binary = binary and bool(np.isin(defined, (0.0, 1.0)).all())
    return "right/wrong" if binary else "mean"


def _resampled(read: Sequence[Evidence], seed: int, resamples: int, *, permute: bool) -> list[Evidence]:
    # intervals and tests of right/wrong need no resamples; the standard error that goes with a test does
    asked = [e for e in read if permute or e.clustered or e.kind != "right/wrong"]
    found = {e.metric.name: _by_types(e, seed, resamples) for e in asked}
    rest = [e for e in asked if found[e.metric.name] is None]
    flat = [sample for e in rest for sample in _sides(e)]
    draws = iter(resample(flat, resamples=resamples, seed=seed) if flat else ())
    drawn = {e.metric.name: found[e.metric.name] or _with_draws(e, draws) for e in asked}
    all_drawn = [drawn.get(e.metric.name, e) for e in read]
    return _relabelled(all_drawn, seed, resamples) if permute else all_drawn


def _sides(evidence: Evidence) -> list[tuple[Score, FloatArray]]:
    sides = (evidence.candidate, evidence.baseline)
    return [(evidence.metric.score, side.by_unit) for side in sides if side is not None]


def _by_types(evidence: Evidence, seed: int, resamples: int) -> Evidence | None:
    """Resample where many units have the counts of others in each role; None where they have not."""
    sides = _sides(evidence)
    types = types_of(np.hstack([counts for _, counts in sides]))
    if types is None:
        return None
    totals = np.hsplit(types.drawn(resamples, seed), len(sides))
    return _with_draws(evidence, iter([quiet(evidence.metric.score, total) for total in totals]))


def _with_draws(evidence: Evidence, draws: Iterator[FloatArray]) -> Evidence:
    candidate = replace(evidence.candidate, draws=next(draws))
    baseline = None if evidence.baseline is None else replace(evidence.baseline, draws=next(draws))
    return replace(evidence, candidate=candidate, baseline=baseline)


def _relabelled(read: Sequence[Evidence], seed: int, resamples: int) -> list[Evidence]:
    """Swap the roles of random units, for the metrics whose test is a permutation test."""
    moving = {
        e.metric.name: _swap_scores(e)
        for e in read
        if e.baseline is not None and (e.clustered or e.kind != "right/wrong")
    }
    types = {name: types_of(moved) for name, (_, moved) in moving.items()}
    gaps = {
        name: quiet(moving[name][0], found.swapped(resamples, seed))
        for name, found in types.items()
        if found is not None
    }
    rest = {name: moved for name, moved in moving.items() if name not in gaps}
    if rest:
        units = len(next(iter(rest.values()))[1])
        swapped = weighted_scores(label_swaps(units, resamples, seed), list(rest.values()))
        gaps |= dict(zip(rest, swapped, strict=True))
    return [replace(e, relabelled=gaps.get(e.metric.name, e.relabelled)) for e in read]


def _swap_scores(evidence: Evidence) -> tuple[Score, FloatArray]:
    """Give the difference of the roles as a score of what swapping moves from one total to the other."""
    assert evidence.baseline is not None  # noqa: S101 - asked for with a baseline only
    new, old = evidence.candidate.by_unit, evidence.baseline.by_unit
    new_total, old_total = new.sum(axis=0), old.sum(axis=0)

    def gap(moved: FloatArray) -> FloatArray:
        score = evidence.metric.score
        return np.asarray(score(new_total + moved) - score(old_total - moved))

    return gap, old - new


def _pseudo_values(metric: Metric, counts: FloatArray, value: float) -> FloatArray:
    if len(counts) == 1:
        return np.array([value])
    return len(counts) * value - (len(counts) - 1) * leave_one_out(metric.score, counts)


def _defined(values: FloatArray) -> FloatArray:
    kept: FloatArray = values[np.isfinite(values)]
    return kept
