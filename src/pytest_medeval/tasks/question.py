"""A multiple-choice question: its text, its options by letter, and which of them is right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_medeval.errors import MedevalError
from pytest_medeval.tasks.base import take
from pytest_medeval.types import Case, Record

LETTERS = "ABCDEFGHIJ"
FEWEST = 2


@dataclass(frozen=True, kw_only=True)
class MCQCase(Case):
    """A question with its options by letter, in order, and the letter of the right one."""

    question: str
    options: Mapping[str, str]
    answer: str
    context: str = ""


def read_question(record: Record) -> MCQCase:
    """Check a record's ``question``, ``options``, ``answer`` and maybe ``context``; a mistake names file and line."""
    common = take(record, {"question": str, "options": dict, "answer": str}, {"context": str})
    fields = record.fields
    options = {str(letter): str(text).strip() for letter, text in fields["options"].items()}
    if not FEWEST <= len(options) <= len(LETTERS) or list(options) != list(LETTERS[: len(options)]):
        found = ", ".join(options) or "(none)"
        most = len(LETTERS)
        raise MedevalError(
            f"{record.source}: options are lettered {found}; accepted: A, B, ... in order, {FEWEST} to {most}"
        )
    if not all(options.values()) or None in fields["options"].values():
        raise MedevalError(f"{record.source}: an option is empty")
    if fields["answer"] not in options:
        offered = ", ".join(options)
        raise MedevalError(
            f"{record.source}: answer {fields['answer']!r} is not among the options {offered}"
        )
    return MCQCase(
        **common,
        source=record.source,
        question=fields["question"].strip(),
        options=options,
        answer=fields["answer"],
        context=(fields.get("context") or "").strip(),
    )
