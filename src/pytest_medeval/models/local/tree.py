"""Token sequences that share beginnings, as a tree: every token is computed once. No torch here.

A tree lies in a row in depth-first order, so the descendants of a node are the nodes right behind it, up to
its ``end``. One number a node then tells who may attend to whom: node i sees node j when ``j <= i <
end[j]``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from operator import eq

import numpy as np
from numpy.typing import NDArray

Ids = tuple[int, ...]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tree:
    """Sequences packed into one row, in the order in which they were given.

    ``tokens``, ``depths`` (place of a token in its sequence) and ``ends`` have one entry a node;
    ``paths[i]`` lists the nodes of sequence i from its first token to its last.
    """

    tokens: Numbers
    depths: Numbers
    ends: Numbers
    paths: tuple[Numbers, ...]

    @property
    def branches(self) -> bool:
        """Say whether the row is anything else than one sequence."""
        return bool((self.ends != len(self.tokens)).any())


@dataclass(frozen=True, slots=True)
class Group:
    """Sequences (by index) whose first ``shared`` tokens are the same; together they need these only once."""

    shared: int
    members: tuple[int, ...]


def pack(sequences: Sequence[Ids]) -> Tree:
    """Merge sequences into a tree.

    >>> tree = pack([(5, 6, 7), (5, 6, 8), (5, 9)])
    >>> tree.tokens.tolist(), tree.depths.tolist(), tree.ends.tolist()
    ([5, 6, 7, 8, 9], [0, 1, 2, 2, 1], [5, 4, 3, 4, 5])
    """
    tokens: list[int] = []
    depths: list[int] = []
    ends: list[int] = []
    path: list[int] = []
    paths: dict[int, Numbers] = {}
    last: Ids = ()
    for index in sorted(range(len(sequences)), key=lambda number: sequences[number]):
        sequence = sequences[index]
        kept = common(last, sequence)
        for node in path[kept:]:
            ends[node] = len(tokens)
        path = path[:kept] + list(range(len(tokens), len(tokens) + len(sequence) - kept))
        tokens += sequence[kept:]
        depths += range(kept, len(sequence))
        ends += [0] * (len(sequence) - kept)
        paths[index], last = np.array(path, np.int64), sequence
    for node in path:
        ends[node] = len(tokens)
    return Tree(
        np.array(tokens, np.int64),
        np.array(depths, np.int64),
        np.array(ends, np.int64),
        tuple(paths[index] for index in range(len(sequences))),
    )


def common(one: Sequence[object], two: Sequence[object]) -> int:
    """Count the tokens that two sequences share at their beginning."""
    limit = min(len(one), len(two))
    if one[:limit] == two[:limit]:
        return limit
    return sum(1 for _ in takewhile(bool, map(eq, one, two)))


def shared_prefixes(sequences: Sequence[Ids], *, cost: int) -> list[Group]:
    """Group sequences by their beginnings so that the most tokens are saved; every index is in one group.

    A group of n sequences that share s tokens saves (n - 1) s - ``cost``, where ``cost`` is what a group
    loses by being computed apart from the others. Candidates are the nodes of the sequences' prefix tree:
    each is taken whole or as the best of its parts. Sequences for which no group pays stay together in one
    that shares nothing.
    """
    order = sorted(range(len(sequences)), key=lambda number: sequences[number])
    alone: list[int] = []
    groups: list[Group] = []
    for group in _best(order, [common(sequences[one], sequences[two]) for one, two in pairwise(order)], cost):
        if group.shared:
            groups.append(Group(group.shared, tuple(sorted(group.members))))
        else:
            alone += group.members
    return [*groups, Group(0, tuple(sorted(alone)))] if alone else groups


def _best(order: list[int], shared: list[int], cost: int) -> list[Group]:
    """Walk over the prefix tree from the leaves up; ``shared[i]`` links ``order[i]`` and the next."""
    if not order:
        return []
    open_nodes: list[tuple[int, list[_Node]]] = []
    node = _Node((order[0],), 0, [Group(0, (order[0],))])
    for depth, index in zip([*shared, -1], [*order[1:], -1], strict=True):
        while open_nodes and open_nodes[-1][0] > depth:
            node = _close(*open_nodes.pop(), node, cost)
        if open_nodes and open_nodes[-1][0] == depth:
            open_nodes[-1][1].append(node)
        else:
            open_nodes.append((depth, [node]))
        node = _Node((index,), 0, [Group(0, (index,))])
    return open_nodes[0][1][0].groups


@dataclass(frozen=True, slots=True)
class _Node:
    members: tuple[int, ...]
    saved: int
    groups: list[Group]


def _close(depth: int, children: list[_Node], last: _Node, cost: int) -> _Node:
    """Take a node of the prefix tree whole, or keep what is best for its parts."""
    parts = [*children, last]
    members = tuple(index for part in parts for index in part.members)
    whole = (len(members) - 1) * depth - cost
    saved = sum(part.saved for part in parts)
    if depth > 0 and whole > saved:
        return _Node(members, whole, [Group(depth, members)])
    return _Node(members, saved, [group for part in parts for group in part.groups])
