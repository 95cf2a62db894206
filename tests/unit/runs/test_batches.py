"""Cases in batches: whole clusters, in an order of the seed, critical ones first."""

from __future__ import annotations

import time
from types import SimpleNamespace

from pytest_medeval.core.types import Case, Source
from pytest_medeval.runs.engine import FEWEST, Sequential

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


def test_time_is_linear_in_the_cases():
    """Forty times as many cases of their own take no 1,600 times as long."""

    def seconds(count):
        cases = [Case(id=str(at), source=Source("made")) for at in range(count)]
        began = time.process_time()
        assert sum(map(len, Sequential(0, 1, True).batches(SimpleNamespace(cluster=None), cases))) == count
        return time.process_time() - began

    assert seconds(20000) < 200 * max(seconds(500), 0.01)
