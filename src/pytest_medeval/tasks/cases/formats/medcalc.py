"""MedCalc-Bench: CSV with a header; a note, a question, the right value and the range in which a reply is right.

``Output Type`` says ``integer`` of gestational ages too, whose golds are texts of tuples. Rows may share a note, so the
note is the group; ``Note ID`` is none, since templates of different calculators have the same ones. Rules and dates are
to be met exactly, equations within the limits.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.files.tables import rows
from pytest_medeval.core.types import Record, Skip, Source
from pytest_medeval.tasks.reading.values.units import UNIT, parse

TASK = "number"
KEYS = (frozenset({"Calculator Name", "Patient Note", "Question", "Ground Truth Answer"}),)
RULES = frozenset({"risk", "severity", "diagnosis"})
_UNIT = re.compile(rf"(?i)\b(?:in terms of|in|dosage in) (?P<unit>{UNIT.pattern})")


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one question a row; tags ``calculator``, ``category``, and ``type`` (rule or equation)."""
    for position, (line, found) in enumerate(rows(path)):
        source = Source(str(path), line)
        gold = found["Ground Truth Answer"].strip()
        if not gold or not found["Question"].strip():
            yield Skip(source, "question or answer is blank")
            continue
        category = found.get("Category", "")
        fields = {
            "id": f"medcalc-{found.get('Row Number') or position}",
            "note": found["Patient Note"] or None,
            "question": found["Question"],
            "answer": gold,
            "low": found.get("Lower Limit") or gold,
            "high": found.get("Upper Limit") or gold,
            "unit": unit_of(found["Question"]) or None,
            "group": hashlib.sha256(found["Patient Note"].encode()).hexdigest()[:12],
            "tags": {
                "calculator": found["Calculator Name"],
                "category": category,
                "type": "rule" if category in RULES else "equation",
            },
        }
        yield Record(source, fields)


def unit_of(question: str) -> str:
    """Find the unit that a question asks for; empty where it names none that is known.

    >>> unit_of("What is the LDL? Please output your answer in terms of mg/dL."), unit_of("What is the score?")
    ('mg/dL', '')
    """
    if "percentage" in question:
        return "%"
    named = (match["unit"] for match in _UNIT.finditer(question.replace("²", "^2")))
    return next((unit for unit in named if parse(unit)), "")
