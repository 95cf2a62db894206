"""Multiple choice with several right options: whole sets, single options, and partial credit by a named rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import FloatArray, Reply
from pytest_medeval.metrics.base import SHARE, Measure, mean, ratio, signed
from pytest_medeval.tasks.mcq import MCQ, MCQCase

OPTIONS, GOLD, SAID, BOTH, ANSWERED = range(5)
"""Columns of the stored row: how many options there are, are right, are named, are both; whether it is answered."""

Counts = Callable[[FloatArray], FloatArray]


def row(case: MCQCase, reply: Reply) -> Sequence[float]:
    """Give the row that all of these metrics share."""
    gold, said = set(case.answer), set(reply.prediction or "")
    return [len(case.options), len(gold), len(said), len(gold & said), bool(said)]


def accuracy(task: MCQ) -> Measure:
    """Share of questions of which exactly the right options are named: #(named = right) / #questions.

    Subset accuracy: one option too few or too many is wrong, and so is no answer. Range 0 to 1, higher is better; NaN
    for no question. Equal to scikit-learn's ``accuracy_score`` of indicator matrices.

    >>> accuracy(MCQ(scoring="reply", several=True)).expand([[4, 2, 2, 2, 1], [4, 2, 1, 1, 1]]).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return _share(task, "accuracy", lambda rows: _no_other(rows) * (rows[..., BOTH] == rows[..., GOLD]), "of:sets")


def answered(task: MCQ) -> Measure:
    """Share of questions from whose reply a set of options could be read. Range 0 to 1, higher is better."""
    return _share(task, "answered", lambda rows: rows[..., ANSWERED], "of:sets")


def partial_credit(task: MCQ) -> Measure:
    """Mean partial credit, by the suite's rule ``credit``; no answer has none.

    ``subset``: share of the right options that are named, 0 where a wrong one is. ``options``: share of all options
    that are judged rightly, as in multiple true-false questions. ``ripkey``: share of the right options that are named,
    0 where more are named than are right (Ripkey et al. 1996). ``jaccard``: named and right / named or right. Source of
    the comparison: Schmidt et al. 2021, Educational Research Review. Range 0 to 1, higher is better.

    >>> metric = partial_credit(MCQ(scoring="reply", several=True, credit="options"))
    >>> metric.expand([[4, 2, 1, 1, 1], [4, 2, 0, 0, 0]]).tolist()
    [[0.75, 1.0], [0.0, 1.0]]
    """
    rule = _RULES[task.credit]
    return _share(task, "partial_credit", lambda rows: rule(rows) * rows[..., ANSWERED], f"credit:{task.credit}")


def option_precision(task: MCQ) -> Measure:
    """Micro precision over options: of the named ones, the share that is right; see ``option_f1``."""
    return _ratio(task, "option_precision", lambda rows: [rows[..., BOTH], rows[..., SAID]])


def option_recall(task: MCQ) -> Measure:
    """Micro recall over options: of the right ones, the share that is named; see ``option_f1``."""
    return _ratio(task, "option_recall", lambda rows: [rows[..., BOTH], rows[..., GOLD]])


def option_f1(task: MCQ) -> Measure:
    """Micro F1 over the options of all questions: 2 tp / (2 tp + fp + fn); an unanswered question misses its own.

    Range 0 to 1, higher is better; NaN for no question. Equal to scikit-learn's ``f1_score(average="micro")`` of
    indicator matrices.

    >>> metric = option_f1(MCQ(scoring="reply", several=True))
    >>> float(metric.score(metric.expand([[4, 2, 2, 1, 1], [4, 2, 0, 0, 0]]).sum(axis=0)))
    0.3333333333333333
    """
    return _ratio(task, "option_f1", lambda rows: [2 * rows[..., BOTH], rows[..., SAID] + rows[..., GOLD]])


def _no_other(rows: FloatArray) -> FloatArray:
    return np.where(rows[..., SAID] == rows[..., BOTH], 1.0, 0.0)


def _wrong(rows: FloatArray) -> FloatArray:
    found: FloatArray = rows[..., SAID] + rows[..., GOLD] - 2 * rows[..., BOTH]
    return found


_RULES: Final[dict[str, Counts]] = {
    "subset": lambda rows: ratio(rows[..., BOTH], rows[..., GOLD], 0.0) * _no_other(rows),
    "options": lambda rows: 1 - ratio(_wrong(rows), rows[..., OPTIONS], 0.0),
    "ripkey": lambda rows: ratio(rows[..., BOTH], rows[..., GOLD], 0.0) * (rows[..., SAID] <= rows[..., GOLD]),
    "jaccard": lambda rows: ratio(rows[..., BOTH], rows[..., SAID] + rows[..., GOLD] - rows[..., BOTH], 0.0),
}


def _share(task: MCQ, name: str, value: Counts, *parts: str) -> Measure:
    def spread(rows: FloatArray) -> FloatArray:
        found = value(rows)
        return np.stack([found, np.ones_like(found)], axis=-1).astype(np.float64)

    return _measure(task, name, spread, mean, *parts)


def _ratio(task: MCQ, name: str, parts: Callable[[FloatArray], Sequence[FloatArray]]) -> Measure:
    return _measure(
        task, name, lambda rows: np.stack(parts(rows), axis=-1), lambda total: ratio(total[..., 0], total[..., 1], 0.0)
    )


def _measure(task: MCQ, name: str, spread: Counts, fold: Counts, *parts: str) -> Measure:
    if not task.several:
        raise MedevalError(f"metric {name!r} is of questions with several right options; accepted: 'answer' a list")
    return Measure(
        name=name, counts="mcq_several", signature=signed(name, f"scoring:{task.scoring}", *parts), make=row,
        spread=spread, fold=fold, bounds=SHARE,
    )  # fmt: skip
