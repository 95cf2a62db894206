"""How many cases are enough? Normal approximations, two-sided level ``alpha``, named power."""

from __future__ import annotations

import math

from pytest_medeval.stats.bootstrap import NORMAL

POWER = 0.8
MOST_CASES = 1_000_000
"""Numbers beyond this are no advice: the difference lies on the condition."""


def _quantiles(alpha: float, power: float) -> float:
    return NORMAL.inv_cdf(1 - alpha / 2) + NORMAL.inv_cdf(power)


def cases_needed(se: float, n: int, distance: float, *, alpha: float = 0.05, power: float = POWER) -> int | None:
    """Say how many cases would settle a comparison, were the truth as far from the condition as observed.

    ``se``: standard error of the paired difference at ``n`` cases, which falls as ``1 / sqrt(n)``;
    ``distance``: the observed difference less the threshold. None where no sensible number does (over
    1,000,000).
    """
    if distance == 0 or se < 0 or n < 1:
        return None
    ratio = _quantiles(alpha, power) * se / abs(distance)
    needed = n * ratio * ratio
    return None if needed > MOST_CASES else math.ceil(needed)


def paired_proportion_sd(changed: float, difference: float = 0.0) -> float:
    """Give the standard deviation of a paired right/wrong difference.

    ``changed``: share of the cases that are right in one role only.
    """
    if not abs(difference) <= changed <= 1:
        raise ValueError(f"share of changed cases {changed} is not between |{difference}| and 1")
    return math.sqrt(changed - difference * difference)


def detectable_paired(sd: float, n: int, *, alpha: float = 0.05, power: float = POWER) -> float:
    """Minimum detectable difference of a paired design; ``sd``: of the per-case differences."""
    return _quantiles(alpha, power) * sd / math.sqrt(n)


def detectable_unpaired(
    sd_candidate: float, sd_baseline: float, n: int, *, alpha: float = 0.05, power: float = POWER
) -> float:
    """Minimum detectable difference of an unpaired design with ``n`` cases a role; ``sd_*``: of a case."""
    return _quantiles(alpha, power) * math.sqrt((sd_candidate**2 + sd_baseline**2) / n)
