"""How much do cases of one cluster depend on each other? Intra-cluster correlation and design effect, with a bound.

Cases of one disease, patient, template or dialogue are answered alike. n of them then say as much as
``n / design effect`` independent ones, and an interval that does not know of it is too narrow by the root of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.types import FloatArray
from pytest_medeval.stats.bootstrap import cluster_codes

PRIOR_ICC = 0.5
"""The least correlation that is assumed of a change too rare to show its own (0.17 was measured where much changes)."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """What ``clusters`` clusters share: intra-cluster correlation, its design effect, and the bounds of that."""

    clusters: int
    icc: float
    design_effect: float
    low: float
    high: float


def dependence(values: FloatArray, clusters: Sequence[str | None], *, level: float = 0.95) -> Dependence | None:
    """Estimate from values (n,) of cases how much those of one cluster have in common; None stands alone.

    ICC = (MSB - MSW) / (MSB + (m0 - 1) MSW), the estimator of one-way analysis of variance with random clusters,
    m0 = (n - sum(m^2) / n) / (k - 1) for k clusters of sizes m (Donner, 1986, International Statistical Review 54,
    67-82, section 2). Its bounds, each one-sided at ``level``, are those of the F distribution (Searle, 1971, Linear
    Models, section 9.8; exact for normal values and equal sizes). Design effect: 1 + (sum(m^2) / n - 1) ICC
    (Kish, 1965, Survey Sampling, section 5.4), below 1 where cases of a cluster differ more than those of two.
    None where it is undefined: one cluster only, no cluster of two cases, or values that are all the same.
    """
    codes = cluster_codes(clusters, len(values))
    return None if codes is None else _dependence(values, codes, level)


def _dependence(values: FloatArray, codes: NDArray[np.intp], level: float = 0.95) -> Dependence | None:
    from scipy.special import fdtri

    n = len(values)
    if codes.max(initial=0) == 0 or np.ptp(values) == 0:
        return None
    values = (values - values.mean()) / np.ptp(values)  # squares of tiny differences would be 0
    sizes = np.bincount(codes).astype(np.float64)
    k = len(sizes)
    means = np.bincount(codes, weights=values) / sizes
    between = float(np.sum(sizes * means**2)) / (k - 1)
    within = float(np.sum((values - means[codes]) ** 2)) / (n - k)
    squares = float(np.sum(sizes**2)) / n
    typical = (n - squares) / (k - 1)

    def correlation(over: float) -> float:
        return (between / over - within) / (between / over + (typical - 1) * within)

    ends = [correlation(float(fdtri(k - 1, n - k, end))) for end in (level, 1 - level)]
    icc, low, high = correlation(1.0), *(1 + (squares - 1) * end for end in ends)
    return Dependence(k, icc, 1 + (squares - 1) * icc, low, high)


def effective_size(values: FloatArray, clusters: Sequence[str | None]) -> float:
    """Say how many independent cases tell as much of the mean of values (n,): at most n, at least the clusters.

    Where all values are the same nothing tells how much cases depend on each other: then it is the clusters.
    """
    codes = cluster_codes(clusters, len(values))
    if codes is None:
        return float(len(values))
    least, found = float(codes.max() + 1), dependence(values, clusters)
    return least if found is None else max(least, len(values) / max(1.0, found.design_effect))


def cautious_size(outcomes: Sequence[FloatArray], codes: NDArray[np.intp]) -> float:
    """Say how many independent cases n tell as much of a change that is too rare to show what clusters share of it.

    ``outcomes``: each role's own (n,); ``codes`` (n,): the cluster of each case. n over the design effect (Rao and
    Scott, 1992, Biometrics 48, 577-585), whose correlation is borrowed, as Korn and Graubard (1998) advise where
    nothing is counted: the upper bound of that of the outcomes, and ``PRIOR_ICC`` at least. Never fewer than there are
    clusters; just these where no outcome varies.
    """
    n, sizes = len(codes), np.bincount(codes)
    found = [one.high for own in outcomes if (one := _dependence(own, codes))]
    prior = 1 + (float(np.sum(sizes**2)) / n - 1) * PRIOR_ICC
    return max(float(len(sizes)), n / max(prior, *found)) if found else float(len(sizes))


def jackknife_error(left_out: FloatArray, estimate: float) -> float:
    """Give the standard error of an estimate from its leave-one-cluster-out values (k,).

    Of clusters that differ in size it is the estimator CV3, which with a t distribution of k - 1 degrees holds its
    level for few clusters (MacKinnon, Nielsen and Webb, 2023, Journal of Applied Econometrics 38, 671-694).
    """
    k = len(left_out)
    return float(((k - 1) / k * np.sum((left_out - estimate) ** 2)) ** 0.5) if k > 1 else 0.0
