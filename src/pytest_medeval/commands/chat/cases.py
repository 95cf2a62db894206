"""An exchange as a case: text appended to a ``*.medeval.yaml`` file, which keeps its comments and order."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import read_text
from pytest_medeval.core.files.writing import write_whole
from pytest_medeval.core.signature import canonical, sha256
from pytest_medeval.tasks import Task
from pytest_medeval.tasks.cases import check_records, read_yaml_suite

SUFFIXES = (".medeval.yaml", ".medeval.yml")
BOM = "\ufeff"

_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def append_case(path: Path, task: Task, fields: Mapping[str, object], note: str = "") -> str:
    """Add a case to a suite file, or start one; give the case's id.

    ``fields`` are the keys of the case without its id, which is made of their content. ``note`` becomes a
    comment above it. Nothing is written unless the new file reads well; ``MedevalError`` says why it would
    not: another task, a list in brackets, a case that is there already.
    """
    if not path.name.endswith(SUFFIXES):
        raise MedevalError(f"{path}: accepted as a file of cases: NAME.medeval.yaml")
    name = f"chat-{sha256(canonical({'task': task.name, **fields}))[:8]}"
    block = {"id": name, **fields}
    if path.exists():
        text = _extended(path, task, name, block, note)
    else:
        text = "\n".join([f"task: {task.name}", "cases:", *_case(block, 2, note), ""])
    _prove(path.name, text, task, name)
    write_whole(path.resolve(), text.encode(), "the case")
    return name


def _extended(path: Path, task: Task, name: str, block: Mapping[str, object], note: str) -> str:
    suite = read_yaml_suite(path)
    where = f"{path}:{suite.lines.get('task', 1)}"
    if suite.fields.get("task") != task.name:
        raise MedevalError(f"{where}: task is {suite.fields.get('task')!r}; this exchange is of {task.name!r}")
    if "cases" in suite.fields:
        raise MedevalError(
            f"{path}:{suite.lines['cases']}: 'cases' names files; accepted: a list of cases in this file"
        )
    for record in suite.records:
        if record.fields.get("id") == name:
            raise MedevalError(f"{record.source}: this exchange is a case there already, {name}")
    text = read_text(path)
    newline = "\r\n" if "\r\n" in text else "\n"
    place, indent, head = _place(path, text)
    before = text[:place] if text[:place].endswith("\n") or not place else text[:place] + newline
    added = newline.join([*head, *_case(block, indent, note), ""])
    mark = BOM if path.read_bytes().startswith(BOM.encode()) else ""
    return mark + before + added + text[place:]


def _place(path: Path, text: str) -> tuple[int, int, list[str]]:
    """Find where the next case stands: position, column of its dash, and lines that are missing before it."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    entries = list(root.value) if isinstance(root, yaml.MappingNode) else []
    at = next((index for index, (key, _) in enumerate(entries) if key.value == "cases"), None)
    if at is None:
        return len(text), 2, ["cases:"]
    value = entries[at][1]
    if value.flow_style:
        line = text.count("\n", 0, value.start_mark.index) + 1
        raise MedevalError(f"{path}:{line}: 'cases' stands in brackets; accepted: a line '- id: ...' for each case")
    indent = value.start_mark.column
    if at + 1 == len(entries):
        return len(text), indent, []
    return _above(text, entries[at + 1][0].start_mark.index), indent, []


def _above(text: str, index: int) -> int:
    """Give the start of a key's line, or of the comments and blank lines that belong to the key."""
    place = text.rfind("\n", 0, index) + 1
    while place:
        start = text.rfind("\n", 0, place - 1) + 1
        line = text[start:place]
        if line.strip() and not line.startswith("#"):
            break
        place = start
    return place


def _case(block: Mapping[str, object], indent: int, note: str) -> Iterator[str]:
    """Write a case as the lines of a list item."""
    if note:
        yield f"{' ' * indent}# {_one_line(note)}"
    lines = list(_mapping(block, indent + 2))
    yield f"{' ' * indent}- {lines[0].lstrip()}"
    yield from lines[1:]


def _mapping(block: Mapping[str, object], indent: int) -> Iterator[str]:
    space = " " * indent
    for key, value in block.items():
        name = key if re.fullmatch(r"[A-Za-z_]+", key) else _quoted(key)
        if isinstance(value, Mapping):
            yield f"{space}{name}:"
            yield from _mapping(value, indent + 2)
        elif isinstance(value, list | tuple):
            yield f"{space}{name}:"
            yield from (f"{space}  - {_quoted(str(item))}" for item in value)
        elif isinstance(value, bool):
            yield f"{space}{name}: {str(value).lower()}"
        else:
            yield f"{space}{name}: {_quoted(str(value))}"


def _quoted(text: str) -> str:
    """Write a text in YAML's double quotes: JSON's, but for characters that end a line in YAML only."""
    quoted = json.dumps(_SURROGATE.sub("\ufffd", text), ensure_ascii=False)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _prove(name: str, text: str, task: Task, case: str) -> None:
    """Read the new file as pytest would, before it replaces the old one."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / name
        copy.write_bytes(text.encode())
        try:
            read = check_records(read_yaml_suite(copy).records, task)
        except MedevalError as mistake:
            raise MedevalError(str(mistake).replace(f"{copy}", name)) from None
    if case not in [one.id for one in read]:
        raise MedevalError(f"{name}: the case would not stand in 'cases'; accepted: 'cases' as a list at the end")
