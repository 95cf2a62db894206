"""What is asked, and what was answered? One file a task: case type, prompt, reply reader, names of its metrics."""

from __future__ import annotations

from pytest_medeval.core.registry import Registry
from pytest_medeval.tasks.base import Task

TASKS = Registry(
    "task",
    {
        "criteria": "pytest_medeval.tasks.criteria:Criteria",
        "dialogue": "pytest_medeval.tasks.dialogue:Dialogue",
        "error_detection": "pytest_medeval.tasks.error_detection:ErrorDetection",
        "mcq": "pytest_medeval.tasks.mcq:MCQ",
        "note": "pytest_medeval.tasks.note:Note",
        "number": "pytest_medeval.tasks.number:Number",
        "refusal": "pytest_medeval.tasks.refusal:Refusal",
        "polarity": "pytest_medeval.tasks.polarity:Polarity",
    },
    offered="tasks",
)

__all__ = ["TASKS", "Task"]
