"""The one place where thoughts are told from replies: between a model, with its cache, and all who read its answers.

Tasks, metrics, judges, reports and people get answers from here, so none of them can take a thought for the reply.
The cache lies below and keeps what was generated: other tags need no new answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from pytest_medeval.core.errors import OthersError
from pytest_medeval.core.model import Closing, Identity, Model, Tick, kernel_of, silent
from pytest_medeval.core.thoughts import DEFAULT_TAGS, Tags, pieces, split, thoughts_joined
from pytest_medeval.core.types import Answer, Request

_UNCLOSED = "answers end inside thoughts and are none: allow more max_new_tokens"
_INSIDE = (
    "answers compare the likelihoods of options inside thoughts, which the chat template opens: let the task read "
    "replies (scoring='reply'), or turn thoughts off (SPEC?enable_thinking=false)"
)
_MAYBE = (
    "answers were cut at the token limit and may be thoughts, since others close thoughts that the server's template "
    "opened: let the server tell them apart (vLLM: --reasoning-parser)"
)


class SpokenModel:
    """A model whose answers hold the reply alone, with the thoughts beside it."""

    def __init__(
        self, model: Model, tags: Tags = DEFAULT_TAGS, blamed: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        """``blamed``: tells whose fault it is where the model raises."""
        self.inner = model
        self._blamed = blamed
        self._tags = tags
        self._unclosed = 0
        self._scored_inside = 0
        self._cut_unopened = 0

    @property
    def identity(self) -> Identity:
        """Say who answers."""
        return self.inner.identity

    @property
    def kernel(self) -> str | None:
        """Say what multiplies the model's matrices."""
        return kernel_of(self.inner)

    @property
    def notices(self) -> list[str]:
        """List what the model has to say, and what its thoughts have cost."""
        own = ((self._unclosed, _UNCLOSED), (self._scored_inside, _INSIDE), (self._cut_unopened, _MAYBE))
        return [*self.inner.notices, *(f"{self.identity.spec}: {count} {told}" for count, told in own if count)]

    def answer(self, requests: Sequence[Request], tick: Tick = silent) -> list[Answer]:
        """Answer all requests, in their order; what another package's model raises is the error of each answer."""
        try:
            with self._blamed():
                given = self.inner.answer(requests, tick)
                answers = [self._spoken(answer) for answer in given]
                if len(answers) != len(requests):
                    raise ValueError(f"{len(answers)} answers to {len(requests)} requests")
        except OthersError as fault:
            return [Answer(finish="error", error=str(fault)) for _ in requests]
        self._unclosed += sum(answer.unclosed for answer in answers)
        if any(map(self._closes_alone, given)):
            self._cut_unopened += sum(one.finish == "length" and not one.thoughts for one in answers)
        return answers

    def close(self) -> None:
        """End what the model began outside this process."""
        inner: object = self.inner
        if isinstance(inner, Closing):
            inner.close()

    def _spoken(self, answer: Answer) -> Answer:
        """Tell thoughts from the reply; special tokens told them apart, and are then no part of either."""
        if answer.finish == "error":
            return answer
        if answer.finish == "choice":
            self._scored_inside += bool(answer.lead) and split(answer.lead, self._tags).unclosed
            return answer
        found, reply, open_end = split(answer.text, self._tags, answer.lead)
        for token in answer.special:
            found, reply = found.replace(token, ""), reply.replace(token, "")
        thoughts = thoughts_joined(answer.thoughts, found)
        cut = bool(thoughts) and answer.finish == "length" and not reply.strip()
        unclosed = answer.unclosed or open_end or cut
        return replace(answer, text=reply, thoughts=thoughts, unclosed=unclosed, special=())

    def _closes_alone(self, raw: Answer) -> bool:
        """Say whether an answer ends thoughts that neither it nor its prompt is known to have begun."""
        found, _ = pieces(raw.text, self._tags)
        return not raw.lead and bool(found) and found[0][0] == "thoughts"
