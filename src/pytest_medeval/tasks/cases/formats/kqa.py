"""K-QA: JSONL of patients' questions with statements that a good answer entails, and that none contradicts.

A must-have statement is worth a point where the answer entails it, so that the score is the published
comprehensiveness; a nice-to-have one is worth nothing, and counts only where the answer contradicts it. A question may
have such alone. There is no id: the 0-based position in the file is the identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.files.jsontext import objects
from pytest_medeval.core.types import Record, Skip, Source

TASK = "criteria"
KEYS = (frozenset({"Question", "Must_have", "Nice_to_have"}),)
PARTS = (("Must_have", 1), ("Nice_to_have", 0))


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one question a record."""
    for position, (line, found) in enumerate(objects(path)):
        source = Source(str(path), line)
        made: dict[str, dict[str, object]] = {}
        for key, points in PARTS:
            texts = found.get(key)
            for text in texts if isinstance(texts, list) else ():
                if not (told := " ".join(str(text).split())):
                    continue  # some lists hold an empty text beside others
                made.setdefault(told, {"text": told, "points": points, "statement": True})
        if not made:
            yield Skip(source, "no statement")
            continue
        yield Record(
            source, {"id": f"kqa-{position:04d}", "question": found["Question"], "criteria": list(made.values())}
        )
