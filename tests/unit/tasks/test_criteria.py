"""Criteria of a reply: what a case may say, and how published files become cases."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Message, Record, Source
from pytest_medeval.tasks.cases import detect, read_cases
from pytest_medeval.tasks.criteria import Criteria, kept

TASK = Criteria()
ER = {"text": "Sends him to the emergency room.", "points": 7, "axis": "accuracy", "critical": True}
RUDE = {"text": "Blames him.", "points": "-3", "tags": {"axis": "tone"}}
CASE = {"id": "mi", "question": "My chest hurts.", "criteria": [ER, RUDE]}


def case(**changes):
    """Make a case of CASE with changes; None takes a key away."""
    fields = {key: value for key, value in {**CASE, **changes}.items() if value is not None}
    return TASK.case(Record(Source("a", 1), fields))


def test_a_case():
    """Points may be typed, an axis is a tag, a critical criterion makes the case critical, nothing of them is asked."""
    made = case(criteria=[{**ER, "critical": "true"}, RUDE])
    assert [(one.points, dict(one.tags), one.critical) for one in made.criteria] == [
        (7.0, {"axis": "accuracy"}, True),
        (-3.0, {"axis": "tone"}, False),
    ]
    assert made.critical
    assert not case(criteria=[{**ER, "critical": False}]).critical
    assert TASK.request(made).messages == (Message("user", "My chest hurts."),)
    talk = [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "Ow."},
    ]
    assert TASK.asked(case(question=None, messages=talk)) == "Patient: Hi.\n\nReply: Yes?\n\nPatient: Ow."


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"question": None}, "'question', or 'messages'"),
        ({"criteria": []}, "no criterion has points above 0"),
        ({"criteria": [RUDE]}, "no criterion has points above 0"),
        ({"criteria": ["Be kind."]}, "a mapping with 'text' and 'points'"),
        ({"criteria": [{**ER, "point": 1}]}, "did you mean 'points'?"),
        ({"criteria": [{**ER, "points": 0}]}, "a number that is not 0"),
        ({"criteria": [{**ER, "points": "many"}]}, "a number that is not 0"),
        ({"criteria": [{**ER, "points": -1, "statement": True}]}, "a number, 0 or more"),
        ({"criteria": [{**ER, "critical": "maybe"}]}, "true or false"),
        ({"criteria": [{**ER, "text": " "}]}, "accepted: a text"),
        ({"criteria": [{**ER, "tags": ["x"]}]}, "a mapping of names to texts"),
        ({"criteria": [ER, {**ER, "text": f" {ER['text']}"}]}, "occurs twice"),
        ({"criteria": [{**ER, "critical": False}], "critical": True}, "needs a criterion with 'critical: true'"),
    ],
)
def test_mistakes_of_authors(changes, told):
    """Each is told with its line and what is accepted."""
    with pytest.raises(MedevalError, match=r"^a:1: ") as caught:
        case(**changes)
    assert told in str(caught.value)


def test_several_draws_are_refused():
    """One reply of a case is judged."""
    with pytest.raises(MedevalError, match="one reply of a case"):
        Criteria(temperature=1.0, draws=2)


@pytest.mark.parametrize(
    ("verdicts", "found"),
    [([1, 0], True), ([0, 0], False), ([1, 1], False), ([None, 0], None), ([None, 1], False), (None, None)],
)
def test_critical_criteria(verdicts, found):
    """A critical criterion must be met, a critical fault must not, and what is unjudged is neither."""
    assert (
        kept([{"text": "a", "points": 1, "critical": True}, {"text": "b", "points": -1, "critical": True}], verdicts)
        is found
    )
    assert kept([{"text": "a", "points": 1}, {"text": "b", "points": -1}], verdicts) is None


def test_stored_grades_are_read_by_the_text_of_their_criterion():
    """Blanks do not matter, order does not, and a criterion without a grade is unjudged."""
    found = TASK.read(
        case(), Answer("Go there.", grades=(("Blames him.", 1.0), ("Sends him to the emergency room.", 0.0)))
    )
    assert found.prediction == [0.0, 1.0]
    assert TASK.read(case(), Answer("Go there.", grades=(("Blames him.", 1.0),))).prediction == [None, 1.0]
    assert TASK.read(case(), Answer("Go there.")).prediction is None


def test_healthbench_layout(tmp_path):
    """All variants: criteria have tags of which axis and level stay; the agreed category is a tag of the case."""
    rubric = {
        "criterion": "Asks since when.",
        "points": 5,
        "tags": ["level:cluster", "axis:context_awareness", "cluster:x"],
    }
    record = {
        "prompt_id": "p1",
        "prompt": [{"role": "user", "content": "I cough."}],
        "rubrics": [rubric],
        "example_tags": ["theme:context_seeking", "physician_agreed_category:not-enough-context"],
        "ideal_completions_data": None,
        "canary": "x",
    }
    (tmp_path / "hb.jsonl").write_text(
        f"{json.dumps(record)}\n{json.dumps({**record, 'prompt_id': 'p2', 'rubrics': None})}\n"
    )
    assert detect(tmp_path / "hb.jsonl") == "healthbench"
    (made,), skips = read_cases(tmp_path / "hb.jsonl", TASK)
    assert made.tags == {"theme": "context_seeking", "physician_agreed_category": "not-enough-context"}
    assert made.criteria[0].tags == {"level": "cluster", "axis": "context_awareness"}
    assert [skip.reason for skip in skips] == ["no criteria"]
    assert Criteria().fitted([made]).metrics == (
        "criteria", "criteria_clipped", "criteria[axis=context_awareness]", "criteria[level=cluster]",
    )  # fmt: skip


def test_kqa_layout(tmp_path):
    """A must-have is worth a point, a nice-to-have none, the same statement counts once, blanks around it go."""
    record = {
        "Question": "Is it contagious?",
        "Must_have": [" Most are."],
        "Nice_to_have": ["Masks help.", "", "Most are."],
    }
    (tmp_path / "kqa.jsonl").write_text(
        f"{json.dumps(record)}\n{json.dumps({**record, 'Must_have': [], 'Nice_to_have': []})}\n"
    )
    assert detect(tmp_path / "kqa.jsonl") == "kqa"
    (made,), skips = read_cases(tmp_path / "kqa.jsonl", TASK)
    assert [(one.text, one.points, one.statement) for one in made.criteria] == [
        ("Most are.", 1.0, True),
        ("Masks help.", 0.0, True),
    ]
    assert [skip.reason for skip in skips] == ["no statement"]
