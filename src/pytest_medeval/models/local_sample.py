"""The next token of each row: the likeliest, or one drawn by numbers that belong to the row alone.

A row's uniform numbers come from SHA-256 of its prompt, its seed and the step, and a token from them by inverting
the cumulative distribution of the row's own logits. No generator is shared, so a reply depends neither on the other
rows of its batch nor on what was asked before.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_BITS = 52
"""Of a uniform number: one bit less than a double holds, so that a share of a sum is always less than the sum."""

_CANDIDATES = 512
"""Likeliest tokens among which ``top_p`` is looked for before the whole vocabulary is sorted."""


@dataclass(frozen=True, slots=True)
class Draws:
    """How the tokens of one reply are drawn; ``prompt`` is the hash of its token ids."""

    temperature: float
    top_p: float
    prompt: str
    seed: int

    def uniform(self, step: int) -> float:
        """Give the number in [0, 1) that decides token ``step`` of the reply."""
        digest = hashlib.sha256(f"{self.prompt}:{self.seed}:{step}".encode()).digest()
        return float((int.from_bytes(digest[:8]) >> (64 - _BITS)) * 2.0**-_BITS)


def next_tokens(logits: Tensor, draws: Sequence[Draws | None], steps: Sequence[int]) -> Tensor:
    """Give the next token of each row (B,) from logits (B, V); row r has ``steps[r]`` tokens, greedy without draws."""
    newer: Tensor = logits.argmax(-1)
    chosen = [(row, one, steps[row]) for row, one in enumerate(draws) if one is not None]
    if not chosen:
        return newer
    rows = torch.tensor([row for row, _, _ in chosen], device=logits.device)
    temperature, top_p, uniform = torch.tensor(
        [(one.temperature, one.top_p, one.uniform(step)) for _, one, step in chosen], dtype=torch.float64
    ).T
    newer[rows] = draw(logits[rows], temperature, top_p, uniform).to(newer.device)
    return newer


def draw(logits: Tensor, temperature: Tensor, top_p: Tensor, uniform: Tensor) -> Tensor:
    """Draw a token of each row (B,) from softmax(logits / temperature) (B, V), cut to the share ``top_p``, in float64.

    The token is the first whose cumulative weight exceeds ``uniform`` of the total. Tokens as likely as the last one
    that ``top_p`` keeps are kept too, so that ties do not hang on an order. Logits that are not numbers give the
    last token.
    """
    wide = logits.double() if logits.device.type in ("cpu", "cuda") else logits.cpu().double()  # MPS has no float64
    temperature, top_p, uniform = (one.to(wide.device)[:, None] for one in (temperature, top_p, uniform))
    weights = ((wide - wide.amax(-1, keepdim=True)) / temperature).exp()
    if bool((top_p < 1).any()):
        weights = weights.where(weights >= _least(weights, top_p), 0.0)
    total = weights.cumsum(-1)
    found = torch.searchsorted(total, uniform * total[:, -1:], right=True)[:, 0]
    return found.clamp(max=weights.shape[-1] - 1)


def _least(weights: Tensor, top_p: Tensor, candidates: int = _CANDIDATES) -> Tensor:
    """Give the weight of the last token that is kept (B, 1); 0 in rows that keep all.

    Rows in which so many candidates do not hold the share are sorted in full, and only they.
    """
    wanted = top_p * weights.sum(-1, keepdim=True)
    size = weights.shape[-1]
    ranked = weights.topk(min(candidates, size)).values
    held = ranked.cumsum(-1)
    last = torch.searchsorted(held, wanted).clamp(max=ranked.shape[-1] - 1)
    least = ranked.gather(-1, last).where(top_p < 1, 0.0)
    short = ((held[:, -1:] < wanted) & (top_p < 1))[:, 0]
    if candidates < size and bool(short.any()):
        least[short] = _least(weights[short], top_p[short], size)
    return least
