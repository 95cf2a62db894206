"""Note: the dialogue of a visit, and the clinical note that a physician wrote of it, by sections."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Literal

from pytest_medeval.core.types import Answer, Case, Message, Record, Reply, Request
from pytest_medeval.tasks.base import Keys, Sampled, take
from pytest_medeval.tasks.reading.outcome import text_outcome

ASK = (
    "Write the clinical note of this visit. Head its sections CHIEF COMPLAINT, HISTORY OF PRESENT ILLNESS,"
    " PHYSICAL EXAM, RESULTS, and ASSESSMENT AND PLAN."
)
DIVISIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "subjective": (
        "subjective", "chief complaint", "cc", "history of present illness", "hpi", "history", "review of systems",
        "ros", "medical history", "past medical history", "pmh", "surgical history", "past surgical history",
        "social history", "family history", "medications", "current medications", "allergies",
    ),
    "exam": ("objective", "physical exam", "physical examination", "exam", "examination", "vitals", "vital signs"),
    "results": ("results", "result", "lab results", "labs", "laboratory results", "imaging", "diagnostics", "findings"),
    "plan": (
        "assessment", "plan", "assessment and plan", "assessment & plan", "assessment/plan", "a/p", "ap", "impression",
        "instructions", "recommendations", "follow-up", "follow up",
    ),
}  # fmt: skip
"""The four divisions of ACI-Bench, and the headings of their sections."""
_DIVISION = {name: division for division, names in DIVISIONS.items() for name in names}
_HEADED = re.compile(r"[\s#*_>-]{0,8}(?:\d{1,2}[.)]\s*)?([A-Za-z&/ -]{2,40}?)[\s*_]*(?::[\s*_]*(.*)|[\s*_]*)\Z")


def sections(note: str) -> dict[str, str]:
    r"""Cut a note into its divisions; what stands before the first heading is in none.

    A heading is a line with a known name and nothing else, or one that begins with the name and a colon.

    >>> sections("CHIEF COMPLAINT\nCough.\n\n**Exam:** clear\nPlan to rest.\nPLAN\nTea.")
    {'subjective': 'Cough.', 'exam': 'clear\nPlan to rest.', 'plan': 'Tea.'}
    """
    found: dict[str, list[str]] = {}
    division = ""
    for line in note.splitlines():
        match = _HEADED.fullmatch(line.rstrip())
        headed = _DIVISION.get(" ".join(match[1].split()).casefold()) if match else None
        division = headed or division
        rest = ((match[2] or "") if match else "") if headed else line
        if division:
            found.setdefault(division, []).append(rest.strip())
    return {name: "\n".join(line for line in lines if line) for name, lines in found.items()}


@dataclass(frozen=True, kw_only=True)
class NoteCase(Case):
    """What was said at a visit, and the note that a physician wrote."""

    dialogue: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class Note(Sampled):
    """Options of a suite of notes: ``language`` as for dialogue; ``max_new_tokens`` bounds a note."""

    name: ClassVar[str] = "note"
    needs: ClassVar[tuple[str, ...]] = ("dialogue", "note")
    keys: ClassVar[Keys] = Keys({"dialogue": str, "note": str})
    hub_type: ClassVar[str] = "text-generation"
    judged: ClassVar[bool] = False
    headline: ClassVar[str] = "rougeL"
    metrics: ClassVar[tuple[str, ...]] = (
        "bleu", "rouge1", "rouge2", "rougeL", "meteor", "rougeL_subjective", "rougeL_exam", "rougeL_results",
        "rougeL_plan", "length_ratio", "sections_missing",
    )  # fmt: skip
    language: Literal["auto", "en", "zh", "unicode"] = "auto"
    max_new_tokens: int = 1024

    def case(self, record: Record) -> NoteCase:
        """Make a case of ``dialogue`` and ``note``."""
        common = take(record, self.keys.required, self.keys.optional)
        fields = record.fields
        return NoteCase(
            **common, source=record.source, dialogue=fields["dialogue"].strip(), reference=fields["note"].strip()
        )

    def request(self, case: NoteCase) -> Request:
        """Ask for the note; a model whose context is too short for it says so, with both counts."""
        message = Message("user", f"{ASK}\n\n{case.dialogue}")
        return self.reply_request(Request((message,), max_new_tokens=self.max_new_tokens))

    def read(self, case: NoteCase, answer: Answer) -> Reply:  # noqa: ARG002 - the task protocol
        """Take the whole text as the note."""
        text = answer.text.strip()
        return Reply(text, text_outcome(answer), prediction=text, detail=answer.error)

    def question(self, case: NoteCase) -> str:
        """Give the dialogue."""
        return case.dialogue

    def target(self, case: NoteCase) -> str:
        """Give the physician's note."""
        return case.reference

    def gold(self, case: NoteCase) -> str:
        """Give the physician's note."""
        return case.reference

    def correct(self, case: NoteCase, reply: Reply) -> bool | None:  # noqa: ARG002 - the task protocol
        """Say nothing: no note is simply right."""
        return None
