"""What a test of a user's own asks: a model for replies, a judge for grades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_medeval.errors import MedevalError
from pytest_medeval.types import Answer, Message, Request

if TYPE_CHECKING:
    from pytest_medeval.models import Model
    from pytest_medeval.runs.judging import JudgePlan


@dataclass(frozen=True)
class Asker:
    """A model for tests of a user's own."""

    model: Model

    def reply(self, text: str, *, system: str | None = None, max_new_tokens: int = 256) -> str:
        """Give the model's reply to one user message."""
        return self._answer(self._request(text, system, (), max_new_tokens)).text

    def logprobs(self, text: str, choices: Sequence[str], *, system: str | None = None) -> tuple[float, ...]:
        """Give the summed natural-log probability of each choice as the reply to one user message."""
        return self._answer(self._request(text, system, tuple(choices), 1)).logprobs

    def _answer(self, request: Request) -> Answer:
        """Ask; a model that gives no answer fails the test and not only what it compares."""
        (answer,) = self.model.answer([request])
        if answer.finish == "error":
            raise MedevalError(f"{self.model.identity.spec}: {answer.error}")
        return answer

    @staticmethod
    def _request(text: str, system: str | None, choices: tuple[str, ...], max_new_tokens: int) -> Request:
        head = (Message("system", system),) if system else ()
        return Request((*head, Message("user", text)), choices=choices, max_new_tokens=max_new_tokens)


@dataclass(frozen=True)
class Grader:
    """A judge for tests of a user's own."""

    judge: Model
    plan: JudgePlan
    seed: int

    def grade(self, asked: str, reply: str, *, reference: str | None = None) -> dict[str, float]:
        """Grade a reply on every dimension of the rubric; a dimension that could not be judged is not there."""
        from pytest_medeval.metrics.judge import judge_cases
        from pytest_medeval.metrics.judging_types import Judging

        entry = {
            "suite": "",
            "id": "",
            "asked": asked,
            "gold": reference,
            "candidate": {"reply": reply, "outcome": "answered"},
        }
        how = Judging(
            seed=self.seed, reference=self.plan.reference, preference=False, budget=self.plan.budget
        )
        return dict(
            judge_cases(self.judge, [entry], self.plan.rubric, how).cases[0].replies["candidate"].grades
        )
