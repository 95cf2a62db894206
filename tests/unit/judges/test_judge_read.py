"""Reading what a judge answered."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_medeval.core.types import Answer
from pytest_medeval.judges.ratings.grades import Unread
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.judges.styles import JudgedReply
from pytest_medeval.judges.styles.grades import expected_grade, likelier
from pytest_medeval.judges.styles.whole import Whole, read_preference

GRADES = DEFAULT_RUBRIC.grades
unlike = st.lists(st.floats(-700, 0), min_size=5, max_size=5).filter(lambda values: len(set(values)) > 1)


@given(unlike, st.floats(-300, 0))
def test_the_expected_grade_is_on_the_scale(logprobs: list[float], shift: float):
    """It lies between the ends, does not change when all grades get likelier, and equals a plain softmax."""
    grade = expected_grade(Answer(finish="choice", logprobs=tuple(logprobs)), GRADES)
    shifted = tuple(value + shift for value in logprobs)
    assume(len(set(shifted)) > 1)
    moved = expected_grade(Answer(finish="choice", logprobs=shifted), GRADES)
    assert 1 <= grade <= 5
    assert moved == pytest.approx(grade, abs=1e-9)
    top = max(logprobs)
    weights = [math.exp(value - top) for value in logprobs]
    assert grade == pytest.approx(sum(g * w for g, w in zip(range(1, 6), weights, strict=True)) / sum(weights))


@given(unlike)
def test_turned_probabilities_turn_the_grade(logprobs: list[float]):
    """Reversing the probabilities mirrors the grade about the middle of the scale."""
    grade = expected_grade(Answer(finish="choice", logprobs=tuple(logprobs)), GRADES)
    turned = expected_grade(Answer(finish="choice", logprobs=tuple(reversed(logprobs))), GRADES)
    assert grade + turned == pytest.approx(6)


@pytest.mark.parametrize(
    "logprobs", [(math.nan,) * 5, (-math.inf,) * 5, (-1.0, -2.0), (-1.0,) * 4 + (math.nan,), (-2.5,) * 5]
)
def test_probabilities_that_are_none_give_no_grade(logprobs: tuple[float, ...]):
    """Missing, infinite or all equal log-probabilities are unread, not a grade of some kind."""
    assert isinstance(expected_grade(Answer(finish="choice", logprobs=logprobs), GRADES), Unread)


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("4", 4.0),
        (" 4.\n", 4.0),
        ("Score: 5", None),
        ("6", None),
        ("4 or 5", None),
        ("4.5", None),
        ("", None),
        ("４", None),
    ],
)
def test_a_bare_reply_must_be_one_grade(text: str, grade: float | None):
    """A server without likelihoods answers with one offered grade and nothing else, or with none."""
    read = expected_grade(Answer(text), GRADES)
    assert read == grade if grade is not None else isinstance(read, Unread)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ('{"preference": "A"}', 1),
        ('{"preference": "B"}', -1),
        ('```json\n{"preference": "tie"}\n```', 0),
        ("B", -1),
        ('{"preference": "a"}', None),
        ('{"preference": 1}', None),
        ("Reply A is better", None),
        ("", None),
        ('{"preference": "A"} or {"preference": "B"}', None),
    ],
)
def test_a_preference_is_one_of_three(text: str, choice: int | None):
    """First, second or tie; anything else is unread."""
    read = read_preference(Answer(text))
    assert read == choice if choice is not None else isinstance(read, Unread)


def test_a_preference_by_probability():
    """The likelier letter is preferred; equal ones are a tie; without numbers it is unread."""
    found = [likelier(Answer(finish="choice", logprobs=pair)) for pair in ((-1.0, -2.0), (-2.0, -1.0), (-1.0, -1.0))]
    assert found == [1, -1, 0]
    assert isinstance(likelier(Answer(finish="choice", logprobs=(-1.0, math.nan))), Unread)
    assert isinstance(likelier(Answer(finish="choice", logprobs=(-1.0, -2.0, -3.0))), Unread)


@pytest.mark.parametrize(("text", "choice"), [("A", 1), (" B.\n", -1), ("tie", 0), ("Reply A", None), ("", None)])
def test_a_bare_letter_is_a_preference(text: str, choice: int | None):
    """A server without likelihoods answers with a letter or a tie and nothing else, or with none."""
    read = likelier(Answer(text))
    assert read == choice if choice is not None else isinstance(read, Unread)


@given(st.text())
def test_no_text_breaks_the_readers(text: str):
    """Whatever a judge writes is grades on the scale, or a reason."""
    reply = JudgedReply(("s", "c", "candidate"), "asked", "", text, 0, answered=True, order="")
    assert isinstance(Whole().read(DEFAULT_RUBRIC, reply, Answer(text)), Unread)
    read_preference(Answer(text), [text, ""])
