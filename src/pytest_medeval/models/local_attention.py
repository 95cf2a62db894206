"""Attention over a tree of tokens, and the cache that holds what the tree's root is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.cache_utils import Cache, CacheLayerMixin

TREE = "medeval_tree"


def tree_attention(
    module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Attend under a 4-D mask without copying keys for the query heads that share them.

    query (B, H, L, D), key and value (B, K, T, D), mask (B, 1, L, T) -> (B, L, H, D). The H / K query heads of one
    key head are laid behind each other as if they were more queries; Transformers would repeat the keys instead.
    """
    batch, heads, length, width = query.shape
    shared = heads // key.shape[1]
    if shared > 1 and attention_mask is not None:
        query = query.reshape(batch, key.shape[1], shared * length, width)
        attention_mask = _repeated(attention_mask, shared)
    found = scaled_dot_product_attention(
        query, key, value, attn_mask=attention_mask, scale=options.get("scaling"), is_causal=attention_mask is None,
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


AttentionInterface.register(TREE, tree_attention)


@contextlib.contextmanager
def attending(model: Any, kind: str) -> Iterator[None]:
    """Let a model compute its attention by the function of that name, for a while."""
    configs = {id(config): config for config in (model.config, model.config.get_text_config())}.values()
    before = [config._attn_implementation for config in configs]  # noqa: SLF001 - Transformers has no other switch
    try:
        for config in configs:
            config._attn_implementation = kind  # noqa: SLF001 - as above
        yield
    finally:
        for config, name in zip(configs, before, strict=True):
            config._attn_implementation = name  # noqa: SLF001 - as above


class Slots(CacheLayerMixin):
    """Keys and values of one layer in memory laid out beforehand: (rows, heads, ``length``, width).

    New ones go to the columns from ``at`` on, and what is returned is a view of the columns up to them: nothing is
    copied but what is new. ``at`` moves only when ``BufferCache.at`` is set, so a tree can be tried on the same
    prefix again and again.
    """

    is_sliding = False

    def __init__(self, owner: BufferCache) -> None:
        super().__init__()
        self._owner = owner

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Lay out the memory, once the shapes of keys and values are known."""
        owner = self._owner
        rows, heads, _, width = key_states.shape
        rows = max(rows, owner.rows)
        self.keys = key_states.new_zeros(rows, heads, owner.length, width)
        self.values = value_states.new_zeros(rows, heads, owner.length, value_states.shape[-1])
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write new keys and values (rows, heads, new, width); give all up to them, for these rows."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None and self.values is not None  # noqa: S101, PT018 - narrows the types
        rows, at = slice(key_states.shape[0]), self._owner.at
        end = at + key_states.shape[2]
        self.keys[rows, :, at:end] = key_states
        self.values[rows, :, at:end] = value_states
        start = self._owner.start
        return self.keys[rows, :, start:end], self.values[rows, :, start:end]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Give the length and the offset of the keys that the next queries see."""
        return self._owner.at - self._owner.start + query_length, 0

    def get_seq_length(self) -> int:
        """Give the number of columns in use."""
        return self._owner.at - self._owner.start

    def get_max_length(self) -> int:
        """Give the number of columns that there are."""
        return self._owner.length


class BufferCache(Cache):
    """A cache of ``rows`` rows and ``length`` columns, in use from column ``start`` up to column ``at``."""

    def __init__(self, layers: int, rows: int, length: int) -> None:
        self.rows, self.length, self.start, self.at = rows, length, 0, 0
        super().__init__(layers=[Slots(self) for _ in range(layers)])

    def spread(self) -> None:
        """Copy the first row's columns in use to all other rows."""
        for layer in self.layers:
            for states in (layer.keys, layer.values):
                states[1:, :, self.start : self.at] = states[:1, :, self.start : self.at]
