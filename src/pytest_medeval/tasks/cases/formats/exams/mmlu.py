"""MMLU: CSV without header; question, four options, gold letter. The subject is the file's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.tables import csv_rows
from pytest_medeval.core.types import Record, Skip, Source
from pytest_medeval.tasks.cases.formats.exams.choices import choice

TASK = "mcq"
SUFFIX = ".csv"
COLUMNS = 6


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one question a row; ids count rows from 0 within the subject (``anatomy-0000``)."""
    subject = re.sub(r"_(test|val|dev)$", "", path.stem)
    for position, (line, row) in enumerate(csv_rows(path)):
        if len(row) != COLUMNS:
            raise MedevalError(
                f"{path}:{line}: found {len(row)} columns; accepted: {COLUMNS} (question, four options, gold letter)"
            )
        question, *options, answer = row
        fields = {
            "id": f"{subject}-{position:04d}",
            "question": question,
            "options": dict(zip("ABCD", options, strict=True)),
            "answer": answer.strip(),
            "tags": {"subject": subject},
        }
        yield choice(Source(str(path), line), fields)


def fits(path: Path) -> bool:
    """Say whether a CSV file begins with a question, as one with a header does not."""
    _, row = next(csv_rows(path), (1, []))
    return len(row) == COLUMNS and row[-1].strip() in set("ABCD")
