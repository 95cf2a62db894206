"""MEDEC: CSV with a header; clinical texts, in half of which one sentence is wrong.

``Sentences`` holds a sentence a line behind its number, counted from 0. A sentence may go on in lines without one, and
one may be cut over two numbers (``120/70 mm`` and ``Hg``): the numbers are the published ones either way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.files.tables import rows
from pytest_medeval.core.types import Record, Skip, Source

TASK = "error_detection"
KEYS = (frozenset({"Text ID", "Sentences", "Error Flag", "Error Sentence ID", "Corrected Sentence"}),)
_NUMBERED = re.compile(r"(\d+)\s+(.*)", re.DOTALL)
NONE = "none"
"""The error type of a text without an error."""


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one text a row; tag ``error_type``."""
    for line, found in rows(path):
        source, sentences = Source(str(path), line), numbered(found["Sentences"])
        flag, number = found["Error Flag"].strip(), found["Error Sentence ID"].strip()
        fields: dict[str, object] = {"id": found["Text ID"], "sentences": sentences}
        kind = found.get("Error Type", "").strip()
        if flag not in ("0", "1"):
            yield Skip(source, "no label: Error Flag is neither 0 nor 1")
            continue
        if flag == "1":
            if not number.isdecimal() or int(number) >= len(sentences):
                yield Skip(source, "the wrong sentence is not among the sentences")
                continue
            fields |= {"error": int(number), "correction": " ".join(found["Corrected Sentence"].split())}
        if kind:
            fields["tags"] = {"error_type": kind if flag == "1" else NONE}
        yield Record(source, fields)


def numbered(text: str) -> list[str]:
    r"""Take numbered lines apart; a line that does not bring the next number goes on with the sentence before.

    >>> numbered("0 The pulse is\n100/min.\n1 He is well.")
    ['The pulse is 100/min.', 'He is well.']
    """
    found: list[str] = []
    for line in text.splitlines():
        match = _NUMBERED.fullmatch(line.strip())
        if match and int(match[1]) == len(found):
            found.append(" ".join(match[2].split()))
        elif line.strip() and found:
            found[-1] += f" {' '.join(line.split())}"
    return found
