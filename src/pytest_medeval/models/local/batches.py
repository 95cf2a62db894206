"""What is computed together: requests in, units of work out. Pure functions over token ids; no torch here.

One process and a fleet of replicas work off the same units, so both compute the same batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_medeval.core.types import Answer, Request
from pytest_medeval.models.local.tree import Ids, common, shared_prefixes

# Many requests, few batches: pure functions over lengths.


def batches(lengths: Sequence[int], *, tokens: int, rows: int) -> Iterator[list[int]]:
    """Group indices of ``lengths`` into batches of similar length, the longest first.

    A batch padded to its longest member holds at most ``tokens`` tokens and ``rows`` rows; a row that is
    longer than ``tokens`` makes a batch of its own. Every index comes exactly once; equal lengths keep their
    order. Longest first, so that memory that does not suffice shows at once and not after hours.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batch: list[int] = []
    for index in order:
        longest = max(1, lengths[batch[0]] if batch else lengths[index])
        if batch and (len(batch) == rows or (len(batch) + 1) * longest > tokens):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def padded_batches(lengths: Sequence[int], *, tokens: int, cost: int) -> list[list[int]]:
    """Group indices of ``lengths``, the longest first, so that the least is computed.

    A batch counts its tokens, padded to its longest member, and ``cost`` on top: what a forward pass takes besides.
    It holds at most ``tokens`` with padding, or one member alone. Found by dynamic programming over the sorted
    lengths, in which every batch is a run.

    >>> padded_batches([9, 100, 98, 10], tokens=1000, cost=20)
    [[1, 2], [3, 0]]
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    best, begins = [0], [0]
    for end in range(1, len(order) + 1):
        options = [(best[end - 1] + lengths[order[end - 1]] + cost, end - 1)]
        for begin in range(end - 2, -1, -1):
            size = (end - begin) * lengths[order[begin]]
            if size > tokens:
                break
            options.append((best[begin] + size + cost, begin))
        least, begin = min(options)
        best.append(least)
        begins.append(begin)
    found, end = [], len(order)
    while end:
        found.append(order[begins[end] : end])
        end = begins[end]
    return found[::-1]


SLAB = 8192
"""Requests that are tokenised and planned at once: a bound on memory, however many a suite has."""

GROUP_COST = 512
"""Tokens that a shared beginning must save before it is computed apart: about one forward pass."""

NO_TOKEN = -1
"""Follows where logits are no numbers: whichever token an argmax then names, the model did not choose it."""

NO_NUMBERS = "the model's logits are not finite (NaN or infinity), so no token follows"
"""Why a reply that had begun is none."""

_PLAIN = 16
"""Requests of a unit on the plain path, on which those of equal length are computed together."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The token ids of a request: those of the prompt, and of each choice behind it."""

    ids: tuple[int, ...]
    choices: tuple[tuple[int, ...], ...] = ()

    @property
    def hash(self) -> str:
        """Give the SHA-256 of the prompt's token ids, written in decimal and joined by commas."""
        return hashlib.sha256(",".join(map(str, self.ids)).encode()).hexdigest()


def behind(prompt: Ids, wholes: Sequence[Ids]) -> Prompt:
    """Split prompts with their choices where the first of them leaves the prompt's tokens; all are split there.

    >>> behind((5, 6, 7), [(5, 6, 7, 1), (5, 6, 9)])
    Prompt(ids=(5, 6), choices=((7, 1), (9,)))
    """
    border = min((common(prompt, whole) for whole in wholes if whole), default=len(prompt))
    return Prompt(prompt[:border], tuple(whole[border:] for whole in wholes))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of one forward pass: new tokens, rows, and tokens whose keys and values are kept."""

    tokens: int
    rows: int
    kept: int

    def rows_of(self, length: int) -> int:
        """Give how many rows of ``length`` kept tokens each fit; at least one is always tried."""
        return max(1, min(self.rows, self.kept // max(1, length)))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a loaded model can take: its budget, its context in tokens, and why it goes the plain path, if so.

    ``vocabulary``: tokens that it has embeddings of.
    """

    budget: Bounds
    context: int
    plain: str = ""
    vocabulary: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Unit:
    """Requests (by index) that are computed together.

    ``shared`` tokens at their beginning are computed once and kept, for this unit and its neighbours, in a
    cache of ``rows`` rows and ``columns`` columns.
    """

    members: tuple[int, ...]
    shared: int = 0
    rows: int = 0
    columns: int = 0


def plan(requests: Sequence[Request], prompts: Sequence[Prompt], limits: Limits) -> tuple[dict[int, str], list[Unit]]:
    """Give the requests that cannot be asked, with the reason of each, and the units of all others."""
    unfit = {
        index: reason
        for index, (request, prompt) in enumerate(zip(requests, prompts, strict=True))
        if (reason := why_unfit(request, prompt, limits))
    }
    fitting = [index for index in range(len(requests)) if index not in unfit]
    scored = [index for index in fitting if requests[index].choices]
    asked = [index for index in fitting if not requests[index].choices]
    units = [
        *_named(choice_units([prompts[index] for index in scored], limits), scored),
        *_named(_reply_units([_room(requests[index], prompts[index]) for index in asked], limits), asked),
    ]
    return unfit, units


def why_unfit(request: Request, prompt: Prompt, limits: Limits) -> str:
    """Say why a request cannot be asked; a prompt that is too long is never cut silently."""
    if not prompt.ids or not all(prompt.choices):
        return "the prompt or a choice is empty after tokenisation"
    if (unknown := max(map(max, (prompt.ids, *prompt.choices)))) >= limits.vocabulary:
        return (
            f"the tokenizer gives token {unknown}, and the model has embeddings of {limits.vocabulary}: a baseline "
            "needs a tokenizer of its own (--medeval-baseline)"
        )
    if _room(request, prompt) > limits.context:
        what = "the longest choice" if request.choices else "max_new_tokens"
        reply = _room(request, prompt) - len(prompt.ids)
        return (
            f"the prompt has {len(prompt.ids)} tokens and {what} {reply}, "
            f"together more than the model's context of {limits.context}"
        )
    return ""


def unfit_answer(prompt: Prompt, reason: str) -> Answer:
    """Answer a request that cannot be asked, or to which no reply was found."""
    return Answer(finish="error", error=reason, prompt_hash=prompt.hash, prompt_tokens=len(prompt.ids))


def choice_units(prompts: Sequence[Prompt], limits: Limits, *, cost: int = GROUP_COST) -> Iterator[Unit]:
    """Plan log-likelihoods: prompts that share a beginning together, in batches of similar length."""
    if limits.plain:
        for batch in batches([_longest_tree(prompt) for prompt in prompts], tokens=1 << 40, rows=_PLAIN):
            yield Unit(tuple(batch))
        return
    budget = limits.budget
    for group in shared_prefixes([prompt.ids[:-1] for prompt in prompts], cost=cost):
        lengths = [_longest_tree(prompts[index]) - group.shared for index in group.members]
        columns = group.shared + max(lengths)
        found = list(batches(lengths, tokens=budget.tokens, rows=budget.rows_of(columns)))
        rows = max(map(len, found))
        for batch in found:
            yield Unit(tuple(group.members[place] for place in batch), group.shared, rows, columns)


def _reply_units(lengths: Sequence[int], limits: Limits) -> Iterator[Unit]:
    """Plan replies: batches of similar length, the longest first."""
    rows = limits.budget.rows_of(max(lengths, default=1))
    for batch in batches(lengths, tokens=limits.budget.kept, rows=rows):
        yield Unit(tuple(batch))


def _named(units: Iterator[Unit], names: Sequence[int]) -> Iterator[Unit]:
    """Give units the indices of the requests that they were planned for."""
    for unit in units:
        yield Unit(tuple(names[place] for place in unit.members), unit.shared, unit.rows, unit.columns)


def _room(request: Request, prompt: Prompt) -> int:
    """Give the tokens that prompt and reply take at most."""
    reply = max(map(len, prompt.choices)) if request.choices else request.max_new_tokens
    return len(prompt.ids) + reply


def _longest_tree(prompt: Prompt) -> int:
    """Bound the nodes of a prompt's tree: choices that begin alike make it smaller."""
    return len(prompt.ids) + sum(len(choice) - 1 for choice in prompt.choices)
