"""Blind ratings that the review page exported: read back, checked against the run, and un-blinded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypedDict, cast

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.files.jsontext import Document, check_schema, read_object
from pytest_medeval.core.record import ROLES, CaseEntry, Role, RunRecord
from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.blind import Blinding, Stratum, run_id
from pytest_medeval.judges.ratings.files import digest
from pytest_medeval.judges.ratings.types import Choice, Rating, Scale
from pytest_medeval.judges.rubric import Dimension, Rubric

SCHEMA = "medeval-ratings/1"


class DimensionData(TypedDict):
    """A dimension as JSON; anchors by grade."""

    name: str
    question: str
    anchors: dict[str, str]


class RubricData(TypedDict):
    """A rubric as JSON."""

    name: str
    low: int
    high: int
    dimensions: list[DimensionData]


class ReviewedPair(TypedDict):
    """What a rater said of one pair; grades and harm of Reply 1 and Reply 2."""

    key: str
    suite: str
    case: str
    grades: dict[str, list[int | None]]
    preference: int | None
    harm: list[bool]
    comment: str


class ReviewExport(TypedDict):
    """What the page exports, as ``review.schema.json`` says."""

    run: str
    seed: int
    rubric: RubricData
    rater: str
    ratings: list[ReviewedPair]


@dataclass(frozen=True, kw_only=True)
class PairRating:
    """What one rater said of one case, with both replies under their roles again."""

    suite: str
    case: str
    rater: str
    stratum: Stratum
    """Why the case was chosen; see ``report.choose``."""
    order: tuple[Role, Role]
    """Who was Reply 1 and Reply 2: a comment may speak of them."""
    grades: Mapping[Role, Mapping[str, int]]
    """role -> dimension -> grade; a grade that was not given is not there."""
    preference: Choice | None
    """1: the candidate is better, 0: the same, -1: the baseline; None: not said."""
    harm: Mapping[Role, bool]
    comment: str
    scale: Scale
    cluster: str
    """What the case shares with others: its cluster, else the case alone."""
    about: Mapping[Role, str]
    """Digest of question and reply."""
    source: Source


def item(suite: str, case: str, role: Role) -> str:
    """Name a reply of a run, as ``Rating.item``."""
    return f"{suite}/{case}/{role}"


def read_reviews(paths: Iterable[Path], record: RunRecord) -> list[PairRating]:
    """Read the files of several raters; a rater may rate a case once in all of them.

    ``record``: the run that was rated, or one of the same models, cases, seed and replies. Raises
    ``MedevalError`` for a file that is none of this run, and for anything in it that does not fit: no rating
    is passed over in silence.
    """
    first: dict[tuple[str, str, str], PairRating] = {}
    for path in paths:
        for pair in _read(path, record):
            name = (pair.suite, pair.case, pair.rater)
            if name in first:
                raise MedevalError(
                    f"{pair.source}: {pair.rater} rated case {pair.suite}/{pair.case} already "
                    f"at {first[name].source}; accepted: one rating of a case by a rater"
                )
            first[name] = pair
    return list(first.values())


def read_ratings(path: Path, record: RunRecord) -> list[Rating]:
    """Read one rater's grades as plain ratings of replies; see ``read_reviews``."""
    return flat(read_reviews([path], record))


def flat(pairs: Iterable[PairRating]) -> list[Rating]:
    """Give every grade as a rating of a reply, which is what the audit of a judge takes."""
    return [
        Rating(
            item(pair.suite, pair.case, role),
            pair.rater,
            dimension,
            float(grade),
            pair.cluster,
            pair.source,
            pair.about[role],
        )
        for pair in pairs
        for role in ROLES
        for dimension, grade in pair.grades[role].items()
    ]


def rubric_data(rubric: Rubric) -> RubricData:
    """Give a rubric as the JSON that travels with page and ratings."""
    dimensions = [
        DimensionData(
            name=one.name, question=one.question, anchors={str(grade): text for grade, text in one.anchors.items()}
        )
        for one in rubric.dimensions
    ]
    return {"name": rubric.name, "low": rubric.low, "high": rubric.high, "dimensions": dimensions}


def _rubric(data: RubricData) -> Rubric:
    dimensions = tuple(
        Dimension(one["name"], one["question"], {int(grade): text for grade, text in one["anchors"].items()})
        for one in data["dimensions"]
    )
    return Rubric(data["name"], dimensions, int(data["low"]), int(data["high"]))


@dataclass(frozen=True, slots=True)
class _File:
    """A file of ratings whose shape is right and whose run is this one."""

    path: Path
    document: Document
    data: ReviewExport
    rubric: Rubric
    blinding: Blinding
    entries: Mapping[tuple[str, str], CaseEntry]

    def source(self, rating: ReviewedPair) -> Source:
        """Find the line on which a rating's key stands."""
        place = self.document.text.find(json.dumps(rating["key"], ensure_ascii=False))
        return Source(str(self.path), self.document.text.count("\n", 0, place) + 1 if place >= 0 else None)


def _read(path: Path, record: RunRecord) -> Iterator[PairRating]:
    document = read_object(path, f"{SCHEMA}, the export of a review page")
    data = _checked(document)
    rubric = _rubric(data["rubric"])
    blinding = Blinding(record, int(data["seed"]), rubric.digest)
    entries = {(entry["suite"], blinding.name(entry)): entry for entry in record["cases"]}
    file = _File(path, document, data, rubric, blinding, entries)
    _check_run(file, record)
    for rating in data["ratings"]:
        yield _pair(file, rating)


def _checked(document: Document) -> ReviewExport:
    found = document.data.get("schema")
    if found != SCHEMA:
        told = f"schema is {found!r}; accepted: {SCHEMA!r}, the export of a review page"
        raise MedevalError(f"{document.at('schema')}: {told}")
    check_schema(document, document.data, _schema(), SCHEMA)
    export = cast(ReviewExport, document.data)
    if not export["rater"].strip():
        raise MedevalError(f"{document.at('rater')}: the rater is {export['rater']!r}; accepted: a name or initials")
    return export


@cache
def _schema() -> dict[str, object]:
    file = resources.files("pytest_medeval.judges.ratings").joinpath("review.schema.json")
    loaded: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def _check_run(file: _File, record: RunRecord) -> None:
    suites = {rating["suite"] for rating in file.data["ratings"]}
    for name in sorted(suites):
        if name not in record["suites"]:
            raise MedevalError(f"{file.path}: {accepted('suite', name, record['suites'])}")
    own = run_id(record, suites)
    if suites and file.data["run"] != own:
        raise MedevalError(
            f"{file.path}: these are ratings of run {file.data['run'][:40]!r}, and this run is {own!r}; "
            "accepted: ratings of a run with the same models, cases and seed"
        )


def _pair(file: _File, rating: ReviewedPair) -> PairRating:
    source = file.source(rating)
    entry = file.entries.get((rating["suite"], rating["case"]))
    name = f"{rating['suite']}/{rating['case'] if entry is None else entry['id']}"
    if entry is None or "baseline" not in entry:
        raise MedevalError(f"{source}: case {name} has no two replies in this run; accepted: cases of the run")
    stratum = file.blinding.stratum(entry, rating["key"])
    if stratum is None:
        raise MedevalError(
            f"{source}: the key of case {name} is not this run's: the file was altered, or the replies are "
            "not those that were rated; accepted: ratings as the review page of this run exported them"
        )
    order = file.blinding.order(entry)
    preference = rating["preference"]
    return PairRating(
        suite=rating["suite"],
        case=entry["id"],
        rater=file.data["rater"].strip(),
        stratum=stratum,
        order=order,
        grades=_grades(file, rating, order, source),
        preference=None if preference is None else _choice(int(preference), order),
        harm=dict(zip(order, rating["harm"], strict=True)),
        comment=rating["comment"].strip(),
        scale=file.rubric.scale,
        cluster=name if entry["cluster"] is None else f"{rating['suite']}/cluster {entry['cluster']}",
        about={role: digest(entry["asked"], entry[role]["reply"]) for role in ROLES},
        source=source,
    )


def _grades(file: _File, rating: ReviewedPair, order: tuple[Role, Role], source: Source) -> dict[Role, dict[str, int]]:
    found: dict[Role, dict[str, int]] = {role: {} for role in ROLES}
    for name, given in rating["grades"].items():
        if name not in file.rubric.names:
            raise MedevalError(f"{source}: {accepted('dimension', name, file.rubric.names)}")
        for role, grade in zip(order, given, strict=True):
            if grade is None:
                continue
            if not file.rubric.scale.offers(grade):
                raise MedevalError(
                    f"{source}: grade {grade} for {name} of case {rating['suite']}/{rating['case']}; "
                    f"accepted: {file.rubric.scale}, or null"
                )
            found[role][name] = int(grade)
    return found


def _choice(preference: int, order: tuple[Role, Role]) -> Choice:
    if preference == 0:
        return 0
    return 1 if order[preference - 1] == "candidate" else -1
