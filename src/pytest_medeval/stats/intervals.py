"""Intervals of a value and of a paired difference, at any level; the methods were chosen by simulation.

``benchmarks/validity.py`` shows what they hold. Right/wrong has score intervals (Wilson, Tango). All else has
the bootstrap, with three repairs that the simulation asked for:

- for a difference, the hull of a t interval with the bootstrap's standard error and of the expanded BCa
  interval: the first is better at 100 cases, the second where few cases change and the difference is skewed;
- with fewer than 6 changed cases the interval is widened by Tango's, times the range of one case's share: no
  two-sided sign test of 5 changes can be significant at 5 %, and what a rare change could cost is not in the
  sample;
- a value that is 0 or 1 in every resample has Wilson's interval.
"""

from __future__ import annotations

import numpy as np

from pytest_medeval.core.types import FloatArray
from pytest_medeval.stats.bootstrap import Interval, bca, percentile
from pytest_medeval.stats.evidence import Evidence
from pytest_medeval.stats.proportions import tango, wilson

FEW_CHANGES = 6


def value_interval(evidence: Evidence, level: float = 0.95) -> Interval | None:
    """Interval of the candidate's value: Wilson's for right/wrong, else the bootstrap's.

    That is the hull of the expanded percentile and BCa intervals, which stay inside the metric's range. None
    where the value is undefined, on these cases or on most of their resamples.
    """
    sample, units = evidence.candidate, evidence.units
    draws = sample.draws[np.isfinite(sample.draws)]
    if not np.isfinite(sample.value) or 2 * len(draws) < len(sample.draws):
        return None
    if evidence.kind == "right/wrong" and not evidence.clustered and sample.scores is not None:
        scored = sample.scores[np.isfinite(sample.scores)]
        return wilson(float(scored.sum()), len(scored), level)
    if np.ptp(draws) == 0 and sample.value in {0.0, 1.0}:
        return wilson(sample.value * units, units, level)
    skewed = bca(draws, sample.value, evidence.candidate_jackknife, level, units=units)
    return _hull(percentile(draws, level, units=units), skewed)


def difference_interval(evidence: Evidence, level: float = 0.95) -> Interval | None:
    """Interval of the paired difference: Tango's for right/wrong, else the bootstrap's, repaired as above.

    No end is further from 0 than two scores of the metric can be from each other. None where the difference is
    undefined, on these cases or on most of their resamples.
    """
    difference, units = evidence.difference, evidence.units
    if difference is None or 2 * len(evidence.gaps) < len(evidence.candidate.draws):
        return None
    if evidence.kind == "right/wrong" and not evidence.clustered:
        return tango(*evidence.discordant, evidence.n, level)
    found = _hull(
        student(evidence.gaps, difference, units, level),
        bca(evidence.gaps, difference, evidence.jackknife, level, units=units),
    )
    better, worse, span = evidence.changes
    if better + worse < FEW_CHANGES:
        rare = tango(better, worse, units, level)
        found = _hull(found, (span * rare[0], span * rare[1]))
    low, high = evidence.metric.bounds
    return max(found[0], low - high), min(found[1], high - low)


def student(distribution: FloatArray, estimate: float, units: int, level: float = 0.95) -> Interval:
    """Student's t interval, ``units - 1`` degrees of freedom, with the bootstrap's standard error.

    The standard error is freed of the bootstrap's bias by ``sqrt(units / (units - 1))``.
    """
    if units < 2 or len(distribution) < 2:  # noqa: PLR2004 - one unit has no spread
        return estimate, estimate
    from scipy.special import stdtrit

    se = float(np.std(distribution, ddof=1)) * (units / (units - 1)) ** 0.5
    half = float(stdtrit(units - 1, (1 + level) / 2)) * se
    return estimate - half, estimate + half


def _hull(first: Interval, second: Interval) -> Interval:
    return min(first[0], second[0]), max(first[1], second[1])
