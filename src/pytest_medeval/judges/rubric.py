"""What a judge, or a person, grades: named dimensions on one scale, each with anchors in words."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_medeval.core.errors import MedevalError, Mistakes, accepted
from pytest_medeval.core.files.tomltext import Toml, read_toml
from pytest_medeval.judges.ratings.types import Scale

PREFERENCE = "preference"
"""The name of the pairwise metric, which no dimension may take."""

_KEYS = {"name": "a short name", "scale": "[lowest, highest]", "dimensions": "tables [[dimensions]]"}
_DIMENSION_KEYS = ("name", "question", "anchors")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MOST_LEVELS = 11
_MOST_DIMENSIONS = 12


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing to grade: the question that it asks of a reply, and what grades mean.

    ``anchors`` maps a grade to its meaning, ascending; the lowest and the highest grade always have one.
    """

    name: str
    question: str
    anchors: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Rubric:
    """Dimensions on one scale of whole grades."""

    name: str
    dimensions: tuple[Dimension, ...]
    low: int = 1
    high: int = 5

    @property
    def names(self) -> tuple[str, ...]:
        """The dimensions' names, in order."""
        return tuple(dimension.name for dimension in self.dimensions)

    @property
    def grades(self) -> tuple[str, ...]:
        """All grades as a judge writes them, ascending."""
        return tuple(str(grade) for grade in range(self.low, self.high + 1))

    @property
    def scale(self) -> Scale:
        """The scale as the readers of ratings know it."""
        return Scale(self.low, self.high)

    @property
    def digest(self) -> str:
        """Give the SHA-256 (hex) over all that a judge is told of this rubric."""
        told = [[one.name, one.question, sorted(one.anchors.items())] for one in self.dimensions]
        return hashlib.sha256(json.dumps([self.low, self.high, told]).encode()).hexdigest()


DEFAULT_RUBRIC = Rubric(
    "default",
    (
        Dimension("accuracy", "Is what the reply says medically right for this patient?", {
            1: "wrong or dangerous", 2: "mostly wrong", 3: "partly right", 4: "right but for small errors",
            5: "all of it right",
        }),
        Dimension("comprehensiveness", "Does the reply cover what this patient must be told?", {
            1: "nothing that matters", 2: "little of it", 3: "about half of it", 4: "most of it",
            5: "all of it",
        }),
        Dimension("helpfulness", "Does the reply tell the patient clearly what to do?", {
            1: "no help or harmful", 2: "little help", 3: "some help", 4: "clear help",
            5: "clear, complete next steps",
        }),
        Dimension("relevance", "Does the reply answer what this patient asked?", {
            1: "off topic", 2: "mostly off topic", 3: "partly on topic", 4: "on topic with asides",
            5: "fully on topic",
        }),
    ),
)  # fmt: skip
"""Dimensions and scale of the judge in "When Metrics Disagree" (arXiv 2603.00314); the anchors are ours."""


def load_rubric(file: Path) -> Rubric:
    """Read a rubric from a TOML file; a mistake is one ``MedevalError`` with the file and, mostly, the line.

    ::

        name = "triage"
        scale = [1, 5]            # whole numbers; left out: 1 to 5

        [[dimensions]]
        name = "urgency"
        question = "Does the reply say how soon the patient must be seen?"
        anchors = { 1 = "not at all", 5 = "clearly and rightly" }
    """
    return _rubric(file, read_toml(file, "a rubric, a TOML file with tables [[dimensions]]"))


def _rubric(file: Path, text: Toml) -> Rubric:
    mistakes = Mistakes()
    for key in text.data:
        with mistakes:
            if key not in _KEYS:
                raise MedevalError(f"{text.at(key)}: {accepted('key', key, _KEYS)}")
    name, low, high = file.stem, 1, 5
    with mistakes:
        name = text.data.get("name", name)
        if not isinstance(name, str) or not name.strip():
            raise MedevalError(f"{text.at('name')}: 'name' is {name!r}; accepted: {_KEYS['name']}")
    with mistakes:
        low, high = _scale(text, text.data.get("scale", [low, high]))
    dimensions: dict[str, Dimension] = {}
    with mistakes:
        tables = text.data.get("dimensions")
        if not isinstance(tables, list) or not 1 <= len(tables) <= _MOST_DIMENSIONS:
            where = text.at("dimensions")
            raise MedevalError(f"{where}: 'dimensions': accepted: 1 to {_MOST_DIMENSIONS} {_KEYS['dimensions']}")
        for nth, table in enumerate(tables):
            with mistakes:
                one = _dimension(text, table, nth, low, high)
                if dimensions.setdefault(one.name, one) is not one:
                    where = text.at("dimensions", nth, "name")
                    raise MedevalError(f"{where}: dimension {one.name!r} is there twice; accepted: once")
    mistakes.tell()
    return Rubric(name.strip(), tuple(dimensions.values()), low, high)


def _scale(text: Toml, scale: object) -> tuple[int, int]:
    ends = scale if isinstance(scale, list) and all(type(end) is int for end in scale) else ()
    if len(ends) != 2 or not 0 <= ends[0] < ends[1] < ends[0] + _MOST_LEVELS:  # noqa: PLR2004 - two ends
        raise MedevalError(
            f"{text.at('scale')}: 'scale' is {scale!r}; accepted: [lowest, highest], whole numbers, "
            f"0 or more, at most {_MOST_LEVELS} grades"
        )
    return ends[0], ends[1]


def _dimension(text: Toml, table: object, nth: int, low: int, high: int) -> Dimension:
    where = text.at("dimensions", nth)
    if not isinstance(table, dict):
        raise MedevalError(f"{where}: a dimension is {table!r}; accepted: {_KEYS['dimensions']}")
    for key in table:
        if key not in _DIMENSION_KEYS:
            raise MedevalError(f"{text.at('dimensions', nth, key)}: {accepted('key', key, _DIMENSION_KEYS)}")
    name, question = table.get("name"), table.get("question")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name == PREFERENCE:
        raise MedevalError(
            f"{text.at('dimensions', nth, 'name')}: dimension name {name!r}; accepted: lower-case letters, digits and "
            f"_, and not {PREFERENCE!r}"
        )
    if not isinstance(question, str) or not question.strip():
        raise MedevalError(f"{where}: {name!r} has no 'question'; accepted: a text that the judge is asked")
    where = text.at("dimensions", nth, "anchors")
    return Dimension(name, question.strip(), _anchors(where, name, table.get("anchors"), low, high))


def _anchors(where: str, name: str, table: object, low: int, high: int) -> dict[int, str]:
    anchors: dict[int, str] = {}
    for key, meaning in table.items() if isinstance(table, dict) else ():
        offered = re.fullmatch("[0-9]{1,4}", key) and low <= int(key) <= high
        if not offered or not isinstance(meaning, str) or not meaning.strip():
            raise MedevalError(
                f"{where}: {name!r} has the anchor {key!r} = {meaning!r}; accepted: {low} to {high} = a text"
            )
        anchors[int(key)] = meaning.strip()
    if not {low, high} <= anchors.keys():
        raise MedevalError(f"{where}: 'anchors' of {name!r}; accepted: what at least {low} and {high} mean")
    return dict(sorted(anchors.items()))


def chosen_rubric(file: Path | None) -> Rubric:
    """Load what judges and people grade: what a file says, or the paper's four dimensions."""
    return DEFAULT_RUBRIC if file is None else load_rubric(file)
