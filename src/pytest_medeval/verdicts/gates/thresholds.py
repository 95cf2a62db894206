"""Gates that hold a value, or an end of its interval, against a number.

A bare threshold on the value that the interval of it does not settle passes or fails with the value, and a pass is
marked as within noise.

The worst of k groups is low by selection too: ten groups of 30 that are all at 0.80 have one below 0.70 in every
second suite. Its interval has level 1 - 0.05 / k (Bonferroni), so that the intervals of all groups hold together, and
a value that misses the threshold fails when even the favourable end of that does; else it is ``inconclusive``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from pytest_medeval.core.types import ALPHA
from pytest_medeval.stats.bootstrap import Interval
from pytest_medeval.stats.evidence import Evidence
from pytest_medeval.stats.intervals import difference_interval, value_interval
from pytest_medeval.stats.planning import MOST_CASES
from pytest_medeval.stats.sequential import watched
from pytest_medeval.verdicts.gates.data import FEWEST, GateResult, SuiteData, looks
from pytest_medeval.verdicts.gates.grammar import Gate, Threshold, number_text

ROUNDING = 1e-9
"""Differences this small are rounding: an interval that only touches the threshold decides nothing."""


ENDS = {"low": "lower", "high": "upper"}


@dataclass(frozen=True, slots=True)
class Part:
    """The value of a metric on some cases, under the name that a reason gives it."""

    name: str
    n: int = 0
    value: float | None = None
    interval: Interval | None = None
    level: float = 1 - ALPHA

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


def judge_threshold(gate: Gate, gathered: Sequence[Evidence | None], suite: SuiteData, blank: GateResult) -> GateResult:
    """Judge a threshold on what its gate looks at; small subgroups are shown, not judged.

    ``gathered``: the evidence of each part that the gate looks at, in the order of ``looks``.
    """
    target, condition = gate.target, gate.condition
    assert isinstance(condition, Threshold)  # noqa: S101 - comparisons are judged elsewhere
    blank = replace(blank, threshold=condition.number)
    names = [look.value or target.metric for look in looks(gate, suite)]
    groups = sum(one is not None and one.n >= FEWEST for one in gathered) if target.by is not None else 1
    level = 1 - suite.spending.alpha(ALPHA / max(1, groups))
    parts = [_part(name, one, level, suite.largest) for name, one in zip(names, gathered, strict=True)]
    if target.by is not None:
        return _judge_worst(parts, suite.metrics[target.metric].direction, target.by, condition, blank)
    if target.tag is not None and parts[0].n < FEWEST:
        shown = replace(blank, observed=parts[0].value, interval=parts[0].interval, n=parts[0].n)
        return replace(shown, reason=f"{parts[0]}: a subgroup of fewer than {FEWEST} cases is shown, not judged")
    return _verdict(parts[0], condition, blank)


def _part(name: str, evidence: Evidence | None, level: float, largest: int | None) -> Part:
    if evidence is None:
        return Part(name)
    value = evidence.candidate.value
    ends = interval_of(evidence, largest)(level)
    return Part(name, evidence.n, value if math.isfinite(value) else None, ends, level)


def interval_of(evidence: Evidence, largest: int | None) -> Callable[[float], Interval | None]:
    """Give the interval of a value or difference by level: of all cases, or one that holds at every batch."""
    seen = None if largest is None else watched(evidence, largest)
    if seen is not None:
        return seen.interval
    return partial(value_interval if evidence.baseline is None else difference_interval, evidence)


def _verdict(part: Part, condition: Threshold, blank: GateResult, groups: int = 1) -> GateResult:
    """Judge a value, or an end of its interval; ``groups``: of so many it is the worst."""
    found = replace(blank, observed=part.value, interval=part.interval, n=part.n)
    if part.value is None:
        return replace(found, reason=f"{part.name} is undefined: no case says anything about it")
    if part.interval is None:
        return replace(found, reason=f"{part.name} is undefined on most resamples, or its cases are of one cluster")
    ends = {None: part.value, "low": part.interval[0], "high": part.interval[1]}
    seen = ends[condition.end]
    what = part.name if condition.end is None else f"the {ENDS[condition.end]} end of {part.name}"
    told = f"{what} is {seen:.4f}, asked for: {condition.op} {number_text(condition.number)}"
    if holds(seen, condition):
        across = next((end for end in part.interval if not holds(end, condition)), None)
        if across is None or condition.end is not None or condition.op == "==":
            return replace(found, verdict="pass", reason=told)
        told += f"; within noise: its interval reaches {across:.4f}"
        return replace(found, verdict="pass", within_noise=True, reason=told)
    reaching = [end for end in part.interval if holds(end, condition)]
    if groups > 1 and reaching:
        room = abs(part.value - condition.number)
        wanted = part.n * ((reaching[0] - part.value) / room) ** 2 if room > ROUNDING else math.inf
        told += (
            f"; the worst of {groups} may be so by chance: its {100 * part.level:.4g} % interval reaches "
            f"{reaching[0]:.4f}"
        )
        return replace(
            found, verdict="inconclusive", cases_needed=None if wanted > MOST_CASES else math.ceil(wanted), reason=told
        )
    needed = _needed(part.value, seen, part.n, condition)
    if needed is not None:
        told += f"; about {needed} cases would bring it there if {part.name} stays at {part.value:.4f}"
    return replace(found, verdict="fail", cases_needed=needed, reason=told)


def _needed(value: float, end: float, n: int, condition: Threshold) -> int | None:
    """Say how many cases narrow the interval enough, where the value itself meets the condition."""
    room = abs(value - condition.number)
    if condition.op == "==" or room < ROUNDING or not holds(value, condition):
        return None
    needed = n * ((value - end) / room) ** 2
    return None if needed > MOST_CASES else math.ceil(needed)


def _judge_worst(
    parts: Sequence[Part], direction: int, tag: str, condition: Threshold, blank: GateResult
) -> GateResult:
    large = [part for part in parts if part.n >= FEWEST and part.value is not None]
    small = [part for part in parts if part not in large]
    unjudged = f"; not judged, fewer than {FEWEST} cases: {_listed_groups(small)}" if small else ""
    if not large:
        return replace(blank, reason=f"no {tag} has {FEWEST} cases{unjudged}")
    ranked = sorted(large, key=lambda part: direction * (part.value or 0.0))
    missing = (part for part in ranked if part.interval and not any(holds(end, condition) for end in part.interval))
    worst = next(missing, ranked[0])  # a large group that is shown to miss, before a small one that may
    judged = _verdict(worst, condition, blank, len(large))
    rest = [part for part in ranked if part is not worst]
    others = f"; then {_listed_groups(rest)}" if rest else ""
    reason = f"worst of {len(large)}, n {worst.n}: {judged.reason}{others}{unjudged}"
    return replace(judged, reason=reason)


def _listed_groups(parts: Sequence[Part], most: int = 5) -> str:
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(str(part) for part in parts[:most]) + more
