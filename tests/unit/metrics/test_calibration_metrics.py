"""Risk-coverage, sure mistakes and reliability figures: by hand, from scikit-learn, by definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.choices import calibration
from pytest_medeval.metrics.details import known
from pytest_medeval.stats.compare import compare_all
from pytest_medeval.tasks.mcq import MCQ
from pytest_medeval.verdicts.gates.data import SuiteData
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.gates.judge import judge

METRICS = {metric.name: metric for metric in metrics_for(MCQ())}


def rows_of(confidence, right) -> np.ndarray:
    """Give stored rows: gold A, predicted A or B, a confidence, no matter which Brier score."""
    right = np.asarray(right, dtype=float)
    return np.stack(
        [np.zeros_like(right), 1 - right, np.asarray(confidence, dtype=float), np.zeros_like(right)], axis=-1
    )


def score(name: str, rows: np.ndarray) -> float:
    """Score the sum of rows."""
    metric = METRICS[name]
    return float(metric.score(metric.expand(rows).sum(axis=0)))


def area(confidence, right) -> float:
    """Compute AURC as it is defined: the mean over i of the error rate among the i surest."""
    wrong = 1 - np.asarray(right, dtype=float)[np.argsort(-np.asarray(confidence), kind="stable")]
    return float(np.mean(np.cumsum(wrong) / np.arange(1, len(wrong) + 1)))


def test_aurc_by_hand():
    """Right, wrong, right, wrong in descending confidence: (0 + 1/2 + 1/3 + 2/4) / 4."""
    rows = rows_of([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0])
    assert score("aurc", rows) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4, abs=1e-12)
    assert score("aurc", rows_of([0.6, 0.7, 0.8, 0.9], [1, 1, 0, 0])) == pytest.approx(
        (1 + 1 + 2 / 3 + 1 / 2) / 4, abs=1e-12
    )


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_aurc_is_its_definition_up_to_twenty_questions(right: list[bool]):
    """With a bin for each question the closed form is the sum of the definition."""
    confidence = np.linspace(0.99, 0.3, len(right))
    assert score("aurc", rows_of(confidence, right)) == pytest.approx(area(confidence, right), abs=1e-12)


def test_aurc_of_many_questions_is_near_its_definition():
    """Twenty bins of 100 questions each: within 0.005 of the definition, for informed confidence."""
    rng = np.random.default_rng(1)
    confidence = rng.uniform(0.25, 1, 2000)
    right = rng.uniform(size=2000) < confidence
    assert score("aurc", rows_of(confidence, right)) == pytest.approx(area(confidence, right), abs=0.005)
    assert area(confidence, right) < 0.8 * np.mean(~right)


def test_aurc_of_equal_confidence_is_the_error_rate():
    """Ties are in random order: the expected error rate is the same at every coverage."""
    rows = rows_of([0.5] * 40, [1] * 30 + [0] * 10)
    assert score("aurc", rows) == pytest.approx(0.25, abs=1e-12)
    assert score("aurc", rows[::-1]) == pytest.approx(0.25, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60), st.randoms())
def test_aurc_is_a_share_and_does_not_hang_on_the_order(answers, shuffle):
    """Between 0 and 1, and the same for any order of the cases."""
    rows = rows_of(*zip(*answers, strict=True))
    found = score("aurc", rows)
    assert -1e-12 <= found <= 1 + 1e-12
    shuffle.shuffle(answers)
    assert score("aurc", rows_of(*zip(*answers, strict=True))) == pytest.approx(found, abs=1e-12)


def test_sure_mistakes():
    """Only wrong answers at 0.9 or more count, over all questions whose options were scored."""
    rows = rows_of([0.9, 0.95, 0.89, 1.0, -1], [0, 1, 0, 0, 0])
    assert score("wrong_at_high_confidence", rows) == 2 / 4
    assert np.isnan(score("wrong_at_high_confidence", rows_of([-1], [0])))
    assert np.isnan(score("aurc", rows_of([-1], [0])))


def test_reliability_figures_are_scikit_learns():
    """Each bin is that of calibration_curve(strategy="quantile") of scikit-learn 1.9."""
    rng = np.random.default_rng(2)
    confidence = rng.uniform(0.25, 1, 400)
    right = rng.uniform(size=400) < confidence
    found = calibration.reliability(rows_of(confidence, right))
    true, sure = calibration_curve(right, confidence, n_bins=calibration.BINS, strategy="quantile")
    assert [one["n"] for one in found] == [40] * 10
    assert [one["accuracy"] for one in found] == pytest.approx(true.tolist(), abs=1e-12)
    assert [one["confidence"] for one in found] == pytest.approx(sure.tolist(), abs=1e-12)


def test_reliability_figures_give_ece_again():
    """ECE is the mean gap of the figures, weighted by their n; with several orders too."""
    rng = np.random.default_rng(3)
    confidence, right = rng.uniform(0.25, 1, 240), rng.uniform(size=240) < 0.6
    for rows in (rows_of(confidence, right), rows_of(confidence, right).reshape(60, 16)):
        bins = calibration.reliability(rows)
        total = sum(one["n"] for one in bins)
        gaps = sum(one["n"] * abs(one["accuracy"] - one["confidence"]) for one in bins)
        assert total == pytest.approx(len(rows))
        assert gaps / total == pytest.approx(score("ece", rows), abs=1e-12)


def test_only_scored_replies_have_figures():
    """A model that could not be reached, letters read from replies, and other tasks give none."""
    details = calibration.ChoiceDetails()
    assert details.reliability({"mcq": rows_of([-1, -1], [1, 0])}) == []
    assert details.reliability({"polarity": np.zeros((2, 3))}) == []
    mixed = np.concatenate([rows_of([0.5], [1]), np.full((1, 4), np.nan)])
    assert details.reliability(known({"mcq": mixed})) == [{"n": 1.0, "confidence": 0.5, "accuracy": 1.0}]
    lost = {"mcq": np.full((1, 4), np.nan)}
    assert details.confusion(None, known(lost)) is None
    assert details.heedless(lost) == details.heedless({}) == []
    only_said = np.array([[1.0, 0.0, -1.0, -1.0], [1.0, -1.0, -1.0, -1.0]])
    assert [(one.answer, one.share) for one in details.heedless({"mcq": only_said})] == [("A", 0.5), ("B", 0.0)]


def test_ece_of_a_calibrated_model_is_shown_without_interval_test_or_gate():
    """Over 200 samples of 50 its mean is 0.15 where the truth is 0; brier of the same rows has an interval."""
    rng = np.random.default_rng(1)

    def drawn():
        sure = rng.uniform(0.25, 1, 50)
        right = rng.random(50) < sure
        return np.stack([np.zeros(50), 1.0 - right, sure, (sure - right) ** 2], axis=-1)

    assert np.mean([score("ece", drawn()) for _ in range(200)]) == pytest.approx(0.15, abs=0.02)
    both = [METRICS["ece"], METRICS["brier"]]
    found = compare_all(both, {"mcq": drawn()}, {"mcq": drawn()}, resamples=100)
    assert found["ece"].difference is not None
    assert (found["ece"].ci95, found["ece"].candidate_ci95, found["ece"].p_value, found["ece"].test) == (None,) * 4
    assert found["ece"].reason == METRICS["ece"].biased
    assert None not in (found["brier"].ci95, found["brier"].candidate_ci95, found["brier"].p_value)
    rows = {role: {"mcq": drawn()} for role in ("candidate", "baseline")}
    suite = SuiteData(name="s", metrics=METRICS, rows=rows, ids=[str(i) for i in range(50)])
    for gate in ("ece <= 1", "ece not worse than baseline by 0.9"):
        judged = judge(parse_gate(gate), suite)
        assert (judged.verdict, judged.reason) == ("not evaluated", METRICS["ece"].biased)
