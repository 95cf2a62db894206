"""Stored replies with the grades that somebody gave them, as HealthBench's users publish them: ``replay:FILE``.

One array, or an object a line: the conversation with the reply as its last turn (``conversations`` or ``messages``),
and ``rubrics`` of ``criteria`` or ``criterion`` and ``criteria_met``. A reply belongs to what was said before it,
whatever its limits were; blanks are alike.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.jsontext import objects
from pytest_medeval.core.model import Identity, Tick, silent
from pytest_medeval.core.types import Answer, Message, Request, Source, written
from pytest_medeval.tasks.conversation import turns_of
from pytest_medeval.tasks.criteria import plain_text

_OPENING = 500_000
"""Bytes in which the first grade of a file stands."""
_RECORD = re.compile(rb'\s*\{\s*"schema"')


@dataclass
class Graded:
    """Answers from a file of graded replies, each with its grades."""

    identity: Identity
    replies: Mapping[str, Answer]
    """What was said before the reply -> the reply."""
    notices: list[str] = field(default_factory=list)

    def answer(self, requests: Sequence[Request], tick: Tick = silent) -> list[Answer]:
        """Give the stored replies; what the file does not hold is an error answer that says so."""
        missing = Answer(finish="error", error=f"{self.identity.spec} has no reply to this conversation")
        answers = [self.replies.get(_asked(request.messages), missing) for request in requests]
        tick(len(answers))
        return answers


def holds_grades(path: Path) -> bool:
    """Tell a file of graded replies from a run record, which is one object with a schema."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        opening = file.read(_OPENING)
    return b'"criteria_met"' in opening and not _RECORD.match(opening)


def open_graded(path: Path, spec: str) -> Graded:
    """Read a file of graded replies; ``MedevalError`` with file and line for what is none."""
    replies: dict[str, Answer] = {}
    for line, found in objects(path):
        source = Source(str(path), line)
        asked, answer = _reply(source, found)
        if replies.setdefault(asked, answer) != answer:
            raise MedevalError(f"{source}: a second reply to the same conversation; accepted: one")
    return Graded(Identity(spec, hashlib.sha256(path.read_bytes()).hexdigest()), replies)


def _reply(source: Source, found: Mapping[str, object]) -> tuple[str, Answer]:
    turns = found.get("conversations", found.get("messages"))
    if not isinstance(turns, list) or not turns or not isinstance(turns[-1], dict):
        raise MedevalError(f"{source}: no 'conversations'; accepted: a list of turns, the reply last")
    last, before = turns[-1], turns_of(source, turns[:-1])
    if last.get("role") != "assistant" or not isinstance(last.get("content"), str):
        raise MedevalError(f"{source}: the last turn is of {last.get('role')!r}; accepted: 'assistant', the reply")
    return _asked(before), Answer(str(last["content"]), grades=_grades(source, found.get("rubrics")))


def _grades(source: Source, rubrics: object) -> tuple[tuple[str, float], ...]:
    """Read a grade a criterion; one that is null is none."""
    grades = []
    for one in rubrics if isinstance(rubrics, list) else ():
        given = one if isinstance(one, dict) else {}
        text, met = given.get("criteria", given.get("criterion")), given.get("criteria_met")
        if not isinstance(text, str) or not isinstance(met, bool | None):
            raise MedevalError(f"{source}: a grade is {one!r}; accepted: 'criteria' and 'criteria_met', true or false")
        if met is not None:
            grades.append((plain_text(text), float(met)))
    return tuple(grades)


def _asked(turns: Sequence[Message]) -> str:
    return plain_text(written(turns))
