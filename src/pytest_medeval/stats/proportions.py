"""Score intervals for right/wrong: one proportion, and the difference of two paired proportions.

Where few cases are wrong, or few change, the bootstrap sees too little: with no change among 100 cases it
gives the interval [0, 0]. Score intervals hold their level there.
"""

from __future__ import annotations

import numpy as np

from pytest_medeval.core.types import FloatArray
from pytest_medeval.stats.bootstrap import NORMAL, Interval

BISECTIONS = 60


def wilson(right: float, n: float, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion (Wilson, 1927) without continuity correction."""
    z2 = NORMAL.inv_cdf((1 + level) / 2) ** 2
    share = right / n
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = (z2 * (share * (1 - share) / n + z2 / (4 * n * n))) ** 0.5 / (1 + z2 / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def tango_statistic(wins: FloatArray, losses: FloatArray, n: FloatArray, difference: FloatArray) -> FloatArray:
    """Tango's score statistic of H0: p(candidate) - p(baseline) = ``difference``; N(0, 1) under H0.

    ``wins``: pairs that only the candidate has right; ``losses``: pairs that only the baseline has right. All
    arguments broadcast. At ``difference = 0`` its square is McNemar's statistic without continuity
    correction.
    """
    b = -wins - losses + (2 * n - wins + losses) * difference
    c = -losses * difference * (1 - difference)
    root = np.sqrt(np.maximum(b * b - 8 * n * c, 0))
    loss_rate = np.clip((root - b) / (4 * n), np.maximum(0, -difference), (1 - difference) / 2)
    variance = n * (2 * loss_rate + difference * (1 - difference))
    gap = wins - losses - n * difference
    with np.errstate(divide="ignore", invalid="ignore"):
        certain = np.where(gap == 0, 0.0, np.copysign(np.inf, gap))
        return np.where(variance > 0, gap / np.sqrt(variance), certain)


def tango(wins: float, losses: float, n: float, level: float = 0.95) -> Interval:
    """Tango's score interval of the difference of two paired proportions.

    Source: Tango, 1998, Statistics in Medicine 17, 891-908. Inverts the score test, so it agrees with a test
    of non-inferiority at any margin; finite and never empty, also where no case changes: then it is ``+- z^2
    / (n + z^2)``.
    """
    z = NORMAL.inv_cdf((1 + level) / 2)
    low, high = tango_limits(*np.array([[wins, wins], [losses, losses], [n, n], [z, -z]], dtype=np.float64))
    return float(low), float(high)


def tango_limits(wins: FloatArray, losses: FloatArray, n: FloatArray, z: FloatArray) -> FloatArray:
    """Solve ``tango_statistic == z`` for the difference by bisection: the statistic falls as it grows."""
    below, above = np.full(np.shape(z), -1.0), np.full(np.shape(z), 1.0)
    for _ in range(BISECTIONS):
        middle = (below + above) / 2
        higher = tango_statistic(wins, losses, n, middle) > z
        below, above = np.where(higher, middle, below), np.where(higher, above, middle)
    limits: FloatArray = (below + above) / 2
    return limits
