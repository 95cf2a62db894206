"""GerMedIQ (github.com/Jhofenbitzer/GerMedIQ-Corpus): anamnesis answers, rated by two people each.

A semicolon-separated table; each row is rated by one group, ``rating1a`` and ``rating1b`` or ``rating2a`` and
``rating2b``, 1 to 5. There are no judge scores in it: it tells how well people agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.files import digest, read_csv
from pytest_medeval.judges.ratings.grades import Unread, read_grade
from pytest_medeval.judges.ratings.types import Left, Rating, RatingSet, Scale, without_repeats

RATERS = ("rating1a", "rating1b", "rating2a", "rating2b")
GRADES = Scale(1, 5)
_NEEDED = ("id", "question", "response", "model", "run", *RATERS)


class GerMedIQ:
    """Reader of ``Human-Judgments.csv``; a question's answers form a cluster."""

    def recognises(self, opening: str) -> bool:
        """Find the column names."""
        header = opening.split("\n", 1)[0].split(";")
        return set(_NEEDED) <= set(header)

    def read(self, path: Path, scale: Scale) -> RatingSet:  # noqa: ARG002 - this format brings its own scale
        """Read the table; an empty rating is a rater who was not asked, unless nobody rated the row."""
        found: list[Rating | Left] = []
        for source, row in read_csv(path, delimiter=";"):
            missing = [name for name in _NEEDED if name not in row]
            if missing:
                raise MedevalError(f"{source}: no column {missing[0]}; accepted: a GerMedIQ table")
            found.extend(_row(row, source))
        ratings, repeats = without_repeats(entry for entry in found if isinstance(entry, Rating))
        left = tuple(entry for entry in found if isinstance(entry, Left))
        return RatingSet(file=str(path), role="human", ratings=ratings, left=left + repeats, scales={"rating": GRADES})


def _row(row: Mapping[str, str], source: Source) -> Iterator[Rating | Left]:
    run = f"/{row['run']}" if row["run"] else ""
    item = f"{row['id']}/{row['model']}{run}"
    if not any(row[rater].strip() for rater in RATERS):
        yield Left(source, "nobody rated it", item)
    for rater in RATERS:
        if not row[rater].strip():
            continue
        grade = read_grade(row[rater].strip(), GRADES)
        if isinstance(grade, Unread):
            yield Left(source, grade.reason, f"{item} {rater}: {row[rater]!r}")
        else:
            about = digest(row["question"], row["response"])
            yield Rating(item, rater, "rating", grade, row["id"], source, about, row["model"])
