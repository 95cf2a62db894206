"""MCQ: a question, lettered options, one right answer; by likelihood of the options or by reading a reply."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pytest_medeval.errors import MedevalError
from pytest_medeval.tasks.letters import read
from pytest_medeval.tasks.orders import chosen, combined, turned
from pytest_medeval.tasks.outcome import text_outcome
from pytest_medeval.tasks.question import MCQCase, read_question
from pytest_medeval.tasks.sampling import Sampled
from pytest_medeval.types import Answer, Message, Record, Reply, Request

SYSTEM = "You are a knowledgeable medical AI assistant."
"""The system message of S2."""

METRICS = (
    "accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "answered",
    "reward",
    "ece",
    "brier",
    "aurc",
    "wrong_at_high_confidence",
)
ORDER_METRICS = ("consistency", "position_bias")


@dataclass(frozen=True, kw_only=True)
class MCQ(Sampled):
    """Options of a multiple-choice suite.

    ``scoring``: ``letters`` and ``texts`` compare the log-likelihoods of the option letters or of the option texts
    as the reply; ``reply`` asks for the letter as ``letters`` does, generates a reply and reads the letter from it;
    its ``detail`` is the rule that read it, or what kept it from being read. ``normalize`` divides the
    log-likelihood of an option text by its length (``characters`` is lm-evaluation-harness's ``acc_norm``).

    ``rotations`` asks each question in all cyclic orders of its options (Zheng et al. 2024, ICLR, section 3): metrics
    are then over all orders, each question counting once, ``consistency`` and ``position_bias`` are added, and a
    critical question must be right in every order.
    """

    name: ClassVar[str] = "mcq"
    judged: ClassVar[bool] = False
    headline: ClassVar[str] = "accuracy"
    scoring: Literal["letters", "texts", "reply"] = "letters"
    normalize: Literal["characters", "tokens", "none"] = "characters"
    max_new_tokens: int = 256
    rotations: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature and self.scoring != "reply":
            raise MedevalError(
                f"temperature={self.temperature!r} changes nothing with scoring={self.scoring!r}, where likelihoods "
                "are compared; accepted: scoring='reply'"
            )
        if self.rotations and self.scoring == "texts":
            raise MedevalError(
                "rotations=True changes nothing with scoring='texts', where the question does not list the options; "
                "accepted: scoring='letters' or 'reply'"
            )

    @property
    def metrics(self) -> tuple[str, ...]:
        """Name the metrics; those of the order of options only where several orders are asked."""
        return METRICS + ORDER_METRICS if self.rotations else METRICS

    def case(self, record: Record) -> MCQCase:
        """Make a case of ``question``, ``options`` (letter -> text), ``answer`` (letter) and maybe ``context``."""
        return read_question(record)

    def request(self, case: MCQCase) -> Request:
        """Ask in S2's form; with option texts as the possible replies the options are not listed in the question."""
        question = f"{case.context}\n\n{case.question}" if case.context else case.question
        if self.scoring != "texts":
            listed = "\n".join(f"({letter}) {text}" for letter, text in case.options.items())
            question = f"{question}\n{listed}"
            question += "\nAnswer with the letter of the right option."
        messages = (Message("system", SYSTEM), Message("user", question))
        if self.scoring == "reply":
            return self.reply_request(Request(messages, max_new_tokens=self.max_new_tokens))
        return Request(
            messages, choices=tuple(case.options.values() if self.scoring == "texts" else case.options)
        )

    def requests(self, case: MCQCase) -> tuple[Request, ...]:
        """Ask once, or in all cyclic orders of the options."""
        orders = len(case.options) if self.rotations else 1
        return tuple(self.request(turned(case, by)) for by in range(orders))

    def read_all(self, case: MCQCase, answers: Sequence[Answer]) -> Reply:
        """Read each order with the letters that it showed, and one reply from them all."""
        parts = tuple(self.read(turned(case, by), answer) for by, answer in enumerate(answers))
        return combined(case, parts) if self.rotations else parts[0]

    def read(self, case: MCQCase, answer: Answer) -> Reply:
        """Take the one likeliest option, or the one option that a generated reply names; never guess."""
        if answer.finish == "error":
            return Reply(answer.text, "error", detail=answer.error)
        if (
            self.scoring == "reply" or not answer.logprobs
        ):  # some servers give no likelihoods, and reply instead
            return self._read(case, answer)
        if len(answer.logprobs) != len(case.options):
            given = f"{len(answer.logprobs)} log-likelihoods for {len(case.options)} options"
            return Reply("", "error", detail=f"the model gave {given}")
        likeliest = self._likeliest(case, answer.logprobs, answer.choice_tokens)
        return chosen(case.options, likeliest, probabilities(case.options, answer.logprobs))

    def _read(self, case: MCQCase, answer: Answer) -> Reply:
        """Read a generated reply; the detail says which rule read it, or what kept it from being read."""
        reading = read(answer.text, case.options)
        outcome = text_outcome(answer)
        if reading.letter is None and outcome == "answered":
            outcome = "no_answer"
        detail = f"{'read by' if reading.letter else 'not read'}: {reading.why}"
        return Reply(answer.text.strip(), outcome, prediction=reading.letter, detail=detail)

    def question(self, case: MCQCase) -> str:
        """Give the question without its options."""
        return case.question

    def target(self, case: MCQCase) -> str:
        """Write the right option as it is scored: its letter, its text, or both."""
        text = case.options[case.answer]
        return {"letters": case.answer, "texts": text, "reply": f"({case.answer}) {text}"}[self.scoring]

    def gold(self, case: MCQCase) -> str:
        """Give the letter of the right option."""
        return case.answer

    def correct(self, case: MCQCase, reply: Reply) -> bool:
        """Compare the letters, in every order that was asked; no answer is not right."""
        if reply.parts:
            return all(part.prediction == turned(case, by).answer for by, part in enumerate(reply.parts))
        return bool(reply.prediction == case.answer)

    def _likeliest(self, case: MCQCase, logprobs: Sequence[float], tokens: Sequence[int]) -> list[str]:
        """List the options of the largest log-likelihood, divided by its length where texts are scored."""
        lengths: Sequence[int] = (1,) * len(case.options)
        if self.scoring == "texts" and self.normalize == "characters":
            lengths = tuple(len(text) for text in case.options.values())
        elif self.scoring == "texts" and self.normalize == "tokens":
            lengths = tokens
        scored = zip(case.options, logprobs, lengths, strict=True)
        scores = {letter: logprob / length for letter, logprob, length in scored}
        return [letter for letter, score in scores.items() if score == max(scores.values())]


def probabilities(options: Iterable[str], logprobs: Sequence[float]) -> dict[str, float]:
    """Give the probability of each option, given that one of them is the reply; lengths play no part here.

    >>> probabilities("AB", [-1.0, -1.0])
    {'A': 0.5, 'B': 0.5}
    """
    top = max(logprobs)
    weights = [math.exp(logprob - top) for logprob in logprobs]
    return {letter: weight / sum(weights) for letter, weight in zip(options, weights, strict=True)}
