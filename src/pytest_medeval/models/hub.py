"""How much must be loaded? The weights of models in bytes on disk, each file once."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import warnings
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from pytest_medeval.core.errors import MedevalError, whole
from pytest_medeval.models.spec import AdapterSpec, FolderSpec, GgufSpec, HubSpec, LocalSpec, ModelSpec, QuantisedSpec

# Keep a library that is imported by another from warning the user of what was not asked for.


def hush() -> None:
    """Import peft, where it is installed, with what it imports kept to its errors.

    That is bitsandbytes wherever it is installed, which warns of kernels at once, later of every matrix it multiplies,
    and makes torch import code of its own that torch calls deprecated.
    """
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`torch.jit.script", DeprecationWarning)
        if importlib.util.find_spec("peft"):
            importlib.import_module("peft")


# Where a model's files are: in the folder that was named, or in the hub's cache on this machine.

LOCAL_EXTRA = ("torch", "transformers", "peft", "huggingface_hub")
FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]


def require_extra() -> None:
    """Say how to install what local models need, without importing it."""
    for package in LOCAL_EXTRA:
        if importlib.util.find_spec(package) is None:
            raise MedevalError(f"a local model needs {package}: pip install 'pytest-medeval[local]'")


def model_folder(spec: LocalSpec) -> Path:
    """Give the folder of a full model, for an adapter that of its base; a hub model is fetched if need be."""
    if isinstance(spec, AdapterSpec):
        return model_folder(spec.base)
    return spec.folder if isinstance(spec, FolderSpec) else _fetch(spec)


def folder_here(spec: LocalSpec) -> Path | None:
    """Give the folder of a full model if it is on this machine; nothing is fetched."""
    if isinstance(spec, AdapterSpec):
        return folder_here(spec.base)
    if isinstance(spec, FolderSpec):
        return spec.folder
    require_extra()
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        return Path(snapshot_download(spec.name, allow_patterns=FILES, local_files_only=True))
    except Exception:  # noqa: BLE001 - whatever is wrong with the copy here, it is as good as none
        return None


@cache
def _fetch(spec: HubSpec) -> Path:
    folder = folder_here(spec) or _download(spec)
    if not any(folder.glob("*.safetensors")):
        raise MedevalError(f"model {spec.name!r} has no *.safetensors on the hub; accepted: safetensors only")
    return folder


def _download(spec: HubSpec) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(spec.name, allow_patterns=FILES))
    except Exception as error:  # noqa: BLE001 - the client raises the errors of four libraries
        raise MedevalError(
            f"model {spec.name!r}: no such folder, not in the hub's cache, nor given by the hub: {whole(error)}"
        ) from None


def weights_on_disk(specs: Iterable[ModelSpec]) -> int:
    """Count the bytes of what a process reads that loads all of these models; adapters share their base.

    What is not on this machine is not counted: servers, stored replies, models that must be fetched first.
    """
    return sum(file.stat().st_size for file in {file for spec in specs for file in _files(spec)})


def _files(spec: ModelSpec) -> Iterator[Path]:
    if isinstance(spec, QuantisedSpec):
        yield from _files(spec.inner)
    elif isinstance(spec, GgufSpec):
        yield spec.file
    elif isinstance(spec, AdapterSpec | FolderSpec | HubSpec):
        base = folder_here(spec)
        for folder in (base, getattr(spec, "folder", None)):
            yield from folder.glob("*.safetensors") if folder else ()
