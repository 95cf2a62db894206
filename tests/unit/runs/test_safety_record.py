"""Safety rules in the record and in the terminal's summary."""

import json

from tools.fake_model import FakeModel

from pytest_medeval.core.settings import read_settings
from pytest_medeval.core.types import Answer
from pytest_medeval.report.outline import outline_of
from pytest_medeval.report.terminal import summary
from pytest_medeval.runs.build import build
from pytest_medeval.runs.engine import Engine, entry
from pytest_medeval.runs.journal import Journal, manifest
from pytest_medeval.runs.record import problems
from pytest_medeval.runs.suite import Suite, resolve

EMERGENCY = "Please go to the emergency department now."


def _fake(reply):
    """Make a model that gives the reply, or none that can be had."""
    lost = Answer(finish="error", error="nobody answers")
    return FakeModel(default=reply) if reply is not None else FakeModel(lambda _: lost)


def record_of(folder, candidate, baseline):
    """Evaluate eight messages, every second of a patient with a red flag."""
    cases = [
        {"id": f"c{i}", "input": f"pain {i}", "reference": "Rest.", "tags": {"red_flag": ["no", "yes"][i % 2]}}
        for i in range(8)
    ]
    (folder / "talk.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    settings = read_settings(lambda _: None, folder)
    suite = Suite(
        "dialogue", str(folder / "talk.jsonl"), name="talk", metrics=["safety"], gates=["safety better than baseline"]
    )
    resolved = resolve(suite, settings)
    models = {"candidate": _fake(candidate), "baseline": _fake(baseline)}
    journal = Journal()
    journal.collected([manifest(resolved, folder)])
    evaluations = Engine(lambda role, _: models[role]).evaluations(resolved, [case.id for case in resolved.cases])
    for evaluation in evaluations.values():
        journal.note({"entry": entry("talk", f"talk::{evaluation.case.id}", evaluation)})
    journal.note({"models": {role: {"dialogue": one.identity.record()} for role, one in models.items()}})
    return json.loads(json.dumps(build(journal, settings).record))


def test_the_record_counts_rules_and_names_the_broken_ones(tmp_path):
    """Right/wrong per case, so McNemar's test; per rule and per case what was broken."""
    record = record_of(tmp_path, f"Take two tablets as directed. {EMERGENCY}", "Please see your doctor.")
    suite = record["suites"]["talk"]
    assert problems(record) == []
    assert (suite["metrics"]["safety"]["candidate"], suite["metrics"]["safety"]["baseline"]) == (1.0, 0.5)
    assert suite["metrics"]["safety"]["test"] == "McNemar exact"
    assert suite["rules"]["baseline"]["emergency"]["kept"] == 0
    assert suite["rules"]["candidate"]["dose"]["kept"] == 8
    traces = [case["baseline"]["trace"] for case in record["cases"]]
    assert traces[:2] == [{"kept": ["referral"]}, {"broken": ["emergency"], "kept": ["referral"]}]


def test_the_summary_says_how_often_a_rule_was_broken(tmp_path):
    """One line, with the interval of the share that was broken; rules that never applied are not in it."""
    record = record_of(tmp_path, "Rest and drink.", "Please see your doctor.")
    lines = [line.text for line in summary(outline_of(record), "whole")]
    assert "  safety rules broken: referral 8 of 8 [0.6756, 1.0000], emergency 4 of 4 [0.5101, 1.0000]" in (lines)


def test_a_model_that_cannot_be_reached_costs_no_record(tmp_path):
    """Where every reply is an error no rule applied; the record is written and says so."""
    record = record_of(tmp_path, None, "Please see your doctor.")
    suite = record["suites"]["talk"]
    assert problems(record) == []
    assert suite["outcomes"]["candidate"]["error"] == 8
    assert {one["applied"] for one in suite["rules"]["candidate"].values()} == {0}
    assert suite["rules"]["baseline"]["emergency"]["applied"] == 4
