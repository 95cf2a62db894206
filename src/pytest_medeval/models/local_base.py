"""One copy of base weights a process, shared by adapters and baseline; proof that an adapter is applied."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import peft
import torch
import transformers
from transformers.utils import logging as transformers_logging

from pytest_medeval.errors import MedevalError
from pytest_medeval.models import finite
from pytest_medeval.models.base import Identity
from pytest_medeval.models.hub import model_folder
from pytest_medeval.models.identity import QUANTISED
from pytest_medeval.models.local_loading import loading
from pytest_medeval.models.spec import AdapterSpec, LocalSpec

_LOGS: Any = transformers_logging
_CAUSAL: Any = transformers.AutoModelForCausalLM
_PEFT: Any = peft

_UNKNOWN = ""
"""What is switched on while peft loads an adapter: nobody relies on it."""

PROBE = 16
"""Tokens of the prompt on which an adapter must change the logits."""


@dataclass
class Base:
    """A loaded full model and the adapters that have been put into it.

    peft builds its layers into ``model`` itself, so calling ``model`` is calling whatever ``using`` has
    switched on.
    """

    model: Any
    wrapped: Any = None
    """The ``PeftModel`` around it, from the first adapter on."""
    plain: str | None = None
    """Why the fast paths cannot be used; empty when they can, ``None`` before it was tried."""
    adapters: dict[str, str] = field(default_factory=dict)
    """SHA-256 of an adapter -> its name within peft."""
    active: str | None = None
    """Name within peft of the adapter that is switched on; ``None`` for the bare base."""

    def using(self, adapter: str | None) -> Any:
        """Switch to an adapter (its SHA-256), or to the bare base, and give the model."""
        self.switch(None if adapter is None else self.adapters[adapter])
        return self.model

    def switch(self, name: str | None) -> None:
        """Switch to an adapter by its name within peft; it stays on until the next switch."""
        if self.wrapped is None or self.active == name:
            return
        self.wrapped.base_model.disable_adapter_layers()
        if name is not None:
            self.wrapped.base_model.enable_adapter_layers()
            self.wrapped.set_adapter(name)
            self.wrapped.requires_grad_(False)
        self.active = name


_BASES: dict[tuple[str | None, str | None, str | None], Base] = {}


def forget_bases() -> None:
    """Let go of all loaded weights."""
    _BASES.clear()


def open_base(spec: LocalSpec, identity: Identity, *, merge: bool = False, keep: bool = True) -> Base:
    """Load a full model, or find it loaded; put the adapter of ``spec`` in and prove that it works.

    ``merge``: add the adapter into a copy of the weights that nobody else uses. ``keep=False``: weights that
    have to be loaded for this stay with the caller alone.
    """
    key, folder = (identity.base, identity.dtype, identity.device), model_folder(spec)
    base = None if merge else _BASES.get(key)
    if base is None:
        base = Base(_load(folder, identity))
        if keep and not merge:
            _BASES[key] = base
    if (
        isinstance(spec, AdapterSpec)
        and identity.adapter is not None
        and identity.adapter not in base.adapters
    ):
        _attach(base, spec.folder, identity)
    if merge and base.wrapped is not None:
        base.model = base.wrapped.merge_and_unload(adapter_names=[base.adapters[str(identity.adapter)]])
        base.wrapped = None
        _prove_weights(spec.folder if isinstance(spec, AdapterSpec) else folder, base.model, identity.dtype)
    return base


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' bars, warnings and log lines from the terminal and from pytest's filters."""
    bars, level = _LOGS.is_progress_bar_enabled(), _LOGS.get_verbosity()
    _LOGS.set_verbosity(logging.CRITICAL)
    _LOGS.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        _LOGS.set_verbosity(level)
        if bars:
            _LOGS.enable_progress_bar()


def _load(folder: Path, identity: Identity) -> Any:
    """Load weights in the dtype and on the device of ``identity``; a missing weight would be random."""
    try:
        model, info = _CAUSAL.from_pretrained(
            folder,
            **loading(identity),
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
        )
        if identity.dtype in QUANTISED:
            model.eval()(torch.zeros(1, 1, dtype=torch.long, device=identity.device))  # shapes not all fit
        else:
            model = model.to(identity.device)
    except Exception as error:
        how = f" in {identity.dtype} on {identity.device}" if identity.dtype in QUANTISED else ""
        raise MedevalError(f"{folder}: cannot be loaded as a causal model{how}: {_first_line(error)}") from error
    broken = sorted([*info["missing_keys"], *(str(key[0]) for key in info["mismatched_keys"])])
    if broken:
        raise MedevalError(
            f"{folder}: {len(broken)} weights are missing or have the wrong shape, the first is {broken[0]!r}"
        )
    _prove_weights(folder, model, identity.dtype)
    return model.eval().requires_grad_(False)


def _prove_weights(folder: Path, model: Any, dtype: str | None, part: str = "") -> None:
    """Look over loaded weights (``part``: those with this in their names): sound files may overflow in ``dtype``."""
    for name, weight in model.named_parameters():
        if part not in name:
            continue
        scales = (getattr(getattr(weight, "quant_state", None), "absmax", None), getattr(weight, "SCB", None))
        for values in (weight, *scales):
            if values is None or not values.is_floating_point():
                continue
            wrong = values.numel() - int(values.isfinite().sum())
            if wrong:
                raise MedevalError(f"{folder}: in {dtype} {finite.told(name, wrong, values.numel())}")


def _attach(base: Base, folder: Path, identity: Identity) -> None:
    """Put an adapter into a loaded base: all of its keys must find a place, and the logits must change."""
    name = f"adapter{len(base.wrapped.peft_config) if base.wrapped else 0}"
    base.active = _UNKNOWN
    try:
        config = _PEFT.PeftConfig.from_pretrained(folder)
        config.inference_mode = True
        if base.wrapped is None:
            base.wrapped = _PEFT.PeftModel(base.model, config, name, autocast_adapter_dtype=False)
        result = base.wrapped.load_adapter(str(folder), name, autocast_adapter_dtype=False)
    except Exception as error:
        reason = _first_line(error)
        raise MedevalError(f"{folder}: the adapter does not go into its base: {reason}") from error
    for what, keys in (("missing", result.missing_keys), ("unexpected", result.unexpected_keys)):
        if keys:
            raise MedevalError(f"{folder}: {len(keys)} LoRA keys are {what}, the first is {min(keys)!r}")
    _prove_weights(folder, base.wrapped, identity.dtype, f".{name}")
    _prove(base, folder, name)
    base.adapters[str(identity.adapter)] = name


def _prove(base: Base, folder: Path, name: str) -> None:
    """Compare the logits of a probe prompt with the adapter on and off."""
    size = base.model.get_input_embeddings().weight.shape[0]
    probe = torch.arange(PROBE, device=base.model.device).mul(7919).remainder(size)[None]
    logits = []
    with torch.inference_mode():
        for adapter in (name, None):
            base.switch(adapter)
            logits.append(base.model(probe, use_cache=False).logits)
    tuned, plain = logits
    if not bool(tuned.isfinite().all()):
        whose = "with this adapter the model gives" if bool(plain.isfinite().all()) else "its base gives"
        raise MedevalError(f"{folder}: {whose} logits that are not finite")
    if torch.equal(tuned, plain):
        raise MedevalError(f"{folder}: the adapter changes nothing: its logits on a probe equal its base's")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
