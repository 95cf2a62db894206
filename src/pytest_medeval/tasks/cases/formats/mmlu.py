"""MMLU: CSV without header; question, four options, gold letter. The subject is the file's name."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import read_text
from pytest_medeval.core.types import Record, Skip, Source
from pytest_medeval.tasks.cases.formats.choices import choice

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


def csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line on which it starts; fields may hold newlines, blank lines are no rows."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    while True:
        start = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise MedevalError(f"{path}:{start}: not CSV: {error}; accepted: a row a record") from error
        if row:
            yield start, row
