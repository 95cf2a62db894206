"""Multiple choice in all cyclic orders of the options: whether the answer hangs on the order.

Multiple choice: right or wrong, and which letters are mistaken for which.

A question that was asked in several orders of its options has a reply to each: every metric is then the
mean over the orders of a question, and each question counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Direction, FloatArray, Reply
from pytest_medeval.metrics.base import SHARE, Measure, mean, ratio, signed
from pytest_medeval.metrics.choices import several
from pytest_medeval.tasks.mcq import LETTERS, MCQ, MOST_ROTATED, MCQCase

RIGHT_REWARD: Final = 1.0
WRONG_REWARD: Final = 0.1
GOLD, PREDICTED, CONFIDENCE, BRIER = range(4)
"""Columns of the stored row: letter indices (-1: no answer), probability of the prediction (of a tie: that of the
likeliest) and squared error of the probabilities (-1: the options were not scored)."""
WIDTH: Final = 4
UNUSED: Final = -2.0
"""Fills the columns of orders that a question with fewer options does not have."""


def row(case: MCQCase, reply: Reply) -> Sequence[float]:
    """Give the row that all metrics of multiple choice share: four columns for each order that was asked.

    Letters are those that the model was shown. With several orders there is room for ten.
    """
    gold = LETTERS.index(case.answer)
    if not reply.parts:
        return _columns(gold, reply)
    golds = ((gold - by) % len(case.options) for by in range(len(reply.parts)))
    found = [value for own, part in zip(golds, reply.parts, strict=True) for value in _columns(own, part)]
    return found + [UNUSED] * (WIDTH * MOST_ROTATED - len(found))


def _columns(gold: int, reply: Reply) -> list[float]:
    predicted = -1 if reply.prediction is None else LETTERS.index(reply.prediction)
    if not reply.confidence:
        return [gold, predicted, -1, -1]
    error = sum((weight - (letter == LETTERS[gold])) ** 2 for letter, weight in reply.confidence.items())
    sure = reply.confidence.get(reply.prediction, max(reply.confidence.values()))
    return [gold, predicted, sure, error]


def accuracy(task: MCQ) -> Measure:
    """Share of questions answered rightly: #(prediction = gold) / #questions.

    A question without an answer is wrong. Range 0 to 1, higher is better; NaN for no question. Equal to
    scikit-learn's ``accuracy_score`` with unanswered as a label of its own.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> metric = accuracy(MCQ())
    >>> float(metric.score(metric.expand(np.array([[0, 0, -1, -1], [1, -1, -1, -1]])).sum(axis=0)))
    0.5
    """
    return several.accuracy(task) if task.several else measure(task, "accuracy", averaged(right), mean)


def answered(task: MCQ) -> Measure:
    """Share of questions from whose reply one option could be read: #answered / #questions.

    Range 0 to 1, higher is better; 1 where options are scored and no two tie; NaN for no question.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> answered(MCQ()).expand(np.array([[0, 2, -1, -1], [1, -1, -1, -1]])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    if task.several:
        return several.answered(task)
    return measure(task, "answered", averaged(lambda asked: asked[..., PREDICTED] >= 0), mean)


def reward(task: MCQ) -> Measure:
    """Mean reward: 1.0 for a right answer, 0.1 for any other reply.

    Source: the reward of S2's PPO stage (MedLLM). Range 0.1 to 1, higher is better; a linear function of
    accuracy, 0.1 + 0.9 accuracy; NaN for no question.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> reward(MCQ()).expand(np.array([[0, 0, -1, -1], [1, 0, -1, -1]])).tolist()
    [[1.0, 1.0], [0.1, 1.0]]
    """
    values = averaged(lambda asked: np.where(right(asked), RIGHT_REWARD, WRONG_REWARD))
    return measure(task, "reward", values, mean, f"right:{RIGHT_REWARD:g}", f"else:{WRONG_REWARD:g}")


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


def confusion(rows: FloatArray) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Count gold letters (rows) against predicted ones: the letters that occur, and a matrix (L, L + 1).

    The last column counts questions without an answer. Of a question in several orders each counts, by the
    letters that were shown.

    >>> confusion(np.array([[0, 1, -1, -1], [1, -1, -1, -1]]))
    (('A', 'B'), array([[0, 1, 0],
           [0, 0, 1]]))
    """
    found = np.asarray(rows, dtype=np.int64).reshape(-1, WIDTH)
    found = found[found[:, GOLD] >= 0]
    counts = np.zeros((len(LETTERS), len(LETTERS) + 1), dtype=np.int64)
    np.add.at(counts, (found[:, GOLD], found[:, PREDICTED]), 1)  # -1 is the last column
    used = [at for at in range(len(LETTERS)) if counts[at].any() or counts[:, at].any()]
    return tuple(LETTERS[at] for at in used), counts[np.ix_(used, [*used, len(LETTERS)])]


def measure(
    task: MCQ,
    name: str,
    spread: Callable[[FloatArray], FloatArray],
    fold: Callable[[FloatArray], FloatArray],
    *parts: str,
    direction: Direction = 1,
    per_case: bool = True,
    bounds: tuple[float, float] = SHARE,
    biased: str = "",
    classes: Callable[[FloatArray], Mapping[str, float]] | None = None,
    over_draws: bool = False,
) -> Measure:
    """Make a metric of multiple choice, with how it was asked in its signature."""
    if task.several:
        raise MedevalError(f"metric {name!r} is of questions with one right option; accepted: accuracy, option_f1, ...")
    how = f"norm:{task.normalize}" if task.scoring == "texts" else ""
    orders = "orders:cyclic" if task.rotations else ""
    asked = tuple(part for part in (f"scoring:{task.scoring}", how, orders) if part)
    return Measure(
        name=name, counts="mcq", signature=signed(name, *asked, *parts), make=row, spread=spread, fold=fold,
        direction=direction, per_case=per_case, bounds=bounds, biased=biased, classes=classes,
        over_draws=over_draws,
    )  # fmt: skip


def orders(rows: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Take rows (..., 4 o) apart: the columns of each order (..., o, 4), which orders were asked (..., o)."""
    asked = rows.reshape(*rows.shape[:-1], -1, WIDTH)
    return asked, asked[..., GOLD] >= 0


def right(asked: FloatArray) -> NDArray[np.bool_]:
    """Tell which replies (..., 4) are right."""
    found: NDArray[np.bool_] = asked[..., GOLD] == asked[..., PREDICTED]
    return found


Values: TypeAlias = Callable[[FloatArray], "FloatArray | NDArray[np.bool_]"]
"""The columns of replies (..., 4) -> a value for each (...)."""


def averaged(of: Values, counts: Values | None = None) -> Callable[[FloatArray], FloatArray]:
    """Spread rows to (mean of a value over the orders that count, 1), or (0, 0) where none does."""

    def spread(rows: FloatArray) -> FloatArray:
        asked, there = orders(rows)
        if counts is not None:
            there = there & counts(asked).astype(np.bool_)
        many = there.sum(axis=-1)
        total = np.where(there, of(asked), 0.0).sum(axis=-1)
        return np.stack([ratio(total, many, 0.0), (many > 0).astype(np.float64)], axis=-1)

    return spread


Share: TypeAlias = Callable[[FloatArray, FloatArray, FloatArray], FloatArray]
"""(right predictions, predictions, golds) of letters -> their scores."""


def _macro(task: MCQ, name: str, share: Share) -> Measure:
    def fold(total: FloatArray) -> FloatArray:
        true, said, gold = np.moveaxis(total.reshape(*total.shape[:-1], 3, len(LETTERS)), -2, 0)
        occurs = said + gold > 0
        return ratio(np.where(occurs, share(true, said, gold), 0.0).sum(axis=-1), occurs.sum(axis=-1))

    return measure(task, name, _spread_letters, fold, "zero_division:0", per_case=False, classes=_golds)


def _golds(total: FloatArray) -> dict[str, float]:
    _, said, gold = total.reshape(3, len(LETTERS))
    return {LETTERS[at]: float(gold[at]) for at in np.flatnonzero(said + gold).tolist()}


def _spread_letters(rows: FloatArray) -> FloatArray:
    """Give, for each letter: right predictions, predictions, golds (n, 3 * 26), averaged over the orders."""
    asked, there = orders(rows)
    letters = np.arange(len(LETTERS))
    gold = asked[..., GOLD, None] == letters
    said = asked[..., PREDICTED, None] == letters
    parts = np.concatenate([gold & said, said, gold], axis=-1) & there[..., None]
    return ratio(parts.sum(axis=-2), there.sum(axis=-1)[..., None], 0.0)


def consistency(task: MCQ) -> Measure:
    """Share of questions answered alike in every cyclic order: #(all orders name one option) / #questions.

    Order r shows at place p the option that stands at place p + r of the order as written. An order without
    an answer agrees with none. Source: the sensitivity to option order of Pezeshkpour and Hruschka 2024,
    section 2, over cyclic orders. Range 0 to 1, higher is better; a model that always says the same letter
    has 0. Needs ``rotations=True``.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> metric = consistency(MCQ(rotations=True))
    >>> metric.expand(np.array([[0, 0, -1, -1, 1, 1, -1, -1], [0, 0, -1, -1, 1, 0, -1, -1]])).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    return measure(_rotated(task, "consistency"), "consistency", _spread_agreement, mean)


def position_bias(task: MCQ) -> Measure:
    """Largest deviation of a place's share of predictions from an even one: max over places p of |s_p - e_p|.

    s_p: share of predictions that name the letter at place p; e_p: 1/K averaged over questions with K
    options, 0 where K <= p. Over all cyclic orders the right option stands at each place equally often, so
    a model that heeds only the options' content, rightly or wrongly, has 0. Orders without an answer are
    left out of both. Source: token and position bias of Zheng et al. 2024, section 2, measured as a
    deviation of shares. Range 0 to 1 - 1/K, lower is better; NaN without any answer; no score for a single
    case. Needs ``rotations=True``.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> metric = position_bias(MCQ(rotations=True))
    >>> float(metric.score(metric.expand(np.array([[0, 0, -1, -1, 1, 0, -1, -1]])).sum(axis=0)))
    0.5
    """
    task = _rotated(task, "position_bias")
    return measure(task, "position_bias", _spread_places, _fold_places, direction=-1, per_case=False)


def self_consistency(task: MCQ) -> Measure:
    """Share of questions whose drawn replies name the right option most often: #(majority = gold) / #questions.

    A tie for the most votes, or no vote, is no answer and not right. Source: Wang et al. 2023, ICLR, section 2
    (unweighted sum). Range 0 to 1, higher is better; NaN for no question. Needs ``draws=k``, k of 2 or more.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> metric = self_consistency(MCQ(scoring="reply", temperature=0.7, draws=3))
    >>> metric.expand(np.array([[0, 0, -1, -1, 0, 1, -1, -1, 0, 0, -1, -1]])).tolist()
    [[1.0, 1.0]]
    """
    if task.draws == 1:
        raise MedevalError("metric 'self_consistency' needs draws=2 or more: it is a vote of drawn replies")
    return measure(task, "self_consistency", _spread_votes, mean, "vote:majority", over_draws=True)


def _spread_votes(rows: FloatArray) -> FloatArray:
    asked, _ = orders(rows)
    votes = (asked[..., PREDICTED, None] == np.arange(len(LETTERS))).sum(axis=-2)
    gold = asked[..., 0, GOLD].astype(np.intp)
    own = np.take_along_axis(votes, gold[..., None], axis=-1)
    won = (votes >= own).sum(axis=-1) == 1  # not with no vote at all, which every letter has then
    return np.stack([won, np.ones_like(won)], axis=-1).astype(np.float64)


def _rotated(task: MCQ, name: str) -> MCQ:
    if not task.rotations:
        raise MedevalError(
            f"metric {name!r} needs rotations=True: it compares replies to several orders of the options"
        )
    return task


def _spread_agreement(rows: FloatArray) -> FloatArray:
    asked, there = orders(rows)
    many = there.sum(axis=-1)
    said = asked[..., PREDICTED]
    option = (said + np.arange(there.shape[-1])) % np.maximum(many, 1)[..., None]
    agreed = ((said >= 0) & (option == option[..., :1])) | ~there
    return np.stack([agreed.all(axis=-1) & (many > 0), many > 0], axis=-1).astype(np.float64)


def _spread_places(rows: FloatArray) -> FloatArray:
    """Give, for each place: share of predictions less the even share (n, 26); whether there is any (n, 1)."""
    asked, there = orders(rows)
    places = np.arange(len(LETTERS))
    named = there & (asked[..., PREDICTED] >= 0)
    answered = named.sum(axis=-1)[..., None]
    said = ((asked[..., PREDICTED, None] == places) & named[..., None]).sum(axis=-2)
    options = there.sum(axis=-1)[..., None]
    even = ratio((places < options).astype(np.float64), options.astype(np.float64), 0.0)
    deviation = np.where(answered > 0, ratio(said.astype(np.float64), answered.astype(np.float64), 0.0) - even, 0.0)
    return np.concatenate([deviation, (answered > 0).astype(np.float64)], axis=-1)


def _fold_places(total: FloatArray) -> FloatArray:
    return ratio(np.abs(total[..., :-1]).max(axis=-1), total[..., -1])
