"""Open a local model so that nothing is loaded before it is needed."""

from __future__ import annotations

from pytest_medeval.models.base import Model, Settings
from pytest_medeval.models.hub import require_extra
from pytest_medeval.models.identity import identify
from pytest_medeval.models.spec import LocalSpec


def open_local(spec: LocalSpec, settings: Settings) -> Model:
    """Identify a model by its files; weights come with the first request."""
    require_extra()
    identity = identify(spec, settings)
    from pytest_medeval.models.local import load_local  # noqa: PLC0415 - imports torch

    return load_local(spec, identity, settings)
