"""Prompts into a cache: what they share once, the rest in few forward passes."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PreTrainedModel
from transformers.cache_utils import Cache, CacheLayerMixin

from pytest_medeval.models.local.batches import GROUP_COST, padded_batches
from pytest_medeval.models.local.tree import Ids, shared_prefixes

# Attention over a tree of tokens, and the cache that holds what the tree's root is.

TREE = "medeval_tree"


def tree_attention(
    _module: object,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Attend under a 4-D mask without copying keys for the query heads that share them.

    query (B, H, L, D), key and value (B, K, T, D), mask (B, 1, L, T) -> (B, L, H, D). The H / K query heads
    of one key head are laid behind each other as if they were more queries; Transformers repeats the keys
    instead. A mask from ``in_blocks`` is gone through block by block.
    """
    blocks: list[tuple[slice, int]] = getattr(attention_mask, "medeval_blocks", [])
    if blocks and attention_mask is not None:
        parts = [
            tree_attention(
                _module,
                query[rows],
                key[rows, :, first:],
                value[rows, :, first:],
                attention_mask[rows, ..., first:],
                scaling,
            )[0]
            for rows, first in blocks
        ]
        return torch.cat(parts), None
    batch, heads, length, width = query.shape
    shared = heads // key.shape[1]
    if shared > 1 and attention_mask is not None:
        query = query.reshape(batch, key.shape[1], shared * length, width)
        attention_mask = attention_mask if length == 1 else _repeated(attention_mask, shared)
    found = scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=attention_mask,
        scale=scaling,
        is_causal=attention_mask is None,
        enable_gqa=shared > 1 and attention_mask is None,
    )
    return found.reshape(batch, heads, length, -1).transpose(1, 2).contiguous(), None


def _repeated(mask: Tensor, times: int) -> Tensor:
    """Repeat a mask's rows; all layers get the same mask, so this is done once a forward pass."""
    kept: Tensor | None = getattr(mask, "medeval_repeated", None)
    if kept is None or kept.shape[2] != times * mask.shape[2]:
        kept = mask.repeat(1, 1, times, 1)
        mask.medeval_repeated = kept  # type: ignore[attr-defined]
    return kept


def in_blocks(mask: Tensor, firsts: Sequence[int]) -> Tensor:
    """Note on a mask (B, 1, L, T) that row b sees nothing before column ``firsts[b]``.

    Neighbouring rows with the same first column are a block; ``tree_attention`` does not touch what comes before.
    """
    blocks, begin = [], 0
    for first, rows in itertools.groupby(firsts):
        end = begin + sum(1 for _ in rows)
        blocks.append((slice(begin, end), first))
        begin = end
    mask.medeval_blocks = blocks  # type: ignore[attr-defined]
    return mask


AttentionInterface.register(TREE, tree_attention)


@contextlib.contextmanager
def attending(model: PreTrainedModel, kind: str) -> Iterator[None]:
    """Let a model compute its attention by the function of that name, for a while."""
    configs = {id(config): config for config in (model.config, model.config.get_text_config())}.values()
    before = [config._attn_implementation for config in configs]  # noqa: SLF001 - there is no public switch
    try:
        for config in configs:
            config._attn_implementation = kind  # noqa: SLF001 - there is no public switch
        yield
    finally:
        for config, name in zip(configs, before, strict=True):
            config._attn_implementation = name  # noqa: SLF001 - there is no public switch


class Slots(CacheLayerMixin):
    """Keys and values of one layer in memory laid out beforehand: (rows, heads, columns, width).

    New ones are written where ``BufferCache`` says, and what is returned is a view of the columns in use:
    nothing is copied but what is new.
    """

    is_sliding = False

    def __init__(self, owner: BufferCache) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.keys: Tensor
        self.values: Tensor
        self._owner = owner

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Lay out the memory, once the shapes of keys and values are known."""
        rows, columns = self._owner.rows, self._owner.columns
        self.keys = key_states.new_zeros(rows, key_states.shape[1], columns, key_states.shape[3])
        self.values = value_states.new_zeros(rows, value_states.shape[1], columns, value_states.shape[3])
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *_: object, **__: object) -> tuple[Tensor, Tensor]:
        """Write new keys and values (rows, heads, new, width); give all in use up to them, for these rows."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        owner = self._owner
        rows = slice(owner.row, owner.row + key_states.shape[0])
        end = owner.at + key_states.shape[2]
        self.keys[rows, :, owner.at : end] = key_states
        self.values[rows, :, owner.at : end] = value_states
        return self.keys[rows, :, owner.start : end], self.values[rows, :, owner.start : end]

    def keep(self, rows: Tensor) -> None:
        """Keep these rows alone."""
        self.keys, self.values = self.keys[rows], self.values[rows]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Give the length and the offset of the keys that the next queries see."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """Give the number of columns in use."""
        return self._owner.at - self._owner.start

    def get_max_length(self) -> int:
        """Give the number of columns that there are."""
        return self._owner.columns


class BufferCache(Cache):
    """A cache of ``rows`` rows and ``columns`` columns, in use from column ``start`` up to column ``at``.

    A forward pass of n rows writes to the rows from ``row`` on and to the columns from ``at`` on. Its caller
    moves these marks, so the same beginning can be continued again and again.
    """

    def __init__(self, layers: int, rows: int, columns: int) -> None:
        self.rows, self.columns, self.row, self.start, self.at = rows, columns, 0, 0, 0
        self._slots = [Slots(self) for _ in range(layers)]
        super().__init__(layers=[*self._slots])

    def spread(self) -> None:
        """Copy the first row's columns in use to all other rows."""
        used = slice(self.start, self.at)
        for layer in self._slots:
            layer.keys[1:, :, used] = layer.keys[:1, :, used]
            layer.values[1:, :, used] = layer.values[:1, :, used]

    def copy(self, other: BufferCache, rows: int) -> None:
        """Copy what ``other``'s first row holds to ``rows`` rows from ``row`` on, to the columns from ``at`` on."""
        used = slice(self.at, self.at + other.at)
        for mine, its in zip(self._slots, other._slots, strict=True):
            if not mine.is_initialized:
                mine.lazy_initialization(its.keys, its.values)
            mine.keys[self.row : self.row + rows, :, used] = its.keys[:1, :, : other.at]
            mine.values[self.row : self.row + rows, :, used] = its.values[:1, :, : other.at]
        self.at += other.at

    def keep(self, rows: Tensor) -> None:
        """Keep these rows alone, in this order."""
        self.rows = len(rows)
        for layer in self._slots:
            layer.keep(rows)


@contextlib.contextmanager
def scored_positions(model: PreTrainedModel, places: Tensor) -> Iterator[None]:
    """Show the output layer only the hidden states (B, L, width) at N ``places``: logits (1, N, V)."""

    def pick(_module: object, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (inputs[0].flatten(0, 1)[places][None], *inputs[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(pick)
    try:
        yield
    finally:
        hook.remove()


PASS_COST = 64
"""Tokens that a forward pass over prompts costs besides those it reads: its output layer reads all its weights for a
few rows, and Python takes its time."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """Prompts (by index) that are read together, padded at the right to ``longest`` tokens.

    The first ``shared`` tokens of all are the same and are read once, for the readings behind it too that share them.
    """

    members: tuple[int, ...]
    longest: int
    shared: int


def plan_prefills(prompts: Sequence[Ids], tokens: int) -> list[Prefill]:
    """Plan forward passes of at most ``tokens`` tokens; every prompt is in one."""
    return [
        Prefill(
            tuple(group.members[place] for place in batch),
            max(len(prompts[group.members[place]]) for place in batch),
            group.shared,
        )
        for group in shared_prefixes([prompt[:-1] for prompt in prompts], cost=GROUP_COST)
        for batch in padded_batches(
            [len(prompts[index]) - group.shared for index in group.members], tokens=tokens, cost=PASS_COST
        )
    ]


def read_prompts(
    model: PreTrainedModel, prompts: Sequence[Ids], readings: Sequence[Prefill], cache: BufferCache
) -> Tensor:
    """Read prompts into a cache's rows, in the order of ``readings``, and give the logits behind each (B, V).

    A reading's padded rows end at the column ``longest`` of all readings; what pads is not to be looked at.
    """
    end = max(reading.longest for reading in readings)
    found: list[Tensor] = []
    root: tuple[Ids, BufferCache] = ((), cache)
    cache.row = 0
    for reading in readings:
        chosen = [prompts[index] for index in reading.members]
        cache.start = cache.at = end - reading.longest
        if reading.shared:
            prefix = chosen[0][: reading.shared]
            if root[0] != prefix:
                root = (prefix, BufferCache(len(cache.layers), 1, len(prefix)))
                _read(model, [prefix], root[1])
                root[1].at = len(prefix)
            cache.copy(root[1], len(chosen))
        found.append(_read(model, [prompt[reading.shared :] for prompt in chosen], cache))
        cache.row += len(chosen)
    cache.row, cache.start, cache.at = 0, end - max(reading.longest for reading in readings), end
    return torch.cat(found)


def _read(model: PreTrainedModel, chosen: Sequence[Ids], cache: BufferCache) -> Tensor:
    """Read rows of tokens, padded at the right, behind what the cache holds; give the logits behind each (B, V)."""
    longest = max(map(len, chosen))
    ids = torch.tensor([prompt + (0,) * (longest - len(prompt)) for prompt in chosen], device=model.device)
    last = torch.tensor([row * longest + len(prompt) - 1 for row, prompt in enumerate(chosen)], device=model.device)
    with scored_positions(model, last):
        logits: Tensor = model(input_ids=ids, past_key_values=cache, use_cache=True).logits[0]
    return logits
