"""Files of any layout: which of their columns holds which key of a case, as a suite's ``columns`` says.

A key names a column (``"stem"``), a value inside one (``"question.stem"``), or a list of columns (the options). A
number that points at an option is taken only where it is said whence it counts: ``"cop-1"`` from 1, ``"cop-0"`` from 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.files.jsontext import Document
from pytest_medeval.core.files.rows import rows
from pytest_medeval.core.types import Record, Skip, Source
from pytest_medeval.tasks.base import COMMON, Task
from pytest_medeval.tasks.cases.formats.exams.choices import choice
from pytest_medeval.tasks.mcq import LETTERS

Columns: TypeAlias = Mapping[str, str | Sequence[str] | Mapping[str, str]]
"""A key of a case -> a column, several of them, or for ``tags`` a column for each tag."""
Fields: TypeAlias = Mapping[str, Any]
MAPPED = "columns"
"""Stands for a format where a suite maps columns; ids count rows where no column holds them."""
_COUNTED = re.compile(r"(.+)-([01])")
_ABSENT = object()
_LOOKED_AT = 200
"""Records by which a map is proposed."""


def check_columns(columns: object) -> Columns:
    """Hold a map against its form; ``MedevalError`` says what is accepted."""
    if isinstance(columns, dict) and columns and all(map(_is_place, columns.items())):
        return columns
    told = 'a mapping from keys of a case to columns, such as {"question": "stem", "options": ["a", "b"]}'
    raise MedevalError(f"columns is {columns!r}; accepted: {told}")


def _is_place(item: tuple[object, object]) -> bool:
    key, value = item
    inner = (
        [value] if isinstance(value, str) else [*value.keys(), *value.values()] if isinstance(value, dict) else value
    )
    right = isinstance(inner, list | tuple) and bool(inner) and all(isinstance(one, str) for one in inner)
    return isinstance(key, str) and right and (key == "tags" or not isinstance(value, dict))


def read_mapped(path: Path, columns: Columns) -> Iterator[Record | Skip]:
    """Yield a record a row, its keys those of the map; what cannot be made of a row is a skip.

    ``MedevalError`` for a column that the file does not have.
    """
    found = list(rows(path, exact_numbers=True))
    known = {name for _, row in found for name in row}
    places = {key: _placed(path, place, known) for key, place in columns.items()}
    for position, (line, row) in enumerate(found):
        source = Source(str(path), line)
        try:
            fields = {key: _taken(row, place, key) for key, place in places.items()}
            fields = {key: value for key, value in fields.items() if value not in (None, "", [], {})}
            fields = {"id": f"{MAPPED}-{position:04d}"} | fields
            made = _chosen(fields, places.get("answer")) if "options" in fields else fields
            yield (
                choice(source, made)
                if isinstance(made.get("answer"), str) and "options" in made
                else Record(source, made)
            )
        except _UnsaidError as mistake:
            raise MedevalError(f"{source}: columns: {mistake}") from None
        except MedevalError as mistake:
            yield Skip(source, str(mistake))


@dataclass(frozen=True, slots=True)
class _Column:
    """A column, the keys that lead to a value inside it, and whence its numbers count, if that is said."""

    name: str
    inside: tuple[str, ...] = ()
    first: int | None = None


_Place: TypeAlias = _Column | tuple[_Column, ...] | dict[str, _Column]


def _placed(path: Path, place: str | Sequence[str] | Mapping[str, str], known: set[str]) -> _Place:
    if isinstance(place, str):
        return _column(path, place, known)
    if isinstance(place, Mapping):
        return {tag: _column(path, name, known) for tag, name in place.items()}
    return tuple(_column(path, name, known) for name in place)


def _column(path: Path, text: str, known: set[str]) -> _Column:
    counted = _COUNTED.fullmatch(text)
    named: list[_Column] = [_Column(text), *([_Column(counted[1], (), int(counted[2]))] if counted else ())]
    for column in named:
        if column.name in known:
            return column
    for column in reversed(named):
        outer, dot, inner = column.name.partition(".")
        if dot and outer in known:
            return replace(column, name=outer, inside=tuple(inner.split(".")))
    raise MedevalError(f"{path}: columns: {accepted('column', text, (name for name in known if name))}")


def _taken(row: Fields, place: _Place, key: str) -> Any:
    """Take a key's value out of a row; numbers become texts, a cell that holds JSON what it says."""
    if isinstance(place, dict):
        tags = {tag: _value(row, column) for tag, column in place.items()}
        return {tag: value for tag, value in tags.items() if value not in (None, "")}
    if isinstance(place, tuple):
        names = [column.inside[-1] if column.inside else column.name for column in place]
        values = [_value(row, column) for column in place]
        if key == "tags":
            return {name: value for name, value in zip(names, values, strict=True) if value not in (None, "")}
        while values and values[-1] in (None, ""):
            values.pop()  # questions of fewer options leave the last columns empty
        return values
    value = _value(row, place)
    if key == "critical" and isinstance(value, str):
        return {"true": True, "false": False}.get(value.casefold(), value)
    return value


def _value(row: Fields, column: _Column) -> Any:
    value: Any = row.get(column.name)
    for step in column.inside:
        value = _parsed(value)
        value = value.get(step) if isinstance(value, dict) else None
    return _texts(_parsed(value))


def _parsed(value: object) -> object:
    """Read a cell that holds an array or an object of JSON."""
    if not isinstance(value, str) or value.strip()[:1] not in ("[", "{"):
        return value
    try:
        return Document("a cell", value, exact_numbers=True).data
    except MedevalError:
        return value  # a text that begins with a bracket


def _texts(value: object) -> object:
    if isinstance(value, dict):
        return {key: _texts(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_texts(inner) for inner in value]
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class _UnsaidError(MedevalError):
    """A number that could point at either of two options: a mistake of the map, and so of all records."""


# Options and which of them are right.


def _chosen(fields: dict[str, Any], answer: _Place | None) -> dict[str, Any]:
    """Letter the options, and say by letter which of them is right."""
    names, texts = _options(fields["options"])
    if not all(isinstance(text, str) and text for text in texts):
        raise MedevalError("an option is empty")
    if len(texts) > len(LETTERS):
        raise MedevalError(f"{len(texts)} options; accepted: up to {len(LETTERS)}")
    made = fields | {"options": dict(zip(LETTERS, texts, strict=False))}
    if "answer" in fields:
        first = answer.first if isinstance(answer, _Column) else None
        made["answer"] = _answer(fields["answer"], names, texts, first)
    return made


def _options(value: object) -> tuple[list[str], list[Any]]:
    """Give names and texts of options: of a list, a mapping, or lists or pairs of labels and texts."""
    if isinstance(value, dict):
        if isinstance(value.get("text"), list):
            labels = value.get("label") or LETTERS[: len(value["text"])]
            return list(map(str, labels)), value["text"]
        kept = {name: text for name, text in value.items() if text not in (None, "")}
        return list(kept), list(kept.values())
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        pairs = [(one.get("label", one.get("key")), one.get("text", one.get("value"))) for one in value]
        return [str(name) for name, _ in pairs], [text for _, text in pairs]
    if isinstance(value, list):
        return list(LETTERS[: len(value)]), value
    raise MedevalError(f"options are {value!r}; accepted: a list of texts, or a mapping")


def _answer(value: object, names: Sequence[str], texts: Sequence[str], first: int | None) -> object:
    """Give the letters of what is right: named, counted from ``first``, or by an option's own text."""
    several = value if isinstance(value, list) else _apart(str(value), names) if value not in texts else []
    if isinstance(value, list) or len(several) > 1:
        return [_letter(str(one), names, texts, first) for one in several]
    return _letter(str(value), names, texts, first)


def _apart(value: str, names: Sequence[str]) -> list[str]:
    """Take several names apart: ``A,C``, ``A; C``, ``ACD``; empty where it is none of these."""
    for parts in (re.split(r"[\s,;|、，；]+", value), list(value)):
        if len(parts) > 1 and set(parts) <= set(names):
            return parts
    return []


def _letter(value: str, names: Sequence[str], texts: Sequence[str], first: int | None) -> str:
    if first is not None:
        at = int(value) - first if value.isdecimal() else -1
        if not 0 <= at < len(texts):
            raise MedevalError(f"answer {value!r} points at no option; accepted: {first} to {len(texts) - 1 + first}")
        return LETTERS[at]
    by_name = names.index(value) if value in names else -1
    by_text = texts.index(value) if texts.count(value) == 1 else -1
    if by_name >= 0 and by_text >= 0 and by_name != by_text:
        raise MedevalError(
            f"answer {value!r} is the name of one option and the text of another; accepted: one option's"
        )
    at = max(by_name, by_text)
    if at < 0:
        if value.isdecimal():
            told = f"answer is {value!r}, and nothing says whether it counts from 1 or from 0"
            raise _UnsaidError(f"{told}; accepted: 'COLUMN-1' or 'COLUMN-0' for it")
        raise MedevalError(f"answer {value!r} is no option; accepted: {', '.join(names)}, or a text of them")
    return LETTERS[at]


# What is proposed for a file that nobody knows.

ALIASES: Mapping[str, Sequence[str]] = {
    "question": ("question", "q", "stem", "query", "prompt", "input", "sent1", "problem"),
    "options": ("options", "choices", "candidates", "answers"),
    "answer": ("answer_idx", "answerkey", "answer_index", "correct_option", "cop", "answer", "label", "gold", "target",
               "correct", "ground_truth", "final_answer"),
    "input": ("input", "question", "patient", "prompt", "query", "instruction", "text"),
    "reference": ("reference", "output", "response", "answer", "completion", "target", "long_answer"),
    "dialogue": ("dialogue", "conversation", "text", "input"),
    "note": ("note", "summary", "output", "target"),
    "request": ("request", "prompt", "question", "instruction", "goal", "behavior", "input"),
    "sentences": ("sentences", "text"),
    "correction": ("correction", "corrected"),
    "error": ("error", "error_sentence_id"),
}  # fmt: skip
"""Names under which files hold what a key of ours holds, the surest first."""
_SERIES = re.compile(r"(.*?)([a-z]|\d)", re.IGNORECASE)


def _series(names: Sequence[str]) -> list[str]:
    """Find columns that count: ``opa`` to ``opd``, ``A`` to ``E``, ``choice_0`` to ``choice_3``.

    >>> _series(["id", "stem", "opa", "opb", "opc", "cop"])
    ['opa', 'opb', 'opc']
    """
    found: dict[str, dict[str, str]] = {}
    for name in names:
        if match := _SERIES.fullmatch(name):
            found.setdefault(match[1], {})[match[2].casefold()] = name
    counted = ([ends[one] for one in sorted(ends)] for ends in found.values() if min(ends) in "a01")
    return max(counted, key=len, default=[])


def needs(task: Task) -> Sequence[str]:
    """List the keys that a case of a task is made of, as the task's ``needs`` says; none where it says nothing."""
    return getattr(task, "needs", ())


def stranger(found: Sequence[str], task: Task) -> bool:
    """Say whether a file's first record lacks most keys of a task, so that it is somebody else's layout."""
    here = sum(key in found for key in needs(task)) + ("messages" in found)
    return 2 * here < len(needs(task))


def to_paste(path: Path, task: Task) -> str:
    """Write what a task needs, and a map of a file's columns to it that can be pasted into a suite."""
    found = [row for _, row in zip(range(_LOOKED_AT), (row for _, row in rows(path)), strict=False)]
    names = list(dict.fromkeys(name for row in found for name in row if name))
    wanted = needs(task) or sorted(COMMON)
    series = _series(names) if "options" in wanted and len(_series(names)) > 1 else []
    free = {name.casefold(): name for name in names if name not in series}
    proposed: dict[str, object] = {"id": free.pop("id")} if "id" in free else {}
    for key in wanted:
        proposed[key] = next((free.pop(one) for one in ALIASES.get(key, (key,)) if one in free), "?")
    if series:
        proposed["options"] = series
        proposed["answer"] = str(proposed["answer"]) + _whence(found, str(proposed["answer"]), len(series))
    told = f"task {task.name} needs {', '.join(wanted)}; accepted: columns={json.dumps(proposed, ensure_ascii=False)}"
    return told + (" ('-1' counts from 1, '-0' from 0)" if series else "")


def _whence(found: Sequence[Fields], column: str, options: int) -> str:
    """Say whence the numbers of a column count, as far as they show it: from 0 where there is one."""
    values = {str(row.get(column)) for row in found}
    if not all(value.isdecimal() for value in values):
        return ""
    return "-0" if "0" in values else "-1" if str(options) in values else "-?"
