"""The one shape that all metrics have: how a row is made, spread into counts, and scored."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from pytest_medeval.core.types import Direction, FloatArray, Metric, Reply

SHARE = (0.0, 1.0)
"""Bounds of a share, and of most scores."""


def unchanged(rows: FloatArray) -> FloatArray:
    """Take the rows themselves as counts."""
    return rows


def ratio(numerator: FloatArray, denominator: FloatArray, empty: float = np.nan) -> FloatArray:
    """Divide; ``empty`` where the denominator is 0."""
    defined = denominator != 0
    filled = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), empty)
    np.divide(numerator, denominator, out=filled, where=defined)
    return filled


def mean(total: FloatArray) -> FloatArray:
    """Divide the sum of values by their number; NaN for none."""
    return ratio(total[..., 0], total[..., 1])


@dataclass(kw_only=True)
class Measure:
    """A metric made of three functions; see ``pytest_medeval.core.types.Metric``.

    ``make`` gives the stored row of a case, ``spread`` turns rows (n, r) into counts (n, k) that may be
    summed, and ``fold`` scores sums (..., k) -> (...). Unless said otherwise rows are (value, 1), and the score is
    their mean.
    """

    name: str
    counts: str
    signature: str
    make: Callable[[Any, Reply], Sequence[float]]
    fold: Callable[[FloatArray], FloatArray] = mean
    spread: Callable[[FloatArray], FloatArray] = unchanged
    direction: Direction = 1
    per_case: bool = True
    lexical: bool = False
    bounds: tuple[float, float] = (-math.inf, math.inf)
    biased: str = ""
    """Why neither interval, test nor gate may rest on it."""
    classes: Callable[[FloatArray], Mapping[str, float]] | None = None
    """Of a mean over classes: how many right answers are of each that occurs, from summed counts (k,)."""
    over_draws: bool = False
    """Whether it reads all draws of a case together, and is no mean over them."""

    def row(self, case: Any, reply: Reply) -> Sequence[float]:
        """Give the stored row of one case."""
        return self.make(case, reply)

    def expand(self, rows: FloatArray) -> FloatArray:
        """Turn stored rows (n, r) into counts (n, k) that may be summed."""
        return self.spread(np.asarray(rows, dtype=np.float64))

    def score(self, total: FloatArray) -> FloatArray:
        """Score summed counts (..., k) -> (...)."""
        return self.fold(np.asarray(total, dtype=np.float64))


class Drawn:
    """A metric of cases for which several replies are drawn: a row holds that of each draw, and counts are their mean.

    So the draws of a case are averaged before anything is resampled, and intervals are over cases.
    """

    def __init__(self, metric: Metric, draws: int) -> None:
        self.metric, self.draws = metric, draws
        self.name, self.counts, self.direction = metric.name, metric.counts, metric.direction
        self.per_case, self.bounds = metric.per_case, metric.bounds
        self.lexical, self.biased = getattr(metric, "lexical", False), getattr(metric, "biased", "")
        self.classes = getattr(metric, "classes", None)
        head, mark, version = metric.signature.partition("|version:")
        self.signature = f"{head}|draws:{draws}{mark}{version}"

    def row(self, case: Any, reply: Reply) -> Sequence[float]:
        """Give the rows of all draws, one behind the other."""
        return [value for draw in reply.draws for value in self.metric.row(case, draw)]

    def expand(self, rows: FloatArray) -> FloatArray:
        """Average the counts of a case over its draws."""
        if getattr(self.metric, "over_draws", False):
            return self.metric.expand(rows)
        counts = self.metric.expand(apart(rows, self.draws))
        averaged: FloatArray = counts.reshape(*rows.shape[:-1], self.draws, -1).mean(axis=-2)
        return averaged

    def score(self, total: FloatArray) -> FloatArray:
        """Score as the metric does."""
        return self.metric.score(total)


def apart(rows: FloatArray, draws: int) -> FloatArray:
    """Give rows (n, draws * r) of cases as rows (n * draws, r) of replies; NaN where there is none."""
    if rows.shape[-1] % draws:
        return np.repeat(rows, draws, axis=0)
    return rows.reshape(-1, rows.shape[-1] // draws)


def mean_of(column: int) -> Callable[[FloatArray], FloatArray]:
    """Spread rows to (value, 1) of one column, for a mean; a negative value is none: (0, 0)."""

    def spread(rows: FloatArray) -> FloatArray:
        value = rows[..., column]
        return np.stack([np.where(value >= 0, value, 0.0), (value >= 0).astype(np.float64)], axis=-1)

    return spread


def signed(name: str, *parts: str, library: str = "pytest-medeval") -> str:
    """Join a signature in sacreBLEU's manner, the version of what defines the number last."""
    return "|".join([name, *parts, f"version:{library}-{version_of(library)}"])


version_of = cache(version)
"""``version_of(library)``: the version that is installed."""
