"""What may be changed in a module so that its tests should notice: ``mutants.py`` draws from it."""

from __future__ import annotations

import ast
import copy
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SWAPS: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,), ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.And: (ast.Or,), ast.Or: (ast.And,), ast.Add: (ast.Sub,), ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,), ast.Div: (ast.Mult,), ast.FloorDiv: (ast.Div,), ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,), ast.BitOr: (ast.BitAnd,), ast.BitAnd: (ast.BitOr,),
}  # fmt: skip
WORDS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """A change: ``new`` for ``old`` in a field of its owner, an entry of it where the field is a list."""

    tree: ast.Module
    file: Path
    owner: ast.AST
    field: str
    index: int | None
    old: ast.AST
    new: ast.AST
    inside: int | None
    """First line of the function around it, None outside functions."""

    @property
    def line(self) -> int:
        """The line of what is changed."""
        return int(getattr(self.old, "lineno", 0))

    def source(self) -> str:
        """Write the changed module."""
        self._put(self.new)
        try:
            return ast.unparse(self.tree)
        finally:
            self._put(self.old)

    def _put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.owner, self.field, node)
        else:
            getattr(self.owner, self.field)[self.index] = node

    def __str__(self) -> str:
        return " -> ".join(textwrap.shorten(ast.unparse(one), 120) for one in (self.old, self.new))


def changed(node: ast.AST, **fields: object) -> ast.AST:
    """Copy a node with other fields."""
    new = copy.copy(node)
    new.__dict__.update(fields)
    return new


def operators(node: ast.AST) -> Iterator[ast.AST]:
    """Give other operators for a node, or a part of it."""
    match node:
        case ast.Compare(ops=ops):
            for n, op in enumerate(ops):
                yield from (changed(node, ops=[*ops[:n], new(), *ops[n + 1 :]]) for new in SWAPS[type(op)])
        case ast.BoolOp(op=op, values=values):
            yield changed(node, op=SWAPS[type(op)][0]())
            for n in range(len(values)):
                rest = values[:n] + values[n + 1 :]
                yield changed(node, values=rest) if len(rest) > 1 else rest[0]
        case ast.BinOp(op=op) | ast.AugAssign(op=op):
            yield from (changed(node, op=new()) for new in SWAPS.get(type(op), ()))
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield operand


def values(node: ast.AST) -> Iterator[ast.AST]:
    """Give other constants, words and results for a node."""
    match node:
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 2 or 1.0)
        case ast.Call(func=ast.Name(id=name)) if name in WORDS:
            yield changed(node, func=ast.Name(WORDS[name]))
        case ast.Return(value=ast.expr() as value) if getattr(value, "value", value) is not None:
            yield ast.Return(ast.Constant(None))


def opposite(owner: ast.AST, name: str, node: ast.AST) -> Iterator[ast.AST]:
    """Give the opposite of a condition that no other change reverses, and another word in a comparison."""
    told = isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp | ast.Constant)
    if name in ("test", "ifs") and isinstance(node, ast.expr) and not told:
        yield ast.UnaryOp(ast.Not(), node)
    if isinstance(owner, ast.Compare) and isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield ast.Constant(f"{node.value}?")


def silent(owner: ast.AST, name: str, node: ast.AST) -> bool:
    """Whether a node does nothing that a test could notice."""
    match node:
        case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.keyword(arg="strict"):
            return True
        case ast.If(test=ast.Name(id="TYPE_CHECKING")) | ast.AnnAssign(annotation=ast.Name(id="TypeAlias")):
            return True
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
    match owner:
        case ast.Call(func=ast.Name(id="cast" | "TypeVar")):
            return True
        case ast.ClassDef() if name == "keywords":
            return True
    return name in ("annotation", "returns", "decorator_list")


def mutants(file: Path) -> Iterator[Mutant]:
    """Give all mutants of a module."""
    tree = ast.parse(file.read_text(encoding="utf-8"))

    def walk(owner: ast.AST, inside: int | None) -> Iterator[Mutant]:
        for name, value in ast.iter_fields(owner):
            for n, node in enumerate(value if isinstance(value, list) else [value]):
                if not isinstance(node, ast.AST) or silent(owner, name, node):
                    continue
                index = n if isinstance(value, list) else None
                for new in (*operators(node), *values(node), *opposite(owner, name, node)):
                    yield Mutant(tree, file, owner, name, index, node, new, inside)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield from walk(node, min(one.lineno for one in (node, *node.decorator_list)))
                else:
                    yield from walk(node, inside)

    return walk(tree, None)
