"""The paired bootstrap as one matrix product: resampling weights times counts, then the score of each total.

A metric is a row of counts per case and a score of the summed rows, so a resample is a vector of whole-number
weights, and all metrics of all roles that share their cases share the weights. Percentile and BCa intervals
give the digits of ``scipy.stats.bootstrap`` for the same generator (Efron and Tibshirani, 1993, chapters 13
and 14).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.types import FloatArray

RESAMPLES = 10_000
CHUNK_BYTES = 32 * 2**20
"""Upper bound of one chunk of weights, so that memory does not grow with the number of resamples."""
CACHE_BYTES = 4 * 2**20
"""A chunk of this size stays in a processor's cache from the drawing to the product ..."""
PRODUCT_ROWS = 64
"""... and one of fewer rows than this would read all counts too often in the product."""
MANY_UNITS = 1_000
"""From so many units on those of equal counts are drawn together; fewer are drawn one by one, as scipy draws them."""
UNITS_A_TYPE = 16
"""Where there are fewer units of equal counts than this on average, drawing them together gains nothing."""

Score: TypeAlias = Callable[[FloatArray], FloatArray]
Interval: TypeAlias = tuple[float, float]
NORMAL = NormalDist()


def cluster_codes(clusters: Sequence[str | None] | None, n: int) -> NDArray[np.intp] | None:
    """Give each case the number of its independent unit (n,); None where every case is a unit of its own."""
    if clusters is None:
        return None
    labels = [f"g{label}" if label is not None else f"c{index}" for index, label in enumerate(clusters)]
    if len(labels) != n:
        raise ValueError(f"{len(labels)} cluster labels for {n} cases")
    first: dict[str, int] = {}
    codes = np.array([first.setdefault(label, len(first)) for label in labels], dtype=np.intp)
    return None if len(first) == n else codes


def cluster_sums(counts: FloatArray, codes: NDArray[np.intp] | None) -> FloatArray:
    """Sum the counts (n, k) of the cases of each unit: (units, k)."""
    if codes is None:
        return counts
    sums = np.zeros((int(codes.max()) + 1, counts.shape[1]))
    np.add.at(sums, codes, counts)
    return sums


def _chunks(units: int, resamples: int) -> Iterator[int]:
    row = 8 * max(units, 1)
    size = max(1, min(resamples, CHUNK_BYTES // row, max(PRODUCT_ROWS, CACHE_BYTES // row)))
    for start in range(0, resamples, size):
        yield min(size, resamples - start)


def resampling_weights(units: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    """Give chunks (b, units): how often each unit is drawn, with replacement, in each resample."""
    generator = np.random.default_rng(seed)
    for size in _chunks(units, resamples):
        drawn = generator.integers(0, units, (size, units))
        drawn += np.arange(size)[:, None] * units
        counted = np.bincount(drawn.ravel(), minlength=size * units)
        del drawn  # a chunk's memory is wanted by its weights
        yield counted.reshape(size, units).astype(np.float64)


def label_swaps(units: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    """Give chunks (b, units) of 0 or 1: whether the roles of a unit are swapped in each relabelling."""
    generator = np.random.default_rng(seed)
    octets = 8 * -(-units // 64)  # whole words of the generator, so that the size of a chunk changes nothing
    for size in _chunks(units, resamples):
        drawn = np.frombuffer(generator.bytes(size * octets), dtype=np.uint8).reshape(size, octets)
        yield np.unpackbits(drawn, axis=1, count=units).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Types:
    """Units of equal counts, taken together: rows (t, k), and how many units have each (t,).

    A metric of right and wrong answers has four of two roles, whatever the number of cases. How many units of each type
    a resample holds is multinomial, and how many are swapped binomial: in distribution the same as unit by unit.
    """

    rows: FloatArray
    sizes: NDArray[np.intp]

    def drawn(self, resamples: int, seed: int) -> FloatArray:
        """Give the totals (resamples, k) of resamples with replacement."""
        units, generator = int(self.sizes.sum()), np.random.default_rng(seed)
        return self._totals(resamples, lambda size: generator.multinomial(units, self.sizes / units, size))

    def swapped(self, resamples: int, seed: int) -> FloatArray:
        """Give the totals (resamples, k) of what random swaps of the roles take."""
        types, generator = len(self.sizes), np.random.default_rng(seed)
        return self._totals(resamples, lambda size: generator.binomial(self.sizes, 0.5, (size, types)))

    def _totals(self, resamples: int, draw: Callable[[int], NDArray[np.int64]]) -> FloatArray:
        return np.concatenate([draw(size) @ self.rows for size in _chunks(len(self.sizes), resamples)])


def types_of(counts: FloatArray) -> Types | None:
    """Take units (units, k) of equal counts together; None where there are few units, or many kinds of them."""
    if len(counts) < MANY_UNITS or _kinds(counts[:MANY_UNITS]) is None:
        return None
    found = _kinds(counts)
    if found is None:
        return None
    first, inverse, sizes = found
    rows = counts[first]
    return Types(rows, sizes) if np.array_equal(rows[inverse], counts) else None


def _kinds(counts: FloatArray) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]] | None:
    """Give of each kind of row where one stands, of each row its kind, and their numbers; None where kinds are many.

    Rows are told apart by their product with random whole numbers, which is a sort of numbers and not of rows.
    """
    keys = counts @ np.random.default_rng(0).integers(1, 2**40, counts.shape[1]).astype(np.float64)
    _, first, inverse, sizes = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return (first, inverse, sizes) if len(sizes) * UNITS_A_TYPE <= len(counts) else None


def weighted_scores(weights: Iterator[FloatArray], samples: Sequence[tuple[Score, FloatArray]]) -> list[FloatArray]:
    """Score weighted totals of several samples of counts (units, k) that share the weights.

    Gives one array (resamples,) a sample. Columns of counts that are equal, in one sample or in several, are
    multiplied once: most metrics of a family share some, and a letter that no question offers is all zeros.
    """
    columns, places = _distinct_columns([counts for _, counts in samples])
    whole = np.array([_exact_in_float32(column) for column in columns])
    single = _stacked(columns, whole, np.float32)
    double = _stacked(columns, ~whole, np.float64)
    del columns  # of many cases they are most of what is in memory here
    parts: list[list[FloatArray]] = [[] for _ in samples]
    for chunk in weights:
        totals = np.empty((len(chunk), len(whole)))
        totals[:, whole] = chunk.astype(np.float32) @ single
        totals[:, ~whole] = chunk @ double
        for part, (score, _), own in zip(parts, samples, places, strict=True):
            part.append(quiet(score, totals[:, own]))
    return [np.concatenate(part) for part in parts]


def _exact_in_float32(column: FloatArray) -> bool:
    """Say whether float32 holds the weighted totals of a column to the last digit; it takes half the time.

    Its values are whole numbers, and no total of them can pass 2^24: weights are whole, and add up to the units.
    """
    largest = max(column.max(initial=0.0), -column.min(initial=0.0))
    return bool(largest * len(column) < 2**24) and bool((column == np.rint(column)).all())


def _stacked(columns: Sequence[FloatArray], chosen: NDArray[np.bool_], kind: type[np.floating[Any]]) -> NDArray[Any]:
    """Put the chosen columns (units,) beside each other (units, k)."""
    stacked = np.empty((len(columns[0]) if columns else 0, int(chosen.sum())), dtype=kind)
    for place, at in enumerate(np.flatnonzero(chosen).tolist()):
        stacked[:, place] = columns[at]
    return stacked


def _distinct_columns(counts: Sequence[FloatArray]) -> tuple[list[FloatArray], list[NDArray[np.intp]]]:
    """Give the distinct columns of several counts (units, k), and where each count's columns are among them."""
    known: dict[bytes, int] = {}
    columns: list[FloatArray] = []
    places = []
    for some in counts:
        own = np.empty(some.shape[1], dtype=np.intp)
        for at in range(some.shape[1]):
            column = np.ascontiguousarray(some[:, at])
            place = known.setdefault(hashlib.sha256(column.data).digest(), len(columns))
            if place == len(columns):
                columns.append(column)
            own[at] = place
        places.append(own)
    return columns, places


def resample(
    samples: Sequence[tuple[Score, FloatArray]], *, resamples: int = RESAMPLES, seed: int = 0
) -> list[FloatArray]:
    """Bootstrap distributions (resamples,) of several scores over the same units.

    ``samples``: score and counts (units, k) of each metric and role. Pairing comes of itself: counts of both
    roles in one call are weighted alike, so the difference of two distributions is that of the paired
    resamples.
    """
    units = samples[0][1].shape[0]
    return weighted_scores(resampling_weights(units, resamples, seed), samples)


def quiet(score: Score, total: FloatArray) -> FloatArray:
    """Score totals without a warning where a score is undefined (NaN)."""
    with np.errstate(all="ignore"):
        return np.asarray(score(total), dtype=np.float64)


def leave_one_out(score: Score, counts: FloatArray) -> FloatArray:
    """Score each leave-one-out sum of counts (units, k): the jackknife from sums."""
    return quiet(score, counts.sum(axis=0) - counts)


LEAST_TAIL = 1e-12
"""With two units the tail underflows to 0, of which there is no quantile."""


def expanded_tail(level: float, units: int) -> float:
    """Tail probability at which a percentile interval is as wide as a t interval with ``units - 1`` degrees.

    The plain percentile interval is too narrow by ``sqrt((n - 1) / n)`` and by normal against t quantiles;
    Hesterberg
    (2015, "What teachers should know about the bootstrap", section 5.3) moves the tails outwards by just
    that.
    """
    tail = (1 - level) / 2
    if units < 2:  # noqa: PLR2004 - no spread, nothing to expand
        return tail
    from scipy.special import stdtrit

    return max(LEAST_TAIL, NORMAL.cdf(float(stdtrit(units - 1, tail)) * (units / (units - 1)) ** 0.5))


def percentile(distribution: FloatArray, level: float = 0.95, *, units: int | None = None) -> Interval:
    """Percentile interval of a bootstrap distribution; with ``units`` expanded for small samples."""
    tail = (1 - level) / 2 if units is None else expanded_tail(level, units)
    low, high = np.quantile(distribution, [tail, 1 - tail])
    return float(low), float(high)


def bca(
    distribution: FloatArray, estimate: float, jackknife: FloatArray, level: float = 0.95, *, units: int | None = None
) -> Interval:
    """Bias-corrected and accelerated interval (Efron, 1987); with ``units`` expanded for small samples.

    ``jackknife``: the leave-one-out scores. Where they do not vary, or no resample lies on one side of the
    estimate, neither correction is defined, and the percentile interval is given.
    """
    below = (np.sum(distribution < estimate) + np.sum(distribution <= estimate)) / (2 * len(distribution))
    deviations = jackknife.mean() - jackknife if len(jackknife) else jackknife
    spread = float(np.sum(deviations**2))
    if spread == 0 or not 0 < below < 1:
        return percentile(distribution, level, units=units)
    bias = NORMAL.inv_cdf(float(below))
    acceleration = float(np.sum(deviations**3)) / (6 * spread**1.5)
    tail = (1 - level) / 2 if units is None else expanded_tail(level, units)
    shifts = [bias + NORMAL.inv_cdf(end) for end in (tail, 1 - tail)]
    ends = [NORMAL.cdf(bias + shift / max(1e-9, 1 - acceleration * shift)) for shift in shifts]
    low, high = np.quantile(distribution, ends)
    return float(low), float(high)
