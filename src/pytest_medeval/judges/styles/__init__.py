"""How is a judge asked? One module a style: its prompts, the form of its requests, and the reader of its answers."""

from __future__ import annotations

from pytest_medeval.core.registry import Registry
from pytest_medeval.judges.styles.base import JudgedReply, JudgeStyle

JUDGE_STYLES = Registry(
    "judge style",
    {"grades": "pytest_medeval.judges.styles.grades:Grades", "json": "pytest_medeval.judges.styles.whole:Whole"},
    offered="judge_styles",
)
"""Name -> a class like ``JudgeStyle``."""

AUTO = "auto"
"""Chosen by what the judge can do: see ``judge.style_for``."""

__all__ = ["AUTO", "JUDGE_STYLES", "JudgeStyle", "JudgedReply"]
