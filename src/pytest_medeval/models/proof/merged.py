"""Write an adapter and its base as one model, and prove from the written files that the adapter is in."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from pathlib import Path

import torch

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.writing import json_bytes, write_whole
from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.core.model import Identity, Settings
from pytest_medeval.models.hub import model_folder
from pytest_medeval.models.identity import (
    TOKENIZER_FILES,
    chat_template,
    identify,
    resolve_dtype,
    template_folder,
    tokenizer_folder,
)
from pytest_medeval.models.local.merging import EXACT, divergence, merge_in, probe_logits
from pytest_medeval.models.local.model import prompter_of
from pytest_medeval.models.local.opening import check_local
from pytest_medeval.models.local.weights import load_whole, open_base, quiet
from pytest_medeval.models.proof.alike import REQUESTS
from pytest_medeval.models.proof.shipped import ROUNDED, Held, folder_rows, measure, why_unmeasured
from pytest_medeval.models.spec import AdapterSpec, made_in
from pytest_medeval.tasks.cases.trained import KEY, read_sketch


@dataclass(frozen=True, slots=True)
class Merged:
    """What was written: how much of the adapter its matrices hold, ``None`` for an adapter that is no sum of matrices.

    ``gap``: the largest divergence, in nats, from the adapter beside its base, on prompts; all of it is rounding.
    """

    held: Held | None
    gap: float


def write_merged(spec: AdapterSpec, out: Path, settings: Settings) -> Merged:
    """Merge in float32, save weights in ``settings.dtype``, config, tokenizer and ``provenance.json``, and prove it.

    ``MedevalError`` where the adapter does not belong to its base, ``out`` is not empty, or the written model does
    not compute what the adapter computes; nothing is left in ``out`` then.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise MedevalError(f"{out} is there already; accepted: a new or empty folder")
    check_local(spec, settings)
    dtype = resolve_dtype(settings.dtype, settings.device)
    identity = identify(spec, replace(settings, dtype="float32"))
    try:
        with quiet():
            gap = _write(spec, out, identity, getattr(torch, dtype))
        held = _measured(spec, out)
    except MedevalError as mistake:
        shutil.rmtree(out, ignore_errors=True)
        raise MedevalError(f"{out}: not written: {mistake}") from None
    facts: dict[str, object] = {
        "merged_adapter": identity.adapter,
        "merged_base": identity.base,
        "weights_fingerprint": fingerprint_weights(out),
        "dtype": dtype,
        "share": None if held is None else held.share,
        "logits": gap,
    }
    if sketches := list(filter(None, map(read_sketch, made_in(spec)))):
        facts[KEY] = reduce(or_, sketches).facts()
    write_whole(out / "provenance.json", json_bytes(facts), "the provenance")
    return Merged(held, gap)


def _write(spec: AdapterSpec, out: Path, identity: Identity, dtype: torch.dtype) -> float:
    """Merge, save and load again; give how far the written model's logits are from the adapter's."""
    words = tokenizer_folder(spec)
    prompter = prompter_of(spec, Settings())
    prompts = [prompt.ids + choice for prompt in map(prompter.encode, REQUESTS) for choice in prompt.choices]
    base = open_base(spec, identity, own=True)
    beside = probe_logits(base.using(identity.adapter), prompts)
    model = merge_in(base.wrapped, base.adapters[str(identity.adapter)][0], prompts)
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype).float()
    rounded = probe_logits(model, prompts)
    torch.nn.Module.to(model, dtype)
    model.save_pretrained(out)
    del base, model
    for name in TOKENIZER_FILES:
        if (words / name).is_file():
            shutil.copyfile(words / name, out / name)
    if (template := chat_template(template_folder(spec))) is not None:
        (out / "chat_template.jinja").write_text(template, encoding="utf-8")
    gap = divergence(rounded, probe_logits(load_whole(out, identity), prompts))
    if not gap <= EXACT:
        raise MedevalError(f"read back, the saved model is another one: its logits are {gap:.2g} nats off")
    return divergence(beside, rounded)


def _measured(spec: AdapterSpec, out: Path) -> Held | None:
    """Measure how much of the adapter the written matrices hold, where that is a question."""
    if why_unmeasured(spec.folder):
        return None
    held = measure(spec.folder, model_folder(spec), folder_rows(out))
    if complaint := held.complaint(ROUNDED):
        raise MedevalError(complaint)
    return held
