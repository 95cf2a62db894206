"""Error detection: whether one sentence of a clinical text is wrong, which one, and what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Case, Message, Record, Reply, Request
from pytest_medeval.tasks.base import Keys, Sampled, take
from pytest_medeval.tasks.reading.corrections import Correction, read_correction
from pytest_medeval.tasks.reading.outcome import text_outcome

SYSTEM = "You are a skilled physician who reviews clinical texts."
ASK = (
    "Each sentence of this text stands after its number. Either all of it is correct, or one sentence holds a medical"
    " error. If it is correct, answer with the word CORRECT. Otherwise answer with the number of the wrong sentence,"
    " a blank, and the corrected sentence."
)


@dataclass(frozen=True, kw_only=True)
class ErrorCase(Case):
    """The sentences of a text, counted from 0; which of them is wrong, if one is, and what it should be."""

    sentences: tuple[str, ...]
    error: int | None = None
    correction: str = ""


@dataclass(frozen=True, kw_only=True)
class ErrorDetection(Sampled):
    """Options of a suite of texts with errors: ``language`` as for dialogue, for the words of corrections."""

    name: ClassVar[str] = "error_detection"
    needs: ClassVar[tuple[str, ...]] = ("sentences", "error", "correction")
    keys: ClassVar[Keys] = Keys({"sentences": list}, {"error": int | str, "correction": str})
    hub_type: ClassVar[str] = "text-generation"
    judged: ClassVar[bool] = False
    headline: ClassVar[str] = "sentence_accuracy"
    metrics: ClassVar[tuple[str, ...]] = (
        "accuracy", "f1", "sensitivity", "specificity", "sentence_accuracy", "bleu", "rouge1", "rouge2", "rougeL",
        "meteor",
    )  # fmt: skip
    language: Literal["auto", "en", "zh", "unicode"] = "auto"
    max_new_tokens: int = 256

    def case(self, record: Record) -> ErrorCase:
        """Make a case of ``sentences``, and of a text with an error ``error`` (a number from 0) and ``correction``."""
        fields: dict[str, Any] = dict(record.fields)
        number = fields.pop("error", None)
        common = take(Record(record.source, fields), self.keys.required, self.keys.optional)
        sentences = tuple(str(text).strip() for text in fields["sentences"])
        if not sentences or not all(sentences):
            raise MedevalError(
                f"{record.source}: 'sentences' holds no text, or an empty one; accepted: a list of texts"
            )
        error = _number(record, number, len(sentences))
        correction = (fields.get("correction") or "").strip()
        if bool(correction) != (error is not None):
            raise MedevalError(f"{record.source}: accepted: 'error' and 'correction' together, or neither")
        return ErrorCase(**common, source=record.source, sentences=sentences, error=error, correction=correction)

    def request(self, case: ErrorCase) -> Request:
        """Ask for CORRECT, or the number of the wrong sentence and the corrected one."""
        messages = (Message("system", SYSTEM), Message("user", f"{ASK}\n\n{self.question(case)}"))
        return self.reply_request(Request(messages, max_new_tokens=self.max_new_tokens))

    def read(self, case: ErrorCase, answer: Answer) -> Reply:
        """Read flag, sentence and correction; two sentences, or a flag that contradicts them, are no answer."""
        outcome, text = text_outcome(answer), answer.text.strip()
        if outcome == "error":
            return Reply(text, outcome, detail=answer.error)
        found = read_correction(text, case.sentences)
        if isinstance(found, Correction):
            return Reply(text, outcome, prediction=found)
        return Reply(text, "no_answer" if outcome == "answered" else outcome, detail=f"not read: {found}")

    def question(self, case: ErrorCase) -> str:
        """Give the numbered sentences."""
        return "\n".join(f"{number} {text}" for number, text in enumerate(case.sentences))

    def target(self, case: ErrorCase) -> str:
        """Write what is asked for."""
        return "CORRECT" if case.error is None else f"{case.error} {case.correction}"

    def gold(self, case: ErrorCase) -> Mapping[str, object]:
        """Give flag, sentence and correction."""
        return {"error": case.error is not None, "sentence": case.error, "text": case.correction}

    def correct(self, case: ErrorCase, reply: Reply) -> bool:
        """Demand the right sentence, or that none is named where none is wrong."""
        found = reply.prediction
        return isinstance(found, Correction) and named(found) == (-1 if case.error is None else case.error)


def named(found: Correction) -> int | None:
    """Give the number of the sentence that is called wrong; -1 for none, None for one without a number."""
    return found.sentence if found.error else -1


def _number(record: Record, value: object, many: int) -> int | None:
    if value is None:
        return None
    digits = str(value)
    if isinstance(value, bool) or not digits.isdecimal() or int(digits) >= many:
        raise MedevalError(f"{record.source}: 'error' is {value!r}; accepted: a number of a sentence, 0 to {many - 1}")
    return int(digits)
