"""Files of replies with grades: what is read of them, and what is told of others."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models.graded import holds_grades, open_graded

GRADE = {"criterion": "Is  kind.", "criteria_met": True}
TURNS = [{"role": "user", "content": "I  cough."}, {"role": "assistant", "content": "Poor you."}]


def written(tmp_path, *records):
    """Write records as one array."""
    path = tmp_path / "graded.json"
    path.write_text(json.dumps(records))
    return path


def test_replies_and_grades(tmp_path):
    """Found by the conversation, blanks alike; a null grade is none; what is not there is an error answer."""
    path = written(tmp_path, {"conversations": TURNS, "rubrics": [GRADE, {"criteria": "Asks.", "criteria_met": None}]})
    assert holds_grades(path)
    model = open_graded(path, "replay:x")
    found, other = model.answer([Request((Message("user", text),)) for text in ("I cough.", "I sneeze.")])
    assert (found.text, found.grades) == ("Poor you.", (("Is kind.", 1.0),))
    assert (other.finish, other.error) == ("error", "replay:x has no reply to this conversation")
    assert model.identity.fingerprint != open_graded(written(tmp_path, {"messages": TURNS}), "").identity.fingerprint


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([{"rubrics": [GRADE]}], "no 'conversations'"),
        ([{"conversations": TURNS[:1] * 2}], "the last turn is of 'user'"),
        ([{"conversations": TURNS, "rubrics": [{**GRADE, "criteria_met": "yes"}]}], "true or false"),
        ([{"conversations": TURNS}, {"conversations": [TURNS[0], {**TURNS[1], "content": "No."}]}], "a second reply"),
    ],
)
def test_mistakes(tmp_path, records, told):
    """Each with its file and line."""
    path = written(tmp_path, *records)
    with pytest.raises(MedevalError, match=rf"{path}:1: ") as caught:
        open_graded(path, "replay:x")
    assert told in str(caught.value)
