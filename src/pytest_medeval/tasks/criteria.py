"""Criteria: a question or a conversation, and what a good reply to it says and leaves out, each worth points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias

from pytest_medeval.core.errors import MedevalError, Mistakes, accepted
from pytest_medeval.core.record import CriterionRecord
from pytest_medeval.core.types import UNLESS_DEFAULT, Answer, Case, Message, Record, Reply, Request, Source, written
from pytest_medeval.tasks.base import DERIVED, Keys, Sampled, take
from pytest_medeval.tasks.conversation import turns_of
from pytest_medeval.tasks.reading.outcome import text_outcome

Verdicts: TypeAlias = Sequence[float | None]
"""One a criterion: 1 met (of a statement: entailed), 0 not met (left open), -1 contradicted; None unjudged."""
FAULTS, CRITICAL, STATEMENTS, MIXED = "faults", "critical", "statements", "mixed"
"""What criteria of a suite may be, beside ``TAG=VALUE``; ``mixed``: not all are statements where some are."""
_KEYS = ("text", "points", "axis", "tags", "critical", "statement")
_SWITCH = {"true": True, "false": False}


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """One thing to look for in a reply.

    ``points`` are what it is worth where it is met; below 0 it is a fault. A ``critical`` one must be met, a critical
    fault must not. A ``statement`` is met where the reply entails it, may be contradicted, and may be worth 0 points.
    """

    text: str
    points: float
    tags: Mapping[str, str] = field(default_factory=dict)
    critical: bool = False
    statement: bool = False

    def record(self) -> CriterionRecord:
        """Say it in the run record."""
        made: CriterionRecord = {"text": self.text, "points": self.points}
        if self.tags:
            made["tags"] = dict(self.tags)
        if self.critical:
            made["critical"] = True
        if self.statement:
            made["statement"] = True
        return made


@dataclass(frozen=True, kw_only=True)
class CriteriaCase(Case):
    """A conversation whose last turn is to be answered, and the criteria of a reply to it."""

    turns: tuple[Message, ...]
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True, kw_only=True)
class Criteria(Sampled):
    """Options of a suite with criteria: ``max_new_tokens`` bounds a reply."""

    name: ClassVar[str] = "criteria"
    keys: ClassVar[Keys] = Keys({"criteria": list}, {"question": str, "messages": list})
    hub_type: ClassVar[str] = "text-generation"
    judged: ClassVar[bool] = False
    headline: ClassVar[str] = "criteria"
    max_new_tokens: int = 1024
    holds: tuple[str, ...] = field(default=(), metadata=DERIVED | UNLESS_DEFAULT)
    """Of what kind they are: ``faults``, ``critical``, ``statements``, ``mixed``, and ``TAG=VALUE`` of their tags."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "holds", tuple(self.holds))  # a list where it was stored
        if self.draws > 1:
            raise MedevalError(f"draws={self.draws!r}; accepted: 1, since one reply of a case is judged")

    @property
    def parts(self) -> tuple[str, ...]:
        """List the tags of criteria, as ``TAG=VALUE``."""
        return tuple(one for one in self.holds if "=" in one)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Points of those that can be had, whole and clipped, and by tag; what else the criteria hold."""
        names = ["criteria", "criteria_clipped"]
        names += ["faults"] if FAULTS in self.holds else []
        names += ["critical_criteria"] if CRITICAL in self.holds else []
        names += ["comprehensiveness", "hallucinations"] if STATEMENTS in self.holds else []
        return (*names, *(f"criteria[{part}]" for part in self.parts))

    def fitted(self, cases: Sequence[CriteriaCase]) -> Criteria:
        """Take down of what kind the criteria are."""
        found: set[str] = set()
        for one in (one for case in cases for one in case.criteria):
            found |= {f"{tag}={value}" for tag, value in one.tags.items()}
            kinds = ((FAULTS, one.points < 0), (CRITICAL, one.critical), (STATEMENTS, one.statement))
            found |= {kind for kind, so in kinds if so}
        plain = any(not one.statement for case in cases for one in case.criteria)
        found |= {MIXED} if plain and STATEMENTS in found else set()
        return replace(self, holds=tuple(sorted(found)))

    def case(self, record: Record) -> CriteriaCase:
        """Make a case of ``criteria``, and of ``question`` or ``messages``."""
        common = take(record, self.keys.required, self.keys.optional)
        fields = record.fields
        if (fields.get("question") is None) == (fields.get("messages") is None):
            raise MedevalError(f"{record.source}: accepted: 'question', or 'messages', a conversation")
        asked = fields.get("messages") or [{"role": "user", "content": fields["question"]}]
        criteria = _criteria(record.source, fields["criteria"])
        critical = any(one.critical for one in criteria)
        if common["critical"] and not critical:
            told = "a critical case needs a criterion with 'critical: true', which a right reply meets"
            raise MedevalError(f"{record.source}: {told}")
        common["critical"] = critical
        return CriteriaCase(**common, source=record.source, turns=turns_of(record.source, asked), criteria=criteria)

    def request(self, case: CriteriaCase) -> Request:
        """Ask with the turns as they are; a model learns nothing of the criteria."""
        return self.reply_request(Request(case.turns, max_new_tokens=self.max_new_tokens))

    def read(self, case: CriteriaCase, answer: Answer) -> Reply:
        """Take the whole text; verdicts only where the reply was stored with them."""
        text, given = answer.text.strip(), dict(answer.grades)
        told = [given.get(plain_text(one.text)) for one in case.criteria] if given else None
        return Reply(text, text_outcome(answer), prediction=told, detail=answer.error)

    def asked(self, case: CriteriaCase) -> str:
        """Give what was said up to the reply."""
        return written(case.turns)

    question = asked

    def gold(self, case: CriteriaCase) -> list[CriterionRecord]:
        """Give the criteria."""
        return [one.record() for one in case.criteria]

    def correct(self, case: CriteriaCase, reply: Reply) -> bool | None:
        """Say whether all that is critical is as it must be; None where there is none, or it is unjudged."""
        return kept(self.gold(case), reply.prediction)


def kept(criteria: Sequence[CriterionRecord], verdicts: Verdicts | None) -> bool | None:
    """Say whether all critical criteria are met, and no critical fault is; None where that is not known."""
    found = [
        None if verdict is None else (verdict == 1) == (one["points"] >= 0)
        for one, verdict in zip(criteria, verdicts or [None] * len(criteria), strict=True)
        if one.get("critical")
    ]
    return False if False in found else None if None in found or not found else True


def plain_text(text: str) -> str:
    r"""Give a text by which it is found again: blanks are alike.

    >>> plain_text(" He  rests.\n")
    'He rests.'
    """
    return " ".join(text.split())


def _criteria(source: Source, given: Sequence[object]) -> tuple[Criterion, ...]:
    """Check the criteria; mistakes are told together."""
    made: dict[str, Criterion] = {}
    mistakes = Mistakes()
    for one in given:
        with mistakes:
            found = _criterion(source, one)
            if made.setdefault(plain_text(found.text), found) is not found:
                raise MedevalError(f"{source}: the criterion {found.text!r} occurs twice; accepted: once")
    mistakes.tell()
    if not any(one.points > 0 or one.statement for one in made.values()):
        raise MedevalError(f"{source}: no criterion has points above 0; accepted: at least one that a reply can meet")
    return tuple(made.values())


def _criterion(source: Source, given: object) -> Criterion:
    if not isinstance(given, Mapping) or not {"text", "points"} <= given.keys():
        raise MedevalError(f"{source}: a criterion is {given!r}; accepted: a mapping with 'text' and 'points'")
    for key in given:
        if key not in _KEYS:
            raise MedevalError(f"{source}: {accepted('key of a criterion', key, _KEYS)}")
    text, tags = given["text"], given.get("tags") or {}
    if not isinstance(text, str) or not text.strip():
        raise MedevalError(f"{source}: the text of a criterion is {text!r}; accepted: a text")
    if not isinstance(tags, Mapping) or not all(isinstance(value, str | int) for value in tags.values()):
        raise MedevalError(f"{source}: 'tags' of a criterion is {tags!r}; accepted: a mapping of names to texts")
    named = {str(key): str(value) for key, value in tags.items()}
    if given.get("axis"):
        named["axis"] = str(given["axis"])
    statement = _switch(source, given, "statement")
    return Criterion(
        text=text.strip(),
        points=_points(source, given["points"], statement=statement),
        tags=named,
        critical=_switch(source, given, "critical"),
        statement=statement,
    )


def _points(source: Source, value: object, *, statement: bool) -> float:
    try:
        points = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        points = math.nan
    if not math.isfinite(points) or (not points and not statement) or (points < 0 and statement):
        accept = "a number, 0 or more" if statement else "a number that is not 0, below it for a fault"
        raise MedevalError(f"{source}: 'points' of a criterion is {value!r}; accepted: {accept}")
    return points


def _switch(source: Source, given: Mapping[str, Any], key: str) -> bool:
    value = given.get(key, False)
    found = value if isinstance(value, bool) else _SWITCH.get(str(value).lower())
    if found is None:
        raise MedevalError(f"{source}: {key!r} of a criterion is {value!r}; accepted: true or false")
    return found
