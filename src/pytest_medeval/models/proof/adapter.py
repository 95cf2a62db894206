"""Proof from the files that an adapter belongs to its base, before anything is loaded.

A model without its adapter scores like its base: "no regression" would be reported. So its kind, its values and the
base's fingerprint are checked here, and its keys and their shapes when it is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from pytest_medeval.core.errors import MedevalError, Mistakes
from pytest_medeval.core.files.jsontext import Document, read_object
from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.models.proof.finite import prove_finite
from pytest_medeval.models.proof.tensors import StoredTensor, read_tensors

_KEY = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>A|B|embedding_A|embedding_B)(\.weight)?")
_CHANGED_BY_DATA = ("corda", "lora_ga")

Tensors: TypeAlias = Mapping[str, StoredTensor]
Config: TypeAlias = Mapping[str, object]


def prove_adapter(folder: Path, base: Path, *, memory: Path | None = None) -> None:
    """Check an adapter against the folder of its base; the first thing that is wrong is a ``MedevalError``.

    Its kind is one that is supported, the values are finite and not all zero, and where ``provenance.json`` beside the
    adapter tells the base's fingerprint, it is this base's. Whether each key finds its place in the base is seen when
    peft has built its layers there (``models.local.weights``): only peft knows all ways to name them. ``memory``: where
    fingerprints are remembered.
    """
    _prove_base(folder, base, memory)
    document = read_object(folder / "adapter_config.json")
    _prove_supported(folder, document.data)
    _prove_config(document, read_tensors([folder / "adapter_model.safetensors"]))
    prove_finite([folder / "adapter_model.safetensors"], memory=memory)
    _prove_values(folder, read_tensors([folder / "adapter_model.safetensors"]))


def _prove_config(config: Document, tensors: Tensors) -> None:
    """Hold what an adapter's config says of its place in the base against types and the adapter's own sizes."""
    mistakes = Mistakes()

    def check(key: str, wanted: str, *, fits: bool) -> None:
        with mistakes:
            if not fits and config.data.get(key) is not None:
                raise MedevalError(f"{config.at(key)}: {key} is {config.data[key]!r}; accepted: {wanted}")

    for key in ("target_modules", "exclude_modules", "modules_to_save"):
        names = config.data.get(key)
        check(key, "a pattern, or a list of modules' names", fits=isinstance(names, str) or _all(names, str))
    layers = config.data.get("layers_to_transform")
    check("layers_to_transform", "whole numbers", fits=type(layers) is int or _all(layers, int))
    # a pattern may give every module another rank than r, so that only what takes hours to make is refused here
    most = max((min(stored.shape, default=0) for stored in tensors.values()), default=0)
    most = max(most, MOST_RANK)
    rank, ranks = config.data.get("r"), config.data.get("rank_pattern")
    check("r", f"a whole number from 1 to {most}", fits=type(rank) is int and 0 < rank <= most)
    sizes = list(ranks.values()) if isinstance(ranks, dict) else [0]
    fits = all(type(size) is int and 0 < size <= most for size in sizes)
    check("rank_pattern", f"modules and their ranks, at most {most}", fits=fits)
    with mistakes:
        try:
            re.compile(names if isinstance(names := config.data.get("target_modules"), str) else "")
        except re.error as error:
            told = f"target_modules is {names!r}, no regular expression: {error}"
            raise MedevalError(
                f"{config.at('target_modules')}: {told}; accepted: a pattern of modules' names"
            ) from None
    mistakes.tell()


def _all(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) and not isinstance(one, bool) for one in value)


MOST_RANK = 4096
"""No adapter of published models has more, and so many are made in seconds."""
MOST_LAYERS = 1000
"""So many are made in seconds; windows are counted in layers too, and experts share a tensor."""


def prove_sizes(folder: Path) -> None:
    """Refuse a base whose config asks for more layers or experts than its files can hold: making them takes days."""
    config, tensors = read_object(folder / "config.json"), len(read_tensors(sorted(folder.glob("*.safetensors"))))
    inner = [((key,), one) for key, one in config.data.items() if isinstance(one, dict)]
    tables: list[tuple[tuple[str, ...], dict[str, object]]] = [((), config.data), *inner]
    for path, table in tables:
        for key, value in table.items():
            if re.search("layer|expert", key) and type(value) is int and value > max(tensors, MOST_LAYERS):
                told = f"{key} is {value}, and the weights are {tensors} tensors"
                accepts = f"at most one layer a tensor, or {MOST_LAYERS}"
                raise MedevalError(f"{config.at(*path, key)}: {told}; accepted: {accepts}")


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


def _prove_supported(folder: Path, config: Config) -> None:
    """Refuse adapters that are on behind certain tokens alone, or whose base was changed by data: no file holds it."""
    if config.get("alora_invocation_tokens"):
        raise MedevalError(
            f"{folder}: adapter_config.json names alora_invocation_tokens: an aLoRA adapter is on behind these tokens "
            "alone, which is not supported; accepted: LoRA"
        )
    start = config.get("init_lora_weights")
    if start in _CHANGED_BY_DATA:
        raise MedevalError(
            f"{folder}: adapter_config.json says init_lora_weights {start!r}: it was trained on a base that training "
            "data had changed and that no file holds; accepted: an adapter that peft saved with "
            "path_initial_model_for_weight_conversion"
        )


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


def _prove_values(folder: Path, tensors: Tensors) -> None:
    """Refuse an adapter whose every lora_B is zero: it adds nothing."""
    matches = [(match, stored) for key, stored in tensors.items() if (match := _KEY.fullmatch(key))]
    if not matches:
        raise MedevalError(f"{folder / 'adapter_model.safetensors'}: holds no LoRA key")
    if not any(match["side"].endswith("B") and stored.values().any() for match, stored in matches):
        raise MedevalError(f"{folder}: every lora_B of the adapter is zero, so it changes nothing: not trained?")
