"""What training leaves behind: an adapter beside its base, or both in one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pytest_medeval.training.fit import readable
from pytest_medeval.training.loading import on_hub
from pytest_medeval.training.numbers import check_weights
from pytest_medeval.training.recipe import Recipe


def save(model: Any, recipe: Recipe, base: Path, out: Path) -> None:
    """Save adapter weights and configuration; a base in a folder is named relative to the adapter's folder."""
    relative = Path(os.path.relpath(base.resolve(), out.resolve())).as_posix()
    model.peft_config["default"].base_model_name_or_path = recipe.base if on_hub(recipe) else relative
    check_weights(model.named_parameters())
    model.save_pretrained(out, safe_serialization=True)
    readable(out)
    (out / "README.md").unlink(missing_ok=True)  # peft's template; CARD.md is ours


def merge(model: Any, tokenizer: Any, out: Path) -> None:
    """Add the adapter into the base's weights and save the whole model; ``model`` is used up."""
    whole = model.merge_and_unload()
    check_weights(whole.named_parameters())
    whole.config.use_cache = True  # the Trainer turns it off
    whole.save_pretrained(out)
    tokenizer.save_pretrained(out)
    readable(out)
