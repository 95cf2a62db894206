"""What was made from what: ``provenance.json`` beside the weights."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_medeval.training.fit import Fitted
from pytest_medeval.training.recipe import Recipe

FILE = "provenance.json"
PACKAGES = ("torch", "transformers", "peft", "accelerate", "tokenizers", "safetensors")


def write(
    recipe: Recipe, out: Path, fitted: Fitted, *, data: str, base: str, counts: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the provenance of a finished run and give it back.

    ``base_fingerprint`` covers the weights that were trained on (of a base model: its own); ``data_sha256``
    covers every training example in order.
    """
    entry = {
        "base_fingerprint": base,
        "recipe_sha256": recipe_hash(recipe),
        "data_sha256": data,
        **counts,
        "seed": recipe.seed,
        "steps": fitted.steps,
        "seconds": fitted.seconds,
        "mean_loss": fitted.loss,
        "threads": _threads(),
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
    }
    (out / FILE).write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")
    return entry


def recipe_hash(recipe: Recipe) -> str:
    """SHA-256 over the recipe's file."""
    return hashlib.sha256(recipe.file.read_bytes()).hexdigest()


def _threads() -> int:
    import torch

    return int(torch.get_num_threads())
