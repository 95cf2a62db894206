"""How much must be loaded? The weights of models in bytes on disk, each file once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pytest_medeval.models.hub import folder_here
from pytest_medeval.models.spec import AdapterSpec, FolderSpec, GgufSpec, HubSpec, ModelSpec, QuantisedSpec


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
