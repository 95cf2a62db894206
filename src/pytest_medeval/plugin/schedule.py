"""How xdist hands out tests: all cases of one suite to one worker, every other test function as a unit of its own.

So each reply is computed once and in the batches of a run without workers. The life of a scheduler: nodes are added,
bring their collections, ``schedule`` deals out the first units, and every finished test may ask for the next.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from itertools import groupby
from typing import NoReturn

import pytest
from xdist.remote import Producer
from xdist.report import report_collection_diff
from xdist.workermanage import WorkerController, parse_tx_spec_config

AHEAD = 2
"""A worker keeps its last test until it knows the next one, so it is fed before it runs dry."""

TRIES = 2
"""Workers that may die over one test before it is taken for the cause."""


def units(collection: Sequence[str]) -> list[list[int]]:
    """Group tests of one function, given in order, into units of indices; the largest units first.

    >>> units(["a.py::t", "b.py::s[1]", "b.py::s[2]"])
    [[1, 2], [0]]
    """
    groups = groupby(range(len(collection)), key=lambda index: collection[index].partition("[")[0])
    return sorted((list(members) for _, members in groups), key=len, reverse=True)


class SuiteScheduling:
    """Implements xdist's ``Scheduling`` protocol."""

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        self.config = config
        self.log = log
        self.collection: list[str] | None = None
        self._expected = len(parse_tx_spec_config(config))
        self._collections: dict[WorkerController, list[str]] = {}
        self._waiting: deque[list[int]] = deque()
        self._sent: dict[WorkerController, deque[int]] = {}
        self._deaths: Counter[int] = Counter()

    @property
    def nodes(self) -> list[WorkerController]:
        """The workers that are up."""
        return list(self._sent)

    @property
    def collection_is_completed(self) -> bool:
        """Whether every expected worker has collected."""
        return len(self._collections) >= self._expected

    @property
    def tests_finished(self) -> bool:
        """Whether nothing is left to hand out and no worker has more than its last test."""
        return (
            self.collection_is_completed
            and not self._waiting
            and all(len(sent) < AHEAD for sent in self._sent.values())
        )

    @property
    def has_pending(self) -> bool:
        """Whether a test is not finished."""
        return bool(self._waiting) or any(self._sent.values())

    def add_node(self, node: WorkerController) -> None:
        """Take in a worker that has started."""
        self._sent[node] = deque()

    def add_node_collection(self, node: WorkerController, collection: Sequence[str]) -> None:
        """Take in what a worker collected; a late one that collected something else gets no work."""
        if self.collection is not None and list(collection) != self.collection:
            self._differs(node, collection)
            return
        self._collections[node] = list(collection)

    def schedule(self) -> None:
        """Deal out units; called when all have collected, and again when a worker was replaced."""
        if self.collection is None:
            first = next(iter(self._collections.values()))
            for node, other in list(self._collections.items())[1:]:
                if other != first:
                    self._differs(node, other)
                    return
            self.collection = first
            self._waiting.extend(units(first))
        for node in self.nodes:
            self._feed(node)

    def mark_test_complete(self, node: WorkerController, item_index: int, duration: float = 0) -> None:  # noqa: ARG002 - the protocol
        """Note a finished test, and send more."""
        self._sent[node].remove(item_index)
        self._feed(node)

    def remove_node(self, node: WorkerController) -> str | None:
        """Let a worker go; if it crashed, put back what it had, but name the test over which several died."""
        sent = self._sent.pop(node)
        if not sent or self.collection is None:
            return None
        crashed = None
        self._deaths[sent[0]] += 1
        if self._deaths[sent[0]] == TRIES:
            crashed = self.collection[sent.popleft()]
        if sent:
            self._waiting.appendleft(list(sent))
        for other in self.nodes:
            self._feed(other)
        return crashed

    def mark_test_pending(self, item: str) -> NoReturn:
        """Refuse: asked for by a mode of xdist that chooses its own scheduler."""
        raise NotImplementedError(item)

    def remove_pending_tests_from_node(self, node: WorkerController, indices: Sequence[int]) -> NoReturn:
        """Refuse: asked for by a mode of xdist that chooses its own scheduler."""
        raise NotImplementedError(node, indices)

    def _feed(self, node: WorkerController) -> None:
        if node.shutting_down or node not in self._collections:
            return
        while self._waiting and len(self._sent[node]) <= AHEAD:
            unit = self._waiting.popleft()
            self._sent[node].extend(unit)
            node.send_runtest_some(unit)
        if not self._waiting:
            node.shutdown()

    def _differs(self, node: WorkerController, collection: Sequence[str]) -> None:
        other, expected = next(iter(self._collections.items()))
        message = report_collection_diff(expected, list(collection), other.gateway.id, node.gateway.id)
        self.log(message)
