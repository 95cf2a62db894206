"""The terminal says the answer first, as much as is asked for, and in the width that there is."""

import pytest
from tests.page_record import whole_record

from pytest_medeval.report.blocks import Column
from pytest_medeval.report.outline import outline_of
from pytest_medeval.report.terminal import BOX, box, fitting, screen_width, summary


def lines(record, detail, width=100):
    """Give the lines of a summary."""
    return [line.text for line in summary(outline_of(record), detail, width)]


@pytest.fixture
def record():
    """Give a run with all that a page shows."""
    return whole_record(9)


def test_a_glance_answers_each_suite_in_a_line(record):
    """The headline with both values and the tracks' verdict, and no table of metrics; the whole has both."""
    told, whole = lines(record, "glance"), lines(record, "whole")
    head = next(line for line in told if line.startswith("suite"))
    assert head.split() == [
        "suite", "cases", "headline", "baseline", "candidate", "difference", "95", "%", "interval", "change", "tracks",
    ]  # fmt: skip
    (answer,) = [line for line in told if line.startswith("dialogue  ")]
    row = record["suites"]["dialogue"]["metrics"]["rougeL"]
    assert answer.split()[:5] == [
        "dialogue", "9", "rougeL", f"{row['baseline']:.4f}", f"{row['candidate']:.4f}",
    ]  # fmt: skip
    assert answer in whole
    assert not any("p (Holm)" in line for line in told)
    assert any("p (Holm)" in line for line in whole)
    assert any(line.startswith("more of each suite") for line in told)
    assert not any(line.startswith("more of each suite") for line in whole)


def test_a_glance_keeps_what_is_to_be_minded(record):
    """What was left out, what stands in the training data and what the tracks say are told, under their suite."""
    told, whole = lines(record, "glance"), lines(record, "whole")
    open_lines = [line for line in whole if line.strip().startswith(("leakage: ", "skipped "))]
    assert open_lines
    assert set(open_lines) <= set(told)
    under = told.index(next(line for line in told if line.startswith("dialogue (dialogue)")))
    assert under < told.index(open_lines[0])
    words = record["divergence"]["dialogue"]["words"].split()[:6]
    assert any(" ".join(words) in line for line in told)


@pytest.mark.parametrize("asked", [True, False])
def test_that_nothing_leaked_is_told_to_who_asked(record, asked):
    """Whatever the files are called; nobody is told what sketches beside the weights do not hold."""
    leakage = record["suites"]["dialogue"]["leakage"]
    leakage |= {"leaked": [], "files": ["data/provenance.json"], "asked": asked}
    said = f"leakage: none of {leakage['cases']} cases stands in the {leakage['records']} records of the training data"
    assert any(said in line for line in lines(record, "whole")) == asked


def test_a_part_of_a_suite_is_told_case_by_case(record):
    """Whoever runs three cases or fewer reads them at a glance."""
    suite = record["suites"]["dialogue"]
    suite["complete"] = False
    record["cases"] = record["cases"][:2]
    told = lines(record, "glance")
    assert all(any(case["id"] in line for line in told) for case in record["cases"])
    assert any(line.strip().startswith("asked") for line in told)


def test_quiet_leaves_the_gates(record):
    """Nothing but the gates, a line each."""
    told = lines(record, "gates")
    assert told[0].startswith("gates: ")
    judged = [line for line in told if line.startswith(("  PASS ", "  FAIL "))]
    assert len(judged) == len(record["gates"])
    assert not any(line.startswith("suite") for line in told)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
@pytest.mark.parametrize("detail", ["glance", "whole"])
def test_no_line_is_wider_than_the_terminal(record, detail, width):
    """Columns go where they do not fit, and come where they do; texts are folded."""
    told = lines(record, detail, width)
    assert all(len(line) <= width for line in told)
    heads = " ".join(line for line in told if line.lstrip().startswith(("metric ", "suite ")))
    assert ("baseline" in heads) == (detail == "whole" or width >= 100)
    if detail == "whole":
        assert ("p (Holm)" in heads) == (width >= 100)
        assert ("change" in heads.partition("metric")[2]) == (width >= 140)


def test_columns_go_in_their_order():
    """The highest rank first, of equals the last; those without a rank stay whatever they take."""
    columns = [
        Column("a", words=True, width=10), Column("b", width=10, rank=1), Column("c", width=10, rank=2),
        Column("d", width=0), Column("e", width=10, rank=1),
    ]  # fmt: skip
    names = {
        width: "".join(column.name for column in fitting(columns, width) if column) for width in (42, 41, 31, 21, 5)
    }
    assert names == {42: "abce", 41: "abe", 31: "ab", 21: "a", 5: "a"}


def test_the_box_is_bounded(record):
    """However many warnings there are, and however long; the last line counts those that it leaves out."""
    spec = "a/very/long/folder/of/judges/" * 3
    record["judges"] = [record["judges"][0] | {"spec": f"{spec}{place}", "admissible": False} for place in range(9)]
    told = [line.text for line in box(outline_of(record), 80)]
    assert len(told) == BOX
    shown = sum(line.startswith("warning: ") for line in told[:-1])
    count = 1 + 9 + sum(line.startswith("warning: dialogue") for line in told)
    assert told[-1] == f"warning: {count - 1 - shown} more, which every report lists"


def test_a_log_has_the_usual_width(monkeypatch):
    """No terminal: 100 characters, or what COLUMNS says."""
    monkeypatch.setenv("COLUMNS", "140")
    assert screen_width() == 140
    monkeypatch.setenv("COLUMNS", "20")
    assert screen_width() == 60
