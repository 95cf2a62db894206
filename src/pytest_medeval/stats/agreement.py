"""Do raters agree? Kappa, alpha, rank correlation and bias, with intervals that respect clusters.

Every statistic here is a function of *how often each cluster is taken*: weights of shape ``(b, clusters)``
give ``b`` values. With every weight 1 that is the estimate; with weights drawn from a multinomial it is the
cluster bootstrap. Scores enter once, as sums a cluster, so that 2,000 resamples are a few matrix products
and no loop.

Chance-corrected coefficients take *codes*, the positions 0 to ``levels - 1`` on a rating scale. Rank
measures take the scores as they are. A value that is undefined is ``None`` with a reason, never NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_medeval.core.types import FloatArray
from pytest_medeval.stats.bootstrap import percentile, resampling_weights

IntArray: TypeAlias = NDArray[np.int64]
Weighting: TypeAlias = Literal["none", "linear", "quadratic"]
Level: TypeAlias = Literal["nominal", "ordinal", "interval"]

RESAMPLES = 2000
ROWS = 200
"""Resamples worked on at once: keeps the scratch arrays of 2,400 items near the size of a cache."""
UNDEFINED_SHARE = 0.05
"""An interval is not given when more than this share of the resamples had no value."""

NOTHING = "undefined: nothing to compare"
CONSTANT = "undefined: the scores do not vary"


@dataclass(frozen=True, slots=True)
class Statistic:
    """``at(weights (b, clusters)) -> (b,)``, NaN where undefined; ``undefined`` says why that happens."""

    at: Callable[[FloatArray], FloatArray]
    undefined: str = CONSTANT


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval; what is missing is ``None`` and ``reason`` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


def numbered(names: ArrayLike) -> IntArray:
    """Give each item the number of its cluster: 0, 1, ... in sorted order of their names."""
    return np.asarray(np.unique(np.asarray(names), return_inverse=True)[1], dtype=np.int64).reshape(-1)


def estimate(
    statistic: Statistic, clusters: int, *, seed: int = 0, resamples: int = RESAMPLES, level: float = 0.95
) -> Estimate:
    """Give a statistic with its bootstrap interval: whole clusters are drawn with replacement.

    The interval is the percentile interval widened for few clusters (``stats.bootstrap.expanded_tail``). It
    errs on the low side, which suits a lower end that is held against a floor. One seed draws the same
    clusters for every statistic of the same data. No interval is given for fewer than two clusters, nor
    when the statistic is undefined in many resamples.
    """
    if clusters == 0:
        return Estimate(None, reason=NOTHING)
    value = float(statistic.at(np.ones((1, clusters)))[0])
    if not np.isfinite(value):
        return Estimate(None, reason=statistic.undefined)
    if clusters == 1:
        return Estimate(value, reason="no interval: one cluster only")
    drawn = _over(statistic, resampling_weights(clusters, resamples, seed))
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < (1 - UNDEFINED_SHARE) * resamples:
        lost = resamples - len(drawn)
        return Estimate(value, reason=f"no interval: undefined in {lost} of {resamples} resamples")
    return Estimate(value, *percentile(drawn, level, units=clusters))


def _over(statistic: Statistic, chunks: Iterator[FloatArray]) -> FloatArray:
    """Evaluate a statistic for all weights, few rows at a time."""
    rows = (chunk[row : row + ROWS] for chunk in chunks for row in range(0, len(chunk), ROWS))
    return np.concatenate([statistic.at(part) for part in rows])


def cohen_kappa(
    first: IntArray, second: IntArray, clusters: IntArray, *, levels: int, weighting: Weighting
) -> Statistic:
    """Cohen's kappa of two raters, ``1 - sum(w O) / sum(w E)``.

    O: observed table, E: table expected from the marginals, w: 0 on the diagonal, else 1 (``none``), ``|i -
    j|`` (``linear``) or ``(i - j)**2`` (``quadratic``). Source: Cohen 1960, 1968. Range -1 to 1, higher is
    better. All ``levels`` steps of the scale count for the weights, whether they were used or not, which is
    scikit-learn's ``cohen_kappa_score(..., labels=range(levels))``. Undefined when both raters gave one and
    the same score throughout.

    >>> codes = np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2])
    >>> estimate(cohen_kappa(*codes, np.arange(4), levels=3, weighting="none"), 4).value
    0.6363636363636364
    """
    tables = np.zeros((_count(clusters), levels * levels))
    np.add.at(tables, (clusters, first * levels + second), 1.0)
    steps = np.abs(np.subtract.outer(np.arange(levels), np.arange(levels))).astype(np.float64)
    cost = {"none": (steps > 0).astype(np.float64), "linear": steps, "quadratic": steps**2}[weighting]

    def at(weights: FloatArray) -> FloatArray:
        observed = (weights @ tables).reshape(-1, levels, levels)
        rows, columns = observed.sum(axis=2), observed.sum(axis=1)
        seen = np.einsum("bij,ij->b", observed, cost) * rows.sum(axis=1)
        return 1 - _ratio(seen, np.einsum("bi,ij,bj->b", rows, cost, columns, optimize=True))

    return Statistic(at)


def balanced_accuracy(truth: IntArray, said: IntArray, clusters: IntArray, *, levels: int) -> Statistic:
    """Mean over the labels that ``truth`` holds of their recall, which is scikit-learn's ``balanced_accuracy_score``.

    Range 0 to 1, higher is better; saying one label throughout gives 1 / labels, however rare the others are.

    >>> codes = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])
    >>> estimate(balanced_accuracy(*codes, np.arange(4), levels=2), 4).value
    0.5
    """

    def at(weights: FloatArray) -> FloatArray:
        right, truths, _ = tables(weights)
        return _ratio(_share(right, truths).sum(axis=1), (truths > 0).sum(axis=1))

    tables = _marginals(truth, said, clusters, levels)
    return Statistic(at, NOTHING)


def macro_f1(truth: IntArray, said: IntArray, clusters: IntArray, *, levels: int) -> Statistic:
    """Mean over the labels that occur of ``2 right / (in truth + said)``: scikit-learn's ``f1_score(average="macro")``.

    Range 0 to 1, higher is better. Of the two labels met and not met it is the measure by which HealthBench's graders
    are audited (Arora et al. 2025, section 8).

    >>> codes = np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])
    >>> round(estimate(macro_f1(*codes, np.arange(4), levels=2), 4).value, 4)
    0.4286
    """

    def at(weights: FloatArray) -> FloatArray:
        right, truths, given = tables(weights)
        return _ratio(_share(2 * right, truths + given).sum(axis=1), (truths + given > 0).sum(axis=1))

    tables = _marginals(truth, said, clusters, levels)
    return Statistic(at, NOTHING)


def _marginals(
    truth: IntArray, said: IntArray, clusters: IntArray, levels: int
) -> Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray]]:
    """Count by label (b, levels): equal ones, those in truth, those said."""
    counts = np.zeros((_count(clusters), levels * levels))
    np.add.at(counts, (clusters, truth * levels + said), 1.0)

    def at(weights: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        observed = (weights @ counts).reshape(-1, levels, levels)
        return np.einsum("bii->bi", observed), observed.sum(axis=2), observed.sum(axis=1)

    return at


def _share(top: FloatArray, bottom: FloatArray) -> FloatArray:
    """Divide; 0 where the bottom is zero."""
    return np.asarray(np.divide(top, bottom, out=np.zeros(np.shape(top)), where=bottom > 0))


def krippendorff_alpha(
    counts: FloatArray, clusters: IntArray, *, level: Level = "ordinal", values: ArrayLike | None = None
) -> Statistic:
    """Krippendorff's alpha of any number of raters with missing scores, ``1 - D_observed / D_expected``.

    ``counts[u, c]``: how many raters gave unit u the score c; units with fewer than two scores are not
    pairable and take no part. ``values``: the scores behind the codes, for ``level="interval"``. Source:
    Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"; the same number as
    ``krippendorff.alpha(value_counts=counts)``. Range up to 1, higher is better, 0 is chance. Undefined
    when all pairable scores are equal, or none is pairable.
    """
    levels = counts.shape[1]
    raters = counts.sum(axis=1)
    pairable = raters >= 2  # noqa: PLR2004 - a pair
    kept = counts[pairable]
    pairs = np.einsum("uc,uk->uck", kept, kept) - np.einsum("uc,ck->uck", kept, np.eye(levels))
    pairs /= (raters[pairable] - 1)[:, None, None]
    tables = np.zeros((_count(clusters), levels * levels))
    np.add.at(tables, clusters[pairable], pairs.reshape(-1, levels * levels))
    points = np.arange(levels, dtype=np.float64) if values is None else np.asarray(values, dtype=np.float64)

    def at(weights: FloatArray) -> FloatArray:
        observed = (weights @ tables).reshape(-1, levels, levels)
        totals = observed.sum(axis=2)
        distance = _distance(totals, points, level)
        size = totals.sum(axis=1)
        expected = np.einsum("bc,bck,bk->b", totals, distance, totals, optimize=True)
        return 1 - _ratio(np.einsum("bck,bck->b", observed, distance) * (size - 1), expected)

    return Statistic(at, CONSTANT if pairable.any() else "undefined: no item has two scores")


def _distance(totals: FloatArray, points: FloatArray, level: Level) -> FloatArray:
    """Squared distance of scores c and k, (b, levels, levels).

    Krippendorff's ordinal distance, ``(sum of n_g for g from c to k, less (n_c + n_k) / 2) ** 2``, is the
    squared difference of the two scores' mid-ranks.
    """
    if level == "nominal":
        return np.broadcast_to(1 - np.eye(len(points)), (len(totals), len(points), len(points)))
    at = totals.cumsum(axis=1) - totals / 2 if level == "ordinal" else np.broadcast_to(points, totals.shape)
    return np.asarray((at[:, :, None] - at[:, None, :]) ** 2)


def spearman(x: ArrayLike, y: ArrayLike, clusters: IntArray) -> Statistic:
    """Spearman's rank correlation: Pearson's correlation of mid-ranks (``scipy.stats.spearmanr``)."""
    sides = [_ranker(values, clusters) for values in (x, y)]

    def at(weights: FloatArray) -> FloatArray:
        (first, spread_x), (second, spread_y) = (side(weights) for side in sides)
        joint = np.einsum("bi,bi,bi->b", weights[:, clusters], first, second)
        return _ratio(joint, np.sqrt(spread_x * spread_y))

    return Statistic(at)


def _ranker(values: ArrayLike, clusters: IntArray) -> Callable[[FloatArray], tuple[FloatArray, FloatArray]]:
    """Make a function: weights -> centred mid-ranks of the items (b, n), and their sum of squares."""
    distinct, codes = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True)
    held = np.zeros((_count(clusters), len(distinct)))
    np.add.at(held, (clusters, codes), 1.0)

    def ranks(weights: FloatArray) -> tuple[FloatArray, FloatArray]:
        ties = weights @ held
        middle = ties.cumsum(axis=1) - ties / 2 - ties.sum(axis=1, keepdims=True) / 2
        return middle[:, codes], np.einsum("bk,bk->b", ties, middle**2)

    return ranks


def kendall_tau_b(x: ArrayLike, y: ArrayLike, clusters: IntArray) -> Statistic:
    """Kendall's tau-b, concordant less discordant pairs by sqrt(untied in x * untied in y), as in scipy.

    All three are quadratic forms of the weights, so pairs are compared once, not once a resample. Memory:
    three matrices of clusters x clusters.
    """
    first, second = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    both, only_x, only_y = _pair_sums(first, second, clusters)

    def form(weights: FloatArray, matrix: FloatArray) -> FloatArray:
        return np.asarray(((weights @ matrix) * weights).sum(axis=1))

    def at(weights: FloatArray) -> FloatArray:
        return _ratio(form(weights, both), np.sqrt(form(weights, only_x) * form(weights, only_y)))

    return Statistic(at)


def _pair_sums(x: FloatArray, y: FloatArray, clusters: IntArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Sum over pairs of items, a pair of clusters: concordant less discordant, untied in x, untied in y."""
    order = np.argsort(clusters, kind="stable")
    x, y, clusters = x[order], y[order], clusters[order]
    starts = np.searchsorted(clusters, np.arange(_count(clusters)))
    sums = np.zeros((3, len(starts), len(starts)))
    for cluster, begin in enumerate(starts):
        end = starts[cluster + 1] if cluster + 1 < len(starts) else len(x)
        first = np.sign(x[begin:end, None] - x[None, :])
        second = np.sign(y[begin:end, None] - y[None, :])
        for slot, pairs in enumerate((first * second, np.abs(first), np.abs(second))):
            sums[slot, cluster] = np.add.reduceat(pairs.sum(axis=0), starts)
    return sums[0], sums[1], sums[2]


def mean(values: ArrayLike, clusters: IntArray, within: ArrayLike | None = None) -> Statistic:
    """Mean over items: of ``judge - human`` the bias, of ``judge == human`` the percent agreement.

    ``within`` (n,): which items it is of; all where it is None.
    """
    taken = np.ones(len(clusters)) if within is None else np.asarray(within, dtype=np.float64)
    held = np.zeros((_count(clusters), 2))
    np.add.at(held, clusters, np.stack([np.asarray(values, dtype=np.float64) * taken, taken], axis=1))

    def at(weights: FloatArray) -> FloatArray:
        total = weights @ held
        return _ratio(total[:, 0], total[:, 1])

    return Statistic(at)


def difference(first: Statistic, second: Statistic) -> Statistic:
    """First less second, of the same clusters."""
    return Statistic(lambda weights: first.at(weights) - second.at(weights), first.undefined)


def _count(clusters: IntArray) -> int:
    return int(clusters.max()) + 1 if len(clusters) else 0


def _ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    """Divide; NaN where the bottom is zero."""
    return np.asarray(np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0))
