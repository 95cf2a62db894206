"""Who answers? Specs, backends, and the plan that turns many requests into few batches."""

from __future__ import annotations

from functools import partial

from pytest_medeval.core.model import Identity, Model, Settings
from pytest_medeval.models.spec import (
    MODEL_KINDS,
    LocalSpec,
    ModelSpec,
    Spec,
    baseline_of,
    model_for,
    parse_spec,
    parse_specs,
)
from pytest_medeval.models.spoken import SpokenModel


def check_spec(spec: ModelSpec, settings: Settings | None = None) -> Identity:
    """Check all that can be checked before a weight is loaded, and say who would answer."""
    return open_model(spec, settings).identity


def open_model(spec: ModelSpec, settings: Settings | None = None) -> Model:
    """Give the model that a spec means; its weights come with the first request that has no stored reply.

    Its answers hold the reply alone: see ``spoken``.
    """
    settings = settings or Settings()
    blamed = partial(MODEL_KINDS.blamed, spec.kind)
    with blamed():
        return SpokenModel(MODEL_KINDS.resolve(spec.kind)(spec, settings), settings.thoughts, blamed)


__all__ = [
    "MODEL_KINDS", "Identity", "LocalSpec", "Model", "ModelSpec", "Settings", "Spec", "baseline_of",
    "check_spec", "model_for", "open_model", "parse_spec", "parse_specs",
]  # fmt: skip
