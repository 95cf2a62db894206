"""Replies that a metric cannot score though they hold something: counted, named, and no gate passes on them.

Left out of a mean they would cost a model nothing; as 0 they would claim what was not measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from pytest_medeval.verdicts.grammar import Gate, Threshold
from pytest_medeval.verdicts.result import GateResult, SuiteData

Undefined: TypeAlias = Mapping[str, Sequence[str]]
"""Family of counts -> ids of the cases whose row is undefined."""
GRADED = "judge."
"""Families of judges' grades: an unjudged reply is the judges' coverage, and told there."""


def undefined_in(cases: Iterable[Mapping[str, Any]], role: str) -> dict[str, list[str]]:
    """Find the cases of which a role has a row that says nothing: NaN, or null in a stored run."""
    found: dict[str, list[str]] = {}
    for case in cases:
        for kind, row in case.get(role, {}).get("rows", {}).items():
            if not kind.startswith(GRADED) and any(value is None or math.isnan(value) for value in row):
                found.setdefault(kind, []).append(case["id"])
    return found


def with_undefined(result: GateResult, gate: Gate, suite: SuiteData) -> GateResult:
    """Let no gate pass on cases that its metric cannot score; to fail on the others is still to fail."""
    if result.verdict not in ("pass", "inconclusive"):
        return result
    against = () if isinstance(gate.condition, Threshold) else (gate.condition.against,)
    kind, looked = suite.metrics[gate.target.metric].counts, _looked(gate, suite)
    for role in ("candidate", *against):
        lost = sorted(looked.intersection(suite.undefined.get(role, {}).get(kind, ())))
        if lost:
            told = (
                f"{gate.target.metric} is undefined for {len(lost)} of {len(looked)} replies of {role}, "
                f"the first of case {lost[0]}; on the others: {result.reason}"
            )
            return replace(result, verdict="not evaluated", reason=told)
    return result


def tracks_with_undefined(result: GateResult, cases: Iterable[Mapping[str, Any]]) -> GateResult:
    """Let tracks not hold together on what is left of a suite; ``cases``: the record's, of all suites."""
    own = [case for case in cases if case["suite"] == result.suite]
    for role in ("candidate", "baseline"):
        for kind, lost in undefined_in(own, role).items():
            if result.verdict == "pass":
                told = f"{kind} is undefined for {len(lost)} replies of {role}, the first of case {lost[0]}"
                return replace(result, verdict="not evaluated", reason=f"{told}; on the others: {result.reason}")
    return result


def _looked(gate: Gate, suite: SuiteData) -> set[str]:
    """Give the cases that a gate is about."""
    tag, value = gate.target.by or gate.target.tag, gate.target.value
    if tag is None:
        return set(suite.ids)
    own = zip(suite.ids, suite.tags, strict=True)
    return {name for name, tags in own if tag in tags and (value is None or tags[tag] == value)}
