"""Multiple choice: right or wrong, which letters are mistaken for which, and how sure the model was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.metrics.base import Measure, mean, mean_of, ratio, signed
from pytest_medeval.types import Direction, FloatArray, Reply

if TYPE_CHECKING:
    from pytest_medeval.tasks.mcq import MCQ, MCQCase

LETTERS: Final = "ABCDEFGHIJ"
BINS: Final = 10
RIGHT_REWARD: Final = 1.0
WRONG_REWARD: Final = 0.1
GOLD, PREDICTED, CONFIDENCE, BRIER = range(4)
"""Columns of the stored row: letter indices (-1: no answer), probability of the prediction and squared error
of the probabilities (-1: the options were not scored)."""


def row(case: MCQCase, reply: Reply) -> Sequence[float]:
    """Give the row that all metrics of multiple choice share."""
    gold = LETTERS.index(case.answer)
    if reply.prediction is None:
        return [gold, -1, -1, -1]
    predicted = LETTERS.index(reply.prediction)
    if not reply.confidence:
        return [gold, predicted, -1, -1]
    error = sum((weight - (letter == case.answer)) ** 2 for letter, weight in reply.confidence.items())
    return [gold, predicted, reply.confidence[reply.prediction], error]


def accuracy(task: MCQ) -> Measure:
    """Share of questions answered rightly: #(prediction = gold) / #questions.

    A question without an answer is wrong. Range 0 to 1, higher is better; NaN for no question. Equal to
    scikit-learn's ``accuracy_score`` with unanswered as a label of its own.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> metric = accuracy(MCQ())
    >>> float(metric.score(metric.expand(np.array([[0, 0, -1, -1], [1, -1, -1, -1]])).sum(axis=0)))
    0.5
    """
    return _measure(task, "accuracy", _values(_right), mean)


def answered(task: MCQ) -> Measure:
    """Share of questions from whose reply one option could be read: #answered / #questions.

    Range 0 to 1, higher is better; 1 by construction where options are scored; NaN for no question.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> answered(MCQ()).expand(np.array([[0, 2, -1, -1], [1, -1, -1, -1]])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return _measure(task, "answered", _values(lambda rows: rows[..., PREDICTED] >= 0), mean)


def reward(task: MCQ) -> Measure:
    """Mean reward: 1.0 for a right answer, 0.1 for any other reply.

    Source: the reward of S2's PPO stage (MedLLM). Range 0.1 to 1, higher is better; a linear function of
    accuracy, 0.1 + 0.9 accuracy; NaN for no question.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> reward(MCQ()).expand(np.array([[0, 0, -1, -1], [1, 0, -1, -1]])).tolist()
    [[1.0, 1.0], [0.1, 1.0]]
    """
    values = _values(lambda rows: np.where(_right(rows), RIGHT_REWARD, WRONG_REWARD))
    return _measure(task, "reward", values, mean, f"right:{RIGHT_REWARD:g}", f"else:{WRONG_REWARD:g}")


def macro_precision(task: MCQ) -> Measure:
    """Mean over letters of P = tp / (tp + fp); see ``macro_f1``."""
    return _macro(task, "macro_precision", lambda tp, said, gold: ratio(tp, said, 0.0))  # noqa: ARG005 - one shape


def macro_recall(task: MCQ) -> Measure:
    """Mean over letters of R = tp / (tp + fn); see ``macro_f1``."""
    return _macro(task, "macro_recall", lambda tp, said, gold: ratio(tp, gold, 0.0))  # noqa: ARG005 - one shape


def macro_f1(task: MCQ) -> Measure:
    """Mean over letters of F1 = 2 tp / (2 tp + fp + fn).

    The letters are those that occur as gold or as prediction among the summed cases, and each counts alike.
    An unanswered question is a miss (fn) of its gold letter and no prediction of any. A letter that is never
    predicted, or never right, scores 0: scikit-learn's ``precision_recall_fscore_support(labels=letters,
    average="macro", zero_division=0)``. Range 0 to 1, higher is better; NaN for no question; no score for a
    single case.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> metric = macro_f1(MCQ())
    >>> rows = np.array([[0, 0, -1, -1], [1, 0, -1, -1], [1, 1, -1, -1]])
    >>> round(float(metric.score(metric.expand(rows).sum(axis=0))), 4)
    0.6667
    """
    return _macro(task, "macro_f1", lambda tp, said, gold: ratio(2 * tp, said + gold, 0.0))


def brier(task: MCQ) -> Measure:
    """Brier score over all options: mean of sum over options k of (p_k - y_k)^2.

    p_k: probability of option k among the options, y_k: 1 for gold, else 0. Source: Brier 1950. Range 0 to 2,
    lower is better; always answering evenly over K options gives 1 - 1/K. NaN, that is absent, where a letter
    was read from a reply and no option was scored. Equal to scikit-learn's
    ``brier_score_loss(scale_by_half=False)``.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> brier(MCQ()).expand(np.array([[0, 0, 0.5, 0.5], [0, 0, -1, -1]])).tolist()
    [[0.5, 1.0], [0.0, 0.0]]
    """
    return _measure(task, "brier", mean_of(BRIER), mean, direction=-1)


def ece(task: MCQ) -> Measure:
    """ECE, expected calibration error: sum over bins b of n_b / n * |accuracy_b - confidence_b|.

    Cases are sorted by the probability of their prediction and cut into 10 bins of equal mass; equal
    probabilities stay in one bin, so that the order of the cases does not matter. Resamples keep the bins of
    the whole sample. Source: Naeini et al. 2015; equal mass: Nixon et al. 2019, section 3. Range 0 to 1,
    lower is better. NaN, that is absent, where no option was scored; no score for a single case.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> metric = ece(MCQ())
    >>> rows = np.array([[0, 0, 0.75, 0.125], [1, 0, 0.75, 1.125]])
    >>> float(metric.score(metric.expand(rows).sum(axis=0)))
    0.25
    """
    parts = (f"bins:{BINS}", "mass:equal", "conf:top")
    return _measure(task, "ece", _spread_bins, _fold_bins, *parts, direction=-1, per_case=False)


def confusion(rows: FloatArray) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Count gold letters (rows) against predicted ones: the letters that occur, and a matrix (L, L + 1).

    The last column counts questions without an answer.

    >>> confusion(np.array([[0, 1, -1, -1], [1, -1, -1, -1]]))
    (('A', 'B'), array([[0, 1, 0],
           [0, 0, 1]]))
    """
    found = np.asarray(rows, dtype=np.int64).reshape(-1, 4)
    counts = np.zeros((len(LETTERS), len(LETTERS) + 1), dtype=np.int64)
    np.add.at(counts, (found[:, GOLD], found[:, PREDICTED]), 1)  # -1 is the last column
    used = [at for at in range(len(LETTERS)) if counts[at].any() or counts[:, at].any()]
    return tuple(LETTERS[at] for at in used), counts[np.ix_(used, [*used, len(LETTERS)])]


def _measure(
    task: MCQ,
    name: str,
    spread: Callable[[FloatArray], FloatArray],
    fold: Callable[[FloatArray], FloatArray],
    *parts: str,
    direction: Direction = 1,
    per_case: bool = True,
) -> Measure:
    how = f"norm:{task.normalize}" if task.scoring == "texts" else ""
    asked = tuple(part for part in (f"scoring:{task.scoring}", how) if part)
    return Measure(
        name=name, counts="mcq", signature=signed(name, *asked, *parts), make=row, spread=spread, fold=fold,
        direction=direction, per_case=per_case,
    )  # fmt: skip


def _right(rows: FloatArray) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = rows[..., GOLD] == rows[..., PREDICTED]
    return found


def _values(of: Callable[[FloatArray], FloatArray | NDArray[np.bool_]]) -> Callable[[FloatArray], FloatArray]:
    """Spread rows to (value, 1)."""

    def spread(rows: FloatArray) -> FloatArray:
        return np.stack([of(rows).astype(np.float64), np.ones(rows.shape[:-1])], axis=-1)

    return spread


Share: TypeAlias = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""(right predictions, predictions, golds) of letters -> their scores."""


def _macro(task: MCQ, name: str, share: Share) -> Measure:
    def fold(total: FloatArray) -> FloatArray:
        true, said, gold = np.moveaxis(total.reshape(*total.shape[:-1], 3, len(LETTERS)), -2, 0)
        occurs = said + gold > 0
        return ratio(np.where(occurs, share(true, said, gold), 0.0).sum(axis=-1), occurs.sum(axis=-1))

    return _measure(task, name, _spread_letters, fold, "zero_division:0", per_case=False)


def _spread_letters(rows: FloatArray) -> FloatArray:
    """Give, for each letter: right predictions, predictions, golds (n, 3 * 10)."""
    letters = np.arange(len(LETTERS))
    gold = rows[..., GOLD, None] == letters
    said = rows[..., PREDICTED, None] == letters
    return np.concatenate([gold & said, said, gold], axis=-1).astype(np.float64)


def _spread_bins(rows: FloatArray) -> FloatArray:
    """Give, for each bin: cases, right ones, sum of probabilities (n, 3 * bins); unscored are in none."""
    confidence = rows[:, CONFIDENCE]
    scored = confidence >= 0
    rank = np.searchsorted(np.sort(confidence[scored]), confidence, side="left")
    own = (rank * BINS // max(int(scored.sum()), 1))[:, None] == np.arange(BINS)
    own &= scored[:, None]
    parts = [own, own & _right(rows)[:, None], own * confidence[:, None]]
    return np.concatenate(parts, axis=-1).astype(np.float64)


def _fold_bins(total: FloatArray) -> FloatArray:
    cases, right, sure = np.moveaxis(total.reshape(*total.shape[:-1], 3, BINS), -2, 0)
    return ratio(np.abs(right - sure).sum(axis=-1), cases.sum(axis=-1))
