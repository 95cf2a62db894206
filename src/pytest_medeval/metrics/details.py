"""What stands behind a suite's scores: the confusion matrix, and by name what is wrong with a reply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pytest_medeval.core.types import FloatArray, Reply


def confusion_of(task: Any, rows: Mapping[str, FloatArray]) -> dict[str, Any] | None:
    """Give ``labels`` and ``matrix`` (gold in rows) of a task with labels; None for any other.

    A column more than labels counts cases without an answer. Rows of NaN (a model that could not be reached) are
    left out.
    """
    rows = {
        kind: known for kind, found in rows.items() if len(known := found[np.isfinite(found).all(axis=1)])
    }
    if task.name == "mcq" and "mcq" in rows:
        from pytest_medeval.metrics.choice import confusion as letters

        labels, matrix = letters(rows["mcq"])
        return {"labels": list(labels), "matrix": matrix.tolist()}
    if task.name == "polarity" and "polarity" in rows:
        from pytest_medeval.metrics.polarity import confusion as findings
        from pytest_medeval.tasks.labels import LABELS

        return {"labels": list(LABELS), "matrix": findings(rows["polarity"]).tolist()}
    return None


def reliability_of(rows: Mapping[str, Mapping[str, FloatArray]]) -> dict[str, list[dict[str, float]]]:
    """Give for each role of a multiple-choice suite the figures of its reliability diagram: the bins of ``ece``.

    Each has ``n``, mean ``confidence`` and ``accuracy``, from the least to the most sure. A role whose options were
    not scored has none.
    """
    found: dict[str, list[dict[str, float]]] = {}
    for role, kinds in rows.items():
        if "mcq" in kinds:
            from pytest_medeval.metrics.calibration import reliability

            known = kinds["mcq"][np.isfinite(kinds["mcq"]).all(axis=1)]
            if bins := reliability(known):
                found[role] = bins
    return found


def trace_of(task: Any, case: Any, reply: Reply) -> dict[str, list[str]] | None:
    """List what is wrong with a reply: S3's failure trace of a polarity suite, the safety rules of a dialogue suite."""
    if task.name == "polarity":
        from pytest_medeval.metrics.polarity import trace

        return trace(case, reply, task.synonyms)
    if task.name == "dialogue":
        from pytest_medeval.metrics.safety import trace as safety

        return safety(case, reply, task.safety_rules)
    return None


def rules_of(task: Any, rows: Mapping[str, Mapping[str, FloatArray]]) -> dict[str, Any]:
    """Give for each role of a dialogue suite how often each safety rule applied and was kept."""
    if task.name != "dialogue":
        return {}
    from pytest_medeval.metrics.safety import rule_rates

    return {
        role: rule_rates(kinds["safety"], task.safety_rules)
        for role, kinds in rows.items()
        if "safety" in kinds
    }
