"""Trees of token sequences: nothing lost, everything shared, ancestors and nobody else visible."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.models.local.tree import common, pack, shared_prefixes

SEQUENCES = st.lists(st.lists(st.integers(0, 3), max_size=8).map(tuple), min_size=1, max_size=12)


@given(SEQUENCES)
def test_paths_give_the_sequences_back(sequences):
    """Each path reads its own sequence, at the depths 0, 1, 2, ..."""
    tree = pack(sequences)
    for sequence, path in zip(sequences, tree.paths, strict=True):
        assert tuple(tree.tokens[path].tolist()) == sequence
        assert tree.depths[path].tolist() == list(range(len(sequence)))


@given(SEQUENCES)
def test_every_distinct_beginning_is_one_node(sequences):
    """The tree has exactly as many nodes as there are different non-empty beginnings."""
    beginnings = {sequence[:end] for sequence in sequences for end in range(1, len(sequence) + 1)}
    assert len(pack(sequences).tokens) == len(beginnings)


@given(SEQUENCES)
def test_a_node_sees_its_ancestors_only(sequences):
    """The rule ``j <= i < end[j]`` names exactly the nodes on the path from the root to i."""
    tree = pack(sequences)
    nodes = np.arange(len(tree.tokens))
    seen = (nodes[None] <= nodes[:, None]) & (nodes[:, None] < tree.ends[None])
    for path in tree.paths:
        for place, node in enumerate(path):
            assert np.flatnonzero(seen[node]).tolist() == path[: place + 1].tolist()


@given(SEQUENCES)
def test_a_row_branches_unless_it_is_one_sequence(sequences):
    """A row without branches is a chain, for which plain causal attention is right."""
    tree = pack(sequences)
    longest = max(sequences, key=len)
    assert tree.branches == any(sequence != longest[: len(sequence)] for sequence in sequences)


@given(st.lists(st.integers(0, 2), max_size=6), st.lists(st.integers(0, 2), max_size=6))
def test_common_counts_the_shared_beginning(one, two):
    """The count is the largest n for which the first n tokens agree."""
    shared = common(one, two)
    assert one[:shared] == two[:shared]
    assert shared == min(len(one), len(two)) or one[shared] != two[shared]


@given(SEQUENCES, st.integers(0, 12))
def test_groups_share_what_they_claim_and_save(sequences, cost):
    """Each index is in one group, members share the claimed tokens, and each group pays for itself."""
    groups = shared_prefixes(sequences, cost=cost)
    assert sorted(index for group in groups for index in group.members) == list(range(len(sequences)))
    for group in groups:
        assert len({sequences[index][: group.shared] for index in group.members}) == 1
        assert group.shared == 0 or (len(group.members) - 1) * group.shared > cost


def test_suites_with_the_same_system_prompt_but_other_shots_stay_apart():
    """The deeper beginnings are taken where they save more than the one that all have."""
    system, first, second = (1,) * 20, (2,) * 500, (3,) * 500
    sequences = [system + shots + (9, number) for shots in (first, second) for number in range(10)]
    groups = shared_prefixes(sequences, cost=100)
    assert sorted((group.shared, len(group.members)) for group in groups) == [(521, 10), (521, 10)]


def test_what_does_not_pay_stays_together():
    """Small beginnings are not worth a forward pass of their own."""
    groups = shared_prefixes([(1, 2, 3), (1, 2, 4), (7, 8)], cost=100)
    assert [(group.shared, group.members) for group in groups] == [(0, (0, 1, 2))]


def test_no_sequences():
    """Nothing to group gives no group."""
    assert shared_prefixes([], cost=1) == []


def test_a_long_chain_of_beginnings_needs_no_deep_recursion():
    """Each sequence is a beginning of the next: as deep as trees get."""
    sequences = [tuple(range(length)) for length in range(1, 1500)]
    assert sum(len(group.members) for group in shared_prefixes(sequences, cost=0)) == len(sequences)
