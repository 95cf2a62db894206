"""K-QA (github.com/Itaymanes/K-QA): does an answer entail a statement? Three physicians' labels of each pair.

A table of one (answer, statement) a row; its first column, which has no name, numbers them: that is the item. The
statements of one question depend on each other, and are a cluster. Labels have no order. ``majority_label`` follows
from the three and is not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.files import read_csv
from pytest_medeval.judges.ratings.grades import Unread, read_grade
from pytest_medeval.judges.ratings.types import ENTAILS, STATEMENTS, Left, Rating, RatingSet, Scale, without_repeats

RATERS = ("label_0", "label_1", "label_2")
_NEEDED = ("", "Question", "llm_x", "answer", "claim", *RATERS)


class KQA:
    """Reader of ``NLI_medical_annotator.csv``."""

    def recognises(self, opening: str) -> bool:
        """Find the column names."""
        return set(_NEEDED) <= {name.strip() for name in opening.split("\n", 1)[0].split(",")}

    def read(self, path: Path, scale: Scale) -> RatingSet:  # noqa: ARG002 - this format brings its own labels
        """Read the table; a cell that holds none of the labels is left out and said."""
        found: list[Rating | Left] = []
        texts: dict[str, dict[str, str]] = {}
        for source, row in read_csv(path):
            missing = [name for name in _NEEDED if name not in row]
            if missing:
                raise MedevalError(f"{source}: no column {missing[0]!r}; accepted: a K-QA table of labels")
            found.extend(_row(row, source))
            texts[row[""]] = {"question": row["Question"], "reply": row["answer"], "criterion": row["claim"].strip()}
        ratings, repeats = without_repeats(entry for entry in found if isinstance(entry, Rating))
        left = tuple(entry for entry in found if isinstance(entry, Left))
        scales = {STATEMENTS: ENTAILS}
        return RatingSet(file=str(path), role="human", ratings=ratings, left=left + repeats, scales=scales, texts=texts)


def _row(row: Mapping[str, str], source: Source) -> Iterator[Rating | Left]:
    for rater in RATERS:
        label = read_grade(row[rater], ENTAILS)
        if isinstance(label, Unread):
            yield Left(source, label.reason, f"{row['']} {rater}: {row[rater]!r}")
        else:
            yield Rating(row[""], rater, STATEMENTS, label, row["Question"], source, system=row["llm_x"])
