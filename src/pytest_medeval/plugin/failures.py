"""What a failed test shows: text that steers nobody, a few lines, and of many failures the worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import pytest

from pytest_medeval.core.encodable import inert
from pytest_medeval.core.record import CaseEntry, RunRecord

WORST, LINES, LONGEST = 5, 20, 200
"""Failures of cases that are shown, lines of each, and characters of a line; ``-v`` shows all."""


def shown(told: Any) -> Any:
    """Make every text inert in what pytest tells of a failure: texts, lists, and pytest's own objects of them."""
    if isinstance(told, str):
        return inert(told)
    if isinstance(told, tuple | list):
        return type(told)(map(shown, told))
    if type(told).__module__ == "_pytest._code.code":
        for name, value in vars(told).items():
            setattr(told, name, shown(value))
    return told


def worst(failed: Sequence[pytest.TestReport], record: RunRecord) -> list[pytest.TestReport]:
    """Choose the failures to show: of cases the worst by headline score, cut; the first critical ones; the rest.

    What is of no case (gates, outputs, tests of a user's own) is shown whole.
    """
    cases = {case["nodeid"]: case for case in record["cases"]}
    ranked = sorted((one for one in failed if one.nodeid in cases), key=lambda one: _score(cases[one.nodeid], record))
    kept = {id(report) for report in ranked[:WORST]}
    critical = [one for one in failed if one.nodeid not in cases and "::critical[" in one.nodeid]
    hidden = {id(one) for one in (*ranked, *critical[WORST:])} - kept
    return [_cut(one) if one.nodeid in cases else one for one in failed if id(one) not in hidden]


def _cut(report: pytest.TestReport) -> pytest.TestReport:
    """Copy a report with few and short lines of its failure."""
    lines = str(report.longrepr).splitlines()
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], f"... {len(lines) - LINES + 1} lines more; -v shows them"]
    short = copy(report)
    short.longrepr = "\n".join(f"{line[:LONGEST]}{'...' if len(line) > LONGEST else ''}" for line in lines)
    return short


def _score(case: CaseEntry, record: RunRecord) -> float:
    suite: Mapping[str, Any] = record["suites"][case["suite"]]
    headline = suite["headline"]
    score = case["candidate"]["scores"].get(headline)
    direction = -1 if suite["metrics"].get(headline, {}).get("direction") == -1 else 1
    return float("-inf") if score is None else direction * score
