"""``medeval schema``: what an editor is told of a YAML suite follows from what a run accepts."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import jsonschema
import pytest
import yaml

from pytest_medeval.__main__ import main
from pytest_medeval.commands.schema import schema
from pytest_medeval.tasks import TASKS

ROOT = Path(__file__).parents[3]
BLOCKS = [
    block
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    if block.startswith("task:")
]
STARTER = (files("pytest_medeval.commands") / "starter" / "talks.yaml").read_text(encoding="utf-8")
QUIZ = """
task: mcq
gates: [accuracy >= 0.5]
cases:
  - {id: 1, question: Which one, options: {A: 12.5, B: yes}, answer: A, critical: true, tags: {year: 2024}, group: g}
"""


def mistakes(text: str) -> list[str]:
    """Validate a suite as an editor does."""
    return [error.message for error in jsonschema.Draft7Validator(schema()).iter_errors(yaml.safe_load(text))]


def test_it_is_printed_as_a_schema(capsys):
    """The command prints JSON, a valid schema of draft 7, for every task that there is."""
    assert main(["schema"]) == 0
    printed = json.loads(capsys.readouterr().out)
    jsonschema.Draft7Validator.check_schema(printed)
    assert printed["properties"]["task"]["enum"] == sorted(TASKS)
    assert len(printed["allOf"]) == len(TASKS)


@pytest.mark.parametrize("text", [*BLOCKS, STARTER, QUIZ, "task: mcq\ncases: [a.jsonl]", "task: mcq\ncases: a.jsonl"])
def test_suites_that_run_are_valid(text):
    """The suites of all pages, of ``init``, and such as name files."""
    assert mistakes(text) == []
    assert len(BLOCKS) > 5


@pytest.mark.parametrize(
    ("found", "instead", "told"),
    [
        ("task: mcq", "task: mqc", "'mqc' is not one of"),
        ("task: mcq", "name: x", "'task' is a required property"),
        ("gates: [accuracy >= 0.5]", "gate: [accuracy >= 0.5]", "('gate' was unexpected)"),
        ("gates: [accuracy >= 0.5]", "gates: accuracy >= 0.5", "'accuracy >= 0.5' is not of type 'array'"),
        ("gates: [accuracy >= 0.5]", "scoring: letter", "'letter' is not one of ['letters', 'texts', 'reply']"),
        ("gates: [accuracy >= 0.5]", "max_new_tokens: many", "'many' is not of type 'integer'"),
        ("gates: [accuracy >= 0.5]", "several: true", "('several' was unexpected)"),
        ("gates: [accuracy >= 0.5]", "rouge_beta: 1.2", "('rouge_beta' was unexpected)"),
        ("answer: A", "answers: A", "is not valid under any of the given schemas"),
        ("question: Which one, ", "", "is not valid under any of the given schemas"),
        ("critical: true", "critical: often", "is not valid under any of the given schemas"),
        ("id: 1, ", "", "is not valid under any of the given schemas"),
    ],
)
def test_spoilt_suites_are_refused(found, instead, told):
    """Tasks, keys, options and cases with a mistake; the last are told below both forms that ``cases`` may have."""
    assert found in QUIZ
    (one, *more) = mistakes(QUIZ.replace(found, instead))
    assert told in one
    assert not more


def test_what_is_required_is_what_a_run_requires():
    """Each key that the schema requires of a case is one that the task misses; keys and options are the task's own."""
    for rule in schema()["allOf"]:
        task = TASKS.resolve(rule["if"]["properties"]["task"]["const"])
        case = rule["then"]["properties"]["cases"]["anyOf"][0]["items"]
        assert case["required"] == ["id", *task.keys.required]
        assert set(case["properties"]) == {"id", "tags", "critical", "group", "rationale"} | {
            *task.keys.required,
            *task.keys.optional,
        }


@dataclass(frozen=True)
class Urgency:
    """A task of another package."""

    level: Literal["high", "low"] = "low"
    weights: object = None


def test_a_task_of_another_package_is_in_it():
    """Its options are checked; of its cases only what all have, since it says nothing of their keys."""
    with TASKS.lent({"urgency": f"{__name__}:Urgency"}):
        suite = "task: urgency\nlevel: {}\nweights: [1]\ncases:\n- {{note: It hurts, {}}}\n"
        assert mistakes(suite.format("high", "id: a")) == []
        assert mistakes(suite.format("middle", "id: a")) == ["'middle' is not one of ['high', 'low']"]
        (told,) = mistakes(suite.format("low", "critical: true"))
        assert "under any of the given schemas" in told
