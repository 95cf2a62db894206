"""MedQA (USMLE): one object a line, the gold both as letter and as text; 4 or 5 options.

There is no id: the 0-based line is the identity, as in MIRAGE. The letter is the gold, the text must
agree with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.files.rows import rows
from pytest_medeval.core.types import Record, Skip, Source
from pytest_medeval.tasks.cases.formats.exams.choices import choice

TASK = "mcq"
KEYS = (frozenset({"question", "options", "answer_idx"}),)


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one question a record; tag ``step`` is the USMLE step."""
    for position, (line, found) in enumerate(rows(path)):
        source = Source(str(path), line)
        options, letter = found.get("options"), found.get("answer_idx")
        if not isinstance(options, dict) or not isinstance(letter, str):
            yield Skip(source, "options or answer_idx are missing")
        elif letter in options and found.get("answer", options[letter]) != options[letter]:
            yield Skip(source, "gold letter and gold text disagree")
        else:
            fields = {
                "id": f"medqa-{position:04d}",
                "question": found.get("question"),
                "options": options,
                "answer": letter,
            }
            if found.get("meta_info"):
                fields["tags"] = {"step": found["meta_info"]}
            yield choice(source, fields)
