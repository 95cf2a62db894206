"""MedMCQA: one object a line, options ``opa`` to ``opd``, the gold a number ``cop``.

The original counts ``cop`` from 1, the copy on Hugging Face from 0. A whole file is decided at once: a 0
in it means from 0, a 4 means from 1; with neither, explanations that open with the letter ("Ans. B")
decide if they all agree. Nothing is guessed: a file that stays open is an error that asks for
``medmcqa:0`` or ``medmcqa:1``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.rows import rows
from pytest_medeval.core.types import Record, Skip, Source
from pytest_medeval.tasks.cases.formats.exams.choices import choice

TASK = "mcq"
KEYS = (frozenset({"question", "opa", "cop"}),)
OPTIONS = {"A": "opa", "B": "opb", "C": "opc", "D": "opd"}
LETTER = re.compile(
    r"\s*ans(?:wer)?\b[\s.:\-–(\[]*(?:is\b)?[\s.:\-–(\[]*['\"‘’]?([a-d])\b\s*(?:['\"‘’).,:\]-]|i\.?e|$)", re.IGNORECASE
)
"""Opens with the letter: "Ans. B", "Ans-a.", "Ans. is 'd' i.e."; not "Answer: A patient"."""

Entries = Sequence[tuple[int, Mapping[str, object]]]


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one question a record, ``cop`` counted as the file itself shows."""
    entries = list(rows(path))
    return _read(path, entries, _first_option(path, entries))


def read_from_zero(path: Path) -> Iterator[Record | Skip]:
    """Read a copy in which ``cop`` 0 is option A."""
    return _read(path, list(rows(path)), 0)


def read_from_one(path: Path) -> Iterator[Record | Skip]:
    """Read a copy in which ``cop`` 1 is option A."""
    return _read(path, list(rows(path)), 1)


def _first_option(path: Path, entries: Entries) -> int:
    seen = {cop for _, found in entries if (cop := _cop(found)) is not None}
    if (0 in seen) != (4 in seen):  # noqa: PLR2004 - the last of four options
        return 0 if 0 in seen else 1
    shown = {offset for _, found in entries if (offset := _shown(found)) is not None}
    if not seen & {0, 4} and len(shown) == 1 and shown <= {0, 1}:
        return shown.pop()
    why = "both 0 and 4" if seen & {0, 4} else "neither 0 nor 4"
    raise MedevalError(
        f"{path}: 'cop' holds {why}, so it cannot be told whether it counts from 0 or from 1;"
        " accepted: format='medmcqa:0' or format='medmcqa:1'"
    )


def _cop(found: Mapping[str, object]) -> int | None:
    cop = found.get("cop")
    if isinstance(cop, str) and cop.strip().isdecimal():  # of a table
        return int(cop) if len(cop.strip()) == 1 else None
    return cop if isinstance(cop, int) and not isinstance(cop, bool) else None


def _shown(found: Mapping[str, object]) -> int | None:
    """Give the number that option A must have if the explanation's letter is the gold."""
    cop, match = _cop(found), LETTER.match(str(found.get("exp") or ""))
    return None if cop is None or match is None else cop - "abcd".index(match[1].lower())


def _read(path: Path, entries: Entries, first: int) -> Iterator[Record | Skip]:
    for position, (line, found) in enumerate(entries):
        source, cop = Source(str(path), line), _cop(found)
        letter = dict(enumerate(OPTIONS, start=first)).get(-1 if cop is None else cop)
        if letter is None:
            yield Skip(source, "gold answer is missing ('cop' points at no option)")
            continue
        fields = {
            "id": found.get("id") or f"medmcqa-{position:04d}",
            "question": found.get("question"),
            "options": {name: "" if found.get(key) is None else found[key] for name, key in OPTIONS.items()},
            "answer": letter,
            "rationale": found.get("exp") or None,
            "tags": {
                tag: found[key] for tag, key in (("subject", "subject_name"), ("topic", "topic_name")) if found.get(key)
            },
        }
        yield choice(source, fields)
