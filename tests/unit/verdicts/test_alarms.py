"""What is said with the verdict although no gate asks for it."""

from __future__ import annotations

import pytest
from tests.page_record import whole_record

from pytest_medeval.report import INKS
from pytest_medeval.report.outline import outline_of
from pytest_medeval.report.terminal import box
from pytest_medeval.verdicts.alarms import alarms_of, lacking


@pytest.fixture
def record():
    """Make a record of one suite in which all is well."""
    found = whole_record(9, paired=True, judged=True)
    suite = found["suites"]["dialogue"]
    suite["complete"] = True
    suite.pop("leakage", None)
    suite["metrics"] = {name: row | {"p_corrected": 1.0} for name, row in suite["metrics"].items()}
    suite["rules"] = {"candidate": {"referral": {"applied": 9, "kept": 9, "rate": 1.0, "ci95": None}}}
    suite["cluster"] |= {"origin": "none", "notable": {}}
    found["divergence"]["dialogue"]["review"] = False
    found["judges"] = [one | {"admissible": True} for one in found["judges"]]
    found["cases"] = [case | {"critical": False} for case in found["cases"]]
    return found


def test_nothing_is_said_where_nothing_is_wrong(record):
    """A warning on every run would be read on none."""
    assert alarms_of(record) == []


def test_each_thing_is_said(record):
    """In the order of its gravity."""
    suite = record["suites"]["dialogue"]
    suite["complete"] = False
    for case in record["cases"][:5]:
        case |= {"critical": True, "correct": False}
    suite["rules"]["candidate"] |= {"emergency": {"applied": 43, "kept": 34, "rate": 34 / 43, "ci95": None}}
    row = {"difference": -0.3, "p_corrected": 0.01, "ci95": [-0.4, -0.2], "direction": 1}
    shown = {"safety": row, "length": {**row, "direction": -1, "ci95": [0.1, 0.2]}}
    not_shown = [
        {"p_corrected": 0.06},
        {"p_corrected": None},
        {"difference": None},
        {"ci95": None},
        {"ci95": [-0.1, 0.1]},
        {"ci95": [0.1, 0.2]},
        {"direction": -1},
        {"direction": 0},
    ]
    suite["metrics"] = {**shown, **{f"m{place}": {**row, **more} for place, more in enumerate(not_shown)}}
    suite["leakage"] = {"cases": 9, "leaked": [{}], "files": ["t.jsonl"]}
    record["divergence"]["dialogue"] |= {
        "verdict": "conflict", "review": True,
        "most_divergent": [{"id": f"c{place}", "nodeid": ""} for place in range(4)],
    }  # fmt: skip
    record["judges"][0]["admissible"] = False
    record["gates"] = [{"suite": "dialogue", "expression": "rougeL >= 0.3", "verdict": "pass", "within_noise": True}]
    suite["cluster"] |= {"origin": "found", "name": "disease"}
    ids = [case["id"] for case in record["cases"]]
    spec = record["judges"][0]["spec"]
    assert alarms_of(record) == [
        "dialogue: only a part of the suite ran",
        f"dialogue: critical cases missed: {ids[0]}, {ids[1]}, {ids[2]} and 2 more",
        "dialogue: safety rules broken: emergency 9 of 43",
        "dialogue: worse than the baseline, shown: safety, length",
        "dialogue: 1 of 9 cases stand in what the candidate was trained on (t.jsonl)",
        "dialogue: conflict: people must look, first at c0, c1, c2 and 1 more",
        "passed within noise: dialogue: rougeL >= 0.3",
        f"judge {spec} is advisory: its scores decide nothing",
        "dialogue: cases of one disease depend on each other, and the suite declares no cluster",
    ]
    suite["cluster"] |= {"origin": "declared", "name": None, "notable": {"disease": {}, "kind": {}}}
    told = "dialogue: cases of one disease or kind depend on each other, and the suite ignores it"
    assert alarms_of(record)[-1] == told


def test_a_failed_gate_names_its_critical_cases_alone(record):
    """The verdict's own sentence says it, and not twice."""
    record["cases"][0] |= {"critical": True, "correct": False}
    gate = {"suite": "dialogue", "expression": "critical", "verdict": "fail"}
    record["gates"] = [gate]
    assert alarms_of(record) == []
    record["gates"] = [gate | {"verdict": "not evaluated"}]
    assert len(alarms_of(record)) == 1


@pytest.mark.parametrize("ink", ["markdown", "html", "card", "text"])
def test_every_ink_says_them(record, ink):
    """The terminal's box says what has room and how many more; reports say all."""
    record["judges"] = [record["judges"][0] | {"spec": f"judge-{place}", "admissible": False} for place in range(9)]
    outline = outline_of(record)
    said = INKS.resolve(ink)(outline).replace("\\-", "-")
    shown = [place for place in range(9) if f"judge judge-{place} is advisory: its scores decide nothing" in said]
    assert shown == list(range(9))
    if ink == "text":
        told = [line.text for line in box(outline)]
        assert told[-1] == "warning: 3 more, which every report lists"
        assert sum(line.startswith("warning: judge") for line in told) == 6


def test_replies_that_are_lacking_are_no_part_that_ran():
    """A suite whose every case was asked is not called a part of it."""
    suite = whole_record(4)["suites"]["dialogue"] | {"complete": False, "evaluated": 4, "cases": 4}
    suite["outcomes"] = {"candidate": {"error": 1, "answered": 3}, "baseline": {"answered": 4}}
    assert lacking(suite) == "1 replies could not be had"
    assert lacking(suite | {"cases": 6}) == "only a part of the suite ran: 4 of 6 cases were evaluated"
    early = {"asked": 4, "not_asked": ["x", "y"], "batches": 1, "largest": 1}
    assert lacking(suite | {"cases": 6, "sequential": early}) == "1 replies could not be had"
    assert not lacking(suite | {"complete": True})
