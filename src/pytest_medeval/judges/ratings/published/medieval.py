"""Medieval (github.com/HKUSZH/Medieval): scores of replies to clinical cases by clinicians and judges.

People's file: ``{case: {reply: [{user, strength, hallucination, halluText}, ...]}}``; a judge's file:
``{case: {reply: number}}``; the name of a reply ends in its model's. Quality is 0 to 10. Cases and replies themselves
are not published.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.jsontext import read_object
from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.files import KeyLines
from pytest_medeval.judges.ratings.types import Left, Rating, RatingSet, Role, Scale, without_repeats

SCALES = {"strength": Scale(0, 10, 0.5), "hallucination": Scale(0, 5, 0.5)}
_OPENING = re.compile(r'\s*\{\s*"[^"]+"\s*:\s*\{\s*"[^"]+-[^"]+"\s*:\s*(\[\s*\{\s*"user"|[-\d])')


class Medieval:
    """Reader of both kinds of file; ``strength`` is the quality of a reply, which is what judges scored."""

    def recognises(self, opening: str) -> bool:
        """Find a mapping of mappings to a rating or a number."""
        return _OPENING.match(opening) is not None

    def read(self, path: Path, scale: Scale) -> RatingSet:  # noqa: ARG002 - this format brings its own scale
        """Read one file; a ``hallucination`` of null is "not marked": neither a score nor left out."""
        file = read_object(path, "case -> reply -> score or list of ratings")
        cases = file.data
        if not all(isinstance(replies, dict) for replies in cases.values()):
            raise MedevalError(f"{path}: not a Medieval file; accepted: case -> reply -> score or list of ratings")
        lines = KeyLines(path, file.text)
        found: list[Rating | Left] = []
        role: Role = "judge"
        for case, replies in cases.items():
            for reply, given in replies.items():
                source = lines.source(case, reply)
                if isinstance(given, list):
                    role = "human"
                    found.extend(_of_people(case, reply, given, source))
                else:
                    found.append(_score((case, reply), _judge(path), "strength", given, source))
        ratings, repeats = without_repeats(entry for entry in found if isinstance(entry, Rating))
        left = tuple(entry for entry in found if isinstance(entry, Left))
        return RatingSet(file=str(path), role=role, ratings=ratings, left=left + repeats, scales=SCALES)


def _of_people(case: str, reply: str, given: list[object], source: Source) -> Iterator[Rating | Left]:
    for entry in given:
        if not isinstance(entry, dict) or not {"user", "strength"} <= entry.keys():
            raise MedevalError(f"{source}: rating of {reply} without 'user' and 'strength'; accepted: both")
        rater = _rater(entry)
        yield _score((case, reply), rater, "strength", entry["strength"], source)
        if entry.get("hallucination") is not None:
            yield _score((case, reply), rater, "hallucination", entry["hallucination"], source)


def _rater(entry: Mapping[str, object]) -> str:
    """Name a rater; some appear as ``X_AE`` and as ``X_01bAE``, never on the same reply: one person each."""
    return str(entry["user"]).replace("_01bAE", "_AE")


def _judge(path: Path) -> str:
    return path.name.removesuffix(".json").removesuffix(".rate")


def _score(where: tuple[str, str], rater: str, dimension: str, value: object, source: Source) -> Rating | Left:
    """Take a score between the ends of the scale; judges write 8.8 as well, which lies between two steps."""
    case, reply = where
    if value is None:
        return Left(source, f"{dimension} is null", f"{rater} on {reply}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not SCALES[dimension].holds(value):
        return Left(source, f"{dimension} is outside {SCALES[dimension]}", f"{value!r} by {rater} on {reply}")
    return Rating(f"{case}/{reply}", rater, dimension, float(value), case, source, system=reply.rpartition("-")[2])
