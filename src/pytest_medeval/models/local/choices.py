"""Log-likelihoods of choices as replies: every token once.

All requests are known beforehand. What they share at the beginning (system prompt, few-shot examples) is
computed once and kept as keys and values; the rest of each prompt with all of its choices is one tree in one
row. The last token of a choice is predicted, never fed, so that one-letter choices cost no token at all.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear
from transformers import PreTrainedModel

from pytest_medeval.models.local.attention import TREE, BufferCache, attending, scored_positions
from pytest_medeval.models.local.batches import GROUP_COST, Bounds, Limits, Prompt, Unit, choice_units
from pytest_medeval.models.local.kernels import FastLinear
from pytest_medeval.models.local.memory import halving
from pytest_medeval.models.local.tree import Numbers, Tree, pack


@dataclass(frozen=True, slots=True)
class Row:
    """A request (by index) and its choices as a tree.

    Token ``target[i]``, which belongs to choice ``owner[i]``, is predicted at node ``node[i]``.
    """

    request: int
    tree: Tree
    node: Numbers
    target: Numbers
    owner: Numbers


def make_row(request: int, prompt: Prompt, skip: int = 0) -> Row:
    """Lay a prompt and its choices, without the first ``skip`` tokens, into a tree."""
    tree = pack([(prompt.ids + choice[:-1])[skip:] for choice in prompt.choices])
    first = len(prompt.ids) - 1 - skip
    lengths = [len(choice) for choice in prompt.choices]
    return Row(
        request,
        tree,
        node=np.concatenate([path[first:] for path in tree.paths]),
        target=np.array([token for choice in prompt.choices for token in choice], np.int64),
        owner=np.repeat(np.arange(len(lengths)), lengths),
    )


class Scorer:
    """Scores choices with one model within the bounds of a budget."""

    def __init__(self, model: PreTrainedModel, budget: Bounds, *, cost: int = GROUP_COST) -> None:
        self.model = model
        self.budget = budget
        self.cost = cost
        self._layers = int(model.config.get_text_config().num_hidden_layers)
        self._root: tuple[tuple[int, ...], int, int, BufferCache] | None = None
        """The newest shared beginning: its tokens, the rows and columns of its cache, the cache."""

    def score(self, prompts: Sequence[Prompt]) -> Iterator[list[tuple[int, tuple[float, ...]]]]:
        """Give, a batch at a time, the index of each prompt with the log-likelihoods of its choices."""
        limits = Limits(self.budget, context=1 << 30)
        for unit in choice_units(prompts, limits, cost=self.cost):
            yield from self.unit(unit, prompts)

    def unit(self, unit: Unit, prompts: Sequence[Prompt]) -> Iterator[list[tuple[int, tuple[float, ...]]]]:
        """Score the prompts of one unit; what they share stays for the next unit that shares it too."""
        cache = self._shared(unit, prompts) if unit.shared else None
        rows = [make_row(index, prompts[index], unit.shared) for index in unit.members]
        yield from halving(rows, lambda some: self._batch(some, cache))

    def _shared(self, unit: Unit, prompts: Sequence[Prompt]) -> BufferCache:
        """Give the keys and values of a unit's shared beginning."""
        prefix = prompts[unit.members[0]].ids[: unit.shared]
        if self._root is None or self._root[:3] != (prefix, unit.rows, unit.columns):
            self._root = None  # the memory of the one before, before that of this one
            cache = BufferCache(self._layers, unit.rows, unit.columns)
            self._read(prefix, cache)
            self._root = (prefix, unit.rows, unit.columns, cache)
        return self._root[3]

    def _read(self, prefix: tuple[int, ...], cache: BufferCache) -> None:
        """Compute a shared beginning once."""
        ids = torch.tensor([prefix], device=self.model.device)
        with scored_positions(self.model, torch.tensor([len(prefix) - 1], device=ids.device)):
            self.model(input_ids=ids, past_key_values=cache, use_cache=True)
        cache.at = len(prefix)
        cache.spread()

    def _batch(self, rows: Sequence[Row], cache: BufferCache | None) -> list[tuple[int, tuple[float, ...]]]:
        """Score the rows of one forward pass."""
        device, past = self.model.device, cache.at if cache else 0
        tokens, depths, ends = (torch.from_numpy(field).to(device) for field in _padded(rows))
        flat = np.concatenate([place * tokens.shape[1] + row.node for place, row in enumerate(rows)])
        nodes, back = np.unique(flat, return_inverse=True)
        options: dict[str, object] = {"use_cache": False}
        kind: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
        if cache or any(row.tree.branches for row in rows):
            kind = attending(self.model, TREE)
            options = {
                "attention_mask": tree_mask(ends, past, self.model.dtype),
                "position_ids": depths + past,
                "past_key_values": cache,
                "use_cache": cache is not None,
            }
        with scored_positions(self.model, torch.from_numpy(nodes).to(device)), wide_output(self.model), kind:
            logits = self.model(input_ids=tokens, **options).logits[0]
        targets = torch.from_numpy(np.concatenate([row.target for row in rows])).to(device)
        found = log_likelihoods(logits, torch.from_numpy(back).to(device), targets).cpu().double().numpy()
        parts = np.split(found, np.cumsum([len(row.node) for row in rows])[:-1])
        return [
            (row.request, tuple(np.bincount(row.owner, part).tolist())) for row, part in zip(rows, parts, strict=True)
        ]


def _padded(rows: Sequence[Row]) -> tuple[Numbers, Numbers, Numbers]:
    """Lay tokens, depths and ends of trees into arrays (B, L), filled up with zeros at the right."""
    shape = (len(rows), max(len(row.tree.tokens) for row in rows))
    tokens, depths, ends = np.zeros(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for place, row in enumerate(rows):
        size = len(row.tree.tokens)
        tokens[place, :size], depths[place, :size], ends[place, :size] = (
            row.tree.tokens,
            row.tree.depths,
            row.tree.ends,
        )
    return tokens, depths, ends


_CHUNK = 8192
"""Rows of the output layer that are widened at a time: a copy of the whole would double what a small model takes."""


@contextlib.contextmanager
def wide_output(model: PreTrainedModel) -> Iterator[None]:
    """Have a model of 16 bits give its logits in float32, from the same weights.

    Logits near 20 lie 0.125 apart in bfloat16, so that options tie which the model does not hold equal. An output layer
    that something is wrapped around, as a LoRA's is, stays as it is.
    """
    layer = model.get_output_embeddings()
    if type(layer) not in (torch.nn.Linear, FastLinear) or layer.weight.dtype not in (torch.bfloat16, torch.float16):
        yield
        return

    def widened(hidden: Tensor) -> Tensor:
        hidden = hidden.float()
        logits = torch.cat([linear(hidden, rows.float()) for rows in layer.weight.split(_CHUNK)], dim=-1)
        return logits if layer.bias is None else logits + layer.bias.float()

    layer.forward = widened
    try:
        yield
    finally:
        del layer.forward


def log_likelihoods(logits: Tensor, places: Tensor, targets: Tensor) -> Tensor:
    """Give the log-probability, in float32, of targets (M,) at places (M,) of logits (N, V)."""
    logits = logits.float()
    return logits[places, targets] - logits.logsumexp(-1)[places]


def tree_mask(ends: Tensor, past: int, dtype: torch.dtype) -> Tensor:
    """Give the additive mask (B, 1, L, past + L) of trees: ``ends`` (B, L), 0 where a row is padding.

    Node i sees the whole past and each node j with ``j <= i < ends[j]``; padding sees the past and itself,
    since a row of a softmax must see something.
    """
    nodes = torch.arange(ends.shape[1], device=ends.device)
    seen = (nodes[None, None, :] <= nodes[None, :, None]) & (nodes[None, :, None] < ends[:, None, :])
    seen |= torch.eye(ends.shape[1], dtype=torch.bool, device=ends.device)[None]
    mask = torch.zeros(ends.shape[0], 1, ends.shape[1], past + ends.shape[1], dtype=dtype, device=ends.device)
    mask[:, 0, :, past:].masked_fill_(~seen, torch.finfo(dtype).min)
    return mask


def score_rows(model: PreTrainedModel, rows: Sequence[tuple[Prompt, int]]) -> list[float]:
    """Give the log-likelihood of one choice of each prompt, each as a row of its own.

    The plain path, which every causal model can go and by which the faster one is checked: rows are
    right-padded, log-softmax is taken in float32, and the last token of a choice is predicted but not fed.
    """
    sequences = [prompt.ids + prompt.choices[choice] for prompt, choice in rows]
    longest = max(map(len, sequences)) - 1
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence) - 1] = torch.tensor(sequence[:-1])
        mask[row, : len(sequence) - 1] = 1
    device = model.device
    with wide_output(model):
        logits = model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False).logits
    sums = []
    for row, (prompt, choice) in enumerate(rows):
        wanted = torch.tensor(prompt.choices[choice], device=device)
        start = len(prompt.ids) - 1
        found = torch.log_softmax(logits[row, start : start + len(wanted)].float(), dim=-1)
        sums.append(float(found.gather(1, wanted[:, None]).sum(dtype=torch.float64)))
    return sums
