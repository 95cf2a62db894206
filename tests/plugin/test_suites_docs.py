"""Every suite and command of docs/suites.md is run, in a project with a scripted model."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from pytest_medeval.__main__ import main
from pytest_medeval.core.types import Answer
from pytest_medeval.models.cache import Store
from pytest_medeval.report import INKS
from pytest_medeval.report.outline import outline_of
from pytest_medeval.runs.record import problems

PAGE = (Path(__file__).parents[2] / "docs" / "suites.md").read_text(encoding="utf-8")
SUITES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
DRAWS, CLUSTERS = 4, 5
TEST = """
import pytest
from pytest_medeval import Suite
{}
@pytest.mark.medeval(suite)
def test_quiz(evaluation):
    assert evaluation.outcome == "answered"
"""


@pytest.fixture
def quiz(project):
    """Make the suite's files; two of the examples are cases of the suite."""
    project.quiz(12)
    lines = (project.pytester.path / "quiz.jsonl").read_text().splitlines()
    more = [line.replace("Question w", "Example w").replace('"id": "q', '"id": "t') for line in lines]
    project.write("train.jsonl", "\n".join([*more, *lines[:2]]) + "\n")
    return project


def run(quiz, number: int, model: str = "fake:0.9", passed: int = 12) -> dict:
    """Run one of the page's suites and give its record; every test passes, or so many."""
    quiz.write("test_quiz.py", TEST.format(SUITES[number]))
    result = quiz.run("--medeval-json=run.json", "-o", "console_output_style=classic", model=model)
    assert result.parseoutcomes().get("passed", 0) >= passed, result.outlines
    record = quiz.record()
    assert problems(record) == []
    record["printed"] = "\n".join(result.outlines)
    return record


@pytest.mark.parametrize(("number", "count", "by"), [(0, 5, "seed"), (1, 3, "similarity")])
@pytest.mark.usefixtures("whole")
def test_examples_before_the_case(quiz, number, count, by):
    """The record and the summary say what stands before each case, and that no case does."""
    record = run(quiz, number)
    shots = {"count": count, "by": by, "source": "train.jsonl", "usable": 12, "asked": 2, "repeated": 0}
    assert record["suites"]["quiz"]["shots"] == shots
    assert f"{count} of 12 examples of train.jsonl before each case, by {by}; left out: 2 asked" in record["printed"]


def test_all_orders_of_the_options(quiz):
    """A model that finds the right letter only as written is inconsistent, and over all orders its options tie."""
    record = run(quiz, 2, model="fake:1.0", passed=0)
    assert [case["candidate"]["outcome"] for case in record["cases"]] == ["no_answer"] * 12
    assert {case["candidate"]["detail"] for case in record["cases"]} == {"equally likely: A, B, C, D"}
    suite = record["suites"]["quiz"]
    assert suite["metrics"]["accuracy"]["candidate"] == 0.25
    assert suite["metrics"]["consistency"]["candidate"] == 0
    assert suite["metrics"]["position_bias"]["candidate"] == 0
    assert {gate["expression"]: gate["verdict"] for gate in record["gates"]}["consistency.low >= 0.5"] != "pass"
    assert [len(case["candidate"]["parts"]) for case in record["cases"]] == [4] * 12


def test_draws_of_the_page(quiz):
    """Each of four draws is in the record."""
    record = run(quiz, DRAWS, passed=0)
    assert [len(case["candidate"]["parts"]) for case in record["cases"]] == [4] * 12
    assert "4 a case and averaged" in record["printed"]


def test_clusters_of_the_page(quiz):
    """Two halves are declared, which is too few to decide by."""
    record = run(quiz, CLUSTERS)
    cluster = record["suites"]["quiz"]["cluster"]
    assert (cluster["name"], cluster["origin"], cluster["count"]) == ("half", "declared", 2)
    assert record["gates"][0]["verdict"] == "inconclusive"


@pytest.mark.usefixtures("whole")
def test_reliability_is_in_the_record_and_on_one_line(quiz):
    """The bins hold all cases, and the summary shows confidence and accuracy of each."""
    record = run(quiz, 0)
    bins = record["suites"]["quiz"]["reliability"]
    assert set(bins) == {"candidate", "baseline"}
    assert sum(one["n"] for one in bins["candidate"]) == 12
    shown = " ".join(f"{100 * one['confidence']:.0f}:{100 * one['accuracy']:.0f}" for one in bins["candidate"])
    assert f"candidate confidence:accuracy in %: {shown}" in record["printed"]


@pytest.mark.usefixtures("whole")
def test_drawn_replies(quiz):
    """Record and summary say how replies were drawn; they are replayed under the same seed and no other."""
    chats = [{"id": f"c{i}", "input": f"Question w{i} ?", "reference": f"take w{i}"} for i in range(12)]
    quiz.write("chats.jsonl", "".join(f"{json.dumps(chat)}\n" for chat in chats))
    drawn = run(quiz, 3, model="fake:1.0")
    assert drawn["suites"]["quiz"]["sampling"] == {"temperature": 0.7, "top_p": 0.9, "seed": 0}
    assert "  replies drawn at temperature 0.7, top_p 0.9; seed 0 and case" in drawn["printed"].splitlines()
    for ink in INKS:
        told = INKS.resolve(ink)(outline_of(drawn)).replace("\\_", "_")
        assert "replies drawn at temperature 0.7, top_p 0.9; seed 0" in told
    again = quiz.run("--medeval-json=again.json", model="replay:run.json", baseline=None)
    again.assert_outcomes(passed=12)
    assert quiz.record("again.json")["suites"]["quiz"]["prompts"] == drawn["suites"]["quiz"]["prompts"]
    other = quiz.run("--medeval-seed=1", model="replay:run.json", baseline=None)
    other.assert_outcomes(failed=12)
    other.stdout.fnmatch_lines(["*gave no reply to 12 of 12 requests*"])


def test_commands_of_the_cache(tmp_path, monkeypatch, capsys):
    """Info tells of the replies where a run keeps them; clear empties it and asks nothing."""
    monkeypatch.chdir(tmp_path)
    Store(Path(".medeval/cache")).put("f" * 64, {"key": Answer("a reply")})
    commands = re.search(r"```console\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()
    info, clear = (shlex.split(line.removeprefix("$ python -m pytest_medeval ")) for line in commands)
    assert main(info) == 0
    assert capsys.readouterr().out.startswith(".medeval/cache/replies.sqlite: 1 reply, ")
    assert main(clear) == 0
    assert main(info) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("no cache in .medeval/cache")
