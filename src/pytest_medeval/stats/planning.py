"""Plan how many cases settle a gate, and how many ratings of people correct a judge.

Cases: a normal approximation with the error that a pilot shows, over independent units; that the pilot is a sample is
told by resampling its units, which gives a range and not a number.

Ratings: the variance of PPI++ by how many cases are rated.

With ``n`` of ``N`` read cases rated, ``f`` what the judge says of a case, ``y`` what people say and the weight ``w`` of
``stats.ppi``,

    var = share**2 ((var(y) - 2 w cov(y, f) + w**2 var(f)) / n + w**2 var(f) / (N - n)) + var(all cases) / cases

``share`` being that of the cases that need reading, and the last term what the sampling of the others adds. A pilot
gives the moments, and how much wider dependent cases make the error; that it is a sample is told by resampling its
rated units.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.types import FloatArray
from pytest_medeval.stats.bootstrap import NORMAL
from pytest_medeval.stats.ppi import corrected_mean

POWER = 0.8
MOST_CASES = 1_000_000
"""Numbers beyond this are no advice: the difference lies on the condition."""
FEWEST = 20
"""Fewer rated units correct no judge, and fewer cases are not compared (``verdicts.gates``)."""
PILOTS = 400
"""Resampled pilots."""


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


def detectable_paired(sd: float, n: int, *, alpha: float = 0.05, power: float = POWER) -> float:
    """Minimum detectable difference of a paired design; ``sd``: of the per-case differences."""
    return _quantiles(alpha, power) * sd / math.sqrt(n)


@dataclass(frozen=True, slots=True)
class Pilot:
    """A judge's values and people's of the same cases, as ``corrected_mean`` takes them."""

    judged: FloatArray
    people: FloatArray
    units: NDArray[np.intp] | None
    known: FloatArray

    @property
    def read(self) -> NDArray[np.bool_]:
        """Which cases people need to read."""
        return np.isnan(self.known)

    @property
    def rated(self) -> NDArray[np.bool_]:
        """Which of them were rated."""
        return np.isfinite(self.people) & self.read


@dataclass(frozen=True, slots=True)
class Cases:
    """Cases that settle a gate at 10, 50 and 90 % of resampled pilots; None: no sensible number does."""

    low: int | None
    middle: int | None
    high: int | None


def cases_for(
    values: FloatArray, units: NDArray[np.intp] | None, room: float, *, truth: float | None = None,
    power: float = POWER, seed: int = 0,
) -> Cases:  # fmt: skip
    """Say how many cases a gate needs to pass with a power (two-sided 5 %).

    ``values`` (n,): what each case adds to a difference or a value, so that more is better; ``units``: of what each is;
    ``room``: what is added to their mean to reach what the gate asks for (a margin). ``truth``: the mean that is taken
    for true; None: that of the pilot, whose own error then makes the range wide. In resampled pilots whose mean
    lies on the wrong side no number of cases is enough. Fewer than 20 cases are never told: a comparison of fewer is
    not judged, and a normal approximation says nothing of them.
    """
    units = np.arange(len(values)) if units is None else units
    sums, sizes = np.bincount(units, weights=values), np.bincount(units).astype(np.float64)
    drawn = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), PILOTS)
    counts = drawn @ sizes
    means = (drawn @ sums) / counts
    spread = np.sum(drawn * (sums - means[:, None] * sizes) ** 2, axis=1) * len(sums) / max(1, len(sums) - 1)
    distance = (means if truth is None else np.full(PILOTS, truth)) + room
    ratio = (NORMAL.inv_cdf(0.975) + NORMAL.inv_cdf(power)) / np.maximum(distance, 1e-12)
    needed = np.where(distance > 0, spread / counts * ratio**2, np.inf)
    ends = np.quantile(needed, [0.1, 0.5, 0.9], method="nearest")
    return Cases(*(None if end > MOST_CASES else max(FEWEST, math.ceil(end)) for end in ends.tolist()))


@dataclass(frozen=True, slots=True)
class Needed:
    """Rated cases that give the power: by the pilot, and at 10 % and 90 % of resampled ones; None: not reached."""

    ratings: int | None
    low: int | None
    high: int | None


def ratings_needed(pilot: Pilot, distance: float, *, power: float = POWER, seed: int = 0) -> Needed | None:
    """Say how many ratings tell a difference ``distance`` from a condition (two-sided 5 %) with a power.

    ``distance``: of the true difference from what the gate asks for, in points. None where the pilot has fewer than
    two rated units.
    """
    if corrected_mean(pilot.judged, pilot.people, pilot.units, known=pilot.known) is None:
        return None
    cases = int(pilot.read.sum())
    first = min(FEWEST, cases)
    counts = np.arange(first, cases + 1, dtype=np.float64)
    from scipy.stats import t

    scale = _dependence(pilot) * np.sqrt(counts / np.maximum(counts - 1, 1))  # that of ``Corrected.interval``
    reach = scale * (t.ppf(0.975, np.maximum(counts - 1, 1)) + NORMAL.inv_cdf(power))

    def fewest(one: Pilot) -> float:
        enough = np.flatnonzero(reach * planned_error(one, counts) <= distance)
        return float(counts[enough[0]]) if len(enough) else np.inf

    drawn = [fewest(one) for one in _resampled(pilot, seed)]
    low, high = np.quantile(drawn, [0.1, 0.9], method="nearest")
    return Needed(*(None if np.isinf(one) else int(one) for one in (fewest(pilot), low, high)))


def planned_error(pilot: Pilot, counts: FloatArray) -> FloatArray:
    """Give the standard error (k,) of the corrected mean with so many independent cases rated (k,)."""
    read, rated = pilot.read, pilot.rated
    people, judged = pilot.people[rated], pilot.judged[rated]
    spread, rest = float(np.var(pilot.judged[read], ddof=1)), read.sum() - counts
    both = float(np.mean(people * (judged - judged.mean())))
    left = np.maximum(rest, 1.0)
    weight = np.where(rest > 0, np.clip(both / ((1 + counts / left) * max(spread, 1e-12)), 0, 1), 0.0)
    inside = (np.var(people) - 2 * weight * both + weight**2 * np.var(judged)) / counts
    inside = inside + np.where(rest > 0, weight**2 * spread / left, 0.0)
    between = np.var(np.where(read, people.mean(), pilot.known)) / len(read)
    return np.asarray(np.sqrt(between + read.mean() ** 2 * inside))


def _dependence(pilot: Pilot) -> float:
    """Give how much wider the error of dependent cases is than that of as many independent ones; 1 at least."""
    if pilot.units is None:
        return 1.0
    found = [corrected_mean(pilot.judged, pilot.people, units, known=pilot.known) for units in (pilot.units, None)]
    (one, apart) = (each.se if each else 0.0 for each in found)
    return max(1.0, one / apart) if apart else 1.0


def _resampled(pilot: Pilot, seed: int) -> Iterator[Pilot]:
    """Draw rated units with replacement; what was not rated stays."""
    rng = np.random.default_rng(seed)
    where = np.flatnonzero(pilot.rated)
    own = np.arange(len(pilot.judged)) if pilot.units is None else pilot.units
    groups = [where[own[where] == name] for name in np.unique(own[where])]
    others = np.flatnonzero(~pilot.rated)
    for _ in range(PILOTS):
        drawn = [groups[index] for index in rng.integers(0, len(groups), len(groups))]
        taken = np.concatenate([*drawn, others])
        yield replace(
            pilot, judged=pilot.judged[taken], people=pilot.people[taken], units=None, known=pilot.known[taken]
        )
