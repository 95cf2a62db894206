"""The formats that case files may have."""

from __future__ import annotations

import importlib
from types import ModuleType

from pytest_medeval.registry import Table

FORMATS = Table(
    "format",
    {
        "genmedgpt": "pytest_medeval.cases.genmedgpt:read",
        "medqa": "pytest_medeval.cases.medqa:read",
        "medmcqa": "pytest_medeval.cases.medmcqa:read",
        "medmcqa:0": "pytest_medeval.cases.medmcqa:read_from_zero",
        "medmcqa:1": "pytest_medeval.cases.medmcqa:read_from_one",
        "mmlu": "pytest_medeval.cases.mmlu:read",
        "pubmedqa": "pytest_medeval.cases.pubmedqa:read",
        "promptcblue": "pytest_medeval.cases.promptcblue:read",
        "mie": "pytest_medeval.cases.mie:read",
        "mie:windows": "pytest_medeval.cases.mie:read_windows",
        "dxy": "pytest_medeval.cases.dxy:read",
        "native": "pytest_medeval.cases.native:read",
    },
)
"""Name -> ``module:function``; the function takes a path and yields a ``Record`` or a ``Skip`` an entry.

Its module says in ``TASK`` which task the cases serve (``None``: any), and how the format is recognised:
``KEYS``, alternatives of keys that its first record has, or ``SUFFIX``. The first format that fits is
taken, ``native`` last. All three may be absent.
"""


def module_of(name: str) -> ModuleType:
    """Import the reader module of a format."""
    FORMATS.resolve(name)
    return importlib.import_module(FORMATS[name].partition(":")[0])
