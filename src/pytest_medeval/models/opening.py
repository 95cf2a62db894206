"""Open a local model so that nothing is loaded before it is needed."""

from __future__ import annotations

from functools import partial

from pytest_medeval.models.adapter import prove_adapter, prove_written
from pytest_medeval.models.base import Identity, Model, Settings
from pytest_medeval.models.cache import CachedModel, Store
from pytest_medeval.models.fingerprint import fingerprint_text
from pytest_medeval.models.finite import prove_finite
from pytest_medeval.models.hub import model_folder, require_extra
from pytest_medeval.models.hush import hush
from pytest_medeval.models.identity import QUANTISED, backend_version, identify
from pytest_medeval.models.spec import AdapterSpec, LocalSpec


def check_local(spec: LocalSpec, settings: Settings) -> None:
    """Check what needs no torch: the extra is installed, weights are numbers, the adapter belongs to its base."""
    require_extra()
    folder = model_folder(spec)
    if isinstance(spec, AdapterSpec):
        prove_adapter(spec.folder, folder, memory=settings.cache)
    else:
        prove_written(folder, memory=settings.cache)
    prove_finite(sorted(folder.glob("*.safetensors")), memory=settings.cache)


def open_local(spec: LocalSpec, settings: Settings) -> Model:
    """Check and identify a model by its files; weights come with the first request without stored reply."""
    check_local(spec, settings)
    identity = identify(spec, settings)
    store = None if settings.cache is None else Store(settings.cache)
    version = backend_version("bitsandbytes") if settings.dtype in QUANTISED else backend_version()
    version = fingerprint_text(version, _decoding(spec))
    return CachedModel(identity, partial(_load, spec, identity, settings), store, version=version)


def _decoding(spec: LocalSpec) -> str:
    """Give what a model's files say of decoding, end tokens above all: no fingerprint holds it."""
    file = model_folder(spec) / "generation_config.json"
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _load(spec: LocalSpec, identity: Identity, settings: Settings) -> Model:
    if settings.engine == "ray":
        from pytest_medeval.models.fleet import FleetModel  # imports ray

        return FleetModel(spec, identity, settings)
    hush()
    from pytest_medeval.models.local import load_local  # imports torch

    return load_local(spec, identity, settings)
