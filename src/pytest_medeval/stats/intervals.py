"""Intervals of a value and of a paired difference, at any level; the methods were chosen by simulation.

``benchmarks/validity.py`` shows what they hold. Right/wrong has score intervals (Wilson, Tango). All else has
the bootstrap, with three repairs that the simulation asked for:

- for a difference, the hull of a t interval with the bootstrap's standard error and of the expanded BCa
  interval: the first is better at 100 cases, the second where few cases change and the difference is skewed;
- with fewer than 6 changed cases or clusters the interval is widened by Tango's, times the range of one case's share:
  no two-sided sign test of 5 changes can be significant at 5 %, and what a rare change could cost is not in the
  sample. Clustered cases count as the fewer independent ones that they are worth at least;
- a value that is 0 or 1 in every resample has Wilson's interval.

The value of fewer than 20 cases has the hull with the jackknife's t interval, and where it is no mean with Wilson's.
Of clustered cases it is the hull with the t interval over clusters, whose jackknife error holds for few and unequal
clusters where the bootstrap's is too small. Of one cluster nothing but its own value is known: there is no interval.
Where clusters were found and not declared, it is the hull with the interval of independent cases.
"""

from __future__ import annotations

import numpy as np

from pytest_medeval.core.types import FloatArray, bias_of
from pytest_medeval.stats.bootstrap import Interval, bca, percentile
from pytest_medeval.stats.clusters import jackknife_error
from pytest_medeval.stats.evidence import Evidence
from pytest_medeval.stats.proportions import tango, wilson

FEW_CHANGES = 6
FEW_UNITS = 20
"""Of fewer a bootstrap of a value is too narrow: 5 cases passed `micro_f1.low` at its truth in 10 % of suites."""


def value_interval(evidence: Evidence, level: float = 0.95) -> Interval | None:
    """Interval of the candidate's value: Wilson's for right/wrong, else the bootstrap's.

    That is the hull of the expanded percentile and BCa intervals, which stay inside the metric's range. None
    where the value is undefined, on these cases or on most of their resamples.
    """
    if bias_of(evidence.metric):
        return None
    found = _value_interval(evidence, level)
    apart = evidence.apart and _value_interval(evidence.apart, level)
    return _hull(found, apart) if found and apart else found


def _value_interval(evidence: Evidence, level: float) -> Interval | None:
    sample, units = evidence.candidate, evidence.units
    draws = sample.draws[np.isfinite(sample.draws)]
    if not np.isfinite(sample.value) or 2 * len(draws) < len(sample.draws) or (evidence.clustered and units == 1):
        return None
    if evidence.kind == "right/wrong" and not evidence.clustered and sample.scores is not None:
        scored = sample.scores[np.isfinite(sample.scores)]
        return wilson(float(scored.sum()), len(scored), level)
    if np.ptp(draws) == 0 and sample.value in {0.0, 1.0}:
        return wilson(sample.value * units, units, level)
    left_out = evidence.candidate_jackknife
    found = _hull(percentile(draws, level, units=units), bca(draws, sample.value, left_out, level, units=units))
    if evidence.clustered or units < FEW_UNITS:
        error = jackknife_error(left_out, sample.value)
        found = _hull(found, student(error, sample.value, units, level))
        if evidence.clustered and evidence.kind == "right/wrong":
            found = _hull(found, effective_wilson(sample.value, error, evidence.n, level))
    low, high = evidence.metric.bounds
    if evidence.kind == "suite" and units < FEW_UNITS and (low, high) == (0.0, 1.0) and not evidence.clustered:
        found = _hull(found, wilson(sample.value * units, units, level))
    return max(found[0], low), min(found[1], high)


def difference_interval(evidence: Evidence, level: float = 0.95) -> Interval | None:
    """Interval of the paired difference: Tango's for right/wrong, else the bootstrap's, repaired as above.

    No end is further from 0 than two scores of the metric can be from each other. None where the difference is
    undefined, on these cases or on most of their resamples.
    """
    if bias_of(evidence.metric):
        return None
    found = _difference_interval(evidence, level)
    apart = evidence.apart and _difference_interval(evidence.apart, level)
    return _hull(found, apart) if found and apart else found


def _difference_interval(evidence: Evidence, level: float) -> Interval | None:
    difference, units = evidence.difference, evidence.units
    unknown = evidence.clustered and units == 1
    if difference is None or unknown or 2 * len(evidence.gaps) < len(evidence.candidate.draws):
        return None
    if evidence.kind == "right/wrong" and (not evidence.clustered or np.ptp(evidence.gaps) == 0):
        return _rare(evidence, *evidence.discordant, level)
    left_out = evidence.jackknife
    found = _hull(
        student(bootstrap_error(evidence.gaps, units), difference, units, level),
        bca(evidence.gaps, difference, left_out, level, units=units),
    )
    if evidence.clustered:
        found = _hull(found, student(jackknife_error(left_out, difference), difference, units, level))
    better, worse, span = evidence.changes
    if min(evidence.changed_units, (better + worse) * evidence.rare_size / evidence.n) < FEW_CHANGES:
        rare = _rare(evidence, better, worse, level)
        found = _hull(found, (span * rare[0], span * rare[1]))
    low, high = evidence.metric.bounds
    return max(found[0], low - high), min(found[1], high - low)


def _rare(evidence: Evidence, better: int, worse: int, level: float) -> Interval:
    """Tango's interval of cases that change for the better and the worse, among as many as the cases are worth."""
    worth = evidence.rare_size
    wins, losses = (count * worth / evidence.n for count in (better, worse))
    return tango(wins, losses, worth, level)


def effective_wilson(share: float, error: float, n: int, level: float = 0.95) -> Interval:
    """Wilson's interval of a proportion whose standard error is known, at the number of cases that would have it.

    Source: Korn and Graubard, 1998, Survey Methodology 24, 193-201, with Wilson's interval for the exact one.
    """
    effective = min(float(n), share * (1 - share) / error**2) if error else float(n)
    return wilson(share * effective, effective, level)


def bootstrap_error(distribution: FloatArray, units: int) -> float:
    """Give the bootstrap's standard error, freed of its bias by ``sqrt(units / (units - 1))``; 0 of one unit."""
    if units < 2 or len(distribution) < 2:  # noqa: PLR2004 - one unit has no spread
        return 0.0
    return float(np.std(distribution, ddof=1) * np.sqrt(units / (units - 1)))


def student(se: float, estimate: float, units: int, level: float = 0.95) -> Interval:
    """Student's t interval of an estimate with standard error ``se``, ``units - 1`` degrees of freedom."""
    if units < 2:  # noqa: PLR2004 - one unit has no spread
        return estimate, estimate
    from scipy.special import stdtrit

    half = float(stdtrit(units - 1, (1 + level) / 2)) * se
    return estimate - half, estimate + half


def _hull(first: Interval, second: Interval) -> Interval:
    return min(first[0], second[0]), max(first[1], second[1])
