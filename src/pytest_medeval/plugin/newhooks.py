"""Hooks that the plugin offers to other plugins and to a project's ``conftest.py``.

Each gives a table ``name -> "module:Attribute"``; the built-ins stand in the same tables.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest


@pytest.hookspec
def pytest_medeval_tasks() -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
    """Add tasks: name -> ``module:Class`` with the methods of ``pytest_medeval.tasks.Task``."""


@pytest.hookspec
def pytest_medeval_formats() -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
    """Add case formats: name -> ``module:read``, a function from a path to records and skips."""


@pytest.hookspec
def pytest_medeval_metrics() -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
    """Add metrics: ``TASK.name`` -> ``module:factory``, from the task to a ``pytest_medeval.core.types.Metric``."""


@pytest.hookspec
def pytest_medeval_details() -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
    """Add what a task shows beside its scores: task -> ``module:Class``, like ``pytest_medeval.Details``."""


@pytest.hookspec
def pytest_medeval_inks() -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
    """Add report inks: name -> ``module:function``, from a ``pytest_medeval.report.outline.Outline`` to text."""


@pytest.hookspec
def pytest_medeval_judge_styles() -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
    """Add ways to ask a judge: name -> ``module:Class`` like ``pytest_medeval.JudgeStyle``."""


@pytest.hookspec
def pytest_medeval_models() -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
    """Add model backends: kind -> ``module:open``."""
