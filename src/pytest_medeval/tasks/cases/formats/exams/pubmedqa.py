"""PubMedQA: an object keyed by PMID; yes, no and maybe become the options A, B and C, as in MIRAGE.

The abstract's sections without the conclusion (``CONTEXTS``) are shown; ``LONG_ANSWER``, the conclusion,
never is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.files.jsontext import members, open_document
from pytest_medeval.core.types import Record, Skip, Source

TASK = "mcq"
KEYS = (frozenset({"QUESTION", "CONTEXTS"}),)
OPTIONS = {"A": "yes", "B": "no", "C": "maybe"}
LETTERS = {text: letter for letter, text in OPTIONS.items()}


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one question an article; the PMID is the id, tag ``year`` the year."""
    document = open_document(path)
    for at, pmid, found in members(document):
        source = Source(str(path), document.line(at))
        if not isinstance(found, dict):
            raise document.mistake(at, f"PMID {pmid!r} is no object; accepted: an object with QUESTION and CONTEXTS")
        gold, contexts = found.get("final_decision"), found.get("CONTEXTS")
        if not isinstance(gold, str) or gold not in LETTERS:
            yield Skip(source, "final_decision is not yes, no or maybe")
        elif not isinstance(contexts, list) or not all(isinstance(text, str) for text in contexts) or not contexts:
            yield Skip(source, "CONTEXTS holds no text")
        else:
            fields = {
                "id": pmid,
                "question": found.get("QUESTION"),
                "options": OPTIONS,
                "answer": LETTERS[gold],
                "context": "\n".join(contexts),
            }
            if found.get("YEAR"):
                fields["tags"] = {"year": found["YEAR"]}
            yield Record(source, fields)
