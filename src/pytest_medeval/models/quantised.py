"""``int8:SPEC`` and ``nf4:SPEC``: a local model whose linear layers bitsandbytes loads in 8 or 4 bits."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

from pytest_medeval.errors import MedevalError
from pytest_medeval.models.base import Model, Settings
from pytest_medeval.models.hub import require_extra
from pytest_medeval.models.opening import open_local
from pytest_medeval.models.spec import QuantisedSpec

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
