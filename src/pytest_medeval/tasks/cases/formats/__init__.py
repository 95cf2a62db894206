"""The formats that case files may have."""

from __future__ import annotations

from pytest_medeval.core.registry import Registry

FORMATS = Registry(
    "format",
    {
        "genmedgpt": "pytest_medeval.tasks.cases.formats.genmedgpt:read",
        "openai": "pytest_medeval.tasks.cases.formats.openai:read",
        "sharegpt": "pytest_medeval.tasks.cases.formats.sharegpt:read",
        "medqa": "pytest_medeval.tasks.cases.formats.exams.medqa:read",
        "medmcqa": "pytest_medeval.tasks.cases.formats.exams.medmcqa:read",
        "medmcqa:0": "pytest_medeval.tasks.cases.formats.exams.medmcqa:read_from_zero",
        "medmcqa:1": "pytest_medeval.tasks.cases.formats.exams.medmcqa:read_from_one",
        "mmlu": "pytest_medeval.tasks.cases.formats.exams.mmlu:read",
        "pubmedqa": "pytest_medeval.tasks.cases.formats.exams.pubmedqa:read",
        "promptcblue": "pytest_medeval.tasks.cases.formats.promptcblue:read",
        "mie": "pytest_medeval.tasks.cases.formats.mie:read",
        "mie:windows": "pytest_medeval.tasks.cases.formats.mie:read_windows",
        "dxy": "pytest_medeval.tasks.cases.formats.dxy:read",
        "medcalc": "pytest_medeval.tasks.cases.formats.medcalc:read",
        "medec": "pytest_medeval.tasks.cases.formats.medec:read",
        "healthbench": "pytest_medeval.tasks.cases.formats.healthbench:read",
        "kqa": "pytest_medeval.tasks.cases.formats.kqa:read",
        "aci": "pytest_medeval.tasks.cases.formats.aci:read",
        "medsafety": "pytest_medeval.tasks.cases.formats.medsafety:read",
        "native": "pytest_medeval.tasks.cases.formats.native:read",
    },
    offered="formats",
)
"""Name -> ``module:function``; the function takes a path and yields a ``Record`` or a ``Skip`` an entry.

Its module says in ``TASK`` which task the cases serve (``None``: any), and how the format is recognised: ``KEYS``,
alternatives of keys or columns that its first record has (and none of ``WITHOUT``); or ``SUFFIX``, and where others
have that too a function ``fits`` of the path. ``OWN`` says that the author of the suite wrote the file: a wrong record
is then a mistake and no skip, and the format is looked for last. The first one that fits is taken. All may be absent.
"""
