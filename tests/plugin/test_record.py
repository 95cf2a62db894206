"""The run record: fits its schema, holds what was asked and answered, and is the same however it was run."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.runs.record import problems

VARIABLE = ("created", "command", "usage")


def stable(record):
    """Leave out what may differ between two runs of the same models."""
    return {key: value for key, value in record.items() if key not in VARIABLE}


def test_record_fits_its_schema(project):
    """The schema that ships with the package accepts what the package writes."""
    project.quiz(gates='["accuracy >= 0.5", "accuracy better than baseline"]', critical=True)
    project.run("--medeval-json=run.json")
    record = project.record()
    assert problems(record) == []
    assert record["schema"] == "medeval-run/1"
    assert len(record["cases"]) == 40
    assert record["cases"][0]["nodeid"] == "test_quiz.py::test_quiz[q0]"
    assert {gate["expression"] for gate in record["gates"]} == {
        "accuracy >= 0.5",
        "accuracy better than baseline",
        "critical",
    }


def test_record_is_the_same_on_workers_and_again(project):
    """Seed and cases decide every number; workers, order and a second run do not."""
    project.quiz(gates='["accuracy better than baseline"]')
    records = []
    for args in ((), ("-n", "2"), ("-p", "no:randomly")):
        project.run("--medeval-json=run.json", *args)
        records.append(stable(project.record()))
    assert records[0] == records[1] == records[2]


def test_metrics_agree_with_the_cases(project):
    """The suite's accuracy is the mean of the cases' scores, and the difference that of the two."""
    project.quiz()
    project.run("--medeval-json=run.json")
    record = project.record()
    means = {
        role: sum(case[role]["scores"]["accuracy"] for case in record["cases"]) / 40
        for role in ("candidate", "baseline")
    }
    metric = record["suites"]["quiz"]["metrics"]["accuracy"]
    assert metric["candidate"] == pytest.approx(means["candidate"])
    assert metric["difference"] == pytest.approx(means["candidate"] - means["baseline"])
    assert metric["ci95"][0] < metric["difference"] < metric["ci95"][1]


def test_corrected_p_values_are_holms(project):
    """p_corrected over the run is Holm's step-down of the run's p-values."""
    project.quiz()
    project.run("--medeval-json=run.json")
    metrics = project.record()["suites"]["quiz"]["metrics"].values()
    raw = sorted((one["p_value"], one["p_corrected"]) for one in metrics if one["p_value"] is not None)
    worst = 0.0
    for rank, (p_value, corrected) in enumerate(raw):
        worst = max(worst, min(1.0, (len(raw) - rank) * p_value))
        assert corrected == pytest.approx(worst)


def test_skipped_records_are_counted_and_named(project):
    """A published record that cannot be used is in the summary and in the record, with its line."""
    good = {"instruction": "answer", "input": "w1 hurts", "output": "rest"}
    project.write("chat.json", json.dumps([good, {**good, "output": " "}, {**good, "input": "w2 hurts"}], indent=1))
    project.write(
        "test_chat.py",
        """
import pytest
from pytest_medeval import Suite
@pytest.mark.medeval(Suite(task="dialogue", cases="chat.json", format="genmedgpt"))
def test_chat(evaluation): pass
""",
    )
    result = project.run("--medeval-json=run.json")
    result.stdout.fnmatch_lines(["*skipped 1 of 3 records: 1 *"])
    skipped = project.record()["suites"]["chat"]["skipped"]
    assert (skipped["count"], skipped["of"]) == (1, 3)
    assert skipped["records"][0]["source"].startswith("chat.json:")


def test_empty_replies_cost(project):
    """Silence scores 0 and stays in the mean; only pairs="complete" leaves it out, and says so."""
    records = [{"id": f"d{i}", "input": f"w{i} hurts", "reference": f"take w{i} twice"} for i in range(30)]
    project.write("chat.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    test = """
import pytest
from pytest_medeval import Suite
@pytest.mark.medeval(Suite(task="dialogue", cases="chat.jsonl", pairs="%s"))
def test_chat(evaluation): pass
"""
    project.write("test_chat.py", test % "all")
    project.run("--medeval-json=run.json", model="fake:0.5", baseline="fake:1.0")
    suite = project.record()["suites"]["chat"]
    silent = suite["outcomes"]["candidate"]["no_answer"]
    assert 0 < silent < 30
    assert suite["metrics"]["rouge1"]["n"] == 30
    assert suite["metrics"]["rouge1"]["candidate"] == pytest.approx(1 - silent / 30)
    project.write("test_chat.py", test % "complete")
    result = project.run("--medeval-json=run.json", model="fake:0.5", baseline="fake:1.0")
    suite = project.record()["suites"]["chat"]
    assert suite["metrics"]["rouge1"]["n"] == 30 - silent
    assert suite["excluded"] == {"count": silent, "reasons": {"candidate no_answer": silent}}
    result.stdout.fnmatch_lines([f"*complete pairs only: {silent} cases left out: {silent} candidate no_answer*"])


def test_a_record_that_cannot_be_written_is_one_line(project):
    """A folder that turns read-only or full during the run costs the file, not the summary's verdict."""
    project.quiz(4)
    test = (project.pytester.path / "test_quiz.py").read_text()
    project.write("test_quiz.py", test + "\ndef test_last():\n    import shutil; shutil.rmtree('out')\n")
    (project.pytester.path / "out").mkdir()
    result = project.run("--medeval-json=out/run.json")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*the run record cannot be written*"])


def test_a_judge_that_cannot_be_asked_costs_nothing_else(project):
    """An unreachable judge is said in one line; the metrics, gates and the record are there all the same."""
    project.write("chat.jsonl", '{"id": "a", "input": "w1 hurts", "reference": "take w1 twice"}\n')
    project.write(
        "test_chat.py",
        """
import pytest
from pytest_medeval import Suite
@pytest.mark.medeval(Suite(task="dialogue", cases="chat.jsonl", gates=["rouge1 >= 0.5"]))
def test_chat(evaluation): pass
""",
    )
    project.write(
        "judges.py",
        """
from pytest_medeval.core.errors import MedevalError
from tools.fake_model import FakeModel
def refuse(request): raise MedevalError("nobody answers at this address")
def open_judge(spec, settings): return FakeModel(refuse, name=spec.text)
""",
    )
    project.pytester.makeconftest(
        'def pytest_medeval_models(): return {"fake": "fakes:open_fake", "judge": "judges:open_judge"}'
    )
    result = project.run("--medeval-judge=judge:x", "--medeval-json=run.json", model="fake:1.0")
    result.stdout.fnmatch_lines(["*PASS*chat: rouge1 >= 0.5*", "*--medeval-judge: nobody answers at this address*"])
    assert result.ret == 1
    assert project.record()["judges"] == []
