"""By what a suite's cases depend on each other: declared, found, none."""

import numpy as np
import pytest

from pytest_medeval.metrics.base import SHARE, Measure, mean, mean_of
from pytest_medeval.verdicts.clusters import Declared, clustered
from pytest_medeval.verdicts.gates.data import SuiteData
from pytest_medeval.verdicts.gates.grammar import parse_gate
from pytest_medeval.verdicts.gates.judge import judge

BETTER = parse_gate("accuracy better than baseline")
METRIC = Measure(
    name="accuracy", counts="accuracy", signature="", make=lambda *_: [], fold=mean, spread=mean_of(0), bounds=SHARE
)


def suite(shared=1.0, clusters=30, size=8, gain=0.1, contents=None):
    """Make a suite of which a patient's cases change alike by ``shared``, and its entries."""
    n = clusters * size
    generator = np.random.default_rng(3)
    common = np.repeat(generator.normal(size=clusters), size)
    change = gain + 0.2 * (shared**0.5 * common + (1 - shared) ** 0.5 * generator.normal(size=n))
    ids = [f"c{i:03}" for i in range(n)]
    rows = {
        role: {"accuracy": (0.5 + side * change / 2)[:, None]} for role, side in (("candidate", 1), ("baseline", -1))
    }
    tags = [{"patient": f"p{i // size}", "half": str(i % 2)} for i in range(n)]
    data = SuiteData(name="s", metrics={"accuracy": METRIC}, rows=rows, ids=ids, tags=tags)
    asked = contents or ids
    return data, [{"id": one, "tags": own, "content": what} for one, own, what in zip(ids, tags, asked, strict=True)]


def settled(declared=None, gates=(BETTER,), headline="accuracy", **made):
    """Give a suite its clusters."""
    return clustered(*suite(**made), declared, gates, headline)


def test_a_declared_cluster_is_the_only_one():
    """Its labels, its number, and what they share in the headline's difference."""
    data, _ = suite()
    found = settled(Declared(name="ward", reason="", labels={case: f"w{i % 10}" for i, case in enumerate(data.ids)}))
    assert (found.data.cluster, found.data.found, found.data.clusters[:2]) == ("ward", False, ["w0", "w1"])
    assert found.record | {"icc": 0, "design_effect": 0, "low": 0} == {
        "name": "ward", "origin": "declared", "reason": "", "count": 10, "metric": "accuracy", "icc": 0,
        "design_effect": 0, "low": 0, "notable": {},
    }  # fmt: skip


def test_a_tag_on_which_differences_depend_is_found_and_widens_the_gate():
    """Undeclared patients: the gate is judged by them, and no narrower than of independent cases."""
    found = settled(shared=0.4)
    assert (found.record["name"], found.record["origin"], found.record["count"]) == ("patient", "found", 30)
    assert found.record["low"] > 1.2
    assert found.labels["c008"] == "p1"
    alone, by = (judge(BETTER, one) for one in (suite(shared=0.4)[0], found.data))
    assert by.interval[0] < alone.interval[0]
    assert "30 clusters" in by.reason


def test_independent_cases_have_no_clusters():
    """A tag that says nothing of the differences is none."""
    found = settled(shared=0.0)
    assert (found.record["name"], found.record["origin"], found.record["count"]) == (None, "none", 240)
    assert (found.record["notable"], found.data.clusters, found.labels) == ({}, (), {})


def test_a_reason_keeps_cases_independent_and_the_finding_told():
    """Whoever says that cases are independent is believed, and the record keeps why."""
    found = settled(Declared(name=None, reason="patients were drawn anew", labels={}), shared=0.6)
    assert (found.data.clusters, found.record["reason"]) == ((), "patients were drawn anew")
    assert found.record["notable"]["patient"]["low"] > 1.2


def test_a_tag_of_five_values_is_named_and_is_no_sample():
    """Nobody can tell from five patients how patients differ: intervals speak for these five."""
    found = settled(shared=0.6, clusters=5, size=40)
    assert (found.record["origin"], found.data.clusters) == ("none", ())
    assert found.record["notable"]["patient"]["count"] == 5


def test_cases_that_ask_the_same_are_found():
    """Sixty questions with four seeds each are sixty cases."""
    asked = [f"question {i // 4}" for i in range(240)]
    data, cases = suite(shared=0.5, clusters=60, size=4, contents=asked)
    for case in cases:
        case["tags"] = {}
    found = clustered(data, cases, None, (BETTER,), "accuracy")
    assert (found.record["name"], found.record["count"], found.labels["c005"]) == ("content", 60, "question 1")


@pytest.mark.parametrize("gates", [(), (parse_gate("accuracy.low >= 0.2"),)], ids=["headline", "a gate's value"])
def test_what_is_looked_at_is_what_is_judged(gates):
    """Without a baseline it is the value; a metric that nobody has is passed over."""
    data, cases = suite(shared=0.6)
    alone = SuiteData(name="s", metrics=data.metrics, rows={"candidate": data.rows["candidate"]}, ids=data.ids,
                      tags=data.tags)  # fmt: skip
    assert clustered(alone, cases, None, gates, "accuracy").record["name"] == "patient"
    assert clustered(alone, cases, None, (), "judge.accuracy").record["name"] is None


def test_within_its_own_cluster_a_value_is_of_independent_cases():
    """The gate on one patient has an interval; declared as one cluster, the whole suite has none."""
    gate = parse_gate("accuracy[patient=p1].low >= 0.1")
    found = settled(shared=0.6, size=30, clusters=8)
    assert judge(gate, found.data).interval is not None
    one = settled(Declared(name="ward", reason="", labels=dict.fromkeys(suite()[0].ids, "w")))
    lone = judge(parse_gate("accuracy.low >= 0.1"), one.data)
    assert (lone.verdict, lone.interval) == ("not evaluated", None)
    assert "one cluster" in lone.reason
    assert judge(parse_gate("accuracy >= 0.1"), one.data).verdict == "not evaluated"
    assert judge(BETTER, one.data).verdict == "inconclusive"


def test_cases_that_would_settle_it_are_told_in_clusters():
    """Of an undecided comparison: as many cases of as many clusters more."""
    found = judge(BETTER, settled(shared=0.9, gain=0.03).data)
    assert found.verdict == "inconclusive"
    assert (
        f"about {found.cases_needed} cases of {int(np.ceil(found.cases_needed / 8))} clusters settle it" in found.reason
    )
