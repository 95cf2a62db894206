"""What did people and judges say of the same replies? One reader a format, joining, the audit of a judge.

Every score that a file holds is either used or listed as left out, with file, line and reason.
"""

from __future__ import annotations

from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import read_text
from pytest_medeval.core.registry import Registry
from pytest_medeval.judges.ratings.types import RatingSet, Reader, Scale

READERS = Registry(
    "rating format",
    {
        "medieval": "pytest_medeval.judges.ratings.published.medieval:Medieval",
        "mentalalign": "pytest_medeval.judges.ratings.published.mentalalign:MentalAlign",
        "judgebench": "pytest_medeval.judges.ratings.published.judgebench:JudgeBench",
        "germediq": "pytest_medeval.judges.ratings.published.germediq:GerMedIQ",
        "healthbench": "pytest_medeval.judges.ratings.published.healthbench:HealthBench",
        "kqa": "pytest_medeval.judges.ratings.published.kqa:KQA",
        "labels": "pytest_medeval.judges.ratings.labels:Labels",
    },
)
"""Name -> ``Reader``; a format more is one line here and one module."""

FIVE_STEPS = Scale(1, 5)
_OPENING = 20_000
"""Characters by which a format is recognised."""


def read_ratings(path: Path, *, name: str | None = None, scale: Scale = FIVE_STEPS) -> RatingSet:
    """Read a file of ratings in the named format, or in the one that its opening shows.

    ``scale`` is for formats that do not bring their own (``labels``). ``MedevalError`` for a file that has
    no known format, cannot be read, or holds nothing.
    """
    found = _reader(path, name).read(path, scale)
    if not found.ratings and not found.decisions:
        example = f" ({found.left[0].reason})" if found.left else ""
        where = found.left[0].source if found.left else f"{path}:1"
        raise MedevalError(f"{where}: no score could be read{example}; accepted: at least one")
    return found


def _reader(path: Path, name: str | None) -> Reader:
    if name is not None:
        reader: Reader = READERS.resolve(name)()
        return reader
    opening = read_text(path)[:_OPENING]
    for known in READERS:
        reader = READERS.resolve(known)()
        if reader.recognises(opening):
            return reader
    raise MedevalError(f"{path}: no known rating format; accepted: {', '.join(sorted(READERS))}")


__all__ = ["FIVE_STEPS", "READERS", "read_ratings"]
