"""Write an adapter and its base as one model, and prove from the written files that the adapter is in."""

from __future__ import annotations

import shutil
from pathlib import Path

from pytest_medeval.errors import MedevalError
from pytest_medeval.models.base import Settings
from pytest_medeval.models.fingerprint import fingerprint_weights
from pytest_medeval.models.hub import model_folder
from pytest_medeval.models.identity import TOKENIZER_FILES, identify, tokenizer_folder
from pytest_medeval.models.local_base import open_base, quiet
from pytest_medeval.models.opening import check_local
from pytest_medeval.models.shipped import ROUNDED, Held, folder_rows, measure
from pytest_medeval.models.spec import AdapterSpec
from pytest_medeval.runs.files import json_bytes, write_whole


def write_merged(spec: AdapterSpec, out: Path, settings: Settings) -> Held:
    """Merge by peft's ``merge_and_unload``, save weights, config, tokenizer and ``provenance.json``, and measure.

    ``settings.dtype`` is the dtype of the weights that are written. ``MedevalError`` where the adapter does not
    belong to its base, ``out`` is not empty, or the written weights do not hold the adapter.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise MedevalError(f"{out} is there already; accepted: a new or empty folder")
    check_local(spec, settings)
    identity = identify(spec, settings)
    with quiet():
        base = open_base(spec, identity, merge=True)
        base.model.save_pretrained(out)
    words = tokenizer_folder(spec)
    for name in (*TOKENIZER_FILES, "chat_template.jinja"):
        if (words / name).is_file():
            shutil.copyfile(words / name, out / name)
    held = measure(spec.folder, model_folder(spec), folder_rows(out))
    complaint = held.complaint(ROUNDED)
    if complaint:
        raise MedevalError(f"{out}: {complaint}")
    facts = {
        "merged_adapter": identity.adapter,
        "merged_base": identity.base,
        "weights_fingerprint": fingerprint_weights(out),
        "dtype": identity.dtype,
        "share": held.share,
    }
    write_whole(out / "provenance.json", json_bytes(facts), "the provenance")
    return held
