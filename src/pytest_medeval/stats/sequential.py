"""Always-valid evidence on the mean of bounded scores: it may be looked at after every case, and stopped on.

Against "the mean is at most m" a gambler bets on scores above it, each time a fraction f of what is safe:

    E = mean over f of  product over units of  1 + f (w / w0 - size) / largest

with ``w`` the sum of a unit's scores less their lower bound, ``w0`` m less that bound, and f on a grid. If the mean is
at most m, E is a supermartingale that begins at 1, so it ever reaches 1 / alpha with a chance of alpha at most (Ville
1939). The means that are not rejected are a confidence sequence. Source: Waudby-Smith and Ramdas 2024, JRSS B 86, 1-27,
section 4, with a grid of constant bets (section B.2, dKelly); for clusters a unit is a cluster, and its size is
known before it is asked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pytest_medeval.core.types import FloatArray
from pytest_medeval.stats.bootstrap import Interval, cluster_sums
from pytest_medeval.stats.evidence import Evidence

FRACTIONS = np.arange(1, 25) / 25
BISECTIONS = 40


@dataclass(frozen=True, slots=True)
class Watched:
    """Scores between ``low`` and ``high`` of units: ``sums`` (u,) over their ``sizes`` (u,), at most ``largest``."""

    sums: FloatArray
    sizes: FloatArray
    low: float
    high: float
    largest: int

    def above(self, mean: float) -> float:
        """Give the logarithm of the evidence against a mean of at most ``mean``."""
        return self._evidence(self.sums - self.low * self.sizes, mean - self.low)

    def below(self, mean: float) -> float:
        """Give the logarithm of the evidence against a mean of at least ``mean``."""
        return self._evidence(self.high * self.sizes - self.sums, self.high - mean)

    def _evidence(self, gains: FloatArray, fair: float) -> float:
        if fair <= 0:
            return math.inf if gains.sum() > 0 else 0.0
        grown = 1 + FRACTIONS[:, None] * (gains / fair - self.sizes) / self.largest
        logs = np.log(grown).sum(axis=1)
        return float(np.logaddexp.reduce(logs)) - math.log(len(FRACTIONS))

    def interval(self, level: float = 0.95) -> Interval:
        """Give the means that neither side rejects with half of ``1 - level``; valid at every look."""
        bound = math.log(2 / (1 - level))
        ends = []
        for evidence, start in ((self.above, self.low), (self.below, self.high)):
            rejected, kept = start, self.low + self.high - start
            for _ in range(BISECTIONS):
                middle = (rejected + kept) / 2
                rejected, kept = (middle, kept) if evidence(middle) >= bound else (rejected, middle)
            ends.append(rejected)
        return ends[0], ends[1]


def watched(evidence: Evidence, largest: int) -> Watched | None:
    """Take the scores of a mean, or their differences, from gathered evidence; None where it is none, or unbounded.

    ``largest``: cases of the largest unit of the suite, asked or not.
    """
    low, high = evidence.metric.bounds
    scores = evidence.candidate.scores
    if evidence.kind == "suite" or scores is None or not math.isfinite(high - low):
        return None
    if evidence.baseline is not None and evidence.baseline.scores is not None:
        scores, low, high = scores - evidence.baseline.scores, low - high, high - low
    known = np.isfinite(scores)
    codes = None if evidence.codes is None else evidence.codes[known]
    values = scores[known][:, None]
    sums, sizes = (cluster_sums(one, codes)[:, 0] for one in (values, np.ones_like(values)))
    return Watched(sums, sizes, low, high, max(largest, int(sizes.max(initial=1))))
