"""Dialogue: a patient's message, or a conversation that ends with one; a doctor's reply; reference replies or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import UNLESS_DEFAULT, Answer, Case, Message, Record, Reply, Request, written
from pytest_medeval.core.words import folded
from pytest_medeval.tasks.base import DERIVED, Keys, Sampled, take
from pytest_medeval.tasks.conversation import turns_of
from pytest_medeval.tasks.reading.outcome import text_outcome
from pytest_medeval.tasks.typed import NAME, TYPED, Ask, listed, tags

INSTRUCTION = "If you are a doctor, please answer the medical questions based on the patient's description."
"""The instruction of GenMedGPT-5k (S1), also used where a case brings none of its own."""


ONE_BY_ONE = ("bleu", "rouge1", "rouge2", "rougeL", "meteor")
"""The metrics that compare a reply with one reference, and so with each of several."""
CASE_KEYS = {
    "input": str,
    "messages": list,
    "reference": str,
    "references": list,
    "instruction": str,
    "must_mention": list,
}


@dataclass(frozen=True, kw_only=True)
class DialogueCase(Case):
    """What the patient wrote, and good replies, if any is known.

    ``input`` is the turn that is answered, ``before`` holds the turns of its conversation up to it, and an empty
    ``instruction`` is none. ``references`` holds all good replies where there are several, ``reference`` the first.
    A right reply mentions every text of ``must_mention``; ``|`` separates words of which one is enough
    (``ambulance|emergency``). Neither letter case nor the composition of letters with marks counts.
    """

    input: str
    reference: str = ""
    instruction: str = INSTRUCTION
    must_mention: tuple[str, ...] = ()
    references: tuple[str, ...] = field(default=(), metadata=UNLESS_DEFAULT)
    before: tuple[Message, ...] = field(default=(), metadata=UNLESS_DEFAULT)

    @property
    def turns(self) -> tuple[Message, ...]:
        """The conversation without a system turn."""
        return (*self.before, Message("user", self.input))

    @property
    def known(self) -> tuple[str, ...]:
        """All good replies that are known."""
        return self.references or ((self.reference,) if self.reference else ())


@dataclass(frozen=True, kw_only=True)
class Dialogue(Sampled):
    """Options of a dialogue suite.

    ``language`` chooses the tokenizer of word-overlap metrics (``auto``: by the script of the reference;
    ``unicode``: any language, without stems);
    ``rouge_beta`` weighs recall in ROUGE-L (S1: 1.2; 1 is F1); ``max_new_tokens`` bounds a reply;
    ``safety_rules`` is a TOML file that replaces the shipped rules of ``safety``, beside the suite's file or as given.
    """

    name: ClassVar[str] = "dialogue"
    needs: ClassVar[tuple[str, ...]] = ("input", "reference")
    keys: ClassVar[Keys] = Keys({}, CASE_KEYS)
    hub_type: ClassVar[str] = "text-generation"
    judged: ClassVar[bool] = True
    headline: ClassVar[str] = "rougeL"
    language: Literal["auto", "en", "zh", "unicode"] = "auto"
    rouge_beta: float = 1.0
    max_new_tokens: int = 256
    safety_rules: str | None = field(default=None, metadata={"file": True})
    references: str = field(default="1", metadata=DERIVED)
    """How many references the cases have: ``0``, ``1``, ``3``, or ``1-3`` where it is not the same for all."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Word overlap with the reference; the best and the mean of several; none without one."""
        if self.references == "0":
            return ("safety",)
        means = tuple(f"{name}_mean" for name in ONE_BY_ONE) if self.references.split("-")[-1] != "1" else ()
        return (*ONE_BY_ONE, *means, "corpus_bleu", "length_ratio", "safety")

    def fitted(self, cases: Sequence[DialogueCase]) -> Dialogue:
        """Take down how many references the cases have."""
        counts = [len(case.known) for case in cases]
        least, most = min(counts, default=1), max(counts, default=1)
        return replace(self, references=str(most) if least == most else f"{least}-{most}")

    def case(self, record: Record) -> DialogueCase:
        """Make a case of ``input`` or ``messages``, and what may stand beside them."""
        common = take(record, self.keys.required, self.keys.optional)
        mentions = tuple(str(text) for text in record.fields.get("must_mention") or ())
        if common["critical"] and not mentions:
            raise MedevalError(
                f"{record.source}: a critical dialogue case needs 'must_mention': texts that a right reply contains"
            )
        for text in mentions:
            if not _alternatives(text):
                raise MedevalError(f"{record.source}: 'must_mention' holds {text!r}; accepted: words, or words|words")
        known = _references(record)
        return DialogueCase(
            **common,
            **_asked(record),
            source=record.source,
            reference=known[0] if known else "",
            references=known if len(known) > 1 else (),
            must_mention=mentions,
        )

    def request(self, case: DialogueCase) -> Request:
        """Ask with the instruction as system message and the turns of the conversation, the last to be answered."""
        system = (Message("system", case.instruction),) if case.instruction else ()
        return self.reply_request(Request((*system, *case.turns), max_new_tokens=self.max_new_tokens))

    def read(self, case: DialogueCase, answer: Answer) -> Reply:  # noqa: ARG002 - the task protocol
        """Take the whole text as the prediction."""
        text = answer.text.strip()
        return Reply(text, text_outcome(answer), prediction=text, detail=answer.error)

    def question(self, case: DialogueCase) -> str:
        """Give what was said up to the reply."""
        return written(case.turns)

    asked = question

    def target(self, case: DialogueCase) -> str:
        """Give the reference reply."""
        return case.reference

    def gold(self, case: DialogueCase) -> str | None:
        """Give the reference reply, the first of several; None where there is none."""
        return case.reference or None

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
        if case.before or not case.instruction:
            fields = {"messages": [{"role": one.role, "content": one.content} for one in case.turns]} | fields
            del fields["input"]
        if case.instruction not in ("", INSTRUCTION):
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


def _asked(record: Record) -> dict[str, Any]:
    """Read what is asked: ``input`` with the usual instruction, or ``messages`` as they are."""
    fields = record.fields
    if (fields.get("input") is None) == (fields.get("messages") is None):
        raise MedevalError(f"{record.source}: accepted: 'input', what the patient wrote, or 'messages', a conversation")
    if fields.get("messages") is None:
        return {"input": fields["input"].strip(), "instruction": fields.get("instruction") or INSTRUCTION}
    turns = turns_of(record.source, fields["messages"])
    instruction = fields.get("instruction") or ""
    if turns[0].role == "system":
        if instruction:
            raise MedevalError(f"{record.source}: 'instruction' and a system turn of 'messages'; accepted: one of them")
        instruction, turns = turns[0].content, turns[1:]
    return {"input": turns[-1].content, "before": turns[:-1], "instruction": instruction}


def _references(record: Record) -> tuple[str, ...]:
    """Read ``reference``, or ``references``; each is a text, and none is there twice."""
    fields = record.fields
    several = fields.get("references")
    if several is None:
        return (fields["reference"].strip(),) if fields.get("reference") else ()
    texts = [text.strip() for text in several if isinstance(text, str) and text.strip()]
    if fields.get("reference") or not texts or len(set(texts)) < len(several):
        told = "accepted: a list of different texts, and no 'reference' beside it"
        raise MedevalError(f"{record.source}: 'references' is {several!r}; {told}")
    return tuple(texts)
