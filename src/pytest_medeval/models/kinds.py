"""Backends by the kind of spec that they open; third parties add theirs through ``pytest_medeval_models``."""

from __future__ import annotations

from pytest_medeval.registry import Table

MODEL_KINDS = Table(
    "model kind",
    {
        "local": "pytest_medeval.models.opening:open_local",
        "quantised": "pytest_medeval.models.quantised:open_quantised",
        "gguf": "pytest_medeval.models.gguf:open_gguf",
        "endpoint": "pytest_medeval.models.endpoint:open_endpoint",
        "replay": "pytest_medeval.models.replay:open_replay",
    },
)
"""Kind of a spec -> function (spec, settings) -> model. A kind that is not built in is written ``KIND:TEXT``."""
