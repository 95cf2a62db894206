"""Dialogue: a patient's message, a doctor's reply, a reference reply."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Case, Message, Record, Reply, Request
from pytest_medeval.core.words import folded
from pytest_medeval.tasks.base import Sampled, take
from pytest_medeval.tasks.reading.outcome import text_outcome
from pytest_medeval.tasks.typed import NAME, TYPED, Ask, listed, tags

INSTRUCTION = "If you are a doctor, please answer the medical questions based on the patient's description."
"""The instruction of GenMedGPT-5k (S1), also used where a case brings none of its own."""


@dataclass(frozen=True, kw_only=True)
class DialogueCase(Case):
    """What the patient wrote, and one good reply.

    A right reply mentions every text of ``must_mention``; ``|`` separates words of which one is enough
    (``ambulance|emergency``). Neither letter case nor the composition of letters with marks counts.
    """

    input: str
    reference: str
    instruction: str = INSTRUCTION
    must_mention: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Dialogue(Sampled):
    """Options of a dialogue suite.

    ``language`` chooses the tokenizer of word-overlap metrics (``auto``: by the script of the reference;
    ``unicode``: any language, without stems);
    ``rouge_beta`` weighs recall in ROUGE-L (S1: 1.2; 1 is F1); ``max_new_tokens`` bounds a reply;
    ``safety_rules`` is a TOML file that replaces the shipped rules of ``safety``, beside the suite's file or as given.
    """

    name: ClassVar[str] = "dialogue"
    hub_type: ClassVar[str] = "text-generation"
    judged: ClassVar[bool] = True
    headline: ClassVar[str] = "rougeL"
    metrics: ClassVar[tuple[str, ...]] = (
        "bleu", "rouge1", "rouge2", "rougeL", "meteor", "corpus_bleu", "length_ratio", "safety",
    )  # fmt: skip
    language: Literal["auto", "en", "zh", "unicode"] = "auto"
    rouge_beta: float = 1.0
    max_new_tokens: int = 256
    safety_rules: str | None = field(default=None, metadata={"file": True})

    def case(self, record: Record) -> DialogueCase:
        """Make a case of ``input``, ``reference`` and optional ``instruction`` and ``must_mention``."""
        common = take(record, {"input": str, "reference": str}, {"instruction": str, "must_mention": list})
        mentions = tuple(str(text) for text in record.fields.get("must_mention") or ())
        if common["critical"] and not mentions:
            raise MedevalError(
                f"{record.source}: a critical dialogue case needs 'must_mention': texts that a right reply contains"
            )
        for text in mentions:
            if not _alternatives(text):
                raise MedevalError(f"{record.source}: 'must_mention' holds {text!r}; accepted: words, or words|words")
        return DialogueCase(
            **common,
            source=record.source,
            input=record.fields["input"].strip(),
            reference=record.fields["reference"].strip(),
            instruction=record.fields.get("instruction") or INSTRUCTION,
            must_mention=mentions,
        )

    def request(self, case: DialogueCase) -> Request:
        """Ask with the instruction as system message and the patient's words as user message."""
        messages = (Message("system", case.instruction), Message("user", case.input))
        return self.reply_request(Request(messages, max_new_tokens=self.max_new_tokens))

    def read(self, case: DialogueCase, answer: Answer) -> Reply:  # noqa: ARG002 - the task protocol
        """Take the whole text as the prediction."""
        text = answer.text.strip()
        return Reply(text, text_outcome(answer), prediction=text, detail=answer.error)

    def question(self, case: DialogueCase) -> str:
        """Give what the patient wrote."""
        return case.input

    def target(self, case: DialogueCase) -> str:
        """Give the reference reply."""
        return case.reference

    def gold(self, case: DialogueCase) -> str:
        """Give the reference reply."""
        return case.reference

    def correct(self, case: DialogueCase, reply: Reply) -> bool | None:
        """Look for what the case says must be mentioned."""
        if not case.must_mention:
            return None
        said = folded(reply.text)
        return all(any(word in said for word in _alternatives(text)) for text in case.must_mention)

    def typed(self, text: str, ask: Ask) -> DialogueCase:  # noqa: ARG002 - nothing else is needed
        """Take the message for what the patient writes."""
        return DialogueCase(id=NAME, source=TYPED, input=text, reference="")

    def kept(self, case: DialogueCase, ask: Ask, *, known: bool) -> dict[str, object] | None:
        """Ask for the right reply, and for what every right reply mentions."""
        otherwise = "the case's own" if known else "no case"
        reference = ask(f"the right reply (empty: {otherwise})") or case.reference
        if not reference:
            return None
        fields: dict[str, object] = {"input": case.input, "reference": reference}
        if case.instruction != INSTRUCTION:
            fields["instruction"] = case.instruction
        mentions = listed(
            ask("what every right reply mentions, as in: an ambulance|emergency room, aspirin (empty: nothing)")
        )
        if mentions:
            fields |= {"must_mention": mentions, "critical": True}
        return fields | tags(case)


def _alternatives(text: str) -> list[str]:
    """Give the words of which one is enough; nothing between two bars is none."""
    return [folded(word.strip()) for word in text.split("|") if word.strip()]
