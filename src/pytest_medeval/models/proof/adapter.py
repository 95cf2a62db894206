"""Proof from the files that an adapter belongs to its base, before anything is loaded.

peft only warns when a LoRA key finds no place, and a model without its adapter scores like its base: "no
regression" would be reported. So keys, shapes, completeness, values and the base's fingerprint are checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.jsontext import read_object
from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.models.proof.finite import prove_finite
from pytest_medeval.models.proof.tensors import StoredTensor, read_tensors

_KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>A|B|embedding_A|embedding_B)(\.weight)?")
_LAYER = re.compile(r"\.(\d+)\.")
_NOT_LINEAR = re.compile(r"(^|\.)(lm_head|embed\w*|\w*embed|wte|wpe|tok_embeddings)$")
"""What ``all-linear`` leaves out: peft skips the output layer and embeddings are no linear layers."""

_TRANSPOSED = frozenset({"gpt2", "openai-gpt"})
"""Model types whose linear layers are ``Conv1D``: their weights are stored as (in, out)."""

_CHANGED_BY_DATA = ("corda", "lora_ga")

_MATRIX = 2
"""Dimensions of what LoRA changes: norms and biases have one."""

Tensors: TypeAlias = Mapping[str, StoredTensor]
Config: TypeAlias = Mapping[str, object]


def prove_adapter(folder: Path, base: Path, *, memory: Path | None = None) -> None:
    """Check an adapter against the folder of its base; the first thing that is wrong is a ``MedevalError``.

    Every LoRA key belongs to a weight of the base and fits its shape, every target module in every layer has
    both of its matrices, the values are finite and not all zero, and where ``provenance.json`` beside the
    adapter tells the base's fingerprint, it is this base's. ``memory``: where fingerprints are remembered.
    """
    _prove_base(folder, base, memory)
    config = read_object(folder / "adapter_config.json").data
    _prove_base_known(folder, config)
    tensors = read_tensors([folder / "adapter_model.safetensors"])
    weights = read_tensors(sorted(base.glob("*.safetensors")))
    kind = read_object(base / "config.json").data.get("model_type")
    transposed = bool(config.get("fan_in_fan_out")) or kind in _TRANSPOSED
    sides = _prove_keys(folder, tensors, weights, transposed=transposed)
    _prove_complete(folder, sides, weights, config)
    prove_finite([folder / "adapter_model.safetensors"], memory=memory)
    matches = ((_KEY.fullmatch(key), stored) for key, stored in tensors.items())
    if not any(match and match["side"].endswith("B") and stored.values().any() for match, stored in matches):
        raise MedevalError(f"{folder}: every lora_B of the adapter is zero, so it changes nothing: not trained?")


def prove_written(folder: Path, *, memory: Path | None = None) -> None:
    """Check that a merged model's weights are those that were measured when it was written.

    Where ``provenance.json`` tells no ``weights_fingerprint``, nothing is known and nothing is checked.
    """
    file = folder / "provenance.json"
    told = read_object(file).data.get("weights_fingerprint") if file.is_file() else None
    if told is not None and (found := fingerprint_weights(folder, memory=memory)) != told:
        raise MedevalError(
            f"{folder}: changed since it was merged: {file.name} says weights_fingerprint {told}, found {found}"
        )


def changed_weights(folder: Path, base: Path) -> dict[str, tuple[StoredTensor, StoredTensor, StoredTensor]]:
    """Give the base's weights that an adapter changes: name -> (the weight, lora_A, lora_B).

    An output layer that is tied to the input embedding goes by its own name: changed, it can no longer be tied.
    """
    tensors = read_tensors([folder / "adapter_model.safetensors"])
    weights = read_tensors(sorted(base.glob("*.safetensors")))
    pairs: dict[str, dict[str, StoredTensor]] = {}
    found: dict[str, StoredTensor] = {}
    for key, stored in tensors.items():
        match = _KEY.fullmatch(key)
        name = match and _base_weight(match["module"], weights)
        if match and name:
            output = match["module"] == "lm_head" and name != "lm_head.weight"
            sides = pairs.setdefault("lm_head.weight" if output else name, {})
            sides[match["side"][-1]] = stored
            found["lm_head.weight" if output else name] = weights[name]
    return {name: (found[name], sides["A"], sides["B"]) for name, sides in pairs.items() if len(sides) == len("AB")}


def _prove_base(folder: Path, base: Path, memory: Path | None) -> None:
    file = folder / "provenance.json"
    told = read_object(file).data.get("base_fingerprint") if file.is_file() else None
    if told is None:
        return
    found = fingerprint_weights(base, memory=memory)
    if found != told:
        raise MedevalError(
            f"{folder}: trained on another base: {file.name} says base_fingerprint {told}, but {base} has {found}"
        )


def _prove_base_known(folder: Path, config: Config) -> None:
    """Refuse adapters whose base was changed by data before they were trained: no file holds that base."""
    start = config.get("init_lora_weights")
    if start in _CHANGED_BY_DATA:
        raise MedevalError(
            f"{folder}: adapter_config.json says init_lora_weights {start!r}: it was trained on a base that training "
            "data had changed and that no file holds; accepted: an adapter that peft saved with "
            "path_initial_model_for_weight_conversion"
        )


def _prove_keys(folder: Path, tensors: Tensors, weights: Tensors, *, transposed: bool) -> dict[str, set[str]]:
    """Find the base's weight of each LoRA key and compare shapes; give base module -> the sides it has."""
    sides: dict[str, set[str]] = {}
    for key, stored in tensors.items():
        match = _KEY.fullmatch(key)
        if match is None:
            continue  # biases, whole modules, DoRA magnitudes: loading reports what finds no place
        name = _base_weight(match["module"], weights)
        if name is None:
            raise MedevalError(f"{folder}: key {key!r} belongs to no weight of its base")
        side = match["side"]
        if not _fits(side, stored, weights[name], transposed=transposed):
            raise MedevalError(
                f"{folder}: key {key!r} of shape {list(stored.shape)} does not fit its base's "
                f"{name!r} of shape {list(weights[name].shape)}"
            )
        sides.setdefault(name.removesuffix(".weight"), set()).add(side[-1])
    if not sides:
        raise MedevalError(f"{folder / 'adapter_model.safetensors'}: holds no LoRA key")
    return sides


def _base_weight(module: str, weights: Tensors) -> str | None:
    """Find a module's weight in the base's files, which may leave out the leading name of the model's body.

    A tied output layer is not in the files at all; its weight is the input embedding.
    """
    parts = module.split(".")
    for cut in range(min(2, len(parts))):
        name = ".".join([*parts[cut:], "weight"])
        if name in weights:
            return name
    endings = ("embed_tokens.weight", "wte.weight") if parts[-1] == "lm_head" else (f".{module}.weight",)
    return next((name for name in weights if name.endswith(endings)), None)


def _fits(side: str, stored: StoredTensor, weight: StoredTensor, *, transposed: bool) -> bool:
    """Compare lora_A (r, in) or lora_B (out, r) with the weight (out, in), for embeddings (in, out)."""
    if not weight.dtype.startswith(("F16", "F32", "F64", "BF16")):
        return True  # quantised weights are packed: their shape is not that of the layer
    if len(stored.shape) != len(weight.shape) or len(weight.shape) != _MATRIX:
        return False
    rows, columns = reversed(weight.shape) if transposed or "embedding" in side else weight.shape
    return stored.shape[1] == columns if side[-1] == "A" else stored.shape[0] == rows


def _prove_complete(folder: Path, sides: Mapping[str, set[str]], weights: Tensors, config: Config) -> None:
    """Insist on both matrices for each target module in each layer that the adapter's config names."""
    for name, stored in weights.items():
        module = name.removesuffix(".weight")
        if name == module or len(stored.shape) < _MATRIX or not _is_target(module, config):
            continue
        for side in ("A", "B"):
            if side not in sides.get(module, ()):
                raise MedevalError(
                    f"{folder}: lora_{side} of {module!r} is missing, though adapter_config.json targets it"
                )


def _is_target(module: str, config: Config) -> bool:
    """Say whether peft would change a module, by the rules of its ``check_target_module_exists`` (0.21)."""
    targets = config.get("target_modules")
    excluded = [*_names(config.get("exclude_modules")), *_names(config.get("modules_to_save"))]
    if any(module == name or module.endswith(f".{name}") for name in excluded):
        return False
    if isinstance(targets, str):
        if targets == "all-linear":
            return not _NOT_LINEAR.search(module)
        return re.fullmatch(targets, module) is not None
    if not any(module == name or module.endswith(f".{name}") for name in _names(targets)):
        return False
    layers = config.get("layers_to_transform")
    if layers is None or layers == []:
        return True
    layer = _LAYER.search(module)
    return layer is not None and int(layer[1]) in (layers if isinstance(layers, list) else [layers])


def _names(value: object) -> list[str]:
    return [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []
