"""How is a judge asked? One module a style: its prompts, the form of its requests, and the reader of its answers."""

from __future__ import annotations

from pytest_medeval.core.registry import Registry
from pytest_medeval.judges.styles.base import JudgedReply, JudgeStyle

JUDGE_STYLES = Registry(
    "judge style",
    {
        "criteria": "pytest_medeval.judges.styles.criteria:Criteria",
        "grades": "pytest_medeval.judges.styles.grades:Grades",
        "json": "pytest_medeval.judges.styles.whole:Whole",
    },
    offered="judge_styles",
)
"""Name -> a class like ``JudgeStyle``."""

CRITERIA = "criteria"
"""The style of suites whose cases bring criteria of their own; all others ask for the dimensions of a rubric."""

AUTO = "auto"
"""Chosen by what the judge can do: see ``judge.style_for``."""

__all__ = ["AUTO", "CRITERIA", "JUDGE_STYLES", "JudgeStyle", "JudgedReply"]
