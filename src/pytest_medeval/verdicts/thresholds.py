"""Gates that hold a value, or an end of its interval, against a number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_medeval.stats.bootstrap import Interval
from pytest_medeval.stats.evidence import Evidence
from pytest_medeval.stats.intervals import value_interval
from pytest_medeval.stats.power import MOST_CASES
from pytest_medeval.verdicts.grammar import Gate, Threshold, number_text
from pytest_medeval.verdicts.looks import looks
from pytest_medeval.verdicts.result import FEWEST, GateResult, SuiteData

ROUNDING = 1e-9
ENDS = {"low": "lower", "high": "upper"}


@dataclass(frozen=True, slots=True)
class Part:
    """The value of a metric on some cases, under the name that a reason gives it."""

    name: str
    n: int = 0
    value: float | None = None
    interval: Interval | None = None

    def __str__(self) -> str:
        value = "undefined" if self.value is None else f"{self.value:.4f}"
        return f"{self.name} {value} (n {self.n})"


def holds(found: float, condition: Threshold) -> bool:
    """Compare with the threshold; values that differ by rounding alone (1e-9) are equal."""
    gap = found - condition.number
    return {
        ">=": gap >= -ROUNDING,
        ">": gap > ROUNDING,
        "<=": gap <= ROUNDING,
        "<": gap < -ROUNDING,
        "==": abs(gap) <= ROUNDING,
    }[condition.op]


def judge_threshold(
    gate: Gate, gathered: Sequence[Evidence | None], suite: SuiteData, blank: GateResult
) -> GateResult:
    """Judge a threshold on what its gate looks at; small subgroups are shown, not judged.

    ``gathered``: the evidence of each part that the gate looks at, in the order of ``looks``.
    """
    target, condition = gate.target, gate.condition
    assert isinstance(condition, Threshold)  # noqa: S101 - comparisons are judged elsewhere
    blank = replace(blank, threshold=condition.number)
    names = [look.value or target.metric for look in looks(gate, suite)]
    parts = [_part(name, evidence) for name, evidence in zip(names, gathered, strict=True)]
    if target.by is not None:
        return _judge_worst(parts, suite.metrics[target.metric].direction, target.by, condition, blank)
    if target.tag is not None and parts[0].n < FEWEST:
        shown = replace(blank, observed=parts[0].value, interval=parts[0].interval, n=parts[0].n)
        return replace(
            shown, reason=f"{parts[0]}: a subgroup of fewer than {FEWEST} cases is shown, not judged"
        )
    return _verdict(parts[0], condition, blank)


def _part(name: str, evidence: Evidence | None) -> Part:
    if evidence is None:
        return Part(name)
    value = evidence.candidate.value
    return Part(name, evidence.n, value if math.isfinite(value) else None, value_interval(evidence))


def _verdict(part: Part, condition: Threshold, blank: GateResult) -> GateResult:
    found = replace(blank, observed=part.value, interval=part.interval, n=part.n)
    if part.value is None or part.interval is None:
        return replace(found, reason=f"{part.name} is undefined: no case says anything about it")
    ends = {None: part.value, "low": part.interval[0], "high": part.interval[1]}
    seen = ends[condition.end]
    what = part.name if condition.end is None else f"the {ENDS[condition.end]} end of {part.name}"
    told = f"{what} is {seen:.4f}, asked for: {condition.op} {number_text(condition.number)}"
    if holds(seen, condition):
        return replace(found, verdict="pass", reason=told)
    needed = _needed(part.value, seen, part.n, condition)
    if needed is not None:
        told += f"; about {needed} cases would bring it there if {part.name} stays at {part.value:.4f}"
    return replace(found, verdict="fail", cases_needed=needed, reason=told)


def _needed(value: float, end: float, n: int, condition: Threshold) -> int | None:
    """Say how many cases narrow the interval enough, where the value itself meets the condition."""
    room = abs(value - condition.number)
    if condition.end is None or condition.op == "==" or room < ROUNDING or not holds(value, condition):
        return None
    needed = n * ((value - end) / room) ** 2
    return None if needed > MOST_CASES else math.ceil(needed)


def _judge_worst(
    parts: Sequence[Part], direction: int, tag: str, condition: Threshold, blank: GateResult
) -> GateResult:
    large = [part for part in parts if part.n >= FEWEST and part.value is not None]
    small = [part for part in parts if part not in large]
    unjudged = f"; not judged, fewer than {FEWEST} cases: {_listed(small)}" if small else ""
    if not large:
        return replace(blank, reason=f"no {tag} has {FEWEST} cases{unjudged}")
    ranked = sorted(large, key=lambda part: direction * (part.value or 0.0))
    judged = _verdict(ranked[0], condition, blank)
    others = f"; then {_listed(ranked[1:])}" if ranked[1:] else ""
    reason = f"worst of {len(large)}, n {ranked[0].n}: {judged.reason}{others}{unjudged}"
    return replace(judged, reason=reason)


def _listed(parts: Sequence[Part], most: int = 5) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(str(part) for part in parts[:most]) + more
