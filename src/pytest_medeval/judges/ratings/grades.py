"""Read the grades from a judge's raw reply, and nothing that the rated reply put there.

A judge is asked for one JSON object with a grade for each dimension. It may come bare, fenced, or with
prose around it, and it may quote the reply that it rates. What a reply can write, a quote can contain, so
text alone never carries a grade, and whatever leaves room for doubt is unread: the judge can be asked
again, a smuggled grade cannot be taken back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pytest_medeval.judges.ratings.types import Scale

_NUMERAL = re.compile(r"-?[0-9]{1,4}(\.[0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Unread:
    """Why no grade could be read; never a number."""

    reason: str


def read_grades(text: str, dimensions: Sequence[str], scale: Scale) -> dict[str, float] | Unread:
    """Read one grade for each dimension, or say why not; part of a verdict is no verdict.

    >>> read_grades('Verdict: {"accuracy": 4}', ["accuracy"], Scale(1, 5))
    {'accuracy': 4.0}
    >>> read_grades('Score: 5', ["accuracy"], Scale(1, 5))
    Unread(reason='no verdict: no JSON object')
    """
    verdict = read_verdict(text, dimensions)
    if isinstance(verdict, Unread):
        return verdict
    grades = {}
    for dimension in dimensions:
        if dimension not in verdict:
            return Unread(f"no grade for {dimension!r}")
        grade = read_grade(verdict[dimension], scale)
        if isinstance(grade, Unread):
            return Unread(f"{dimension}: {grade.reason}")
        grades[dimension] = grade
    return grades


def read_verdict(text: str, dimensions: Sequence[str]) -> dict[str, object] | Unread:
    """Find the judge's verdict: dimension -> what stands there, unchecked.

    A verdict is a JSON object with at least one of the dimensions as a key (in any case, blanks around it
    ignored). A judge may write it more than once, and the last one counts, but only when they all say the
    same: one of two that differ may be a quote. An object that does not parse (cut off, a quote that was
    not escaped) or that holds a key twice makes the whole text unread, since its strings can no longer be
    told from its grades.
    """
    try:
        objects = list(_objects(text))
    except _BrokenError as error:
        return Unread(str(error))
    names = {dimension.strip().casefold(): dimension for dimension in dimensions}
    verdicts = [verdict for found in objects for verdict in _verdicts(found, names)]
    if any(verdict != verdicts[-1] for verdict in verdicts):
        return Unread(f"{len(verdicts)} verdicts that differ")
    if verdicts:
        return verdicts[-1]
    if objects:
        return Unread("no verdict: a JSON object without the dimensions asked for")
    if not text.strip():
        return Unread("no verdict: the reply is empty")
    return Unread("no verdict: no JSON object")


def read_grade(value: object, scale: Scale) -> float | Unread:
    """Read one grade: a number, or a numeral as text, that the scale offers; of a nominal one the place of a label."""
    if scale.names:
        labels = [name.casefold() for name in scale.names]
        said = value.strip().casefold() if isinstance(value, str) else None
        return float(labels.index(said)) if said in labels else Unread(f"label is none of {scale}")
    if isinstance(value, str) and _NUMERAL.fullmatch(value):
        value = float(value)
    if value is None:
        return Unread("grade is null")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Unread(f"grade is not a number; accepted: {scale}")
    if not scale.offers(value):
        return Unread(f"grade is not on the scale {scale}")
    return float(value)


class _BrokenError(ValueError):
    """The text holds an object that cannot be read for certain."""


def _objects(text: str) -> Iterator[dict[str, object]]:
    """Give the outermost JSON objects of a text, in order."""
    # not strict: judges write plain newlines into strings, which moves no quote
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_unrepeated, parse_constant=_no_constant)
    place = text.find("{")
    while place >= 0:
        try:
            found, end = decoder.raw_decode(text, place)
        except _BrokenError:
            raise
        except (ValueError, RecursionError):
            raise _BrokenError("broken JSON: cut off, or quotes not escaped") from None
        yield found
        place = text.find("{", end)


def _unrepeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object in which a key stands twice: an unescaped quote can add keys, but cannot take away."""
    fields = {key.strip().casefold(): value for key, value in pairs}
    if len(fields) != len(pairs):
        raise _BrokenError("broken JSON: a key stands twice")
    return fields


def _no_constant(name: str) -> float:
    raise _BrokenError(f"broken JSON: {name} is not JSON")


def _verdicts(value: object, names: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """Give each object that has a dimension as a key, at any depth, so without recursion."""
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            verdict = {names[key]: grade for key, grade in inner.items() if key in names}
            if verdict:
                yield verdict
            waiting.extend(inner.values())
        elif isinstance(inner, list):
            waiting.extend(inner)
