"""Multiple choice: how sure the model was, and how right it was when it was sure.

Confidence is the probability of the predicted option among those offered. Replies from which a letter was
read have none: they are left out, and where no option was scored the metrics are NaN, that is absent.
Options that tie are no answer, which is not right; its confidence is the probability of the likeliest.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

import numpy as np

from pytest_medeval.core.record import ConfusionMatrix, ReliabilityBin
from pytest_medeval.core.types import FloatArray
from pytest_medeval.metrics.base import Measure, mean, ratio
from pytest_medeval.metrics.choices.choice import (
    BRIER,
    CONFIDENCE,
    GOLD,
    PREDICTED,
    averaged,
    confusion,
    measure,
    orders,
    right,
)
from pytest_medeval.metrics.details import Details, Heedless, known
from pytest_medeval.tasks.mcq import LETTERS, MCQ, MCQCase

BINS: Final = 10
RISK_BINS: Final = 20
SURE: Final = 0.9
NOISY_BINS: Final = "the noise of small bins makes ece larger than it is, by more the fewer cases: no interval holds it"


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
    values = averaged(lambda asked: asked[..., BRIER], _scored)
    return measure(task, "brier", values, mean, direction=-1, bounds=(0.0, 2.0))


def ece(task: MCQ) -> Measure:
    """ECE, expected calibration error: sum over bins b of n_b / n * |accuracy_b - confidence_b|.

    Replies are sorted by the probability of their prediction and cut into 10 bins of equal mass; equal
    probabilities stay in one bin, so that the order of the cases does not matter. Resamples keep the bins of
    the whole sample. Source: Naeini et al. 2015; equal mass: Nixon et al. 2019, section 3. Range 0 to 1,
    lower is better. NaN, that is absent, where no option was scored; no score for a single case.

    Of a calibrated model it is not 0 but the mean noise of the bins, and a resample is noisier still (Kumar, Liang
    and Ma 2019, section 5; Roelofs et al. 2022): it is shown, and has no interval, no test and no gate.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> metric = ece(MCQ())
    >>> rows = np.array([[0, 0, 0.75, 0.125], [1, 0, 0.75, 1.125]])
    >>> float(metric.score(metric.expand(rows).sum(axis=0)))
    0.25
    """
    parts = (f"bins:{BINS}", "mass:equal", "conf:top")
    spread = partial(_spread, bins=BINS)
    return measure(task, "ece", spread, _fold_gaps, *parts, direction=-1, per_case=False, biased=NOISY_BINS)


def aurc(task: MCQ) -> Measure:
    """AURC, area under the risk-coverage curve: 1/n * sum over i of (1/i * sum over j <= i of e_j).

    Replies in descending order of confidence; e_j: 1 for a wrong one, else 0. It is the mean error rate
    over all shares of questions that could be answered when the least sure ones are left to a person. They
    are cut into 20 bins of equal mass, and those of a bin (as all that are equally sure) count as in random
    order: exact up to 20 questions, beyond that the area of the curve through the bins' ends. Resamples
    keep the bins of the whole sample. Source: El-Yaniv and Wiener 2010; Geifman et al. 2019, section 2.
    Range 0 to 1, lower is better; confidence that says nothing gives the error rate. NaN, that is absent,
    where no option was scored; no score for a single case.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> metric = aurc(MCQ())
    >>> rows = np.array([[0, 0, 0.9, 0], [0, 1, 0.8, 0], [0, 0, 0.7, 0]])
    >>> round(float(metric.score(metric.expand(rows).sum(axis=0))), 4)  # (0 + 1/2 + 1/3) / 3
    0.2778
    """
    parts = (f"bins:{RISK_BINS}", "mass:equal", "conf:top")
    return measure(task, "aurc", _spread_risk, _fold_area, *parts, direction=-1, per_case=False)


def wrong_at_high_confidence(task: MCQ) -> Measure:
    """Share of questions answered wrongly with confidence 0.9 or more: #(wrong and p >= 0.9) / #questions.

    The errors that no threshold on confidence would have caught. Ours; its complement among the sure ones
    is the selective accuracy of El-Yaniv and Wiener 2010. Range 0 to 1, lower is better. NaN, that is
    absent, where no option was scored.

    >>> from pytest_medeval.tasks.mcq import MCQ
    >>> rows = np.array([[0, 1, 0.9, 1.6], [0, 1, 0.8, 1.2], [0, 0, 1, 0]])
    >>> wrong_at_high_confidence(MCQ()).expand(rows).tolist()
    [[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]]
    """
    sure = averaged(lambda asked: ~right(asked) & (asked[..., CONFIDENCE] >= SURE), _scored)
    return measure(task, "wrong_at_high_confidence", sure, mean, f"at:{SURE:g}", direction=-1)


def reliability(rows: FloatArray) -> list[ReliabilityBin]:
    """Give the reliability diagram of stored rows (n, r), for each bin of ``ece`` from the least sure on.

    ``n``: questions (of a question in several orders each counts for its share); mean ``confidence``;
    ``accuracy``. Empty bins are left out.
    """
    if not len(rows):
        return []
    counts = np.moveaxis(_spread(rows, bins=BINS).sum(axis=0).reshape(3, BINS), -1, 0)
    return [
        {"n": float(n), "confidence": float(sure / n), "accuracy": float(good / n)} for n, good, sure in counts if n
    ]


def _scored(asked: FloatArray) -> FloatArray:
    found: FloatArray = (asked[..., CONFIDENCE] >= 0).astype(np.float64)
    return found


def _spread(rows: FloatArray, bins: int) -> FloatArray:
    """Give, for each bin: questions, right ones, sum of confidences (n, 3 * bins); unscored are in none."""
    asked, there = orders(rows)
    confidence = asked[..., CONFIDENCE]
    scored = there & (confidence >= 0)
    rank = np.searchsorted(np.sort(confidence[scored]), confidence, side="left")
    own = (rank * bins // max(int(scored.sum()), 1))[..., None] == np.arange(bins)
    share = (own & scored[..., None]) / np.maximum(scored.sum(axis=-1), 1)[..., None, None]
    parts = [share, share * right(asked)[..., None], share * confidence[..., None]]
    total: FloatArray = np.concatenate(parts, axis=-1).sum(axis=-2)
    return total


def _spread_risk(rows: FloatArray) -> FloatArray:
    """Give, for each bin: questions, right ones (n, 2 * bins); what is not summed is not resampled either."""
    return _spread(rows, RISK_BINS)[..., : 2 * RISK_BINS]


def _parted(total: FloatArray, parts: int) -> FloatArray:
    return np.moveaxis(total.reshape(*total.shape[:-1], parts, -1), -2, 0)


def _fold_gaps(total: FloatArray) -> FloatArray:
    cases, good, sure = _parted(total, 3)
    return ratio(np.abs(good - sure).sum(axis=-1), cases.sum(axis=-1))


def _fold_area(total: FloatArray) -> FloatArray:
    """Sum the risk at every coverage.

    Within a bin of error rate s that begins at n0 questions with e0 errors it is (e0 + s (i - n0)) / i for
    the i-th, and the sum of 1 / i is a difference of digamma functions.
    """
    from scipy.special import digamma

    cases, good = _parted(total, 2)[..., ::-1]
    wrong = cases - good
    n, e = np.cumsum(cases, axis=-1), np.cumsum(wrong, axis=-1)
    before, failed = n - cases, e - wrong
    rate = ratio(wrong, cases, 0.0)
    harmonic = digamma(n + 1) - digamma(before + 1)
    area = rate * cases + (failed - rate * before) * harmonic
    return ratio(area.sum(axis=-1), n[..., -1])


class ChoiceDetails(Details[MCQ, MCQCase]):
    """Of a multiple-choice suite: which letters were taken for which, and how sure the model was."""

    def confusion(self, task: MCQ, rows: Mapping[str, FloatArray]) -> ConfusionMatrix | None:  # noqa: ARG002 - no option matters
        """Count gold letters against predicted ones."""
        if not len(rows.get("mcq", ())):
            return None
        labels, matrix = confusion(rows["mcq"])
        return {"labels": list(labels), "matrix": matrix.tolist()}

    def heedless(self, rows: Mapping[str, FloatArray]) -> list[Heedless]:
        """List each letter that occurs, as the answer to every question; with several orders in each of them."""
        if not len(known(rows).get("mcq", ())):  # of a model that answered nothing
            return []
        asked, there = orders(rows["mcq"])
        said = asked[..., PREDICTED][there]
        used = np.unique(np.concatenate([asked[..., GOLD][there], said[said >= 0]])).astype(int)
        found = []
        for letter in used.tolist():
            always = asked.copy()
            always[..., PREDICTED][there] = letter
            share = float(np.mean(said == letter)) if len(said) else 0.0
            found.append(Heedless(LETTERS[letter], share, always.reshape(rows["mcq"].shape)))
        return found

    def reliability(self, rows: Mapping[str, FloatArray]) -> list[ReliabilityBin]:
        """Give the bins of ``ece``."""
        return reliability(rows["mcq"]) if "mcq" in rows else []
