"""Number: a value to compute from a note; right within a range, or exactly."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import ClassVar

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Case, Message, Record, Reply, Request
from pytest_medeval.tasks.base import Keys, Sampled, take
from pytest_medeval.tasks.reading.outcome import text_outcome
from pytest_medeval.tasks.reading.values.stated import asking, read
from pytest_medeval.tasks.reading.values.units import parse as parse_unit
from pytest_medeval.tasks.reading.values.written import Kind, Value, value_of

SYSTEM = "You compute clinical scores, doses and laboratory values from patients' notes."
FORMS: dict[Kind, str] = {
    "number": "the value alone",
    "date": "the date as month/day/year",
    "age": "the age as weeks and days, as in '28 weeks 4 days'",
}
_SLACK = 1e-9
"""Share of a limit by which a value may miss it: what a change of units rounds away."""
_LAST_WORD = re.compile(r"\S*\Z")


@dataclass(frozen=True, kw_only=True)
class NumberCase(Case):
    """A question about a note, the right value, and the range in which a reply is right, both ends included.

    Values are written as ``values.value_of`` reads them: numbers, dates, ages in weeks and days.
    """

    question: str
    answer: str
    low: str
    high: str
    note: str = ""
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Number(Sampled):
    """Options of a suite of values: ``max_new_tokens`` bounds a reply, with room for the computation."""

    name: ClassVar[str] = "number"
    needs: ClassVar[tuple[str, ...]] = ("question", "answer")
    keys: ClassVar[Keys] = Keys(
        {"question": str, "answer": str}, dict.fromkeys(("note", "low", "high", "tolerance", "unit"), str)
    )
    hub_type: ClassVar[str] = "text-generation"
    judged: ClassVar[bool] = False
    headline: ClassVar[str] = "accuracy"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy", "relative_error", "answered")
    max_new_tokens: int = 512

    def case(self, record: Record) -> NumberCase:
        """Make a case of ``question``, ``answer``, and maybe ``note``, ``low`` and ``high`` or ``tolerance``, ``unit``.

        ``tolerance`` is a distance from the answer, or a share of it (``5%``); without it and without a range a reply
        must be exact.
        """
        fields = {key: str(value) if _is_number(value) else value for key, value in record.fields.items()}
        common = take(Record(record.source, fields), self.keys.required, self.keys.optional)
        answer = _value(record, fields, "answer")
        low, high = _range(record, fields, answer)
        unit = (fields.get("unit") or "").strip()
        if unit and parse_unit(unit) is None:
            raise MedevalError(
                f"{record.source}: unit {unit!r} is not known; accepted: one such as mg/dL, kg, %, or none"
            )
        return NumberCase(
            **common,
            source=record.source,
            question=fields["question"].strip(),
            answer=str(answer),
            low=str(low),
            high=str(high),
            note=(fields.get("note") or "").strip(),
            unit=unit,
        )

    def request(self, case: NumberCase) -> Request:
        """Ask for a computation that ends in a line of its own with the value."""
        form = FORMS[wanted(case).kind]
        unit = f" in {case.unit}" if case.unit else ""
        end = f"End with a line 'Final answer: ' and behind it {form}{unit}."
        question = "\n\n".join(filter(None, (case.note, f"{case.question}\n{end}")))
        messages = (Message("system", SYSTEM), Message("user", question))
        return self.reply_request(Request(messages, max_new_tokens=self.max_new_tokens))

    def read(self, case: NumberCase, answer: Answer) -> Reply:
        """Read the value that is stated; of a reply that was cut off the last word, which may be half, is left out."""
        outcome, text = text_outcome(answer), answer.text.strip()
        if outcome == "error":
            return Reply(text, outcome, detail=answer.error)
        told = _LAST_WORD.sub("", text) if answer.finish == "length" else text
        reading = read(told, asking(wanted(case).kind, case.question, case.unit))
        if reading.value is None and outcome == "answered":
            outcome = "no_answer"
        detail = f"{'not read' if reading.value is None else 'read by'}: {reading.why}"
        return Reply(text, outcome, None if reading.value is None else str(reading.value), detail=detail)

    def question(self, case: NumberCase) -> str:
        """Give note and question."""
        return f"{case.note}\n{case.question}".strip()

    def target(self, case: NumberCase) -> str:
        """Write the last line that is asked for."""
        return f"Final answer: {case.answer}"

    def gold(self, case: NumberCase) -> dict[str, str]:
        """Give the right value and its range."""
        return {"answer": case.answer, "low": case.low, "high": case.high}

    def correct(self, case: NumberCase, reply: Reply) -> bool:
        """Say whether the value lies in the range; no answer is not right."""
        said = value_of(reply.prediction) if isinstance(reply.prediction, str) else None
        return said is not None and within(case, said)


def wanted(case: NumberCase) -> Value:
    """Give the right value of a case."""
    return _known(case.answer)


def within(case: NumberCase, said: Value) -> bool:
    """Say whether a value lies in the range of a case."""
    low, high = _known(case.low).amount, _known(case.high).amount
    return low - _SLACK * abs(low) <= said.amount <= high + _SLACK * abs(high)


def _known(text: str) -> Value:
    value = value_of(text)
    if value is None:
        raise ValueError(text)  # a case was made of it, so it was read before
    return value


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _value(record: Record, fields: dict[str, str], key: str) -> Value:
    value = value_of(fields[key])
    if value is None:
        accept = "a number, a date such as 09/23/2014, or weeks and days such as 28 weeks 4 days"
        raise MedevalError(f"{record.source}: {key!r} is {fields[key]!r}; accepted: {accept}")
    return value


def _range(record: Record, fields: dict[str, str], answer: Value) -> tuple[Value, Value]:
    given = [key for key in ("low", "high", "tolerance") if fields.get(key) is not None]
    if given not in ([], ["low", "high"], ["tolerance"]):
        raise MedevalError(f"{record.source}: found {', '.join(given)}; accepted: low and high, tolerance, or neither")
    if given == ["low", "high"]:
        low, high = _value(record, fields, "low"), _value(record, fields, "high")
        if not low.kind == answer.kind == high.kind or not low.amount <= answer.amount <= high.amount:
            told = f"the range from {fields['low']} to {fields['high']} does not hold the answer {fields['answer']}"
            raise MedevalError(f"{record.source}: {told}; accepted: one that does")
        return low, high
    off = 0.0
    if given:
        written = fields["tolerance"].strip()
        size, share = value_of(written.removesuffix("%")), written.endswith("%")
        if size is None or size.kind == "date" or size.amount < 0 or (share and answer.kind != "number"):
            accept = "a distance, or of a number a share such as 5%"
            raise MedevalError(f"{record.source}: 'tolerance' is {written!r}; accepted: {accept}")
        off = abs(answer.amount) * size.amount / 100 if share else size.amount
    least = 0.0 if answer.kind == "age" else -math.inf
    return Value(answer.kind, max(answer.amount - off, least)), Value(answer.kind, answer.amount + off)
