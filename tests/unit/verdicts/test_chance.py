"""What always saying A is worth, and what a model knows beyond its habits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.details import details_of
from pytest_medeval.tasks.mcq import MCQ
from pytest_medeval.verdicts.chance import chance, remarks, with_chance
from pytest_medeval.verdicts.gates.data import GateResult, SuiteData
from pytest_medeval.verdicts.gates.grammar import parse_gate

(ACCURACY,) = metrics_for(MCQ(), ["accuracy"])
DETAILS = details_of(MCQ())
GOLD = np.repeat([0, 1, 2, 3], [99, 75, 66, 60])
"""A is right in 33 % of 300 questions."""


def rows(said):
    """Make the rows of a role that says these letters."""
    return {"mcq": np.column_stack([GOLD, said, np.full((len(GOLD), 2), -1.0)]).astype(float)}


def suite(**roles):
    """Make a suite of roles by what they say."""
    made = {role: rows(said) for role, said in roles.items()}
    ids = [f"{at:03}" for at in range(len(GOLD))]
    return SuiteData(name="quiz", metrics={"accuracy": ACCURACY}, rows=made, ids=ids)


def found(data):
    """Compare with answers that heed no question."""
    said = [DETAILS.heedless(data.rows.get(role, {})) for role in ("candidate", "baseline")]
    return chance(data, ACCURACY, *said, seed=0)


def row(new, old):
    """Make the row of the record for the headline, with an interval of the gain that leaves 0 out."""
    gain = float((new == GOLD).mean() - (old == GOLD).mean())
    return {"candidate": float((new == GOLD).mean()), "difference": gain, "ci95": [gain - 0.05, gain + 0.05]}


RNG = np.random.default_rng(3)
HABIT = np.where(RNG.random(300) < 0.81, 0, 1)
"""81 % A, else B, whatever is asked."""
EVEN = RNG.integers(0, 4, 300)
KNOWS = np.where(RNG.random(300) < 0.7, GOLD, EVEN)


def test_always_a_is_as_good_as_a_model_that_mostly_says_a():
    """Its score by hand, the test that of scipy.stats.binomtest over the questions that one of both has right."""
    told = found(suite(candidate=HABIT))
    assert (told["constant"]["answer"], told["constant"]["score"]) == ("always A", pytest.approx(0.33))
    wins, losses = (int(((HABIT == GOLD) & (GOLD != 0)).sum()), int(((HABIT != GOLD) & (GOLD == 0)).sum()))
    assert told["constant"]["difference"] == pytest.approx((wins - losses) / 300)
    assert told["constant"]["p_value"] == pytest.approx(scipy.stats.binomtest(wins, wins + losses).pvalue)
    shares = np.bincount(HABIT, minlength=4) / 300
    assert told["prior"]["score"] == pytest.approx(float(shares @ (np.bincount(GOLD) / 300)))
    assert "gain" not in told
    (said,) = remarks(told, "accuracy", row(HABIT, EVEN))
    assert said.startswith(f"accuracy {(HABIT == GOLD).mean():.4f} is not shown to be above always A, 0.3300 (")


def test_a_gain_of_habit_is_named_and_one_of_knowledge_is_not():
    """Saying A more often gains 6 points over even letters and knows nothing; what knows is above all of it."""
    told, gained = (
        found(suite(candidate=HABIT, baseline=EVEN)),
        {**row(HABIT, EVEN), "difference": 0.06, "ci95": [0.01, 0.11]},
    )
    assert told["gain"]["ci95"][0] < 0 < told["gain"]["ci95"][1]
    said = remarks(told, "accuracy", gained)[1]
    assert said.startswith("of the gain in accuracy, +0.0600, ")
    assert said.endswith("rotations=True settles it")
    assert len(remarks(told, "accuracy", {**gained, "ci95": [-0.01, 0.13]})) == 1
    knows = found(suite(candidate=KNOWS, baseline=EVEN))
    assert remarks(knows, "accuracy", row(KNOWS, EVEN)) == []
    assert remarks(None, "accuracy", gained) == remarks(told, "accuracy", None) == []


def test_a_gate_that_passes_says_what_it_does_not_show():
    """On the headline metric alone; a gate that did not pass, or of a group, says nothing of it."""
    told = found(suite(candidate=HABIT, baseline=EVEN))
    gained = {**row(HABIT, EVEN), "difference": 0.06, "ci95": [0.01, 0.11]}
    passed = GateResult(suite="quiz", expression="", verdict="pass", reason="above")

    def said(text, result=passed, name="accuracy"):
        return with_chance(result, parse_gate(text), told, name, gained)

    assert said("accuracy >= 0.2").reason.startswith("above; but accuracy ")
    assert said("accuracy >= 0.2").remark in said("accuracy >= 0.2").reason
    assert "rotations=True" in said("accuracy better than baseline").record("passed")["remark"]
    for text in ("accuracy better than reference", "accuracy[a=b] >= 0.2", "accuracy not worse than baseline by 0.1"):
        assert said(text) == passed
    failed = replace(passed, verdict="fail")
    assert said("accuracy >= 0.2", failed) == failed
    assert said("accuracy >= 0.2", name="other") == passed


def test_few_cases_and_parts_of_a_suite_are_not_compared():
    """Nor are tasks without such answers; with all orders of the options no letter is worth more than another."""
    whole = suite(candidate=HABIT)
    assert found(replace(whole, complete=False)) is None
    assert found(replace(whole, ids=whole.ids[:19])) is None
    assert chance(whole, ACCURACY, [], [], 0) is None
    assert DETAILS.heedless({}) == []
    orders = np.array([[0, 0, -1, -1, 1, 0, -1, -1] + [-2] * 32, [1, 1, -1, -1, 0, 0, -1, -1] + [-2] * 32], dtype=float)
    (a, b) = DETAILS.heedless({"mcq": orders})
    assert (a.answer, a.share, b.answer, b.share) == ("A", 0.75, "B", 0.25)
    for one in (a, b):
        scores = ACCURACY.score(ACCURACY.expand(one.rows))
        assert scores.tolist() == [0.5, 0.5]
