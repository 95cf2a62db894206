"""``plan cases``: from a stored run, how many cases settle a gate, as a range."""

from __future__ import annotations

import copy
import re

import pytest

from pytest_medeval.__main__ import main
from pytest_medeval.commands import plan


@pytest.fixture
def pilot(quiz, monkeypatch):
    """Run 60 questions of two halves; 8 are won and 4 lost."""
    record = quiz.run({1, 2, 3, 4}, count=60, baseline={*range(20, 28)}, cluster=None, cluster_reason="made up")
    monkeypatch.setattr(plan, "load", lambda *_: ("0001_pilot", record))
    return record


def run(capsys, *arguments):
    """Run the command."""
    code = main(["plan", "cases", "--pilot", "latest", *arguments])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err


def test_what_the_command_says(pilot, capsys):
    """Three numbers that grow, fewer for a wider margin; a lower end is planned too, and clusters are counted."""
    assert pilot["suites"]["quiz"]["metrics"]["accuracy"]["difference"] == pytest.approx(4 / 60)
    middle = {}
    for margin in (0.05, 0.1):
        gate = f"accuracy not worse than baseline by {margin}"
        code, lines, _ = run(capsys, "--gate", gate, "--truth", "0")
        assert code == 0
        assert lines[0].startswith(f"run 0001_pilot: cases for `{gate}` to pass, at a true 0, power 80%")
        ends = r"([\d,]+) / ([\d,]+) / ([\d,]+)"
        told = re.fullmatch(rf"quiz: {ends} cases \(10 / 50 / 90 % of pilots of 60 cases\)", lines[1])
        low, middle[margin], high = (int(one.replace(",", "")) for one in told.groups())
        assert low <= middle[margin] <= high
    assert middle[0.05] == pytest.approx(4 * middle[0.1], rel=0.02)
    code, lines, _ = run(capsys, "--gate", "accuracy better than baseline")
    assert "if +0.0667 is true" in lines[0]
    assert run(capsys, "--gate", "accuracy.low >= 0.8")[0] == 0
    for case in pilot["cases"]:
        case["cluster"] = case["id"][:2]
    assert run(capsys, "--gate", "accuracy.low >= 0.8")[1][2].endswith("cases each")


def test_a_subgroup_and_a_stored_reference_are_planned(pilot, capsys, monkeypatch):
    """Of a subgroup its own cases, and those of the suite at its share; a reference is another stored run."""
    old = copy.deepcopy(pilot)
    monkeypatch.setattr(plan, "load", lambda _, name: (name, old if name == "old" else pilot))
    code, lines, _ = run(capsys, "--gate", "accuracy[half=1].low >= 0.7")
    numbers = [[int(one.replace(",", "")) for one in re.findall(r"[\d,]+(?= )", text)[:3]] for text in lines[1:]]
    assert (code, lines[2].endswith("cases of the suite, where 30 of 60 are of half=1")) == (0, True)
    assert numbers[1] == [2 * one for one in numbers[0]]
    gate = ("--gate", "accuracy not worse than reference by 0.1", "--truth", "0", "--reference", "old")
    assert "all 60 cases of the pilot say the same" in run(capsys, *gate)[2]
    for case in old["cases"][:6]:
        case["candidate"]["rows"]["mcq"] = case["baseline"]["rows"]["mcq"] = [0, 1, -1, -1]
    code, lines, error = run(capsys, *gate)
    told = re.match(r"quiz: ([\d,]+) / ([\d,]+) / ([\d,]+) cases", lines[1])
    assert (code, told is not None) == (0, True), error
    old["suites"]["quiz"]["metrics"]["accuracy"]["signature"] = "another"
    assert "--reference: " in run(capsys, *gate)[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--gate", "accuracy >= 0.8"),
            "judges the value, which few cases pass as easily as many; accepted: METRIC.low",
        ),
        (
            ("--gate", "worst(accuracy by half) >= 0.8"),
            "judges the worst group's value; accepted: METRIC[TAG=VALUE].low",
        ),
        (
            ("--gate", "judge.accuracy better than baseline"),
            "rests on people's ratings of a judge; accepted: plan judge",
        ),
        (("--gate", "macro_f1.low >= 0.8"), "of a metric that the run does not hold; accepted: accuracy, brier"),
        (("--gate", "accuracy[half=2].low >= 0.8"), "half"),
        (
            ("--gate", "accuracy better than reference"),
            "the run holds no reference of suite quiz; accepted: --reference",
        ),
        (("--gate", "accuracy.low >= 0.8", "--suite", "quix"), "did you mean 'quiz'"),
        (("--gate", "accuracy better than baseline", "--truth", "x"), "found 'x'; accepted: a number"),
    ],
)
@pytest.mark.usefixtures("pilot")
def test_a_mistake_is_one_line(capsys, arguments, said):
    """What was found, and what is accepted; exit code 2."""
    code, lines, error = run(capsys, *arguments)
    assert (code, lines, said in error, error.count("\n")) == (2, [], True, 1), error
