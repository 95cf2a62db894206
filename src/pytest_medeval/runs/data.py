"""From the journal to arrays: a suite's stored rows, in the order of its file, as gates and comparisons see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pytest_medeval.metrics import metrics_for
from pytest_medeval.runs.journal import Journal
from pytest_medeval.runs.judging import TrackB
from pytest_medeval.tasks import TASKS
from pytest_medeval.types import FloatArray, Metric
from pytest_medeval.verdicts.gates import SuiteData
from pytest_medeval.verdicts.undefined import undefined_in

ROLES = ("candidate", "baseline")


def suite_data(facts: Mapping[str, Any], journal: Journal, track_b: TrackB) -> SuiteData:
    """Arrange a suite's stored rows as arrays, one row a case, NaN where a model could not be reached."""
    cases = _scored(facts, journal)
    metrics = measures(facts)
    if TASKS.resolve(facts["task"]).judged and track_b.runs:
        metrics += track_b.metrics()
    kinds = list(dict.fromkeys(metric.counts for metric in metrics))
    present = [role for role in ROLES if any(role in case for case in cases)]
    complete, reason = _complete(facts, journal)
    return SuiteData(
        name=facts["name"],
        metrics={metric.name: metric for metric in metrics},
        rows={role: {kind: _rows(cases, role, kind) for kind in kinds} for role in present},
        ids=[case["id"] for case in cases],
        tags=[case["tags"] for case in cases],
        groups=[case["group"] for case in cases],
        complete=complete,
        reason=reason,
        undefined={role: undefined_in(cases, role) for role in present},
    )


def measures(facts: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Make a suite's metrics again from its task, options and their names."""
    return metrics_for(TASKS.resolve(facts["task"])(**facts["options"]), facts["metrics"])


def _rows(cases: Sequence[Mapping[str, Any]], role: str, kind: str) -> FloatArray:
    found = [case.get(role, {}).get("rows", {}).get(kind) for case in cases]
    width = next((len(row) for row in found if row is not None), 1)
    return np.array(
        [row if row is not None else [np.nan] * width for row in found], dtype=np.float64
    ).reshape(len(cases), width)


def ordered(suite: str, journal: Journal) -> list[dict[str, Any]]:
    """Give a suite's evaluations in the order of its file, whatever order they came in."""
    entries = journal.entries.get(suite, {})
    return [entries[case] for case in journal.suites[suite]["cases"] if case in entries]


def _scored(facts: Mapping[str, Any], journal: Journal) -> list[dict[str, Any]]:
    cases = ordered(facts["name"], journal)
    if facts["pairs"] == "complete":
        return [case for case in cases if not left_out(case)]
    return cases


def left_out(case: Mapping[str, Any]) -> list[str]:
    """Say why S1's filter leaves a case out: the first reply that is not complete."""
    return [
        f"{role} {case[role]['outcome']}"
        for role in ROLES
        if role in case and case[role]["outcome"] != "answered"
    ][:1]


def _complete(facts: Mapping[str, Any], journal: Journal) -> tuple[bool, str]:
    missing = journal.missing(facts["name"])
    if missing:
        done = len(facts["cases"]) - len(missing)
        return (
            False,
            f"{done} of {len(facts['cases'])} cases were evaluated, the first missing one is {missing[0]}",
        )
    failed = [
        case["id"]
        for case in ordered(facts["name"], journal)
        for role in ROLES
        if case.get(role, {}).get("outcome") == "error"
    ]
    if failed:
        return False, f"{len(failed)} replies could not be had, the first of case {failed[0]}"
    return True, ""
