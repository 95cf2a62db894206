"""The language of gates: text to ``Gate`` and back.

::

    gate      = target op number                              accuracy >= 0.8
              | target ( ".low" | ".high" ) op number         accuracy.low >= 0.75
              | target "not worse than" role "by" number      accuracy not worse than baseline by 0.02
              | target "better than" role                     bleu better than reference
              | "worst(" metric "by" tag ")" op number        worst(accuracy by specialty) >= 0.5
    target    = metric [ "[" tag "=" value "]" ]              accuracy[specialty=cardiology]
    op        = ">=" | ">" | "<=" | "<" | "=="
    role      = "baseline" | "reference"

A margin is written in the metric's own unit: 0.02 is two points of accuracy. White space is free.
``judge.DIMENSION.corrected`` is a judge's difference from the baseline, corrected by people's ratings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, cast

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.types import Direction

Operator: TypeAlias = Literal[">=", ">", "<=", "<", "=="]
End: TypeAlias = Literal["low", "high"]
Against: TypeAlias = Literal["baseline", "reference"]

ACCEPTED = (
    "METRIC OP NUMBER, METRIC.low|high OP NUMBER, METRIC not worse than baseline|reference by MARGIN, "
    "METRIC better than baseline|reference, worst(METRIC by TAG) OP NUMBER; METRIC may be METRIC[TAG=VALUE]; "
    "OP is >=, >, <=, < or =="
)

ENDS = ("low", "high")
CORRECTED = ".corrected"
UNIT = "a finite number in the metric's own unit, such as 0.02"

_NAME = r"[^\W\d]\w*(?:[.-]\w+)*"
_TAG = r"[^\[\]=()\s]+"
_TARGET = rf"(?P<metric>{_NAME})\s*(?:\[\s*(?P<tag>{_TAG})\s*=\s*(?P<value>[^\[\]]*?)\s*\]\s*)?"
_WORST = rf"worst\s*\(\s*(?P<metric>{_NAME})\s+by\s+(?P<by>{_TAG})\s*\)\s*"
_CONDITION = r"(?P<op>>=|<=|==|>|<|=|!=)\s*(?P<number>\S.*)"
_THRESHOLD = re.compile(rf"{_TARGET}(?:\.\s*(?P<end>low|high)\s*)?{_CONDITION}")
_WORST_OF = re.compile(_WORST + _CONDITION)
_NOT_WORSE = re.compile(rf"{_TARGET}\s*not\s+worse\s+than\s+(?P<role>\w+)(?:\s+by(?P<number>\s.*)?)?")
_BETTER = re.compile(rf"{_TARGET}\s*better\s+than\s+(?P<role>\w+)")


@dataclass(frozen=True, slots=True)
class Target:
    """What a gate looks at: a metric, of a subgroup (``tag``, ``value``), or of the worst group by ``by``."""

    metric: str
    tag: str | None = None
    value: str | None = None
    by: str | None = None

    @property
    def measured(self) -> str:
        """The metric whose rows the gate rests on: ``judge.accuracy`` of ``judge.accuracy.corrected``."""
        return self.metric.removesuffix(CORRECTED)

    def __str__(self) -> str:
        if self.by is not None:
            return f"worst({self.metric} by {self.by})"
        return self.metric if self.tag is None else f"{self.metric}[{self.tag}={self.value}]"


@dataclass(frozen=True, slots=True)
class Threshold:
    """The value, or an end of its 95 % interval, against a number."""

    op: Operator
    number: float
    end: End | None = None

    def __str__(self) -> str:
        return f"{'' if self.end is None else f'.{self.end}'} {self.op} {number_text(self.number)}"


@dataclass(frozen=True, slots=True)
class NotWorse:
    """Non-inferiority: worse than the other role by less than ``margin`` (0 or more)."""

    against: Against
    margin: float

    def __str__(self) -> str:
        return f" not worse than {self.against} by {number_text(self.margin)}"


@dataclass(frozen=True, slots=True)
class Better:
    """Superiority over the other role."""

    against: Against

    def __str__(self) -> str:
        return f" better than {self.against}"


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition on a metric; prints in canonical form, which parses to the same gate."""

    target: Target
    condition: Threshold | NotWorse | Better

    def __str__(self) -> str:
        return f"{self.target}{self.condition}"

    def of(self, metrics: Container[str]) -> Gate:
        """Take ``METRIC[TAG=VALUE]`` for a metric of its own where there is one, else for a subgroup of cases."""
        name = str(self.target)
        return replace(self, target=Target(name)) if self.target.tag and name in metrics else self


def number_text(number: float) -> str:
    """Write a number as short as it can be read back: 0.8, 4, 1e-05."""
    text = repr(float(number))
    return text.removesuffix(".0")


def parse_gate(text: str) -> Gate:
    """Read a gate; ``MedevalError`` says what was found and what is accepted.

    >>> print(parse_gate("accuracy[specialty = cardiology].low>=.50"))
    accuracy[specialty=cardiology].low >= 0.5
    """
    stripped = " ".join(text.split())
    if found := _BETTER.fullmatch(stripped):
        return Gate(_target(found, text), Better(_role(found, text)))
    if found := _NOT_WORSE.fullmatch(stripped):
        return Gate(_target(found, text), NotWorse(_role(found, text), _margin(found, text)))
    if found := _WORST_OF.fullmatch(stripped):
        return Gate(Target(found["metric"], by=found["by"]), Threshold(_operator(found, text), _number(found, text)))
    if found := _THRESHOLD.fullmatch(stripped):
        target, end = _target(found, text), cast("End | None", found["end"])
        name, _, last = target.metric.rpartition(".")
        if last in ENDS and target.tag is None:
            target, end = Target(name), cast("End", last)
        return Gate(target, Threshold(_operator(found, text), _number(found, text), end))
    raise _refusal(text, "cannot be read", ACCEPTED)


def _refusal(text: str, what: str, accepts: str) -> MedevalError:
    return MedevalError(f"gate {' '.join(text.split())!r}: {what}; accepted: {accepts}")


def _target(found: re.Match[str], text: str) -> Target:
    metric, tag, value = found["metric"], found["tag"], found["value"]
    if tag is not None and not value:
        raise _refusal(text, f"the subgroup [{tag}=] names no value", "METRIC[TAG=VALUE]")
    if metric.endswith((".low", ".high")) and (tag is not None or found.re is not _THRESHOLD):
        raise _refusal(text, "an end of the interval can only stand right before OP", "METRIC[TAG=VALUE].low OP NUMBER")
    return Target(metric, tag, value)


def _operator(found: re.Match[str], text: str) -> Operator:
    if found["op"] not in (">=", ">", "<=", "<", "=="):
        raise _refusal(text, f"unknown operator {found['op']!r}", ">=, >, <=, <, ==")
    return cast("Operator", found["op"])


def _role(found: re.Match[str], text: str) -> Against:
    if found["role"] not in ("baseline", "reference"):
        raise _refusal(text, f"cannot compare with {found['role']!r}", "baseline, reference")
    return cast("Against", found["role"])


def _number(found: re.Match[str], text: str) -> float:
    written = found["number"].strip()
    try:
        number = float(written.replace("_", "x"))
    except ValueError as error:
        raise _refusal(text, f"{written!r} is not a number", UNIT) from error
    if not math.isfinite(number):
        raise _refusal(text, f"{written!r} can never be judged", "a finite number")
    return number + 0.0  # -0 and 0 are one threshold


def _margin(found: re.Match[str], text: str) -> float:
    if not (found["number"] or "").strip():
        raise _refusal(text, "the margin is missing", f"{found['metric']} not worse than {found['role']} by 0.02")
    margin = _number(found, text)
    if margin < 0:
        raise _refusal(text, f"the margin {number_text(margin)} is negative", "0 or more: how much worse is tolerated")
    return margin


def check(gate: Gate, metrics: Mapping[str, Direction], tags: Sequence[Mapping[str, str]]) -> None:
    """Check a gate against what its suite has; ``MedevalError`` names what is accepted.

    ``metrics``: name -> direction of every metric of the suite; ``tags``: the tags of every case.
    """
    target = gate.of(metrics).target
    if target.measured not in metrics:
        raise MedevalError(f"gate '{gate}': {accepted('metric', target.measured, metrics)}")
    if target.metric != target.measured:
        _check_corrected(gate)
    direction = metrics[target.measured]
    if direction == 0 and (target.by is not None or not isinstance(gate.condition, Threshold)):
        raise _refusal(str(gate), f"neither more nor less {target.metric} is better", f"{target.metric} OP NUMBER")
    _check_tags(target, gate, tags)


def _check_corrected(gate: Gate) -> None:
    """Refuse what people's ratings cannot correct: anything but a judge's difference from the baseline."""
    target, condition = gate.target, gate.condition
    differs = not isinstance(condition, Threshold) and condition.against == "baseline"
    if not target.measured.startswith("judge.") or not differs or target.tag is not None:
        accepts = f"judge.DIMENSION{CORRECTED} better than baseline, or not worse than baseline by MARGIN"
        raise _refusal(str(gate), "ratings correct a judge's difference from the baseline over a suite", accepts)


def _check_tags(target: Target, gate: Gate, tags: Sequence[Mapping[str, str]]) -> None:
    tag = target.tag or target.by
    if tag is None:
        return
    names = {name for case in tags for name in case}
    if not names:
        raise MedevalError(f"gate '{gate}': no case of the suite has tags; accepted: a metric without a subgroup")
    if tag not in names:
        raise MedevalError(f"gate '{gate}': {accepted('tag', tag, names)}")
    values = {case[tag] for case in tags if tag in case}
    if gate.target.value is not None and gate.target.value not in values:
        raise MedevalError(f"gate '{gate}': {accepted(f'value of tag {tag!r}', gate.target.value, values)}")
