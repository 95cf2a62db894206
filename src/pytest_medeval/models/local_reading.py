"""Prompts into a cache: what they share once, the rest in few forward passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pytest_medeval.models.local_attention import BufferCache, scored_positions
from pytest_medeval.models.plan import padded_batches
from pytest_medeval.models.tree import Ids, shared_prefixes
from pytest_medeval.models.units import GROUP_COST

PASS_COST = 64
"""Tokens that a forward pass over prompts costs besides those it reads: its output layer reads all its weights for a
few rows, and Python takes its time."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Prompts (by index) that are read together, padded at the right to ``longest`` tokens.

    The first ``shared`` tokens of all are the same and are read once, for the readings behind it too that share them.
    """

    members: tuple[int, ...]
    longest: int
    shared: int


def plan_readings(prompts: Sequence[Ids], tokens: int) -> list[Reading]:
    """Plan forward passes of at most ``tokens`` tokens; every prompt is in one."""
    return [
        Reading(
            tuple(group.members[place] for place in batch),
            max(len(prompts[group.members[place]]) for place in batch),
            group.shared,
        )
        for group in shared_prefixes([prompt[:-1] for prompt in prompts], cost=GROUP_COST)
        for batch in padded_batches(
            [len(prompts[index]) - group.shared for index in group.members], tokens=tokens, cost=PASS_COST
        )
    ]


def read_prompts(model: Any, prompts: Sequence[Ids], readings: Sequence[Reading], cache: BufferCache) -> Tensor:
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
                root = (prefix, _read_alone(model, prefix, len(cache.layers)))
            cache.copy(root[1], len(chosen))
        found.append(_read(model, [prompt[reading.shared :] for prompt in chosen], cache))
        cache.row += len(chosen)
    cache.row, cache.start, cache.at = 0, end - max(reading.longest for reading in readings), end
    return torch.cat(found)


def _read_alone(model: Any, prefix: Ids, layers: int) -> BufferCache:
    """Read what prompts share."""
    cache = BufferCache(layers, 1, len(prefix))
    _read(model, [prefix], cache)
    cache.at = len(prefix)
    return cache


def _read(model: Any, chosen: Sequence[Ids], cache: BufferCache) -> Tensor:
    """Read rows of tokens, padded at the right, behind what the cache holds; give the logits behind each (B, V)."""
    longest = max(map(len, chosen))
    ids = torch.tensor([prompt + (0,) * (longest - len(prompt)) for prompt in chosen], device=model.device)
    last = torch.tensor([row * longest + len(prompt) - 1 for row, prompt in enumerate(chosen)], device=model.device)
    with scored_positions(model, last):
        logits: Tensor = model(input_ids=ids, past_key_values=cache, use_cache=True).logits[0]
    return logits
