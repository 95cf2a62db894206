"""Log-likelihoods of choices as replies: every token once.

All requests are known beforehand. What they share at the beginning (system prompt, few-shot examples) is computed
once and kept as keys and values; the rest of each prompt with all of its choices is one tree in one row. The last
token of a choice is predicted, never fed, so that one-letter choices cost no token at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pytest_medeval.models.local_attention import TREE, BufferCache, attending
from pytest_medeval.models.local_prompts import Prompt
from pytest_medeval.models.plan import batches
from pytest_medeval.models.tree import Tree, pack, shared_prefixes

GROUP_COST = 512
"""Tokens that a shared beginning must save before it is computed apart: about one forward pass of a small batch."""


@dataclass(frozen=True, slots=True)
class Row:
    """Requests (by index) in one tree; choice ``owner[i]`` has token ``target[i]`` predicted at node ``node[i]``.

    ``owner`` counts the choices of all of the row's requests through.
    """

    requests: tuple[int, ...]
    tree: Tree
    node: np.ndarray
    target: np.ndarray
    owner: np.ndarray


def make_row(requests: Sequence[int], prompts: Sequence[Prompt], skip: int = 0) -> Row:
    """Lay the requests' prompts and choices, without the first ``skip`` tokens, into one tree."""
    sequences, nodes, targets, owners = [], [], [], []
    for prompt in prompts:
        sequences += [(prompt.ids + choice[:-1])[skip:] for choice in prompt.choices]
    tree = pack(sequences)
    number = 0
    for prompt in prompts:
        for choice in prompt.choices:
            nodes.append(tree.paths[number][len(prompt.ids) - 1 - skip :])
            targets.append(np.array(choice, np.int64))
            owners.append(np.full(len(choice), number))
            number += 1
    return Row(tuple(requests), tree, np.concatenate(nodes), np.concatenate(targets), np.concatenate(owners))


class Scorer:
    """Scores choices with one model; ``tokens`` bounds the tokens of a forward pass."""

    def __init__(self, model: Any, *, tokens: int, rows: int) -> None:
        self.model = model
        self.tokens = tokens
        self.rows = rows
        config = model.config.get_text_config()
        self._layers = int(config.num_hidden_layers)

    def score(self, prompts: Sequence[Prompt]) -> Iterator[tuple[int, tuple[float, ...]]]:
        """Give the index of each prompt with the log-likelihoods of its choices."""
        for group in shared_prefixes([prompt.ids[:-1] for prompt in prompts], cost=GROUP_COST):
            rows = [make_row([index], [prompts[index]], group.shared) for index in group.members]
            prefix = prompts[group.members[0]].ids[: group.shared]
            yield from self._group(prefix, rows)

    def _group(self, prefix: tuple[int, ...], rows: list[Row]) -> Iterator[tuple[int, tuple[float, ...]]]:
        lengths = [len(row.tree.tokens) for row in rows]
        plan = list(batches(lengths, tokens=self.tokens, rows=self.rows))
        cache = None
        if prefix:
            cache = BufferCache(self._layers, max(map(len, plan)), len(prefix) + max(lengths))
            self._root(prefix, cache)
        for batch in plan:
            chosen = [rows[place] for place in batch]
            for row, found in zip(chosen, self._batch(chosen, cache), strict=True):
                yield row.requests[0], tuple(found.tolist())

    def _root(self, prefix: tuple[int, ...], cache: BufferCache) -> None:
        """Compute the shared beginning once."""
        ids = torch.tensor([prefix], device=self.model.device)
        with scored_positions(self.model, torch.tensor([len(prefix) - 1], device=ids.device)):
            self.model(input_ids=ids, past_key_values=cache, use_cache=True)
        cache.at = len(prefix)
        cache.spread()

    def _batch(self, rows: Sequence[Row], cache: BufferCache | None) -> list[np.ndarray]:
        """Score the rows of one forward pass."""
        longest = max(len(row.tree.tokens) for row in rows)
        past = cache.at if cache else 0
        ids = np.zeros((len(rows), longest), np.int64)
        ends = np.zeros_like(ids)
        depths = np.zeros_like(ids)
        for place, row in enumerate(rows):
            size = len(row.tree.tokens)
            ids[place, :size], ends[place, :size], depths[place, :size] = row.tree.tokens, row.tree.ends, row.tree.depths
        device = self.model.device
        tokens = torch.from_numpy(ids).to(device)
        nodes, back = np.unique(
            np.concatenate([place * longest + row.node for place, row in enumerate(rows)]), return_inverse=True
        )
        options: dict[str, Any] = {"use_cache": False}
        kind = contextlib.nullcontext()
        if cache or any(row.tree.branches for row in rows):
            mask = tree_mask(torch.from_numpy(ends).to(device), past, self.model.dtype)
            positions = torch.from_numpy(depths + past).to(device)
            options = {"attention_mask": mask, "position_ids": positions, "past_key_values": cache, "use_cache": bool(cache)}
            kind = attending(self.model, TREE)
        with scored_positions(self.model, torch.from_numpy(nodes).to(device)), kind:
            logits = self.model(input_ids=tokens, **options).logits[0]
        targets = torch.from_numpy(np.concatenate([row.target for row in rows])).to(device)
        found = log_likelihoods(logits, torch.from_numpy(back).to(device), targets).cpu().double().numpy()
        return _summed(rows, found)


def _summed(rows: Sequence[Row], found: np.ndarray) -> list[np.ndarray]:
    """Add up the tokens of each choice, row by row."""
    cuts = np.cumsum([len(row.node) for row in rows])[:-1]
    return [np.bincount(row.owner, part) for row, part in zip(rows, np.split(found, cuts), strict=True)]


def log_likelihoods(logits: Tensor, places: Tensor, targets: Tensor) -> Tensor:
    """Give the log-probability, in float32, of each target at its place: logits (N, V), places and targets (M,)."""
    logits = logits.float()
    return logits[places, targets] - logits.logsumexp(-1)[places]


def tree_mask(ends: Tensor, past: int, dtype: torch.dtype) -> Tensor:
    """Give the additive mask (B, 1, L, past + L) of trees: ``ends`` (B, L), 0 where a row is padding.

    Node i sees the whole past and each node j with ``j <= i < ends[j]``; padding sees the past and itself, since a row
    of a softmax must see something.
    """
    nodes = torch.arange(ends.shape[1], device=ends.device)
    seen = (nodes[None, None, :] <= nodes[None, :, None]) & (nodes[None, :, None] < ends[:, None, :])
    seen |= torch.eye(ends.shape[1], dtype=torch.bool, device=ends.device)[None]
    mask = torch.zeros(ends.shape[0], 1, ends.shape[1], past + ends.shape[1], dtype=dtype, device=ends.device)
    mask[:, 0, :, past:].masked_fill_(~seen, torch.finfo(dtype).min)
    return mask


@contextlib.contextmanager
def scored_positions(model: Any, places: Tensor) -> Iterator[None]:
    """Let the output layer see only the hidden states (B, L, width) at ``places`` of B x L: logits (1, N, V)."""

    def pick(_module: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (inputs[0].flatten(0, 1)[places][None], *inputs[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(pick)
    try:
        yield
    finally:
        hook.remove()
def score_rows(model: Any, rows: Sequence[tuple[Prompt, int]]) -> list[float]:
    """Give the log-likelihood of one choice of each prompt, each as a row of its own.

    The plain path, which every causal model can go and by which the faster one is checked: rows are right-padded,
    log-softmax is taken in float32, and the last token of a choice is predicted but not fed.
    """
    sequences = [prompt.ids + prompt.choices[choice] for prompt, choice in rows]
    longest = max(map(len, sequences)) - 1
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence) - 1] = torch.tensor(sequence[:-1])
        mask[row, : len(sequence) - 1] = 1
    device = model.device
    logits = model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False).logits
    sums = []
    for row, (prompt, choice) in enumerate(rows):
        wanted = torch.tensor(prompt.choices[choice], device=device)
        start = len(prompt.ids) - 1
        found = torch.log_softmax(logits[row, start : start + len(wanted)].float(), dim=-1)
        sums.append(float(found.gather(1, wanted[:, None]).sum(dtype=torch.float64)))
    return sums
