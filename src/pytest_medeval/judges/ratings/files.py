"""Reading files so that every entry knows its line, and a broken file is one clear line."""

from __future__ import annotations

import bisect
import csv
import hashlib
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import read_text
from pytest_medeval.core.files.jsontext import objects
from pytest_medeval.core.types import Source

_KEY = re.compile(r'"((?:[^"\\\n]|\\.)+)"\s*:')
_FIELD_LIMIT = 10_000_000
"""Characters in one CSV field; the csv module's own limit is shorter than some judges' replies."""


def read_json_lines(path: Path) -> Iterator[tuple[Source, Mapping[str, object]]]:
    """Read one JSON object a line; blank lines are passed over."""
    return ((Source(str(path), line), fields) for line, fields in objects(path, marks=True))


def read_csv(path: Path, delimiter: str = ",") -> Iterator[tuple[Source, Mapping[str, str]]]:
    """Read a CSV table with a header; blanks around column names go, fields keep their newlines."""
    csv.field_size_limit(_FIELD_LIMIT)
    rows = csv.reader(io.StringIO(read_text(path), newline=""), delimiter=delimiter)
    header: list[str] = []
    line = 1
    try:
        for row in rows:
            source, line = Source(str(path), line), rows.line_num + 1
            if not header:
                header = [name.strip() for name in row]
            elif len(row) != len(header) and row:
                raise MedevalError(
                    f"{source}: found {len(row)} fields; accepted: {len(header)}, as many as the header has"
                )
            elif row:
                yield source, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise MedevalError(f"{path}:{line}: not CSV: {error}; accepted: a table with a header") from None


class KeyLines:
    """Finds the lines on which keys of a JSON text stand: ``json`` itself does not tell them."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        ends = [match.start() for match in re.finditer("\n", text)]
        self._lines: dict[str, list[int]] = defaultdict(list)
        for match in _KEY.finditer(text):
            self._lines[match[1]].append(bisect.bisect_left(ends, match.start()) + 1)

    def source(self, outer: str, inner: str | None = None) -> Source:
        """Give the line of a key, or of the first ``inner`` key at or after ``outer``."""
        line = next(iter(self._lines.get(outer, ())), None)
        if inner is None or line is None:
            return Source(str(self.path), line)
        lines = self._lines.get(inner, [])
        place = bisect.bisect_left(lines, line)
        return Source(str(self.path), lines[place] if place < len(lines) else line)


def digest(*texts: str) -> str:
    """Give a short fingerprint of texts that does not depend on how they were wrapped."""
    plain = "\x1f".join(" ".join(text.split()) for text in texts)
    return hashlib.sha256(plain.encode()).hexdigest()[:16]
