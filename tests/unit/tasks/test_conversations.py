"""Conversations, and cases with several references or none: read from files, and asked."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.core.types import Message, Record, Source
from pytest_medeval.tasks.base import asked_of
from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.cases.shots import example, with_turns
from pytest_medeval.tasks.dialogue import INSTRUCTION, Dialogue

TURNS = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": " I cough. "},
    {"role": "assistant", "content": "Since when?"},
    {"role": "user", "content": [{"type": "text", "text": "Monday."}, {"type": "text", "text": "Help!"}]},
]
ASKED = (
    Message("system", "Be brief."),
    Message("user", "I cough."),
    Message("assistant", "Since when?"),
    Message("user", "Monday.\nHelp!"),
)
TOLD = "Patient: I cough.\n\nReply: Since when?\n\nPatient: Monday.\nHelp!"
GOOD = ["Rest and drink a lot.", "Drink warm tea, and rest.", "See a doctor today."]


def case(task=None, **fields):
    """Make a case of the keys of a record."""
    return (task or Dialogue()).case(Record(Source("a.jsonl", 1), {"id": "a", **fields}))


def test_the_turns_are_asked_as_they_stand():
    """No instruction is added, and judges and the search for leaked cases see all turns but the system's."""
    task, one = Dialogue(), case(messages=TURNS)
    request = task.request(one)
    assert request.messages == ASKED
    assert asked_of(task, one, request) == task.question(one) == TOLD
    assert task.gold(one) is None
    bare = task.request(case(messages=TURNS[1:]))
    assert bare.messages == ASKED[1:]
    assert task.request(case(messages=TURNS[1:], instruction="Be kind.")).messages[0] == Message("system", "Be kind.")
    assert task.request(case(input="I cough.")).messages == (
        Message("system", INSTRUCTION),
        Message("user", "I cough."),
    )


def test_examples_stand_before_a_conversation():
    """And not before its last turn; an example shows its own turns."""
    task = Dialogue()
    shown = example(task, case(messages=TURNS, reference="Rest."))
    assert shown == (*ASKED[1:], Message("assistant", "Rest."))
    asked = with_turns(task.request(case(messages=TURNS)), shown)
    assert asked.messages == (ASKED[0], *shown, *ASKED[1:])


def test_a_case_is_kept_as_it_was():
    """What a chat keeps of a conversation is read as the same case."""
    task, one = Dialogue(), case(messages=TURNS, reference="Rest.")
    fields = task.kept(one, lambda _prompt: "", known=True)
    assert case(**fields) == one


@pytest.mark.parametrize(
    ("records", "ids"),
    [
        ([{"messages": [*TURNS, {"role": "assistant", "content": "Rest."}]}, {"messages": TURNS}], "openai"),
        (
            [
                {
                    "conversations": [
                        {"from": "system", "value": "Be brief."},
                        {"from": "human", "value": "I cough."},
                        {"from": "gpt", "value": "Since when?"},
                        {"from": "human", "value": "Monday.\nHelp!"},
                        {"from": "gpt", "value": "Rest."},
                    ]
                },
                {
                    "system": "Be brief.",
                    "conversations": [
                        {"from": "user", "value": "I cough."},
                        {"from": "assistant", "value": "Since when?"},
                        {"from": "user", "value": "Monday.\nHelp!"},
                    ],
                },
            ],
            "sharegpt",
        ),
        ([{"id": "n-0", "messages": TURNS, "reference": "Rest."}, {"id": "n-1", "messages": TURNS}], "n"),
    ],
)
def test_files_of_conversations(tmp_path, records, ids):
    """A last turn of the model is the reference; our own keys are told from OpenAI's by the id."""
    path = tmp_path / "f.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in records), encoding="utf-8")
    found, skips = read_cases(path, Dialogue())
    assert not skips
    assert [Dialogue().request(one).messages for one in found] == [ASKED, ASKED]
    assert [one.reference for one in found] == ["Rest.", ""]
    assert all(one.id.startswith(ids) for one in found)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"messages": "x"}, "no list of turns"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "unknown role 'tool'"),
        ({"conversations": [{"from": "human", "value": 3}]}, "a turn of 'user' is 3"),
        ({"conversations": ["x"]}, "no list of turns"),
    ],
)
def test_what_is_no_conversation_is_skipped(tmp_path, record, reason):
    """Published records that cannot be asked are counted with their reasons."""
    path = tmp_path / "f.jsonl"
    path.write_text(json.dumps(record), encoding="utf-8")
    found, (skip,) = read_cases(path, Dialogue())
    assert not found
    assert reason in skip.reason
