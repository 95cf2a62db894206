"""What training leaves behind: an adapter beside its base, or both in one folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.models.hub import model_folder
from pytest_medeval.models.proof.finite import prove_finite
from pytest_medeval.models.spec import HubSpec
from pytest_medeval.tasks.cases.trained import FILE, KEY, Sketch
from pytest_medeval.training.fit import check_weights, readable
from pytest_medeval.training.recipe import Recipe

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import BitsAndBytesConfig, PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

# The base of an adapter: its folder, its architecture without weights, and the loaded model.

DTYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}


def on_hub(recipe: Recipe) -> bool:
    """Say whether the base is named as on the model hub (``owner/name``) and is no folder beside the recipe."""
    owner, _, name = recipe.base.partition("/")
    return bool(owner.strip(".") and name and "/" not in name) and not recipe.path(recipe.base).is_dir()


def base_folder(recipe: Recipe) -> Path:
    """Find the base's files, from the hub if need be; ``MedevalError`` where there are none."""
    if on_hub(recipe):
        return model_folder(HubSpec(recipe.base, recipe.base))
    folder = recipe.path(recipe.base)
    if not (folder / "config.json").is_file():
        raise MedevalError(
            f"{recipe.file}: base {recipe.base!r} is no model folder; "
            "accepted: a folder with config.json, relative to the recipe, or OWNER/NAME on the hub"
        )
    return folder


def load_base(recipe: Recipe, folder: Path) -> PreTrainedModel:
    """Load the base as the recipe says: dtype, attention, quantised to 4 bits (NF4) or 8, checkpointing."""
    from transformers import AutoModelForCausalLM

    prove_finite(sorted(folder.glob("*.safetensors")))
    given = recipe.loading
    options: dict[str, object] = {"attn_implementation": given.attention}
    if given.dtype != "auto":
        options["dtype"] = DTYPES[given.dtype]
    if given.quantize != "none":
        options |= {"quantization_config": quantisation(recipe), "device_map": {"": 0}}
    model = AutoModelForCausalLM.from_pretrained(folder, **options)
    check_config(recipe, model.config.to_dict())
    if given.quantize != "none":
        import peft

        model = peft.prepare_model_for_kbit_training(model, use_gradient_checkpointing=given.checkpointing)
    elif given.checkpointing:
        # the name since Transformers 5.23, else the older one
        enable = getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable
        enable()
        model.enable_input_require_grads()
    return model


def quantisation(recipe: Recipe) -> BitsAndBytesConfig:
    """Make the settings of bitsandbytes; ``MedevalError`` where it or a GPU is missing."""
    import importlib.util

    import torch
    from transformers import BitsAndBytesConfig

    if importlib.util.find_spec("bitsandbytes") is None or not torch.cuda.is_available():
        raise MedevalError(
            f"{recipe.file}: [loading] quantize = {recipe.loading.quantize!r} needs bitsandbytes and a CUDA GPU"
        )
    if recipe.loading.quantize == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    compute = DTYPES[recipe.schedule.precision]
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=compute)


def check_config(recipe: Recipe, found: dict[str, object]) -> None:
    """Refuse a base whose sizes are not those that the recipe was written for."""
    for key, value in recipe.config.items():
        if found.get(key) != value:
            raise MedevalError(
                f"{recipe.file}: the base has {key} = {found.get(key)!r}; the recipe's [config] says {value!r}"
            )


def blank_model(recipe: Recipe) -> PreTrainedModel:
    """Build the base's architecture on the meta device: shapes and names, no weights.

    From ``config.json`` where the base's files are at hand, else from the recipe's ``[config]``.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    folder = recipe.path(recipe.base)
    if (folder / "config.json").is_file():
        config = AutoConfig.from_pretrained(folder)
        check_config(recipe, config.to_dict())
    elif recipe.config:
        config = _config(recipe)
    else:
        raise MedevalError(
            f"{recipe.file}: base {recipe.base!r} is no model folder, and the recipe has no [config] in its place"
        )
    with torch.device("meta"):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    return model


def _config(recipe: Recipe) -> PreTrainedConfig:
    """Make the base's configuration of the recipe's ``[config]``; Transformers itself takes any key."""
    from transformers import CONFIG_MAPPING, AutoConfig

    kind = str(recipe.config.get("model_type"))
    if kind not in CONFIG_MAPPING:
        raise MedevalError(f"{recipe.file}: [config] model_type {kind!r} is unknown to the installed Transformers")
    known = AutoConfig.for_model(kind).to_dict()
    for key in recipe.config:
        if key not in known:
            raise MedevalError(f"{recipe.file}: [config] {accepted('key', key, known)}")
    return AutoConfig.for_model(**recipe.config)


def save(model: PeftModel, recipe: Recipe, base: Path, out: Path) -> None:
    """Save adapter weights and configuration; a base in a folder is named relative to the adapter's folder."""
    relative = Path(os.path.relpath(base.resolve(), out.resolve())).as_posix()
    model.peft_config["default"].base_model_name_or_path = recipe.base if on_hub(recipe) else relative
    check_weights(model.named_parameters())
    model.save_pretrained(str(out), safe_serialization=True)
    readable(out)
    (out / "README.md").unlink(missing_ok=True)  # peft's template; CARD.md is ours


def merge(model: PeftModel, tokenizer: PreTrainedTokenizerBase, out: Path, sketch: Sketch) -> None:
    """Add the adapter into the base's weights and save the whole model, with its sketch; ``model`` is used up."""
    whole = model.merge_and_unload()
    check_weights(whole.named_parameters())
    whole.config.use_cache = True  # the Trainer turns it off
    whole.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / FILE).write_text(json.dumps({KEY: sketch.facts()}, indent=2) + "\n", encoding="utf-8")
    readable(out)
