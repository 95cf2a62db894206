"""Kept, lost or undecided: what a suite's gate of non-inferiority says of what a tuned model still knows."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_medeval.metrics.base import Measure, mean, mean_of
from pytest_medeval.verdicts.gates.data import SuiteData
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.gates.judge import judge_all
from pytest_medeval.verdicts.retention import remarks, retention, sentence


def measure(name, direction):
    """Make a mean of per-case scores."""
    return Measure(
        name=name, counts=name, signature="test", make=None, fold=mean, spread=mean_of(0), bounds=(0.0, 1.0),
        direction=direction,
    )  # fmt: skip


METRICS = {one.name: one for one in (measure("accuracy", 1), measure("faults", -1))}


def data(name, wins, losses, same, metric="accuracy"):
    """Make a suite with so many cases that are 1 with the candidate alone, with the base alone, and with both."""
    new, old = (np.repeat(each, [wins, losses, same])[:, None] for each in ([1.0, 0.0, 1.0], [0.0, 1.0, 1.0]))
    rows = {"candidate": {metric: new}, "baseline": {metric: old}}
    return SuiteData(name=name, metrics=METRICS, rows=rows, ids=[f"{i:04}" for i in range(len(new))])


def judged(*suites, metric="accuracy", tuned=(), **options):
    """Judge suites together as a run does, and give what is retained."""
    text = f"{metric} not worse than baseline by 0.05"
    gates = judge_all([(parse_gate(text), one) for one in suites], **options)
    asked = {one.name: {"metric": metric, "known": True, "gate": text} for one in suites}
    asked |= {name: {"metric": metric, "known": True, "tuned": "recipe.toml"} for name in tuned}
    row = {"candidate": 0.5, "baseline": 0.6, "difference": -0.1, "ci95": [-0.2, 0.0], "n": 7}
    return retention(asked, 0.05, gates, {name: {"metrics": {metric: row}} for name in asked})


def words(found):
    """Give the verdict of each suite."""
    return {name: one["verdict"] for name, one in found["suites"].items()}


def test_the_whole_interval_decides():
    """On the good side of the margin it is kept, on the bad side lost; across it, or of too few cases, undecided."""
    found = judged(
        data("same", 0, 0, 200),
        data("gone", 0, 60, 140),
        data("doubt", 5, 15, 100),
        data("few", 0, 0, 19),
        tuned=["own"],
    )
    assert words(found) == {
        "same": "kept", "gone": "lost", "doubt": "undecided", "few": "undecided", "own": "tuned for",
    }  # fmt: skip
    assert sentence(found) == "kept: 1 of 4, lost: 1, undecided: 2"
    gone = found["suites"]["gone"]
    assert (gone["difference"], gone["n"]) == (pytest.approx(-0.3), 200)
    assert gone["interval"][1] < -0.05
    assert "wrong side of -0.05" in gone["reason"]
    assert remarks(found) == ["the candidate was tuned for own (recipe.toml)"]


def test_where_less_is_better_more_is_lost():
    """The direction of the metric turns both sides."""
    metric = "faults"
    found = judged(data("up", 60, 0, 140, metric), data("down", 0, 60, 140, metric), metric=metric)
    assert words(found) == {"up": "lost", "down": "kept"}


def test_what_is_lost_is_corrected_and_what_is_kept_is_not():
    """A loss that shows alone may be one of several by chance (Holm); all must be kept, each at its own level."""
    loss, kept = data("loss", 6, 28, 166), data("kept", 0, 0, 75)
    others = [data(f"doubt{number}", 5, 15, 100) for number in range(9)]
    assert words(judged(loss)) == {"loss": "lost"}
    assert words(judged(loss, *others))["loss"] == "undecided"
    assert words(judged(kept, *others))["kept"] == words(judged(kept))["kept"] == "kept"
    assert words(judged(kept, *others, all_must_pass=False))["kept"] == "undecided"


def test_who_says_nothing_is_named():
    """And where every suite was tuned for there is nothing to keep."""
    found = judged(tuned=["own"])
    assert sentence(found) == "no suite was to be judged"
    found["suites"]["own"] |= {"known": False}
    assert remarks(found)[-1] == "nothing says what the candidate was tuned for, so all is judged: own"
