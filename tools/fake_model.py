"""A model for tests: it answers from a script, at once, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from pytest_medeval.core.fingerprint import fingerprint_text
from pytest_medeval.core.model import Identity, Tick, silent
from pytest_medeval.core.types import Answer, Request


@dataclass
class FakeModel:
    """Reply to the last message of a request from ``script``, and to anything else with ``default``.

    A script is a mapping from the message's text to the reply's, or a function from request to answer. A
    request with choices gets log-probability -1 for the choice that equals the scripted reply and -2 for the
    others.

    >>> from pytest_medeval.core.types import Message
    >>> model = FakeModel({"2 + 2?": "4"})
    >>> model.answer([Request((Message("user", "2 + 2?"),), choices=("3", "4"))])[0].logprobs
    (-2.0, -1.0)
    """

    script: Mapping[str, str] | Callable[[Request], Answer] = field(default_factory=dict)
    default: str = ""
    name: str = "fake"
    asked: list[Request] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def identity(self) -> Identity:
        """Give an identity that depends on the name alone."""
        return Identity(spec=self.name, fingerprint=fingerprint_text("fake", self.name))

    def answer(self, requests: Sequence[Request], tick: Tick = silent) -> list[Answer]:
        """Answer by the script."""
        self.asked += requests
        script = self.script if callable(self.script) else partial(self._scripted, self.script)
        answers = [script(request) for request in requests]
        tick(len(answers))
        return answers

    def _scripted(self, script: Mapping[str, str], request: Request) -> Answer:
        prompt = request.messages[-1].content
        text, digest = script.get(prompt, self.default), fingerprint_text(prompt)
        tokens = len(prompt.split())
        if not request.choices:
            return Answer(text, prompt_hash=digest, prompt_tokens=tokens, reply_tokens=len(text.split()))
        logprobs = tuple(-1.0 if choice == text else -2.0 for choice in request.choices)
        lengths = tuple(len(choice.split()) for choice in request.choices)
        return Answer("", "choice", logprobs, lengths, prompt_hash=digest, prompt_tokens=tokens)
