"""The noise floor: what it does to gates and differences."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_medeval.metrics.base import Measure, mean, mean_of
from pytest_medeval.stats.proportions import tango
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.noise import changes, floors, margin_below, noise_section

MEASURED = {
    "n": 8,
    "variants": [
        {
            "name": "batch size 1",
            "changed": 2,
            "changes": {"accuracy": 0.25, "answered": 0.0},
            "intervals": {"accuracy": [-0.4, -0.1], "answered": [-0.1, 0.1]},
        },
        {
            "name": "dtype bfloat16",
            "changed": 5,
            "changes": {"accuracy": 0.5, "answered": 0.0, "ece": 0.3},
            "intervals": {"accuracy": [-0.1, 0.9], "answered": [-0.1, 0.1]},
        },
        {"name": "adapter merged", "reason": "no memory"},
    ],
}
"""A drift at another batch size; at another dtype replies flip, in no direction that is shown."""


@pytest.mark.parametrize(
    ("gate", "held"),
    [
        ("accuracy not worse than baseline by 0.2", False),
        ("accuracy not worse than reference by 0.25", True),
        ("accuracy >= 0.1", True),
        ("accuracy better than baseline", True),
        ("answered not worse than baseline by 0", True),
    ],
)
def test_a_margin_below_the_floor_cannot_be_held(gate, held):
    """Only a non-inferiority margin that is smaller than the floor is refused, with both numbers."""
    why = margin_below(parse_gate(gate), MEASURED)
    assert (why == "") is held
    assert held or ("0.2 " in why and "0.2500" in why)


def test_without_a_floor_nothing_is_refused():
    """No section, or one of a model that cannot be measured, refuses no gate."""
    gate = parse_gate("accuracy not worse than baseline by 0")
    assert margin_below(gate, None) == ""
    assert margin_below(gate, {"n": 8, "variants": [], "reason": "a server"}) == ""


def test_differences_below_the_floor_are_marked():
    """Named once; no difference at all needs no mark."""
    section = noise_section(MEASURED, [("accuracy", 0.1), ("accuracy", -0.2), ("answered", 0.0), ("ece", 0.3)])
    assert section["below"] == ["accuracy"]
    assert noise_section(section, [("accuracy", 0.25), ("accuracy", None)])["below"] == []


def test_the_floor_is_the_largest_change():
    """Over the ways that could be computed, of changes whose interval leaves 0 out; without any there is none."""
    assert floors(MEASURED) == {"accuracy": 0.25, "answered": 0.0, "ece": 0.0}
    assert floors(None) == floors({"variants": []}) == floors({}) == {}
    section = noise_section(MEASURED, [])
    assert (section["floor"], section["n"], section["below"]) == (floors(MEASURED), 8, [])


def test_changes_are_absolute_and_on_the_cases_of_both_passes():
    """Means 1 / 3 and 2 / 3 of the three cases with rows in both; a metric without any, or undefined, is left out."""
    how = {"signature": "", "make": None, "fold": mean, "spread": mean_of(0)}
    metrics = [Measure(name=f"mean {name}", counts=name, **how) for name in ("accuracy", "bleu", "rouge")]
    rows = [1.0, 0.0, 0.0]
    before = [*({"accuracy": [score], "rouge": [np.nan]} for score in rows), {"accuracy": [1.0]}, {}]
    after = [*({"accuracy": [1 - score], "rouge": [1.0]} for score in rows), {"bleu": [1.0]}, {"accuracy": [1.0]}]
    found, back = changes(metrics, before, after), changes(metrics, after, before)
    assert found["changes"] == back["changes"] == {"mean accuracy": pytest.approx(1 / 3)}
    assert found["intervals"]["mean accuracy"] == pytest.approx(tango(2, 1, 3))
    assert back["intervals"]["mean accuracy"] == pytest.approx(tango(1, 2, 3))


def test_a_drift_is_shown_by_clusters_and_flips_either_way_are_none():
    """Of 32 cases one flip bars nothing, six one way do; six of two clusters say less than six of six."""
    metric = Measure(name="accuracy", counts="accuracy", signature="", make=None, fold=mean, spread=mean_of(0))
    before = [{"accuracy": [1.0]}] * 32

    def floor(flipped, clusters=None):
        after = [{"accuracy": [0.0 if at in flipped else 1.0]} for at in range(32)]
        return floors({"variants": [{"name": "x", **changes([metric], before, after, clusters)}]})["accuracy"]

    assert floor({3}) == 0.0
    assert floor(range(6)) == pytest.approx(6 / 32)
    assert floor(range(6), [str(at // 3) for at in range(32)]) == 0.0


def test_a_margin_that_equals_the_floor_but_for_rounding_is_held():
    """1 - 0.95 is no more than 0.05; a millionth less is."""
    moved = {"changes": {"accuracy": 1 - 0.95}, "intervals": {"accuracy": [0.01, 0.1]}}
    section = {"n": 8, "variants": [{"name": "x", **moved}]}
    gate = "accuracy not worse than baseline by {}"
    assert margin_below(parse_gate(gate.format(0.05)), section) == ""
    assert margin_below(parse_gate(gate.format(0.049999)), section) == (
        "the margin 0.049999 is below the noise floor of accuracy, 0.0500: so far the mean of 8 cases is shown to "
        "move when the same weights only compute in another way"
    )
    assert noise_section(section, [("accuracy", 0.05), ("accuracy", -0.05)])["below"] == []
    assert noise_section(section, [("accuracy", -0.04)])["below"] == ["accuracy"]
