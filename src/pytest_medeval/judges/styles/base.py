"""What every style of asking a judge shares: the replies, fenced off as data, and how requests become grades.

No model name and no role is told. The fence around a reply carries a code that is derived from the seed,
the case and the texts in it: a run asks the same twice, equal replies get equal prompts whoever wrote
them, and no reply can hold the code of its own fence.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

from pytest_medeval.core.model import Model
from pytest_medeval.core.record import CriterionRecord
from pytest_medeval.core.types import Answer, Request
from pytest_medeval.judges.ask import Asker, Judgement, Question, Settled, Unjudged, failed, settle
from pytest_medeval.judges.ratings.grades import Unread
from pytest_medeval.judges.rubric import Rubric

PROMPT_VERSION = "2"
"""Part of the signature of judge metrics; raised when a prompt changes."""

FIRST, SECOND, TIE = "A", "B", "tie"
"""The words for the better of two replies."""

DECISIONS = {FIRST: 1, SECOND: -1, TIE: 0}
"""What the words say of the first of two replies."""

ECHO = "the verdict stands in the reply itself: it may be an echo"

Key: TypeAlias = tuple[str, str, str]
"""Suite, case and role of a reply."""


@dataclass(frozen=True, slots=True)
class JudgedReply:
    """One reply of a case, with what a judge is told beside it; ``reference`` is empty where none is shown."""

    key: Key
    asked: str
    reference: str
    reply: str
    seed: int
    answered: bool
    order: str
    criteria: tuple[CriterionRecord, ...] = ()
    """The case's own criteria, for a style that asks for those."""

    @property
    def role(self) -> str:
        """Say whose reply it is; the judge does not learn it."""
        return self.key[2]

    def code(self, digits: int, attempt: int, *others: str) -> str:
        """Give the code of the fence around the reply, and around ``others`` that stand beside it."""
        texts = [self.asked, self.reference, self.reply, *others]
        return fence_code(self.seed, self.key[1], texts, digits=digits, attempt=attempt)


def fence_code(seed: int, case: str, texts: Sequence[str], *, digits: int, attempt: int = 0) -> str:
    """Give the code of a fence around ``texts``, in hex digits; no text contains it.

    >>> fence_code(0, "case-1", ["Rest and drink."], digits=4)
    '5baa'
    """
    turn = 0
    while True:
        parts = json.dumps([seed, case, attempt, turn, *texts])
        code = hashlib.sha256(parts.encode()).hexdigest()[:digits]
        if not any(code in text.lower() for text in texts):
            return code
        turn += 1


def served(judge: Model) -> bool:
    """Say whether a judge is behind a server, where it writes and its probabilities cannot be relied on."""
    return "://" in judge.identity.spec


class JudgeStyle:
    """A way to ask a judge: for all grades of a reply at once, and which of two replies is better.

    A style writes ``request``, ``read``, ``pair_request`` and ``read_pair``. The rest makes runs of them: equal
    requests are asked once, what cannot be read is asked once more, and a verdict that stands in the reply itself
    counts for nothing. A style whose grades take more than one request overrides ``graded`` and ``preferred``.
    """

    version: ClassVar[str] = PROMPT_VERSION
    """Part of the hash of the prompts: raised when a prompt changes."""
    digits: ClassVar[int] = 16
    """Hex digits of the code of the fence."""

    def names(self, reply: JudgedReply, rubric: Rubric) -> Sequence[str]:  # noqa: ARG002 - mostly the rubric's
        """Name what is asked of a reply."""
        return rubric.names

    def request(self, rubric: Rubric, reply: JudgedReply, code: str, *, again: bool) -> Request:
        """Ask for a grade of each of ``rubric.dimensions``; ``again`` after an answer that could not be read.

        ``code`` is in none of the texts: what stands between two of them was written by others.
        """
        raise NotImplementedError

    def read(self, rubric: Rubric, reply: JudgedReply, answer: Answer) -> Mapping[str, float | Unread] | Unread:
        """Read a grade a dimension, or why there is none; what is left out or off the scale is unread."""
        raise NotImplementedError

    def pair_request(self, first: JudgedReply, second: JudgedReply, code: str, *, again: bool) -> Request:
        """Ask which of two replies to the same is better."""
        raise NotImplementedError

    def read_pair(self, first: JudgedReply, second: JudgedReply, answer: Answer) -> int | Unread:
        """Read the answer: 1 the first, -1 the second, 0 neither."""
        raise NotImplementedError

    def graded(self, asker: Asker, replies: Sequence[JudgedReply], rubric: Rubric) -> dict[Key, Judgement]:
        """Ask for the grades of all replies."""
        settled = settle(asker, [self._grades(rubric, reply) for reply in replies])
        return {reply.key: _judgement(rubric, one) for reply, one in zip(replies, settled, strict=True)}

    def preferred(self, asker: Asker, orders: Sequence[tuple[JudgedReply, JudgedReply]]) -> list[Settled[int]]:
        """Ask which of two replies is better, as each pair stands."""
        return settle(asker, [self._preference(first, second) for first, second in orders])

    def _grades(self, rubric: Rubric, reply: JudgedReply) -> Question[Judgement]:
        def request(attempt: int) -> Request:
            return self.request(rubric, reply, reply.code(self.digits, attempt), again=attempt > 0)

        def read(answer: Answer, attempt: int) -> Judgement | Unread:
            found = Unread(answer.error) if failed(answer) else self.read(rubric, reply, answer)
            if isinstance(found, Unread):
                return found
            brought = Unread("") if answer.logprobs else self.read(rubric, reply, Answer(reply.reply))
            if not isinstance(brought, Unread) and dict(brought) == dict(found):
                return Unread(ECHO)
            each = {name: _on_scale(found.get(name), name, rubric) for name in rubric.names}
            grades = {name: one for name, one in each.items() if not isinstance(one, Unread)}
            missing = {name: one for name, one in each.items() if isinstance(one, Unread)}
            if missing and not (attempt and grades):  # part of a verdict is taken where asking again gave no more
                return next(iter(missing.values()))
            return Judgement(grades, {name: Unjudged(one.reason, answer.text) for name, one in missing.items()})

        return Question(request, read)

    def _preference(self, first: JudgedReply, second: JudgedReply) -> Question[int]:
        def request(attempt: int) -> Request:
            code = first.code(self.digits, attempt, second.reply)
            return self.pair_request(first, second, code, again=attempt > 0)

        def read(answer: Answer, _attempt: int) -> int | Unread:
            return Unread(answer.error) if failed(answer) else self.read_pair(first, second, answer)

        return Question(request, read)


def _on_scale(grade: float | Unread | None, name: str, rubric: Rubric) -> float | Unread:
    if grade is None:
        return Unread(f"no grade for {name!r}")
    if isinstance(grade, Unread) or rubric.low <= grade <= rubric.high:
        return grade
    return Unread(f"{grade:g} is not on the scale {rubric.low} to {rubric.high}")


def _judgement(rubric: Rubric, settled: Settled[Judgement]) -> Judgement:
    if isinstance(settled.value, Unjudged):
        return Judgement({}, dict.fromkeys(rubric.names, settled.value), settled.tokens)
    return replace(settled.value, tokens=settled.tokens)
