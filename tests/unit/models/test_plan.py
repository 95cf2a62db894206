"""Batches of similar length."""

from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.models.plan import batches

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
