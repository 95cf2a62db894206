"""Add an adapter into its base's weights in memory, and prove by logits that the model is still the same one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from pytest_medeval.core.errors import MedevalError, whole
from pytest_medeval.models.local.tree import Ids

PROBE = 16
"""Tokens of the prompt on which an adapter must change the logits, and a merge must not."""

EXACT, ROUGH = 1e-5, 0.1
"""Nats that a merge may move a model's distribution: by rounding in float32 (1e-10 was seen), and in 16 bits (0.04)."""

_BIASES = ("attention_bias", "mlp_bias")
"""What configs call it that projections have biases."""


def probe_logits(model: PreTrainedModel, prompts: Sequence[Ids] = ()) -> Tensor:
    """Give the logits (N, V) at every token of prompts; without prompts, of tokens from all over the vocabulary."""
    size = next(model.get_input_embeddings().parameters()).shape[0]
    chosen = prompts or [tuple(token * 7919 % size for token in range(PROBE))]
    with torch.inference_mode():
        rows = [model(torch.tensor([ids], device=model.device), use_cache=False).logits[0] for ids in chosen]
        return torch.cat(rows)


def divergence(one: Tensor, two: Tensor) -> float:
    """Give the largest Kullback-Leibler divergence, in nats, of the rows of two models' logits."""
    first, second = (logits.double().log_softmax(-1) for logits in (one, two))
    return float((first.exp() * (first - second)).sum(-1).max())


def merge_in(wrapped: Any, name: str, prompts: Sequence[Ids] = ()) -> PreTrainedModel:
    """Merge by peft's ``merge_and_unload``; ``MedevalError`` where the merged model computes something else."""
    model = wrapped.base_model.model
    wrapped.base_model.enable_adapter_layers()
    wrapped.set_adapter(name)
    beside = probe_logits(model, prompts)
    _untie(model)
    _make_room(model, name)
    try:
        merged: PreTrainedModel = wrapped.merge_and_unload(adapter_names=[name])
    except (ValueError, NotImplementedError, RuntimeError) as error:
        raise MedevalError(f"the adapter cannot be merged into its base: {whole(error)}") from error
    gap = divergence(beside, probe_logits(merged, prompts))
    if not gap <= (EXACT if merged.dtype == torch.float32 else ROUGH):
        raise MedevalError(f"the merged weights are another model than the adapter: its logits are {gap:.2g} nats off")
    return merged


def _untie(model: PreTrainedModel) -> None:
    """Give the output layer weights of its own where it shares the input embedding's and an adapter changes either.

    What is added into shared weights is added on both sides, where the adapter means one.
    """
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    bare = [_bare(end) for end in ends]
    if None in bare or all(end is inner for end, inner in zip(ends, bare, strict=True)):
        return
    if bare[1].weight is bare[0].weight:
        bare[1].weight = torch.nn.Parameter(bare[1].weight.detach().clone(), requires_grad=False)
        for config in (model.config, model.config.get_text_config()):
            config.tie_word_embeddings = False


def _make_room(model: PreTrainedModel, name: str) -> None:
    """Give layers biases, all zero, where an adapter has some to add, if the architecture can have them there.

    Its config decides where there are biases when the merged model is loaded.
    """
    lacking = [
        layer
        for layer in model.modules()
        if getattr(layer, "lora_bias", {}).get(name) and getattr(_bare(layer), "bias", None) is None
    ]
    if not lacking:
        return
    for flag in _BIASES:
        if hasattr(model.config, flag):
            setattr(model.config, flag, True)
    with torch.device("meta"):
        blank = type(model)(model.config)
    for path, parameter in blank.named_parameters():
        layer = _bare(model.get_submodule(path.rpartition(".")[0])) if path.endswith(".bias") else None
        if layer is not None and layer.bias is None:
            zeros = torch.zeros(parameter.shape, dtype=layer.weight.dtype, device=layer.weight.device)
            layer.bias = torch.nn.Parameter(zeros, requires_grad=False)
    if any(_bare(layer).bias is None for layer in lacking):
        raise MedevalError(f"lora_bias cannot be merged: {model.config.model_type} has no bias there to hold it")


def _bare(layer: Any) -> Any:
    """Look behind peft's wrappers."""
    while hasattr(layer, "base_layer"):
        layer = layer.base_layer
    return layer
