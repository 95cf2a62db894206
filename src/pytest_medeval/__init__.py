"""Decide whether a medical language model may be released: a pytest plugin.

``Suite`` defines what to ask; ``Evaluation`` is what a test sees; ``MedevalError`` is a mistake that a user can mend.
The names are loaded on use, because pytest imports this package at every start.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_medeval.core.errors import MedevalError
    from pytest_medeval.runs.engine import Evaluation
    from pytest_medeval.runs.suite import Suite

__all__ = ["Evaluation", "MedevalError", "Suite", "__version__"]

__version__ = "0.1.0"

_HOMES = {"Evaluation": "runs.engine", "MedevalError": "core.errors", "Suite": "runs.suite"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
