"""Multiple choice in all cyclic orders of the options: whether the answer hangs on the order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_medeval.errors import MedevalError
from pytest_medeval.metrics.base import Measure, mean, ratio
from pytest_medeval.metrics.choice import LETTERS, PREDICTED, measure, orders
from pytest_medeval.types import FloatArray

if TYPE_CHECKING:
    from pytest_medeval.tasks.mcq import MCQ


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
    """Give, for each place: share of predictions less the even share (n, 10); whether there is any (n, 1)."""
    asked, there = orders(rows)
    places = np.arange(len(LETTERS))
    named = there & (asked[..., PREDICTED] >= 0)
    answered = named.sum(axis=-1)[..., None]
    said = ((asked[..., PREDICTED, None] == places) & named[..., None]).sum(axis=-2)
    options = there.sum(axis=-1)[..., None]
    even = ratio((places < options).astype(np.float64), options.astype(np.float64), 0.0)
    deviation = np.where(
        answered > 0, ratio(said.astype(np.float64), answered.astype(np.float64), 0.0) - even, 0.0
    )
    return np.concatenate([deviation, (answered > 0).astype(np.float64)], axis=-1)


def _fold_places(total: FloatArray) -> FloatArray:
    return ratio(np.abs(total[..., :-1]).max(axis=-1), total[..., -1])
