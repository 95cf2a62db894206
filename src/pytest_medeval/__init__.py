"""Decide whether a medical language model may be released: a pytest plugin.

What a user needs: ``Suite`` defines what to ask; ``Evaluation`` is what a test sees; ``MedevalError`` is a mistake that
a user can mend. What an extension needs: everything else here, as ``docs/extending.md`` shows; nothing is imported from
inner modules. The names are loaded on use, because pytest imports this package at every start.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_medeval.core.errors import MedevalError
    from pytest_medeval.core.model import Identity, Model
    from pytest_medeval.core.types import Answer, Case, Message, Metric, Record, Reply, Request, Skip, Source
    from pytest_medeval.judges.ratings.grades import Unread
    from pytest_medeval.judges.rubric import Dimension, Rubric
    from pytest_medeval.judges.styles.base import JudgedReply, JudgeStyle
    from pytest_medeval.metrics.base import Measure, signed
    from pytest_medeval.metrics.details import Details
    from pytest_medeval.models.spec import PluginSpec
    from pytest_medeval.report.outline import Outline
    from pytest_medeval.runs.engine import Evaluation
    from pytest_medeval.runs.suite import Suite
    from pytest_medeval.tasks.base import Keys, Sampled, Task, take
    from pytest_medeval.tasks.reading.outcome import text_outcome

_NAMES = {
    "core.errors": "MedevalError",
    "core.model": "Identity Model",
    "core.types": "Answer Case Message Metric Record Reply Request Skip Source",
    "judges.ratings.grades": "Unread",
    "judges.rubric": "Dimension Rubric",
    "judges.styles.base": "JudgeStyle JudgedReply",
    "metrics.base": "Measure signed",
    "metrics.details": "Details",
    "models.spec": "PluginSpec",
    "report.outline": "Outline",
    "runs.engine": "Evaluation",
    "runs.suite": "Suite",
    "tasks.base": "Keys Sampled Task take",
    "tasks.reading.outcome": "text_outcome",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Case",
    "Details",
    "Dimension",
    "Evaluation",
    "Identity",
    "JudgeStyle",
    "JudgedReply",
    "Keys",
    "Measure",
    "MedevalError",
    "Message",
    "Metric",
    "Model",
    "Outline",
    "PluginSpec",
    "Record",
    "Reply",
    "Request",
    "Rubric",
    "Sampled",
    "Skip",
    "Source",
    "Suite",
    "Task",
    "Unread",
    "__version__",
    "signed",
    "take",
    "text_outcome",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
