"""What a judge is to do, and what it said: facts alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Generic, TypeVar

from pytest_medeval.core.encodable import MARK
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Model, Tick, silent
from pytest_medeval.core.types import Answer, Request
from pytest_medeval.judges.ratings.grades import Unread

# Asking a judge: within a budget, equal questions once, the unreadable once more.

T = TypeVar("T")

BUDGET = "budget"
"""The reason of what was not asked any more."""

_BUDGET = re.compile(r"([0-9]{1,18})\s*(requests?|tokens?)?")
_FIRST = 8
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a judge may be asked; ``None`` for no limit. Stored answers cost nothing."""

    requests: int | None = None
    tokens: int | None = None


def parse_budget(text: str) -> Budget:
    """Read ``500``, ``500 requests`` or ``200000 tokens``.

    >>> parse_budget("200000 tokens")
    Budget(requests=None, tokens=200000)
    """
    found = _BUDGET.fullmatch(text.strip().lower())
    if not found or int(found[1]) == 0:
        raise MedevalError(f"judge budget {text!r}: accepted: '500', '500 requests' or '200000 tokens'")
    number = int(found[1])
    return Budget(tokens=number) if (found[2] or "").startswith("token") else Budget(requests=number)


@dataclass(frozen=True, slots=True)
class Unjudged:
    """A grade that there is not: why, and what the judge said."""

    reason: str
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """Something to ask a judge: ``request(attempt)`` (0, 1) words it, ``read(answer, attempt)`` reads it."""

    request: Callable[[int], Request]
    read: Callable[[Answer, int], T | Unread]


@dataclass(frozen=True, slots=True)
class Settled(Generic[T]):
    """What came of a question; ``tokens`` of prompt and reply over all attempts, stored ones included."""

    value: T | Unjudged
    tokens: int = 0


@dataclass
class Asker:
    """Asks one judge and counts what it cost: ``requests`` and ``tokens`` without what was stored."""

    judge: Model
    budget: Budget = field(default_factory=Budget)
    tick: Tick = silent
    requests: int = 0
    tokens: int = 0
    cached: int = 0
    failed: int = 0
    replaced: int = 0
    """Answers with a mark where their text was no Unicode."""
    estimated: int = 0
    """Answers whose tokens the server did not tell."""
    seconds: float = 0.0
    _known: dict[Request, Answer] = field(default_factory=dict)

    def ask(self, requests: Sequence[Request]) -> list[Answer | None]:
        """Answer as many requests as the budget allows, in their order; ``None`` for the others."""
        waiting = [request for request in dict.fromkeys(requests) if request not in self._known]
        started = perf_counter()
        while waiting and (size := self._affordable()):
            some, waiting = waiting[:size], waiting[size:]
            for request, answer in zip(some, self.judge.answer(some), strict=True):
                self._known[request] = self._count(request, answer)
            self.tick(len(some))
        self.seconds += perf_counter() - started
        return [self._known.get(request) for request in requests]

    def _affordable(self) -> int:
        """Say how many requests the rest of the budget pays for, by the mean of those so far."""
        if self.budget.requests is not None:
            return max(0, self.budget.requests - self.requests)
        if self.budget.tokens is None:
            return _AT_ONCE * 1024
        left = self.budget.tokens - self.tokens
        if not self.requests:
            return _FIRST if left > 0 else 0
        return max(0, min(_AT_ONCE, int(left / max(1.0, self.tokens / self.requests))))

    def _count(self, request: Request, answer: Answer) -> Answer:
        """Count an answer, and give it with its tokens, estimated where a server does not tell them."""
        self.replaced += MARK in answer.text
        if not (failed(answer) or answer.prompt_tokens or answer.reply_tokens):
            self.estimated += 1
            asked = sum(estimated(turn.content) for turn in request.messages)
            answer = replace(answer, prompt_tokens=asked, reply_tokens=estimated(answer.text + answer.thoughts))
        if answer.cached:
            self.cached += 1
            return answer
        self.requests += 1
        self.failed += failed(answer)
        self.tokens += answer.prompt_tokens + answer.reply_tokens
        return answer


def estimated(text: str) -> int:
    """Estimate the tokens of a text: one for each word of four ASCII characters, one for any other character.

    >>> estimated("Rest and drink."), estimated("多喝水")
    (4, 3)
    """
    plain = sum(map(str.isascii, text))
    return len(text) - plain + (plain + 3) // 4


def failed(answer: Answer) -> bool:
    """Say whether the judge could not be reached: asking again at once would not help."""
    return answer.finish == "error"


def settle(asker: Asker, questions: Sequence[Question[T]]) -> list[Settled[T]]:
    """Ask all questions; ask those once more whose answer could not be read."""
    first = [_settled(question, answer, 0) for question, answer in _answered(asker, questions, 0)]
    again = [index for index, (settled, unread) in enumerate(first) if unread]
    found = [settled for settled, _ in first]
    retried = _answered(asker, [questions[index] for index in again], 1)
    for index, (question, answer) in zip(again, retried, strict=True):
        before = found[index]
        settled, _ = _settled(question, answer, 1)
        if answer is None and isinstance(before.value, Unjudged):
            settled = Settled(Unjudged(f"{before.value.reason}; not asked again: {BUDGET}", before.value.raw))
        found[index] = Settled(settled.value, before.tokens + settled.tokens)
    return found


def _answered(asker: Asker, questions: Sequence[Question[T]], attempt: int) -> list[tuple[Question[T], Answer | None]]:
    answers = asker.ask([question.request(attempt) for question in questions])
    return list(zip(questions, answers, strict=True))


def _settled(question: Question[T], answer: Answer | None, attempt: int) -> tuple[Settled[T], bool]:
    """Read an answer; the flag says that asking again may help."""
    if answer is None:
        return Settled(Unjudged(BUDGET)), False
    tokens = answer.prompt_tokens + answer.reply_tokens
    value = Unread("the answer ends inside thoughts") if answer.unclosed else question.read(answer, attempt)
    if isinstance(value, Unread):
        return Settled(Unjudged(value.reason, answer.text), tokens), not failed(answer)
    return Settled(value, tokens), False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How to judge.

    ``sample``: judge that many cases of a suite, drawn by ``seed``, the same for both models; ``reference``:
    show the judge the right answer; ``preference``: also ask which of two replies is better. ``style``: a name of
    ``JUDGE_STYLES``; ``auto`` is ``grades`` for a local model, and for a server ``json`` unless the judge does not
    write it.
    """

    seed: int = 0
    sample: int | None = None
    reference: bool = True
    preference: bool = True
    style: str = "auto"
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one judge says of one reply; every dimension of the rubric is in one of the two mappings."""

    grades: Mapping[str, float]
    unjudged: Mapping[str, Unjudged]
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Preference:
    """Which reply a judge prefers, asked in both orders: 1 the candidate's, -1 the baseline's, 0 neither.

    ``same``: the two replies are one text, and nobody was asked.
    """

    first: int
    second: int
    same: bool = False
    tokens: int = 0

    @property
    def consistent(self) -> bool:
        """Whether the order of the replies made no difference."""
        return self.first == self.second

    @property
    def share(self) -> float:
        """The candidate's share of the point: 1, or 0, or 0.5 for a tie and for a preference that flips."""
        return (1 + self.first) / 2 if self.consistent else 0.5


@dataclass(frozen=True, slots=True)
class Judged:
    """One judge's say on one case."""

    suite: str
    id: str
    replies: Mapping[str, Judgement]
    preference: Preference | Unjudged | None = None


@dataclass(frozen=True, kw_only=True)
class JudgeRun:
    """All that one judge said, who it is, how it was asked, and what it cost.

    ``requests`` and ``tokens`` are what was asked now, ``cached`` the answers that were stored, ``failed``
    the requests that were not answered.
    """

    spec: str
    fingerprint: str
    prompt_hash: str
    style: str
    cases: Sequence[Judged]
    requests: int
    tokens: int
    cached: int
    failed: int
    seconds: float
    notices: Sequence[str] = ()
