"""Suites and cases in YAML, written by hand: every key and case knows its line, texts stay as typed.

YAML 1.1 reads ``answer: NO`` as false, ``12.50`` as 12.5 and ``1:30`` as 90. In ``cases`` a value is
therefore the text that was typed, but for the two switches ``critical`` and ``listed``; above ``cases``
the rules of YAML 1.2 hold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pytest_medeval.core.errors import MedevalError, Mistakes
from pytest_medeval.core.files.door import DEEPEST, SETTINGS, Lines, read_text
from pytest_medeval.core.types import Record, Source

_VALUES = 100_000
"""Values of one collection, each alias counted as what it stands for: a small file stays small when it is written."""
SURROGATE = re.compile(r"[\ud800-\udfff]")
BOOLEANS = {"true": True, "false": False}
WHOLE = re.compile(r"[-+]?[0-9]{1,18}")
NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value", "map", "seq")
)


@dataclass(frozen=True)
class SuiteFile:
    """A ``*.medeval.yaml`` as it was written.

    ``fields`` are all keys but an inline list of cases, ``lines`` the line of each key of the file
    (``cases`` too). ``cases`` that names files instead stays in ``fields``, and ``records`` is empty.
    """

    source: Source
    fields: Mapping[str, Any]
    lines: Mapping[str, int]
    records: tuple[Record, ...]


def read_yaml_suite(path: Path) -> SuiteFile:
    """Read a suite file; ``MedevalError`` where YAML cannot be read or a key is given twice."""
    loader = _Loader(path)
    root = loader.root
    if not isinstance(root, yaml.MappingNode):
        raise loader.mistake(root, f"found {_called(root)}; accepted: a mapping with 'task' and 'cases'")
    entries = loader.mapping(root)
    lines = {key: loader.line(key_node) for key, (key_node, _) in entries.items()}
    cases = entries.get("cases")
    records: tuple[Record, ...] = ()
    if cases is not None and _inline(cases[1]):
        del entries["cases"]
        records = tuple(loader.records(cases[1]))
    fields = {key: loader.value(node) for key, (_, node) in entries.items()}
    return SuiteFile(Source(str(path), loader.line(root)), fields, lines, records)


def read_yaml_cases(path: Path) -> Iterator[Record]:
    """Read cases alone: a list of them, or a mapping whose one key is ``cases``."""
    loader = _Loader(path)
    node = loader.root
    if isinstance(node, yaml.MappingNode):
        entries = loader.mapping(node)
        if set(entries) != {"cases"}:
            keys = ", ".join(entries) or "(none)"
            raise loader.mistake(node, f"found the keys {keys}; accepted: a list of cases, or only 'cases'")
        node = entries["cases"][1]
    yield from loader.records(node)


class _Loader:
    """One YAML document as nodes, and the ways to make values of them."""

    def __init__(self, path: Path) -> None:
        self.file = str(path)
        self.lines = Lines(self.file, read_text(path, most=SETTINGS, wanted="YAML of a suite or its cases"))
        self.root = self._compose(self.lines.text)
        self._open: set[int] = set()
        self._made: dict[tuple[int, bool], object] = {}
        self._sizes: dict[int, int] = {}

    def mistake(self, node: yaml.Node, what: str) -> MedevalError:
        return self.lines.mistake(node.start_mark.index, what)

    def line(self, node: yaml.Node) -> int:
        # not the mark's own line: YAML 1.1 ends a line at U+0085 and U+2028 too, an editor does not
        return self.lines.line(node.start_mark.index)

    def _compose(self, text: str) -> yaml.Node:
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = f":{1 if mark is None else self.lines.line(mark.index)}"
            told = " ".join(str(error.problem or error.context).split())
            raise MedevalError(
                f"{self.file}{where}: not YAML: {told}; accepted: YAML of a suite or its cases"
            ) from error
        except yaml.reader.ReaderError as error:
            character = f"character #x{ord(text[error.position]):04x}"
            raise self.lines.mistake(error.position, f"not YAML: {character} is not allowed; accepted: text") from error
        except RecursionError as error:
            raise self.lines.mistake(0, f"nested too deeply; accepted: up to {DEEPEST} levels") from error
        if node is None:
            raise MedevalError(f"{self.file}:1: no cases: the file holds only comments; accepted: 'task' and 'cases'")
        return node

    def mapping(self, node: yaml.MappingNode) -> dict[str, tuple[yaml.Node, yaml.Node]]:
        """Give key -> (key node, value node); a key given twice, or one that is no text, is an error."""
        entries: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.mistake(key, f"found {_called(key)} as a key; accepted: a text")
            if key.value in entries:
                first = self.line(entries[key.value][0])
                raise self.mistake(key, f"key {key.value!r} occurs twice, first on line {first}; accepted: once")
            entries[key.value] = (key, value)
        return entries

    def records(self, node: yaml.Node) -> Iterator[Record]:
        """Yield the cases of a list, values as texts but for a plain ``true`` or ``false``."""
        if not isinstance(node, yaml.SequenceNode):
            raise self.mistake(node, f"'cases' is {_called(node)}; accepted: a list of cases")
        mistakes = Mistakes()
        for case in node.value:
            with mistakes:
                yield Record(Source(self.file, self.line(case)), self._fields(case))
        mistakes.tell()

    def _fields(self, case: yaml.Node) -> dict[str, object]:
        if not isinstance(case, yaml.MappingNode):
            raise self.mistake(case, f"a case is {_called(case)}; accepted: a mapping")
        return {key: self._switch(value) for key, (_, value) in self.mapping(case).items()}

    def _switch(self, node: yaml.Node) -> object:
        value = self.value(node, as_text=True)
        plain = isinstance(node, yaml.ScalarNode) and not node.style
        return BOOLEANS.get(str(value).lower(), value) if plain else value

    def value(self, node: yaml.Node, *, as_text: bool = False) -> object:
        """Make the value of a node; an alias gives the same value again, and may not stand inside itself."""
        if node.tag not in TAGS:
            raise self.mistake(node, f"tag {node.tag!r} is not accepted; accepted: the value without a tag")
        if isinstance(node, yaml.ScalarNode):
            if SURROGATE.search(node.value):
                told = "half of a surrogate pair (\\ud800 to \\udfff) is no character"
                raise self.mistake(node, f"{told}; accepted: characters")
            return node.value if as_text or node.style else _plain(node.value)
        key = (id(node), as_text)
        if key not in self._made:
            if id(node) in self._open:
                raise self.mistake(node, "an alias stands inside the value that it names; accepted: one outside it")
            if len(self._open) >= DEEPEST:
                raise self.mistake(node, f"nested too deeply; accepted: up to {DEEPEST} levels")
            self._open.add(id(node))
            if isinstance(node, yaml.MappingNode):
                pairs = self.mapping(node).items()
                self._made[key] = {name: self.value(inner, as_text=as_text) for name, (_, inner) in pairs}
            else:
                self._made[key] = [self.value(item, as_text=as_text) for item in node.value]
            self._open.discard(id(node))
            inside = node.value if isinstance(node, yaml.SequenceNode) else [value for _, value in node.value]
            self._sizes[id(node)] = 1 + sum(self._sizes.get(id(one), 1) for one in inside)
            if self._sizes[id(node)] > _VALUES:
                raise self.mistake(node, f"aliases make more than {_VALUES} values of it; accepted: fewer")
        return self._made[key]


def _inline(node: yaml.Node) -> bool:
    """Tell a list of cases (or nothing sensible) from the names of case files."""
    if isinstance(node, yaml.ScalarNode):
        return not node.value
    return not (
        isinstance(node, yaml.SequenceNode)
        and node.value
        and all(isinstance(item, yaml.ScalarNode) for item in node.value)
    )


def _plain(text: str) -> object:
    """Read an unquoted scalar by the core schema of YAML 1.2."""
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()]
    if text in ("", "~") or text.lower() == "null":
        return None
    if WHOLE.fullmatch(text):
        return int(text)
    if NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text


def _called(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return f"the text {node.value!r}" if node.value else "empty"
    return "a mapping" if isinstance(node, yaml.MappingNode) else "a list"
