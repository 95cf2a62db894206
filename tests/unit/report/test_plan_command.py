"""``plan judge``: a rated page of a judged run tells how many ratings a gate on the judge needs."""

import math
import re

import pytest

from pytest_medeval.__main__ import main
from pytest_medeval.commands import plan


@pytest.fixture
def rated(make_record, export, monkeypatch):
    """Judge a run of 120 cases, and rate a page of 60: people differ by -1, 0 or 1, and the judge otherwise."""
    record = make_record(120)
    for number, case in enumerate(record["cases"]):
        case["judge"] = {"candidate": {"accuracy": 3.5 + (number // 3 % 3 - 1)}, "baseline": {"accuracy": 3.0}}
    number = {case["candidate"]["reply"]: index for index, case in enumerate(record["cases"])}
    monkeypatch.setattr(plan, "load", lambda *_: ("0001_pilot", record))

    def grade(_pair, _name, reply):
        return 3 + number[reply] % 3 - 1 if reply in number else 3

    return record, export(record, size=60, grade=grade)


def run(capsys, *arguments):
    """Run the command: exit code, lines of stdout, stderr."""
    code = main(["plan", "judge", "--pilot", "latest", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err


def test_the_number_of_ratings_and_the_page_that_draws_them(rated, capsys):
    """A finer difference needs more ratings, the page is larger by 1 / 0.4; what all cases cannot tell asks more."""
    found = {}
    for detect in (0.5, 0.3, 0.05):
        code, lines, _ = run(capsys, "--human", rated[1], "--detect", detect)
        assert (code, lines[0].startswith("run 0001_pilot: ratings that tell a true difference")) == (0, True)
        found[detect] = next(line for line in lines if line.startswith("dialogue: judge.accuracy: "))
    counts = {}
    for detect in (0.5, 0.3):
        told = re.fullmatch(
            r"dialogue: judge.accuracy: (\d+) ratings \((\d+) to (\d+) by resampled pilots of \d+\): "
            r"--medeval-review-size=(\d+)", found[detect],
        )  # fmt: skip
        ratings, low, high, size = map(int, told.groups())
        assert low <= ratings <= high
        assert size == math.ceil(ratings / 0.4)
        counts[detect] = ratings
    assert counts[0.5] < counts[0.3]
    assert "more than all 120 ratings" in found[0.05]
    assert found[0.05].endswith("ask more cases")


def test_a_run_that_nobody_judged_is_a_mistake(rated, capsys):
    """One line, exit code 2."""
    record, file = rated
    for case in record["cases"]:
        del case["judge"]
    code, lines, error = run(capsys, "--human", file, "--detect", "0.3")
    assert (code, lines) == (2, [])
    assert error.startswith("medeval: run 0001_pilot: no judged case has ratings of both replies")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--detect", "0"), "found '0'; accepted: a number above 0"),
        (("--detect", "x"), "found 'x'"),
        (("--detect", "1", "--power", "1"), "found '1'; accepted: a number between 0 and 1"),
        ((), "required: --human, --detect"),
    ],
)
def test_a_mistake_is_one_line(capsys, arguments, said):
    """What was found, and what is accepted."""
    code, lines, error = run(capsys, *arguments)
    assert (code, lines, said in error, error.count("\n")) == (2, [], True, 1)
