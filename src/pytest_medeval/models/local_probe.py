"""Can a model go the fast paths? Its config is read, and then it is tried, on a short probe."""

from __future__ import annotations

from typing import Any

import torch

from pytest_medeval.models.local_choices import Scorer, score_rows
from pytest_medeval.models.local_generate import Task, generate_lean
from pytest_medeval.models.units import Budget, Prompt

_EXACT = 1e-3
_ROUGH = 0.1
"""Agreement asked for in float32 and in 16 bits, where the order of sums shows; a wrong mask is worse."""


def why_plain(model: Any) -> str:
    """Say why a model must go the plain paths; an empty text when the fast ones agree with them."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if kinds != {"full_attention"} or getattr(config, "sliding_window", None):
        return f"its layers are not all full attention ({', '.join(sorted(kinds))})"
    if getattr(model, "_is_stateful", False) or not getattr(config, "num_attention_heads", None):
        return "it keeps a recurrent state instead of keys and values"
    try:
        with torch.inference_mode():
            return _compare(model)
    except Exception as error:  # noqa: BLE001 - what an architecture does not take, the plain paths do
        lines = str(error).strip().splitlines() or [""]
        return f"trying it failed: {type(error).__name__}: {lines[0]}"


def _compare(model: Any) -> str:
    """Score and generate a probe both ways."""
    size = int(model.get_input_embeddings().weight.shape[0])
    ids = tuple(int(value) for value in torch.arange(1, 25).mul(7919).remainder(size))
    prompts = [Prompt(ids[:12], (ids[3:4], ids[5:8], ids[5:7])), Prompt(ids[:9], (ids[1:3], ids[2:3]))]
    slack = _EXACT if model.dtype == torch.float32 else _ROUGH
    budget = Budget(tokens=64, rows=2, kept=1 << 20)
    for batch in Scorer(model, budget, cost=0).score(prompts):
        for index, found in batch:
            prompt = prompts[index]
            plain = score_rows(model, [(prompt, choice) for choice in range(len(prompt.choices))])
            if not all(
                abs(one - two) <= slack * max(1.0, abs(two)) for one, two in zip(found, plain, strict=True)
            ):  # NaN is near nothing
                return f"a probe's log-likelihoods differ: {found[0]:.5f} against {plain[0]:.5f}"
    tasks = [Task(place, prompt.ids, 3, lambda _: False) for place, prompt in enumerate(prompts)]
    for task in generate_lean(model, tasks, set(), tokens=64):
        if task.lost:
            return "a probe's logits are not finite"
        sequence = torch.tensor([task.prompt + tuple(task.found)], device=model.device)
        logits = model(input_ids=sequence, use_cache=False).logits[0, len(task.prompt) - 1 : -1].float()
        chosen = logits.gather(1, sequence[0, len(task.prompt) :, None])[:, 0]
        if bool((logits.amax(-1) - chosen > slack * logits.abs().amax().clamp(min=1)).any()):
            return "a probe's reply is not the likeliest one"
    return ""
