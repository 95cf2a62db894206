"""How many values are read by a literal key (``x["key"]``, ``x.get("key")``), and of how many mypy knows the keys.

By the type that mypy finds for what stands before the key: a TypedDict of another room, one of the same room, or
something whose keys nothing checks, such as the records of users' files and the answers of servers.
Usage: ``python benchmarks/keys.py``.
"""

from __future__ import annotations

import ast
import os
from collections import Counter
from pathlib import Path

from mypy import build
from mypy.find_sources import create_source_list
from mypy.nodes import CallExpr, Expression, IndexExpr, MemberExpr, StrExpr
from mypy.options import Options
from mypy.types import Type, TypedDictType, UnionType, get_proper_type

SRC = Path(__file__).parents[1] / "src"
READS = ("get", "setdefault", "pop")


def rooms() -> dict[tuple[int, int, int, int], str]:
    """Give the room of every subscript and call by its place: mypy tells the place, and not the module."""
    found = {}
    for path in sorted(SRC.rglob("*.py")):
        room = path.relative_to(SRC / "pytest_medeval").parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Subscript | ast.Call):
                found[node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0] = room
    return found


def read_by_key(node: Expression) -> Expression | None:
    """Give what is read by a literal key; None where nothing is."""
    match node:
        case IndexExpr(index=StrExpr()):
            return node.base
        case CallExpr(callee=MemberExpr() as read, args=[StrExpr(), *_]) if read.name in READS:
            return read.expr
    return None


def kind(found: Type | None, room: str) -> str:
    """Say whose keys they are; of a union those of its first TypedDict."""
    known = get_proper_type(found)
    parts = [get_proper_type(one) for one in (known.items if isinstance(known, UnionType) else [known])]
    owners = [one.fallback.type.fullname.split(".")[1] for one in parts if isinstance(one, TypedDictType)]
    return "unchecked" if not owners else "own room" if owners[0] == room else "other room"


def main() -> None:
    """Print the numbers, and the rooms in which keys are read unchecked."""
    os.chdir(SRC.parent)
    options = Options()
    options.export_types = options.preserve_asts = True
    options.incremental, options.follow_imports = False, "skip"
    types = build.build(create_source_list(["src/pytest_medeval"], options), options).types
    where, counts, unchecked = rooms(), Counter[str](), Counter[str]()
    for node in types:
        if (base := read_by_key(node)) is not None:
            room = where.get((node.line, node.column, node.end_line or 0, node.end_column or 0), "")
            found = kind(types.get(base), room)
            counts[found] += 1
            unchecked[room] += found == "unchecked"
    print(", ".join(f"{name}: {number}" for name, number in counts.most_common()))
    print("unchecked:", ", ".join(f"{room} {number}" for room, number in unchecked.most_common() if number))


if __name__ == "__main__":
    main()
