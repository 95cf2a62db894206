"""What is said of attempts, and which gates can be decided before all cases were asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pytest_medeval.metrics import metrics_for
from pytest_medeval.tasks.mcq import MCQ
from pytest_medeval.verdicts.attempts import Attempts, record_of, sentences
from pytest_medeval.verdicts.gates.data import SuiteData
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.gates.judge import decided, held_whole


def test_what_is_said():
    """A lone attempt says nothing; a later one, declared looks, and what is left of them are told."""
    one = {"candidate": "m", "reference": None, "count": 1, "looks": None, "alpha": 0.05}
    told = dict(
        sentences(
            {
                "a": one,
                "b": one | {"count": 3},
                "c": one | {"count": 2, "looks": 5, "alpha": 0.0008},
                "d": one | {"count": 3, "looks": 2, "alpha": 0.0},
                "e": one | {"looks": 1},
            }
        )
    )
    assert list(told.values()) == [False, True, False]
    assert [text[:44] for text in told] == [
        "b: third attempt of this candidate, with oth",
        "c: second attempt of this candidate, 5 looks",
        "d: third attempt of this candidate; 2 looks ",
    ]


def entries(*numbers, reply=""):
    """Make entries of which only what is looked at is there."""
    return [{"content": f"c{one}", "request": f"r{one}", "candidate": {"reply": reply}} for one in numbers]


def test_which_look_it_is_and_what_it_may_spend():
    """Other cases are another attempt, the same ones in any order the same; only a growing chain has sizes."""
    attempts = Attempts(looks=2)
    spending = attempts.look("quiz", "m", None, entries(1, 2), drawn=False)
    assert record_of(spending, "m", None) == {
        "candidate": "m", "reference": None, "count": 1, "looks": 2, "alpha": pytest.approx(spending.alpha(0.05)),
    }  # fmt: skip
    attempts.known = list(attempts.new)
    again = attempts.look("quiz", "m", None, entries(2, 1), drawn=False)
    assert (again.number, again.sizes, len(attempts.new)) == (1, [2], 1)
    more = attempts.look("quiz", "m", None, entries(1, 2, 3), drawn=False)
    assert (more.number, more.sizes, more.before) == (2, [2, 3], [0.5])
    others = attempts.look("quiz", "m", None, entries(7), drawn=False)
    assert (others.number, others.sizes, others.exhausted) == (2, (), False)
    drawn = [attempts.look("quiz", "m", "r", entries(1, reply=text), drawn=True).number for text in ("a", "b")]
    assert drawn == [1, 1]
    assert attempts.new[-1]["cases"] != attempts.new[-2]["cases"]
    spent = Attempts([{**attempts.new[0], "share": 1.0}], looks=2).look("quiz", "m", None, entries(9), drawn=False)
    assert record_of(spent, "m", None)["alpha"] == 0.0


METRICS = {one.name: one for one in metrics_for(MCQ())}


def suite(right, count=400, **more):
    """Make a suite of which a share is right, of a baseline that has half."""
    said = np.arange(count) >= right * count
    rows = {
        role: {"mcq": np.column_stack([np.zeros(count), wrong, np.full((count, 2), -1.0)])}
        for role, wrong in (("candidate", said), ("baseline", np.arange(count) % 2))
    }
    return SuiteData(name="quiz", metrics=METRICS, rows=rows, ids=[str(at) for at in range(count)], largest=1, **more)


@pytest.mark.parametrize(
    ("gate", "early"),
    [
        ("accuracy >= 0.7", True),
        ("accuracy.low >= 0.7", True),
        ("accuracy better than baseline", True),
        ("brier <= 1", True),
        ("accuracy better than reference", False),
        ("accuracy == 1", False),
        ("accuracy[k=v] >= 0.7", False),
        ("worst(accuracy by k) >= 0.7", False),
        ("macro_f1 >= 0.7", False),
        ("ece <= 0.1", False),
        ("judge.accuracy >= 3", False),
    ],
)
def test_which_gates_can_be_decided_early(gate, early):
    """Those on a bounded mean over all cases, alone or against the baseline."""
    assert (not held_whole(parse_gate(gate), suite(0.9))) == early


def test_an_unbounded_mean_is_decided_at_the_end():
    """No bet on it is safe."""
    data = suite(0.9)
    open_end = replace(data, metrics={"accuracy": replace(METRICS["accuracy"], bounds=(0.0, float("inf")))})
    assert held_whole(parse_gate("accuracy >= 0.7"), open_end)


@pytest.mark.parametrize(
    ("gate", "right", "done"),
    [
        ("accuracy >= 0.7", 0.9, True),
        ("accuracy >= 0.7", 0.4, True),
        ("accuracy >= 0.7", 0.72, False),
        ("accuracy.low >= 0.7", 0.72, False),
        ("accuracy better than baseline", 0.95, True),
        ("accuracy better than baseline", 0.55, False),
    ],
)
def test_a_gate_is_decided_once_its_interval_leaves_the_condition_out(gate, right, done):
    """Passed or failed for good; a pass within noise may still turn."""
    assert decided(parse_gate(gate), suite(right), 1, all_must_pass=True) == done


def test_fails_share_alpha_and_passes_do_where_each_is_a_claim():
    """What one comparison alone decides, one of very many does not."""
    gate = parse_gate("accuracy better than baseline")
    close = next(
        suite(share / 100) for share in range(55, 95) if decided(gate, suite(share / 100), 1, all_must_pass=True)
    )
    assert decided(gate, close, 10_000, all_must_pass=True)
    assert not decided(gate, close, 10_000, all_must_pass=False)
