"""Values that are computed: right within the range, how far off, and whether there is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_medeval.core.types import Direction, Reply
from pytest_medeval.metrics.base import SHARE, Measure, mean_of, signed
from pytest_medeval.tasks.number import Number, NumberCase, wanted, within
from pytest_medeval.tasks.reading.values.written import value_of

RIGHT, ERROR, ANSWERED = range(3)
"""Columns of the stored row: 0 or 1; relative error up to 1 (-1: a date has none); 0 or 1."""
FARTHEST: Final = 1.0


def accuracy(task: Number) -> Measure:
    """Share of the values within the range: #(low <= value <= high) / #cases, both ends included.

    Source: MedCalc-Bench (Khandekar et al. 2024), section 3: 5 % of the gold to each side for equations, equality for
    rules and dates; its evaluation rounds what is said to a rule's question, which is not done here. A reply without a
    value is wrong. Range 0 to 1, higher is better; NaN for no case.

    >>> accuracy(Number()).expand([[1, 0.02, 1], [0, 1, 0]]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return _measure(task, "accuracy", RIGHT)


def relative_error(task: Number) -> Measure:
    """Mean relative error, at most 1 a case: min(|value - gold| / |gold|, 1).

    A reply without a value counts 1, as one that says 0 does; so does any other value where the gold is 0. Ages are
    compared in days; dates have no relative error and are left out. Range 0 to 1, lower is better; NaN where all golds
    are dates.

    >>> metric = relative_error(Number())
    >>> float(metric.score(metric.expand([[1, 0.02, 1], [0, 1, 0], [1, -1, 1]]).sum(axis=0)))
    0.51
    """
    return _measure(task, "relative_error", ERROR, f"cap:{FARTHEST:g}", direction=-1)


def answered(task: Number) -> Measure:
    """Share of the replies from which one value could be read: #answered / #cases.

    Range 0 to 1, higher is better; NaN for no case.

    >>> answered(Number()).expand([[1, 0.02, 1], [0, 1, 0]]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return _measure(task, "answered", ANSWERED)


def row(case: NumberCase, reply: Reply) -> Sequence[float]:
    """Give the row that all metrics of values share."""
    gold = wanted(case)
    said = value_of(reply.prediction) if reply.prediction is not None else None
    if said is None:
        return [0.0, -1.0 if gold.kind == "date" else FARTHEST, 0.0]
    off = abs(said.amount - gold.amount)
    error = 0.0 if off == 0 else FARTHEST if gold.amount == 0 else min(off / abs(gold.amount), FARTHEST)
    return [float(within(case, said)), -1.0 if gold.kind == "date" else error, 1.0]


def _measure(task: Number, name: str, column: int, *parts: str, direction: Direction = 1) -> Measure:  # noqa: ARG001 - no option matters
    return Measure(
        name=name, counts="number", signature=signed(name, *parts, "read:stated"), make=row, spread=mean_of(column),
        direction=direction, bounds=SHARE,
    )  # fmt: skip
