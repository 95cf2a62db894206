"""Greedy replies, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from pytest_medeval.models.local_prompts import Prompt


def generate_rows(model: Any, prompts: Sequence[Prompt], limit: int, ends: set[int], pad: int) -> list[list[int]]:
    """Give the greedy continuation of each prompt, at most ``limit`` tokens, up to and with the first end token.

    The plain path: Transformers' own ``generate`` on a left-padded batch.
    """
    longest = max(len(prompt.ids) for prompt in prompts)
    ids = torch.full((len(prompts), longest), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt.ids) :] = torch.tensor(prompt.ids)
        mask[row, longest - len(prompt.ids) :] = 1
    found = model.generate(
        input_ids=ids.to(model.device), attention_mask=mask.to(model.device), max_new_tokens=limit, do_sample=False,
        num_beams=1, eos_token_id=sorted(ends) or None, pad_token_id=pad, temperature=None, top_p=None, top_k=None,
        repetition_penalty=1.0, use_cache=True,
    )
    return [cut_at_end(row[longest:].tolist(), ends) for row in found]


def cut_at_end(ids: list[int], ends: set[int]) -> list[int]:
    """Drop what stands behind the first end token, which stays."""
    return next((ids[: place + 1] for place, token in enumerate(ids) if token in ends), ids)


def cut_at_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """Cut a text before the first stop string in it; say whether there was one."""
    places = [place for place in (text.find(stop) for stop in stops if stop) if place >= 0]
    return (text[: min(places)], True) if places else (text, False)
