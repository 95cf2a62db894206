"""How much memory does a run need? An estimate from shapes, for the longest batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pytest_medeval.training.recipe import Recipe

BYTES = {"auto": 4.0, "fp32": 4.0, "bf16": 2.0, "fp16": 2.0, "8bit": 1.0, "4bit": 0.5 + 4 / 64}
"""Bytes of a weight; NF4 keeps one fp32 scale for 64 weights (Dettmers et al. 2023, section 3)."""
OPTIMISER = 4 + 4 + 8
"""Bytes of a trained weight: itself and its gradient in fp32, two moments of AdamW."""
LOGIT = 2 + 4 + 4
"""Bytes of a logit: as computed, as fp32 for the loss, its gradient."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Estimated bytes by use; fragmentation and the library's own buffers are not in it."""

    weights: float
    optimiser: float
    activations: float
    logits: float

    @property
    def total(self) -> float:
        """Give the sum."""
        return self.weights + self.optimiser + self.activations + self.logits


def estimate(recipe: Recipe, model: Any, trainable: int) -> Memory:
    """Estimate the peak of a training step on rows of ``max_tokens``; ``model`` may be on the meta device.

    Activations of a Llama-like layer, for each token: two norms, the residual, queries, keys and values before and
    after rotation, the attention's output, four tensors of the MLP, and for each LoRA target its input in fp32.
    """
    config = model.config.get_text_config()
    tokens = recipe.schedule.batch * recipe.schedule.max_tokens
    size = 4.0 if recipe.schedule.precision == "fp32" else 2.0
    layer = tokens * _per_token(config, size, len(recipe.lora.targets))
    if recipe.loading.attention == "eager":
        layer += tokens * recipe.schedule.max_tokens * config.num_attention_heads * (size + 4)
    kept = config.num_hidden_layers * layer
    if recipe.loading.checkpointing:
        kept = layer + config.num_hidden_layers * tokens * config.hidden_size * size
    return Memory(
        weights=_weights(recipe, model),
        optimiser=float(trainable * OPTIMISER),
        activations=kept,
        logits=float(tokens * config.vocab_size * LOGIT),
    )


def _per_token(config: Any, size: float, targets: int) -> float:
    hidden, heads = config.hidden_size, config.num_attention_heads
    head = getattr(config, "head_dim", None) or hidden // heads
    queries, keys = heads * head, config.num_key_value_heads * head
    norms = 2 * hidden * (4 + 4 + size) + 2 * hidden * size
    attention = (2 * queries + 2 * keys + keys + queries) * size
    return float(norms + attention + 4 * config.intermediate_size * size + targets * hidden * 4)


def _weights(recipe: Recipe, model: Any) -> float:
    """Count the base's bytes; quantisation leaves embeddings, head and norms at 16 bits."""
    every: int = sum(weight.numel() for weight in model.parameters())
    given = recipe.loading
    if given.quantize == "none":
        return every * BYTES[given.dtype]
    linear: int = sum(
        part.weight.numel()
        for name, part in model.named_modules()
        if type(part).__name__ == "Linear" and not name.endswith("lm_head")
    )
    return linear * BYTES[given.quantize] + (every - linear) * BYTES["bf16"]
