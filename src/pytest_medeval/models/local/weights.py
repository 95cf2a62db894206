"""One copy of base weights a process, shared by adapters and baseline; proof that an adapter is applied.

Shared is only what stays the base: after an adapter is attached and switched off, every weight and bias must be the
same bytes and a probe's logits the same numbers. Where they are not, the copy belongs to that adapter alone.
"""

from __future__ import annotations

import contextlib
import logging
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel
from torch import Tensor
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from pytest_medeval.core.errors import MedevalError, whole
from pytest_medeval.core.model import Identity
from pytest_medeval.models.hub import model_folder
from pytest_medeval.models.identity import QUANTISED
from pytest_medeval.models.local.bytes import Bytes, size_of, touched, weight_bytes
from pytest_medeval.models.local.kernels import fasten, unpack
from pytest_medeval.models.local.merging import PROBE, merge_in, probe_logits
from pytest_medeval.models.local.ways import Ways
from pytest_medeval.models.proof import finite
from pytest_medeval.models.proof.tensors import read_tensors
from pytest_medeval.models.spec import AdapterSpec, LocalSpec

# What Transformers is told when it loads weights: the dtype, or the bits, and the device.


def loading(identity: Identity) -> dict[str, object]:
    """Give the options of ``from_pretrained`` for a model's dtype; quantised layers are laid out on its device.

    int8 is LLM.int8 (Dettmers et al. 2022), nf4 the 4-bit format of QLoRA (Dettmers et al. 2023) without
    double quantisation. What is not a linear layer, and the sums, are float32 on a CPU and bfloat16 elsewhere.
    """
    if identity.dtype not in QUANTISED:
        return {"dtype": getattr(torch, str(identity.dtype))}
    rest = torch.float32 if identity.device == "cpu" else torch.bfloat16
    if identity.dtype == "int8":
        config = BitsAndBytesConfig(load_in_8bit=True)
    else:
        config = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=rest)
    return {"dtype": rest, "quantization_config": config, "device_map": {"": identity.device}}


def keep_layout(model: Any) -> None:
    """Keep 4-bit weights in the layout that they are stored in, before they are first used.

    On a CPU with bfloat16 instructions bitsandbytes lays them out anew in the first forward pass and back whenever a
    ``state_dict`` is asked for, as peft does to attach an adapter; the second time (0.50) it loses their scales.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


_TWICE = re.compile(r"\.(modules_to_save|original_module)\.")
"""Under such names peft saves grown embeddings that are tuned as a whole once more."""

_UNKNOWN = ""
"""What is switched on while peft loads an adapter: nobody relies on it."""


@dataclass
class Base:
    """A loaded full model and the adapters that have been put into it.

    peft builds its layers into ``model`` itself, so calling ``model`` is calling whatever ``using`` has
    switched on.
    """

    model: PreTrainedModel
    wrapped: Any = None
    """The ``PeftModel`` around it, from the first adapter on."""
    ways: Ways | None = None
    """In which ways it is computed; ``None`` before it is."""
    adapters: dict[str, tuple[str, Path]] = field(default_factory=dict)
    """SHA-256 of an adapter -> its name within peft, its folder."""
    bytes: Bytes | None = None
    """What the weights were before the first adapter; ``None`` while nobody shares them."""
    notice: str = ""
    """What the user should be told of these weights."""
    active: str | None = None
    """Name within peft of the adapter that is switched on; ``None`` for the bare base."""

    def using(self, adapter: str | None) -> PreTrainedModel:
        """Switch to an adapter (its SHA-256), or to the bare base, and give the model."""
        self.switch(None if adapter is None else self.adapters[adapter][0])
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


_BASES: dict[tuple[str | None, str | None, str | None, str | None], Base] = {}
"""Base, dtype and device, and the adapter where it is the only one that may use these weights -> the weights."""


def forget_bases() -> None:
    """Let go of all loaded weights."""
    _BASES.clear()


def open_base(
    spec: LocalSpec, identity: Identity, *, merge: bool = False, own: bool = False, keep: bool = True
) -> Base:
    """Load a full model, or find it loaded; put the adapter of ``spec`` in and prove that it works.

    ``own``: a copy of the weights that nobody else uses, for who will change them. ``merge``: add the adapter into
    such a copy. ``keep=False``: weights that have to be loaded for this stay with the caller alone; loaded ones are
    used as they are.
    """
    folder = model_folder(spec)
    own = own or merge
    keep = keep and not own
    everybody = (identity.base, identity.dtype, identity.device, None)
    alone = (*everybody[:3], identity.adapter)
    found = None if own else _BASES.get(alone) or _BASES.get(everybody)
    base = found or Base(load_whole(folder, identity))
    if isinstance(spec, AdapterSpec) and identity.adapter is not None and identity.adapter not in base.adapters:
        if found:
            base = _join(base, spec, identity)
        else:
            _attach(base, spec.folder, identity.adapter, shared=keep)
    if keep:
        _BASES[alone if base.notice else everybody] = base
    if merge and base.wrapped is not None:
        base.model = merge_in(base.wrapped, base.adapters[str(identity.adapter)][0])
        base.wrapped = None
        _prove_weights(spec.folder if isinstance(spec, AdapterSpec) else folder, base.model, identity.dtype)
    return base


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' bars, warnings and log lines from the terminal and from pytest's filters."""
    bars, level = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.set_verbosity(logging.CRITICAL)
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()


def load_whole(folder: Path, identity: Identity) -> PreTrainedModel:
    """Load weights in the dtype and on the device of ``identity``; a missing weight would be random."""
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder, **loading(identity), local_files_only=True, use_safetensors=True, output_loading_info=True
        )
        model, info = loaded
        if identity.dtype in QUANTISED:
            keep_layout(model)
            model.eval()(torch.zeros(1, 1, dtype=torch.long, device=identity.device))  # shapes not all fit
        else:
            model = model.to(identity.device)
    except Exception as error:
        how = f" in {identity.dtype} on {identity.device}" if identity.dtype in QUANTISED else ""
        raise MedevalError(f"{folder}: cannot be loaded as a causal model{how}: {whole(error)}") from error
    broken = sorted([*info["missing_keys"], *(str(key[0]) for key in info["mismatched_keys"])])
    if broken:
        raise MedevalError(
            f"{folder}: {len(broken)} weights are missing or have the wrong shape, the first is {broken[0]!r}"
        )
    _prove_weights(folder, model, identity.dtype)
    _prove_causal(folder, model.eval())
    found: PreTrainedModel = model.requires_grad_(False)
    fasten(found)
    return found


def _prove_causal(folder: Path, model: PreTrainedModel) -> None:
    """Refuse what looks ahead, as BERT does: another last token must not change what is said of those before it."""
    size = next(model.get_input_embeddings().parameters()).shape[0]
    ids = [token * 7919 % size for token in range(PROBE)]
    one, two = (probe_logits(model, [(*ids, last)])[:-1] for last in (1 % size, 7 % size))
    slack = 3e-5 if model.dtype == torch.float32 and not getattr(model, "is_quantized", False) else 0.1
    if bool((one - two).abs().max() > slack * one.abs().max()):
        raise MedevalError(
            f"{folder}: {type(model).__name__} is no causal model: what it says of a token hangs on those behind it; "
            "accepted: a decoder"
        )


def _prove_weights(folder: Path, model: torch.nn.Module, dtype: str | None, part: str = "") -> None:
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


def _join(base: Base, spec: AdapterSpec, identity: Identity) -> Base:
    """Put an adapter into weights that others use; give the weights that it has then.

    Where it changes what it is put into, or peft cannot put it beside the adapters that are in, the others get clean
    weights again and it has its own.
    """
    digest, folder = str(identity.adapter), model_folder(spec)
    others = len(base.adapters)
    try:
        _attach(base, spec.folder, digest, shared=True)
    except MedevalError:
        base.adapters.pop(digest, None)
        _renew(base, folder, identity)
        if not others:
            raise
        own = Base(load_whole(folder, identity))
        _attach(own, spec.folder, digest, shared=True)
        own.notice = own.notice or _own_copy(own, "this adapter does not go in beside the others of its base")
        return own
    if not base.notice:
        return base
    own = replace(base, adapters={digest: base.adapters.pop(digest)})
    _renew(base, folder, identity)
    return own


def _renew(base: Base, folder: Path, identity: Identity) -> None:
    """Load weights from the files once more, and put in again the adapters that were in."""
    before, base.adapters = base.adapters, {}
    del base.model  # its memory, before that of the new one
    base.wrapped = base.active = base.bytes = None
    base.notice = ""
    base.model = load_whole(folder, identity)
    for digest, (_, adapter) in before.items():
        _attach(base, adapter, digest, shared=True)


def _attach(base: Base, folder: Path, digest: str, *, shared: bool) -> None:
    """Put an adapter into a loaded base: all of its keys must find a place, and the logits must change.

    ``shared``: others use these weights too, or shall; ``notice`` says so where the adapter does not leave them alone.
    Whatever fails is a ``MedevalError``, after which the weights may be anything.
    """
    if shared and base.bytes is None:
        base.bytes = weight_bytes(base.model)
    base.switch(None)
    unpack(base.model)  # what is put in may change the weights
    plain = probe_logits(base.model)
    name = f"adapter{len(base.wrapped.peft_config) if base.wrapped else 0}"
    base.active = _UNKNOWN
    try:
        with torch.random.fork_rng():
            torch.manual_seed(0)  # "pissa_niter_N" draws: the same files are to be the same model
            _load_adapter(base, folder, name)
        base.adapters[digest] = (name, folder)
        base.switch(name)
        _prove(folder, probe_logits(base.model), plain)
        if shared:
            base.switch(None)
            base.notice = _not_the_base(base, same=torch.equal(probe_logits(base.model), plain))
    except MedevalError:
        raise
    except Exception as error:
        raise MedevalError(f"{folder}: the adapter does not go into its base: {whole(error)}") from error


def _load_adapter(base: Base, folder: Path, name: str) -> None:
    """Let peft build its layers and read the adapter's weights; every key must find a place."""
    config = PeftConfig.from_pretrained(str(folder))
    config.inference_mode = True
    _grow(base.model, folder)
    if base.wrapped is None:
        base.wrapped = PeftModel(base.model, config, name, autocast_adapter_dtype=False)
    result = base.wrapped.load_adapter(str(folder), name, autocast_adapter_dtype=False)
    stored = read_tensors([folder / "adapter_model.safetensors"])
    unexpected = [key for key in result.unexpected_keys if (own := _TWICE.sub(".", key)) == key or own not in stored]
    for what, keys in (("missing", result.missing_keys), ("unexpected", unexpected)):
        if keys:
            raise MedevalError(f"{folder}: {len(keys)} LoRA keys are {what}, the first is {min(keys)!r}")
    dtype = str(base.model.dtype).removeprefix("torch.")
    _prove_weights(folder, base.wrapped, dtype, f".{name}")


def _grow(model: PreTrainedModel, folder: Path) -> None:
    """Give a base as many rows of embeddings as the adapter brings: it was trained with more words."""
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    names = [name for name, module in model.named_modules() if any(module is end for end in ends)]
    keys = {f"base_model.model.{name}.{rest}" for name in names for rest in ("weight", "base_layer.weight")}
    stored = read_tensors([folder / "adapter_model.safetensors"])
    rows = max((stored[key].shape[0] for key in keys & stored.keys()), default=0)
    if rows > ends[0].weight.shape[0]:
        model.resize_token_embeddings(rows, mean_resizing=False)


def _prove(folder: Path, tuned: Tensor, plain: Tensor) -> None:
    """Compare the logits of a probe prompt with the adapter and before it was there."""
    if not bool(tuned.isfinite().all()):
        whose = "with this adapter the model gives" if bool(plain.isfinite().all()) else "its base gives"
        raise MedevalError(f"{folder}: {whose} logits that are not finite")
    if torch.equal(tuned, plain):
        raise MedevalError(f"{folder}: the adapter changes nothing: its logits on a probe equal its base's")


def _not_the_base(base: Base, *, same: bool) -> str:
    """Say what the newest adapter has done to the weights, now that it is off; nothing where they are the base."""
    changed = touched(base.bytes or {}, weight_bytes(base.model))
    if same and not changed:
        return ""
    what = f"{len(changed)} weights of its base, the first is {changed[0]!r}" if changed else "what its base computes"
    return _own_copy(base, f"attaching this adapter changes {what}, also when it is off")


def _own_copy(base: Base, why: str) -> str:
    return f"{why}: it has a copy of the base of its own, {size_of(base.model) / 1e6:,.1f} MB of memory more"
