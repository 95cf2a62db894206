"""Batches of similar length."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.models.local.batches import batches, padded_batches

LENGTHS = st.lists(st.integers(0, 300), max_size=60)


@given(LENGTHS, st.integers(1, 500), st.integers(1, 20))
def test_every_index_once_within_the_budget(lengths, tokens, rows):
    """Nothing is lost or asked twice, and only a lone row may exceed the bound on tokens."""
    plan = list(batches(lengths, tokens=tokens, rows=rows))
    assert sorted(index for batch in plan for index in batch) == list(range(len(lengths)))
    for batch in plan:
        assert 1 <= len(batch) <= rows
        assert len(batch) == 1 or len(batch) * max(1, *(lengths[index] for index in batch)) <= tokens


@given(LENGTHS, st.integers(1, 20))
def test_longest_first_and_stable(lengths, rows):
    """Batches come in falling length, equal lengths in their own order."""
    order = [index for batch in batches(lengths, tokens=10**6, rows=rows) for index in batch]
    assert order == sorted(order, key=lambda index: (-lengths[index], index))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8), st.integers(1, 200), st.integers(0, 60))
def test_padded_batches_are_the_cheapest(lengths, tokens, cost):
    """No way to cut the sorted lengths into runs that fit computes less than the one that was chosen."""
    order = sorted(lengths, reverse=True)

    def price(runs):
        return sum(len(run) * max(run) + cost for run in runs)

    cuts = (
        [0, *(place for place in range(1, len(order)) if chosen >> (place - 1) & 1), len(order)]
        for chosen in range(1 << (len(order) - 1))
    )
    ways = ([order[begin:end] for begin, end in pairwise(cut)] for cut in cuts)
    best = min(price(way) for way in ways if all(len(run) == 1 or len(run) * run[0] <= tokens for run in way))
    found = padded_batches(lengths, tokens=tokens, cost=cost)
    assert sorted(index for batch in found for index in batch) == list(range(len(lengths)))
    assert price([[lengths[index] for index in batch] for batch in found]) == best
