"""Our own format of labels and judge scores: one score a line, as JSON lines or as a CSV table.

========== ======== ========================================================================================
key        needed   meaning
========== ======== ========================================================================================
item       yes      which reply was rated; ``case`` is another name for it
score      yes      a number on the scale (1 to 5 unless ``--scale`` says otherwise); empty: not rated
dimension  no       what was rated, ``overall`` unless said otherwise
rater      no       who rated; without it the file's name
cluster    no       what replies share (case, conversation); without it each reply stands for itself
system     no       who wrote the reply (``candidate``, ``baseline``, a model's name), on one line of the item at least
question   no       the texts behind the item, which a judge that runs needs; where two files have the reply
reply               and differ in it, they are not about the same reply
reference
criterion  no       what the reply was held against; the score is ``met`` or ``not met``, the dimension ``criteria``
axis       no       of the criterion; such labels are a dimension of their own as well, ``criteria[axis=...]``
========== ======== ========================================================================================

A second score of the same rater for the same reply and dimension is left out and said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.files.door import read_text
from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.files import digest, read_csv, read_json_lines
from pytest_medeval.judges.ratings.grades import Unread, read_grade
from pytest_medeval.judges.ratings.types import CRITERIA, MET, Left, Rating, RatingSet, Scale, part_of, without_repeats

TEXTS = ("question", "reply", "reference", "criterion")
KEYS = ("item", "case", "score", "dimension", "rater", "cluster", "system", "axis", *TEXTS)
_NAME = re.compile(r'"(item|case)"\s*:')


class Labels:
    """Reader of both forms; a file's raters may be people or judges, the command line says which."""

    def recognises(self, opening: str) -> bool:
        """Find ``item`` (or ``case``) and ``score`` as JSON keys of one object or as column names."""
        first = opening.lstrip().split("\n", 1)[0].rstrip()
        if first.startswith("{"):
            return _NAME.search(first) is not None and '"score"' in first
        columns = {name.strip().strip('"') for name in first.split(",")}
        return "score" in columns and bool(columns & {"item", "case"})

    def read(self, path: Path, scale: Scale) -> RatingSet:
        """Read either form; the first character tells which."""
        found: list[Rating | Left] = []
        texts: dict[str, dict[str, str]] = {}
        systems: dict[str, str] = {}
        for source, fields in _entries(path):
            entry = _entry(fields, source, scale, path.stem)
            found.append(entry)
            if isinstance(entry, Rating) and entry.dimension == CRITERIA and fields.get("axis"):
                found.append(replace(entry, dimension=part_of("axis", _text(fields, "axis", source))))
            given = {key: str(fields[key]) for key in TEXTS if fields.get(key)}
            if isinstance(entry, Rating) and given:
                texts.setdefault(entry.item, {}).update(given)
            if isinstance(entry, Rating) and entry.system != (wrote := systems.setdefault(entry.item, entry.system)):
                if wrote and entry.system:
                    raise MedevalError(f"{source}: {entry.item!r} is by {entry.system!r}, and by {wrote!r} above")
                systems[entry.item] = wrote or entry.system
        given_to = (replace(entry, system=systems[entry.item]) for entry in found if isinstance(entry, Rating))
        ratings, repeats = without_repeats(given_to)
        left = tuple(entry for entry in found if isinstance(entry, Left))
        return RatingSet(
            file=str(path),
            role="any",
            ratings=ratings,
            left=left + repeats,
            texts=texts,
            scales={
                name: MET if name.startswith(CRITERIA) else scale
                for name in dict.fromkeys(rating.dimension for rating in ratings)
            },
        )


def _entries(path: Path) -> Iterator[tuple[Source, Mapping[str, object]]]:
    return read_json_lines(path) if read_text(path).lstrip().startswith("{") else read_csv(path)


def _entry(fields: Mapping[str, object], source: Source, scale: Scale, rater: str) -> Rating | Left:
    for key in fields:
        if key not in KEYS:
            raise MedevalError(f"{source}: {accepted('key', key, KEYS)}")
    item = _text(fields, "item", source) or _text(fields, "case", source)
    if not item:
        raise MedevalError(f"{source}: 'item' is missing; required: item (or case), score")
    if "score" not in fields:
        raise MedevalError(f"{source}: 'score' is missing; required: item (or case), score")
    dimension, criterion = _text(fields, "dimension", source) or "overall", _text(fields, "criterion", source)
    if criterion:
        item, dimension, scale = f"{item}: {criterion}", CRITERIA, MET
    value = fields["score"].strip() if isinstance(fields["score"], str) else fields["score"]
    grade = Unread("not rated") if value in ("", None) else read_grade(value, scale)
    if isinstance(grade, Unread):
        return Left(source, grade.reason, f"{item} {dimension}: {value!r}")
    about = digest(str(fields["reply"])) if fields.get("reply") else ""
    return Rating(
        item,
        _text(fields, "rater", source) or rater,
        dimension,
        grade,
        _text(fields, "cluster", source) or item.removesuffix(f": {criterion}"),
        source,
        about,
        _text(fields, "system", source),
    )


def _text(fields: Mapping[str, object], key: str, source: Source) -> str:
    value = fields.get(key)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise MedevalError(f"{source}: {key!r} is {json.dumps(value)[:40]}; accepted: a short text")
    return str(value).strip()
