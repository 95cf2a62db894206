"""A red run explains itself: the missed critical case, the chosen case, the worst of many failures."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.__main__ import main

FAILING = """
import pytest
from pytest_medeval import Suite

suite = Suite(task="mcq", cases="quiz.jsonl", gates=["accuracy >= 0.5"])

@pytest.mark.medeval(suite)
def test_quiz(evaluation):
    assert evaluation.correct, "\\n".join([evaluation.reply * 400] * 60)
"""


def test_a_missed_critical_case_is_a_failed_test_with_all_to_judge_it_by(project):
    """Question, options, right answer and reply stand in the test, two lines of them under the gate."""
    project.quiz(20, critical=True)
    result = project.run("--junitxml=run.xml", model="fake:0", baseline="fake:1")
    result.stdout.fnmatch_lines([
        "*_ critical?q0? _*",
        "asked      Question w0 ?",
        "(A) one",
        "(D) four",
        "right      A",
        "candidate  (B) two",
        "baseline   (A) one",
        "*1 of 1 critical cases missed: q0*",
        "*  q0: Question w0 ? (A) one*",
        "*  right: A; replied: (B) two*",
    ])  # fmt: skip
    assert result.parseoutcomes()["failed"] == 2, "the gate and the case"
    assert "critical[q0]" in (project.pytester.path / "run.xml").read_text()
    right = project.run(model="fake:1", baseline="fake:1")
    right.stdout.no_fnmatch_line("*critical?q0?*")


@pytest.mark.usefixtures("whole")
def test_one_chosen_case_is_told_and_not_measured(project):
    """``-k`` and ``--lf`` name a case to look at it: question, right answer, replies, scores, and how gates wait."""
    project.quiz(20, gates='["accuracy >= 0.9"]')
    result = project.run("-k", "q3]", model="fake:0", baseline="fake:1")
    result.stdout.fnmatch_lines([
        "  only a part of the suite ran: 1 of 20 cases were evaluated; its gates are not evaluated;*",
        "  q3",
        "  asked      Question w3 ? (A) one (B) two (C) three (D) four*",
        "  right      D",
        "  candidate  (A) one",
        "* accuracy 0.0000, *",
        "  baseline   (D) four",
    ])  # fmt: skip
    result.stdout.no_fnmatch_line("*p (Holm)*")
    project.run("-k", "q3] or q4] or q5] or q6]").stdout.fnmatch_lines("*p (Holm)*")


def test_of_many_failures_the_worst_are_shown_in_a_few_lines(project):
    """Forty bad replies print five failures of at most twenty lines, and a count; ``-v`` prints all."""
    project.quiz(40)
    project.write("test_quiz.py", FAILING)
    shown = project.run(model="fake:0")
    text = shown.stdout.str()
    assert text.count("____ test_quiz[") == 5
    parts = text.split("= FAILURES =")[1].split("= medeval =")[0].split("____ test_quiz[")[1:]
    assert all(len(part.splitlines()) <= 20 + 6 for part in parts)
    assert max(map(len, text.splitlines())) < 450
    shown.stdout.fnmatch_lines(["*... * lines more; -v shows them", "medeval: 35 more failed cases, none worse*"])
    assert shown.parseoutcomes() == {"failed": 41}
    assert text.count("FAILED test_quiz.py::test_quiz[") == 40
    assert project.run("-v", model="fake:0").stdout.str().count("____ test_quiz[") == 40


def test_of_many_critical_cases_five_are_shown_and_long_replies_are_cut(project):
    """Each is a failed test and counts; a reply of many lines is told in a few of them."""
    project.quiz(12)
    path = project.pytester.path
    rows = [{**json.loads(line), "critical": True} for line in (path / "quiz.jsonl").read_text().splitlines()]
    project.write("quiz.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    project.write(
        "many.py",
        """
from tools.fake_model import FakeModel
from pytest_medeval.core.types import Answer

def open_many(spec, settings):
    return FakeModel(lambda _: Answer("nothing\\n" * 80), name="many")
""",
    )
    (path / "conftest.py").write_text('def pytest_medeval_models(): return {"many": "many:open_many"}\n')
    (path / "test_quiz.py").write_text(
        FAILING.replace('"mcq",', '"mcq", scoring="reply",').replace("evaluation.correct", "1")
    )
    shown = project.run(model="many:1", baseline="none")
    text = shown.stdout.str()
    parts = text.split("= FAILURES =")[1].split("= medeval =")[0].split("___ critical[")[1:]
    assert len(parts) == 5
    assert all(len(part.splitlines()) <= 20 for part in parts)
    assert "(D) four" in parts[0]
    shown.stdout.fnmatch_lines(["... * lines more; the record has them*", "medeval: 7 more failed cases*"])
    assert shown.parseoutcomes()["failed"] == 12 + 2


def test_a_case_of_a_stored_run_is_shown_whole(project, capsys):
    """Number, name and path name a run; ids that two suites share need the suite; texts are whole, masked and inert."""
    long = "w0 " * 400
    project.quiz(20, question=f"Question {long}?", critical=True, tags={"half": "first"})
    one = {"question": "Again w5 ?", "options": {"A": "one", "B": "two", "C": "three", "D": "four"}, "answer": "B"}
    project.write("again.jsonl", "".join(json.dumps({"id": name, **one}) + "\n" for name in ("q0", "only")))
    project.pytester.makepyfile(test_again=SECOND)
    project.run("--medeval-save=one", "--medeval-json=run.json", model="fake:0", baseline="fake:1")
    capsys.readouterr()
    path = project.pytester.path / "run.json"
    record = json.loads(path.read_text())
    case = next(case for case in record["cases"] if (case["suite"], case["id"]) == ("quiz", "q1"))
    case["candidate"] |= {
        "reply": "Rest\x1b[2J\nhttp://me:secret@host/",
        "detail": "read by: statement",
        "thoughts": "Hm.",
    }
    said = {"judges": {"j": {"candidate": {"helpfulness": 2.0}}}, "candidate": {"helpfulness": 2.0}, "preference": 1.0}
    case |= {"judge": said, "rationale": "It is so."}
    path.write_text(json.dumps(record))
    shown = {run: _shown(capsys, run, "quiz:q0") for run in ("1", "one", "0001_one", str(path))}
    assert len(set(shown.values())) == 1
    assert shown["1"].startswith("quiz:q0, critical, wrong, half first\nasked      Question w0 w0")
    assert long.strip() in shown["1"]
    assert "\nright      A\ncandidate  (B) two\n           accuracy 0.0000" in shown["1"]
    assert "\nbaseline   (A) one\n           accuracy 1.0000" in shown["1"]
    listed = "".join(f"           ({name}) {text}\n" for name, text in one["options"].items())
    assert _shown(capsys, "1", "only").startswith(f"again:only, wrong\nasked      Again w5 ?\n{listed}right      B\n")
    spoilt = _shown(capsys, str(path), "quiz:q1")
    for line in (
        "candidate  Rest\\x1b[2J\n           http://***@host/ (read by: statement)\n",
        "\n           judges: helpfulness 2.0000\n",
        "\nbecause    It is so.\nthoughts   of the candidate: Hm.\n",
        "\njudges     preference 1.0000 (1: the candidate, 0: the baseline)\n",
        "\nj          candidate: helpfulness 2.0000\n",
    ):
        assert line in spoilt
    for asked, why in (
        ("q0", "case 'q0' of run 0001_one may be again:q0, quiz:q0; accepted: one of them"),
        ("q99", "run 0001_one has no case 'q99'; accepted: an id of its 22 cases, such as q9, "),
    ):
        assert main(["show", "1", asked]) == 2
        assert capsys.readouterr().err.startswith(f"medeval: {why}")


SECOND = """
import pytest
from pytest_medeval import Suite

suite = Suite(task="mcq", cases="again.jsonl", scoring="texts")

@pytest.mark.medeval(suite)
def test_again(evaluation):
    pass
"""


def _shown(capsys, run, case):
    assert main(["show", run, case]) == 0
    return capsys.readouterr().out
