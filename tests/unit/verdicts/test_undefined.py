"""Tracks that agree on what is left of a suite."""

import math
from dataclasses import replace

import numpy as np
import pytest

from pytest_medeval.metrics.base import Measure, mean, mean_of
from pytest_medeval.verdicts.gates.data import GateResult, SuiteData, undefined_in
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.gates.judge import judge, tracks_with_undefined


@pytest.mark.parametrize("lost", [None, math.nan])
@pytest.mark.parametrize("role", ["candidate", "baseline"])
def test_tracks_do_not_hold_on_undefined_scores(lost: float | None, role: str):
    """As stored (null) and as measured (NaN); in another suite or family of grades it is no matter."""
    held = GateResult(suite="s", expression="divergence", verdict="pass", reason="agree")
    case = {"id": "c3", "suite": "s", role: {"rows": {"rouge": [lost], "bleu": [0.5]}}}
    found = tracks_with_undefined(held, [case])
    assert found.verdict == "not evaluated"
    assert found.reason == f"rouge is undefined for 1 replies of {role}, the first of case c3; on the others: agree"
    assert tracks_with_undefined(held, [{**case, "suite": "t"}]) == held
    assert tracks_with_undefined(held, [{**case, role: {"rows": {"judge.accuracy": [lost]}}}]) == held
    assert tracks_with_undefined(replace(held, verdict="fail"), [case]).verdict == "fail"


def test_undefined_rows_are_found_by_family():
    """Any value of a row that is missing; the family of grades and a role without rows say nothing."""
    cases = [
        {"id": "a", "candidate": {"rows": {"rouge": [1.0, None], "bleu": [1.0], "judge.accuracy": [None]}}},
        {"id": "b", "candidate": {"rows": {"rouge": [math.nan, 0.0], "bleu": [math.nan]}}},
        {"id": "c", "candidate": {"rows": {}}},
        {"id": "d"},
    ]
    assert undefined_in(cases, "candidate") == {"rouge": ["a", "b"], "bleu": ["b"]}
    assert undefined_in(cases, "baseline") == {}


ALL = "rouge is undefined for 1 of 60 replies of {}, the first of case c59; on the others: "


@pytest.mark.parametrize(
    ("text", "role", "verdict", "told"),
    [
        ("rouge >= 0.5", "candidate", "not evaluated", ALL.format("candidate")),
        ("rouge >= 0.99", "candidate", "fail", None),
        ("rouge >= 0.5", "baseline", "pass", None),
        ("rouge better than baseline", "baseline", "not evaluated", ALL.format("baseline")),
        ("rouge better than baseline", "candidate", "not evaluated", ALL.format("candidate")),
        ("rouge better than baseline", "reference", "inconclusive", None),
        ("other >= 0.5", "candidate", "pass", None),
        ("rouge[half=first] >= 0.5", "candidate", "pass", None),
        ("rouge[half=second] >= 0.5", "candidate", "not evaluated", "rouge is undefined for 1 of 30 replies"),
        ("worst(rouge by half) >= 0.5", "candidate", "not evaluated", "rouge is undefined for 1 of 60 replies"),
        ("worst(rouge by age) >= 0.5", "candidate", "pass", None),
    ],
)
def test_no_gate_passes_on_replies_that_its_metric_cannot_score(text, role, verdict, told):
    """Only cases, roles and families that a gate looks at count; to fail on the others is still to fail."""
    scores = np.array([[0.9], [0.5]] * 30)
    metrics = {
        name: Measure(name=name, counts=name, signature="", make=None, fold=mean, spread=mean_of(0))
        for name in ("rouge", "other")
    }
    rows = {one: {"rouge": scores, "other": scores} for one in ("candidate", "baseline")}
    tags = [{"half": "first" if i < 30 else "second", **({"age": "old"} if i < 20 else {})} for i in range(60)]
    lost = {role: {"rouge": ["c59", "elsewhere"]}}
    data = SuiteData(name="s", metrics=metrics, rows=rows, ids=[f"c{i}" for i in range(60)], tags=tags, undefined=lost)
    found = judge(parse_gate(text), data)
    assert found.verdict == verdict
    assert found.reason.startswith(told) if told else "undefined for" not in found.reason
