"""Log-likelihoods of choices as replies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import log_softmax

from pytest_medeval.models.local_prompts import Prompt


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
        found = log_softmax(logits[row, start : start + len(wanted)].float(), dim=-1)
        sums.append(float(found.gather(1, wanted[:, None]).sum(dtype=torch.float64)))
    return sums
