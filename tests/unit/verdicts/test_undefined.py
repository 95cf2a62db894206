"""Tracks that agree on what is left of a suite."""

import math

import pytest

from pytest_medeval.verdicts.gates import GateResult, tracks_with_undefined


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
