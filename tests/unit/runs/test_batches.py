"""Cases in batches: whole clusters, in an order of the seed, critical ones first."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pytest_medeval.core.types import Case, Source
from pytest_medeval.metrics import metrics_for
from pytest_medeval.runs.engine import FEWEST, Sequential
from pytest_medeval.tasks import TASKS
from pytest_medeval.verdicts.gates.grammar import parse_gate

CASES = [Case(id=f"c{at:03}", source=Source("made"), critical=at == 77) for at in range(300)]
LABELS = {case.id: str(at // 7) for at, case in enumerate(CASES)}


def batches(seed=0, labels=None):
    """Give the batches as ids."""
    cluster = None if labels is None else {"labels": labels}
    suite = SimpleNamespace(cluster=cluster)
    return [[case.id for case in batch] for batch in Sequential(seed, 1, True).batches(suite, CASES)]


def test_every_case_is_in_one_batch_and_the_seed_draws_the_order():
    """The same seed the same order, another one another; the critical case is in the first batch."""
    found = batches()
    assert sorted(case for batch in found for case in batch) == [case.id for case in CASES]
    assert {len(one) for one in found} == {FEWEST}
    assert found == batches() != batches(seed=1)
    assert all("c077" in batches(seed)[0] for seed in range(4))


def test_clusters_are_never_cut():
    """Each cluster is in one batch, that of the critical case in the first."""
    found = batches(labels=LABELS)
    where = [{LABELS[case] for case in batch} for batch in found]
    assert sum(map(len, where)) == len(set().union(*where)) == 43
    assert LABELS["c077"] in where[0]
    assert all(len(batch) >= FEWEST for batch in found[:-1])


@pytest.mark.parametrize(
    ("gate", "why"),
    [
        ("accuracy.low >= 0.5", ""),
        ("accuracy not worse than baseline by 0.05", ""),
        ("macro_f1 better than baseline", "macro_f1 is no mean over cases"),
        ("ece better than baseline", "its metric has no interval"),
        ("accuracy[specialty=ent] >= 0.5", "it judges a subgroup"),
        ("worst(accuracy by specialty) >= 0.5", "it judges a subgroup"),
        ("accuracy better than reference", "it rests on a stored run"),
        ("judge.accuracy better than baseline", "judges grade when all cases were asked"),
        ("loose better than baseline", "loose has no bounds"),
    ],
)
def test_what_keeps_a_suite_from_ending_early_is_named_gate_by_gate(gate, why):
    """A bounded mean of the whole suite can be decided early, and nothing else."""
    task = TASKS.resolve("mcq")()
    metrics = list(metrics_for(task, ["accuracy", "macro_f1", "ece"]))
    metrics.append(replace(metrics[0], name="loose", bounds=(-math.inf, math.inf)))
    suite = SimpleNamespace(name="quiz", metrics=metrics, gates=[parse_gate(gate)])
    assert Sequential(0, 1, True).held(suite, CASES) == ({gate: why} if why else {})
    few = Sequential(0, 1, True).held(suite, CASES[:FEWEST])
    assert few == {"all gates": "25 cases are one batch"}


def test_time_is_linear_in_the_cases():
    """Forty times as many cases of their own take no 1,600 times as long."""

    def seconds(count):
        cases = [Case(id=str(at), source=Source("made")) for at in range(count)]
        began = time.process_time()
        assert sum(map(len, Sequential(0, 1, True).batches(SimpleNamespace(cluster=None), cases))) == count
        return time.process_time() - began

    assert seconds(20000) < 200 * max(seconds(500), 0.01)


def test_a_suite_is_asked_in_about_twenty_batches_if_it_is_worth_it():
    """A twentieth each, 25 at least; what fits in one batch is asked at once, as is what no gate waits for."""
    many = [Case(id=f"c{at:04}", source=Source("made")) for at in range(2100)]
    found = list(Sequential(0, 1, True).batches(SimpleNamespace(cluster=None), many))
    assert [len(batch) for batch in found] == [105] * 20
    (accuracy,) = metrics_for(TASKS.resolve("mcq")(), ["accuracy"])
    suite = SimpleNamespace(name="quiz", metrics=[accuracy], gates=[parse_gate("accuracy >= 0.5")])
    held = Sequential(0, 1, True).held
    assert [bool(held(suite, many[:count])) for count in (FEWEST, FEWEST + 1)] == [True, False]
    suite.gates = []
    assert held(suite, many)
