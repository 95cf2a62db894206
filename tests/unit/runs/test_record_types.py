"""The record's types and its schema say the same: no key of one is missing in the other."""

from __future__ import annotations

import json
from importlib import resources
from typing import get_type_hints, is_typeddict

import pytest
from tests.page_record import whole_record

from pytest_medeval.core import record
from pytest_medeval.runs.record import problems

SCHEMA = json.loads((resources.files("pytest_medeval.runs") / "record.schema.json").read_text("utf-8"))
DEFS, KEYS = SCHEMA["$defs"], SCHEMA["properties"]
HUMAN = KEYS["human"]["properties"]["suites"]["additionalProperties"]["properties"]
PARTS = {
    record.RunRecord: SCHEMA,
    record.SuiteRecord: DEFS["suite"],
    record.MetricRow: DEFS["metric"],
    record.CaseEntry: DEFS["case"],
    record.RoleEntry: DEFS["scored"],
    record.GateRecord: DEFS["gate"],
    record.TrackRecord: DEFS["track"],
    record.DivergenceRecord: DEFS["divergence"],
    record.UsageRecord: DEFS["usage"],
    record.ModelRecord: DEFS["model"],
    record.TaskModel: DEFS["identity"],
    record.JudgeRecord: DEFS["judge"],
    record.Environment: KEYS["environment"],
    record.HumanRecord: KEYS["human"],
    record.HumanGrade: HUMAN["dimensions"]["additionalProperties"],
    record.HumanPreference: HUMAN["preference"],
    record.HumanHarm: HUMAN["harm"],
}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_types_and_schema_have_the_same_keys(part):
    """Each key that may be written is in both."""
    assert is_typeddict(part)
    assert set(get_type_hints(part)) == set(PARTS[part]["properties"])


def test_a_judge_without_its_keys_is_no_judge():
    """What reports read of a judge, of people and of the environment is held by the schema."""
    made = whole_record(3)
    assert problems(made) == []
    del made["judges"][0]["coverage"]
    assert problems(made)
