"""MentalAlign-70k (github.com/abeerbadawi/MentalBench-Align): experts' and judges' grades, ten replies a row.

One CSV row a conversation; ``human_response_<model>`` holds the expert's grades as JSON,
``judge_response_<model>`` a judge's raw reply. Rows of people and judges were shifted against each other in
places, so a row is paired by its ``ConvID`` *and* its ``context``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.files import digest, read_csv
from pytest_medeval.judges.ratings.grades import Unread, read_grade, read_verdict
from pytest_medeval.judges.ratings.types import Left, Rating, RatingSet, Role, Scale, without_repeats

DIMENSIONS = ("Guidance", "Informativeness", "Relevance", "Safety", "Empathy", "Helpfulness", "Understanding")
GRADES = Scale(1, 5)
_PREFIXES: Mapping[str, Role] = {"human_response_": "human", "judge_response_": "judge"}
_NOTE = "a judge's Overall is not read: people gave none"


class MentalAlign:
    """Reader of both kinds of file."""

    def recognises(self, opening: str) -> bool:
        """Find the column names."""
        header = opening.split("\n", 1)[0]
        return header.startswith("ConvID,") and any(prefix in header for prefix in _PREFIXES)

    def read(self, path: Path, scale: Scale) -> RatingSet:  # noqa: ARG002 - this format brings its own scale
        """Read one file; what could not be read in a cell is left out and said."""
        found: list[Rating | Left] = []
        role: Role = "any"
        for source, row in read_csv(path):
            if not {"ConvID", "context"} <= row.keys():
                raise MedevalError(f"{source}: no column ConvID or context; accepted: a MentalAlign table")
            for column, cell in row.items():
                prefix = next((prefix for prefix in _PREFIXES if column.startswith(prefix)), None)
                if prefix is not None:
                    role = _PREFIXES[prefix]
                    rater = "expert" if role == "human" else path.stem.removesuffix("_llm_judge")
                    found.extend(_cell(row, column.removeprefix(prefix), rater, cell, source))
        ratings, repeats = without_repeats(entry for entry in found if isinstance(entry, Rating))
        left = tuple(entry for entry in found if isinstance(entry, Left))
        return RatingSet(
            file=str(path),
            role=role,
            ratings=ratings,
            left=left + repeats,
            scales=dict.fromkeys(DIMENSIONS, GRADES),
            notes=(_NOTE,) if role == "judge" else (),
        )


def _cell(row: Mapping[str, str], model: str, rater: str, cell: str, source: Source) -> Iterator[Rating | Left]:
    """Read the grades of one reply, each for itself: one null does not spoil the other six."""
    conversation = row["ConvID"]
    item, about = f"{conversation}/{model}", digest(row["context"])
    if not cell.strip():
        yield Left(source, "empty cell", item)
        return
    verdict = read_verdict(cell, DIMENSIONS)
    if isinstance(verdict, Unread):
        yield Left(source, f"unreadable reply, {verdict.reason}", item)
        return
    for dimension in DIMENSIONS:
        grade = read_grade(verdict.get(dimension), GRADES)
        if isinstance(grade, Unread):
            detail = f"{item} {dimension}: {verdict.get(dimension)!r}"
            yield Left(source, grade.reason if dimension in verdict else "dimension is missing", detail)
        else:
            yield Rating(item, rater, dimension, grade, conversation, source, about, model)
