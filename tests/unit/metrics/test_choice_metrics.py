"""Multiple choice against scikit-learn, and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, brier_score_loss, precision_recall_fscore_support

from pytest_medeval.core.types import Reply, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.choices import calibration, choice
from pytest_medeval.tasks.mcq import MCQ, MCQCase

NAMES = (
    "accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "answered",
    "reward",
    "ece",
    "brier",
    "aurc",
    "wrong_at_high_confidence",
)
METRICS = {metric.name: metric for metric in metrics_for(MCQ())}


def case_of(gold: str, letters: str = "ABCD") -> MCQCase:
    """Make a case with a gold letter."""
    options = {letter: f"text {letter}" for letter in letters}
    return MCQCase(id="1", source=Source("made"), question="?", options=options, answer=gold)


def reply_of(letter: str | None, confidence: dict[str, float] | None = None) -> Reply:
    """Make a reply that names a letter, or none."""
    return Reply("", "answered" if letter else "no_answer", prediction=letter, confidence=confidence)


def rows_of(gold: list[str], said: list[str | None]) -> np.ndarray:
    """Give the rows of read replies."""
    pairs = zip(gold, said, strict=True)
    return np.array([choice.row(case_of(one), reply_of(other)) for one, other in pairs])


def score(name: str, rows: np.ndarray) -> float:
    """Score the sum of rows."""
    metric = METRICS[name]
    return float(metric.score(metric.expand(rows).sum(axis=0)))


def sure(rng: np.random.Generator, cases: int, options: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Draw gold letters and probabilities."""
    return rng.integers(options, size=cases), rng.dirichlet(np.ones(options), size=cases)


def scored_rows(gold: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Give the rows of replies whose options were scored."""
    rows = []
    for one, row in zip(gold, weights, strict=True):
        confidence = dict(zip("ABCD", map(float, row), strict=True))
        rows.append(choice.row(case_of("ABCD"[one]), reply_of("ABCD"[int(row.argmax())], confidence)))
    return np.array(rows)


def test_the_tasks_names_are_all_there():
    """The metrics of the task are the ones of the design."""
    assert tuple(METRICS) == NAMES


SAID = st.sampled_from(["A", "B", "C", "D", None])
ANSWERS = st.lists(st.tuples(st.sampled_from("ABCD"), SAID), min_size=1, max_size=30)


@settings(deadline=None)
@given(ANSWERS)
def test_sums_equal_scikit_learn(answers: list[tuple[str, str | None]]):
    """Accuracy and macro scores are scikit-learn's; unanswered is a label outside the average."""
    gold, said = [one for one, _ in answers], [other or "-" for _, other in answers]
    rows = rows_of(gold, [other for _, other in answers])
    assert score("accuracy", rows) == pytest.approx(accuracy_score(gold, said), abs=1e-12)
    letters = sorted({*gold, *said} - {"-"})
    expected = precision_recall_fscore_support(gold, said, labels=letters, average="macro", zero_division=0)
    for name, value in zip(("macro_precision", "macro_recall", "macro_f1"), expected[:3], strict=True):
        assert score(name, rows) == pytest.approx(value, abs=1e-12)


@settings(deadline=None)
@given(ANSWERS)
def test_ranges_and_relations(answers: list[tuple[str, str | None]]):
    """Every score is in its range; the reward is 0.1 + 0.9 accuracy; unscored replies have no Brier score."""
    rows = rows_of([one for one, _ in answers], [other for _, other in answers])
    for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1", "answered"):
        assert 0 <= score(name, rows) <= 1
    assert score("reward", rows) == pytest.approx(0.1 + 0.9 * score("accuracy", rows))
    answered = sum(other is not None for _, other in answers)
    assert score("answered", rows) == pytest.approx(answered / len(answers))
    assert math.isnan(score("brier", rows))
    assert math.isnan(score("ece", rows))


@settings(deadline=None)
@given(ANSWERS)
def test_a_single_row_scores_as_computed_directly(answers: list[tuple[str, str | None]]):
    """One question: right or not, answered or not, 1.0 or 0.1."""
    for gold, said in answers:
        rows = rows_of([gold], [said])
        assert score("accuracy", rows) == (gold == said)
        assert score("answered", rows) == (said is not None)
        assert score("reward", rows) == (1.0 if gold == said else 0.1)


def test_brier_is_scikit_learns():
    """Multi-class, not halved: brier_score_loss(scale_by_half=False) of scikit-learn 1.9."""
    gold, weights = sure(np.random.default_rng(1), 300)
    expected = brier_score_loss(gold, weights, labels=[0, 1, 2, 3], scale_by_half=False)
    assert score("brier", scored_rows(gold, weights)) == pytest.approx(expected, abs=1e-12)


def test_ece_is_that_of_scikit_learns_calibration_curve():
    """With n divisible by the bins and no ties: the mean gap of calibration_curve(strategy="quantile")."""
    gold, weights = sure(np.random.default_rng(2), 400)
    right = weights.argmax(axis=1) == gold
    true, sure_of = calibration_curve(right, weights.max(axis=1), n_bins=calibration.BINS, strategy="quantile")
    expected = np.abs(true - sure_of).mean()
    assert score("ece", scored_rows(gold, weights)) == pytest.approx(expected, abs=1e-12)


def test_ece_does_not_depend_on_the_order_of_cases():
    """Ties stay in one bin, so shuffling the cases changes nothing."""
    rng = np.random.default_rng(3)
    gold, weights = sure(rng, 97)
    rows = scored_rows(gold, np.round(weights, 1) / np.round(weights, 1).sum(axis=1, keepdims=True))
    assert score("ece", rows[rng.permutation(97)]) == pytest.approx(score("ece", rows), abs=1e-12)


def test_ece_of_the_perfectly_calibrated_and_the_overconfident():
    """Half right at 0.5 is 0; never right at 1 is 1."""
    half = np.array([[0, 0, 0.5, 0.5], [1, 0, 0.5, 0.5]] * 50)
    assert score("ece", half) == 0
    assert score("ece", np.array([[1, 0, 1.0, 2.0]] * 20)) == 1


def test_mixed_scored_and_read_replies():
    """Cases whose options were not scored are left out of brier and ece, and in the rest."""
    rows = np.array([[0, 0, 0.5, 0.5], [0, 1, -1, -1], [1, -1, -1, -1]])
    assert score("brier", rows) == 0.5
    assert score("ece", rows) == 0.5
    assert score("accuracy", rows) == pytest.approx(1 / 3)


def test_right_answers_of_each_letter_that_occurs():
    """What says whether a class is too rare for an interval of a mean over classes."""
    metric = METRICS["macro_f1"]
    total = metric.expand(rows_of(["A", "A", "C", "C"], ["A", "C", None, "D"])).sum(axis=0)
    assert metric.classes(total) == {"A": 2.0, "C": 2.0, "D": 0.0}


def test_confusion_over_letters():
    """Gold by prediction, letters that occur only, unanswered in the last column."""
    letters, counts = choice.confusion(rows_of(["A", "A", "C", "C"], ["A", "C", None, "C"]))
    assert letters == ("A", "C")
    assert counts.tolist() == [[1, 1, 0], [0, 1, 1]]
    assert choice.confusion(np.empty((0, 4))) == ((), pytest.approx(np.empty((0, 1))))


@pytest.mark.parametrize("name", NAMES)
def test_scores_of_many_sums_at_once(name: str):
    """A stack of sums is scored like its parts; no case gives NaN."""
    rows = scored_rows(*sure(np.random.default_rng(4), 40))
    counts = METRICS[name].expand(rows)
    stack = np.stack([counts[:20].sum(axis=0), counts[20:].sum(axis=0), np.zeros(counts.shape[1])])[:, None]
    found = METRICS[name].score(stack)
    assert found.shape == (3, 1)
    assert found[0, 0] == METRICS[name].score(stack[0, 0])
    assert found[1, 0] == METRICS[name].score(stack[1, 0])
    assert np.isnan(found[2, 0])


def test_signatures_name_the_way_of_scoring():
    """Letters, texts with their normalisation, and replies are different numbers."""
    (texts,) = metrics_for(MCQ(scoring="texts"), ["accuracy"])
    (letters,) = metrics_for(MCQ(), ["accuracy"])
    assert texts.signature.startswith("accuracy|scoring:texts|norm:characters|version:pytest-medeval-")
    assert letters.signature.startswith("accuracy|scoring:letters|version:pytest-medeval-")
