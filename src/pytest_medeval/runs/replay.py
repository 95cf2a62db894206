"""``replay:RUN``: replies of a stored run, given again, so that today's readers and metrics score them.

A reply belongs to a request (messages, choices, limits), not to a case: what was asked otherwise has no reply
here.
``RUN`` is a stored run or the path of a record; ``RUN#baseline`` gives the replies of that run's baseline. A file of
graded replies is read by ``models.graded``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.model import Identity, Settings, Tick, silent
from pytest_medeval.core.record import ROLES, ReplyPart, Role, RoleEntry, RunRecord
from pytest_medeval.core.signature import request_signature
from pytest_medeval.core.types import Answer, Request
from pytest_medeval.models.graded import Graded, holds_grades, open_graded
from pytest_medeval.models.spec import ReplaySpec


@dataclass
class Replay:
    """Answers from a stored run; the identity is that of the model that once answered."""

    run: str
    identity: Identity
    replies: Mapping[str, RoleEntry | ReplyPart]
    """Signature of a request -> the record of its reply."""
    notices: list[str] = field(default_factory=list)

    def answer(self, requests: Sequence[Request], tick: Tick = silent) -> list[Answer]:
        """Give the stored replies; what the run does not hold is an error answer that says so."""
        answers = [self._one(request) for request in requests]
        missing = sum(answer.finish == "error" for answer in answers)
        if missing:
            self.notices.append(f"run {self.run} gave no reply to {missing} of {len(requests)} requests")
        tick(len(answers))
        return answers

    def _one(self, request: Request) -> Answer:
        stored = self.replies.get(request_signature(request))
        if stored is None:
            return Answer(
                finish="error", error=f"run {self.run} has no reply to this request: the case is new or asked otherwise"
            )
        return restore(stored)


def restore(stored: RoleEntry | ReplyPart) -> Answer:
    """Make an answer again from what a record says of it."""
    logprobs = tuple(math.nan if value is None else value for value in stored.get("logprobs", ()))
    failed = stored["outcome"] == "error"
    return Answer(
        text="" if logprobs else stored["reply"],
        finish="error" if failed else stored.get("finish", "length" if stored["outcome"] == "truncated" else "stop"),
        logprobs=logprobs,
        choice_tokens=tuple(stored.get("choice_tokens", ())),
        prompt_hash=stored["prompt_hash"],
        prompt_tokens=stored["tokens"][0],
        reply_tokens=stored["tokens"][1],
        thoughts=stored.get("thoughts", ""),
        unclosed=stored.get("unclosed", False),
        error=(stored.get("detail") or "the stored run had no reply") if failed else "",
    )


def open_replay(spec: ReplaySpec, settings: Settings) -> Replay | Graded:
    """Read the run; ``MedevalError`` when it is missing, broken or has no replies of the role."""
    from pytest_medeval.runs.store import load  # the store is read only where replies come from it

    run, _, named = spec.run.partition("#")
    if holds_grades(Path(run)):
        return open_graded(Path(run), spec.text)
    role = next((one for one in ROLES if one == (named or ROLES[0])), None)
    if role is None:
        raise MedevalError(f"model {spec.text!r}: {accepted('role', named, ROLES)}")
    name, record = load(settings.storage, run)
    model = record["models"].get(role)
    if model is None:
        raise MedevalError(
            f"model {spec.text!r}: run {name} has no {role}; it has {', '.join(record['models']) or 'no model'}"
        )
    return Replay(name, Identity.of(model, spec.text), dict(_replies(record, role)))


def _replies(record: RunRecord, role: Role) -> Iterator[tuple[str, RoleEntry | ReplyPart]]:
    for case in record["cases"]:
        if role not in case:
            continue
        for part in case[role].get("parts", ()):
            yield part["request"], part
        if "request" in case and "parts" not in case[role]:
            yield case["request"], case[role]
