"""``int8:SPEC`` and ``nf4:SPEC``: a local model whose linear layers bitsandbytes loads in 8 or 4 bits."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import partial

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_text
from pytest_medeval.core.model import Identity, Model, Settings
from pytest_medeval.models.cache import CachedModel, Store
from pytest_medeval.models.hub import hush, model_folder, require_extra
from pytest_medeval.models.identity import QUANTISED, backend_version, identify
from pytest_medeval.models.proof.adapter import prove_adapter, prove_sizes, prove_written
from pytest_medeval.models.proof.finite import prove_finite
from pytest_medeval.models.spec import AdapterSpec, LocalSpec, QuantisedSpec

# Open a local model so that nothing is loaded before it is needed.


def check_local(spec: LocalSpec, settings: Settings) -> None:
    """Check what needs no torch: the extra is installed, weights are numbers, the adapter belongs to its base."""
    require_extra()
    folder = model_folder(spec)
    prove_sizes(folder)
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
    decoding = model_folder(spec) / "generation_config.json"  # end tokens above all: no fingerprint holds them
    version = fingerprint_text(version, decoding.read_text(encoding="utf-8") if decoding.is_file() else "")
    return CachedModel(identity, partial(_load, spec, identity, settings), store, version=version)


def _load(spec: LocalSpec, identity: Identity, settings: Settings) -> Model:
    if settings.engine == "ray":
        from pytest_medeval.models.ray.fleet import FleetModel  # imports ray

        return FleetModel(spec, identity, settings)
    hush()
    from pytest_medeval.models.local.model import load_local  # imports torch

    return load_local(spec, identity, settings)


_PACKAGES = ("bitsandbytes", "accelerate")


def open_quantised(spec: QuantisedSpec, settings: Settings) -> Model:
    """Open the model within; an adapter is proved as ever, and stays in full precision beside the few bits."""
    require_extra()
    for package in _PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MedevalError(f"model {spec.text!r} needs {package}: pip install 'pytest-medeval[quantised]'")
    if settings.device == "mps":
        raise MedevalError(f"model {spec.text!r}: bitsandbytes does not compute on mps; accepted: cpu, cuda")
    return open_local(replace(spec.inner, text=spec.text), replace(settings, dtype=spec.dtype))
