"""Prediction-powered inference: a mean that people measured on a few cases and a judge on many.

PPI++ (Angelopoulos, Duchi, Zrnic 2023): with ``f`` what the judge says of a case and ``y`` what people say,

    estimate = w mean(f over unrated cases) + mean(y - w f over rated cases)

is unbiased for the mean of ``y`` whatever the judge's bias, as long as the rated cases were drawn by chance;
the weight ``w`` in [0, 1] that makes it narrowest is that of ``ppi_py`` 0.2.3. It is cross-fitted: each fold of
the rated cases is corrected with the weight that the other folds give, so that the weight cannot follow the
noise that it is to remove. The standard error sums the influence of all cases of an independent unit before it
squares (the sandwich by clusters), and the interval is Student's with the rated units less one as degrees of freedom.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.types import FloatArray
from pytest_medeval.stats.bootstrap import Interval

FOLDS = 5
"""Of 20 rated units 16 are left for a weight."""
FEWEST_UNITS = 2
"""One unit has no spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """A mean corrected by people's ratings, in the ratings' unit.

    ``se``: its standard error; ``weight``: what of the judge's grades was used (0: none of them helped);
    ``rated``, ``judged``: cases drawn by chance that people rated, and all cases that the mean speaks for; ``units``:
    independent units among the rated.
    """

    value: float
    se: float
    weight: float
    rated: int
    judged: int
    units: int

    def interval(self, level: float = 0.95) -> Interval:
        """Student's interval at a level, the standard error scaled for the number of rated units."""
        from scipy.stats import t

        half = float(t.ppf((1 + level) / 2, self.units - 1)) * self.se * math.sqrt(self.units / (self.units - 1))
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float:
        """Two-sided p of a mean of zero; 1 where nothing varies around zero."""
        from scipy.stats import t

        se = self.se * math.sqrt(self.units / (self.units - 1))
        if se == 0:
            return 1.0 if self.value == 0 else 0.0
        return float(2 * t.sf(abs(self.value) / se, self.units - 1))


def _weight(people: FloatArray, judged: FloatArray, unrated: FloatArray) -> float:
    """Give the weight of least variance, as ``ppi_py`` with ``clip=True`` has it; 0 where all cases were rated."""
    if not len(unrated):
        return 0.0
    together = np.var(np.concatenate([judged, unrated]), ddof=1)
    if together == 0:
        return 0.0
    covariance = np.mean((people - people.mean()) * (judged - judged.mean()))
    return float(np.clip(covariance / ((1 + len(people) / len(unrated)) * together), 0.0, 1.0))


def corrected_mean(
    judged: FloatArray,
    people: FloatArray,
    units: NDArray[np.intp] | None = None,
    *,
    known: FloatArray | None = None,
    folds: int = FOLDS,
) -> Corrected | None:
    """Correct the mean of a judge's values by people's ratings of some of the cases.

    ``judged``, ``people`` (n,): of the same cases; ``people`` is NaN where nobody rated. ``units`` (n,): numbers of the
    independent units, None where each case is one. ``known`` (n,): what people would say of cases that nobody needs to
    read, NaN for all others; the rated cases are a random part of those others, and the mean is over both. ``folds``:
    1 takes one weight from all, as ``ppi_py`` does. None with fewer than two rated units.
    """
    if len(judged) != len(people):
        raise ValueError(f"{len(judged)} judged values against {len(people)} places for people's")
    own = np.arange(len(judged)) if units is None else units
    given = np.full(len(judged), np.nan) if known is None else known
    read = np.isnan(given)
    rated = np.isfinite(people) & read
    names = np.unique(own[rated])
    if len(names) < FEWEST_UNITS:
        return None
    unrated = read & ~rated
    judged = judged - judged[read].mean()  # folds with other weights must not spread by the judge's level
    weights = _weights(judged, people, (rated, unrated), own, min(folds, len(names)))
    weight = float(weights[rated].mean())
    residual, used = people[rated] - weights[rated] * judged[rated], weight * judged[unrated]
    inside = float(residual.mean() + (used.mean() if len(used) else 0.0))
    value = float(np.where(read, inside, given).mean())
    influence = (np.where(read, inside, given) - value) / len(judged)
    share = float(read.mean())
    influence[rated] += share * (residual - residual.mean()) / len(residual)
    if len(used):
        influence[unrated] += share * (used - used.mean()) / len(used)
    _, codes = np.unique(own, return_inverse=True)
    return Corrected(
        value=value,
        se=float(np.sqrt(np.sum(np.bincount(codes, weights=influence) ** 2))),
        weight=weight,
        rated=len(residual),
        judged=len(judged),
        units=len(names),
    )


def _weights(
    judged: FloatArray,
    people: FloatArray,
    parts: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    own: NDArray[np.intp],
    folds: int,
) -> FloatArray:
    """Give each rated case the weight that the units of the other folds ask for; unit i is in fold i % ``folds``.

    ``parts``: which cases were rated, and which could have been.
    """
    rated, unrated = parts
    fold = np.full(len(judged), -1)
    fold[rated] = np.unique(own[rated], return_inverse=True)[1] % folds
    weights = np.zeros(len(judged))
    for one in range(folds):
        others = rated & (fold != one) if folds > 1 else rated
        weights[fold == one] = _weight(people[others], judged[others], judged[unrated])
    return weights
