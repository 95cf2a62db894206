"""Markdown's ink: for GitHub's step summary, a merge request, a release page, and the model card."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pytest_medeval.core.encodable import inert
from pytest_medeval.report.blocks import (
    Block,
    Cell,
    Code,
    Column,
    Content,
    Facts,
    Gates,
    Heading,
    Note,
    Prose,
    Table,
    Verdict,
    text,
)
from pytest_medeval.report.outline import Outline

MOST = 50
"""Rows of a table that is put away; the record has all."""
MARKS = {"plain": "", "strong": "", "good": "✅ ", "bad": "❌ ", "open": "⚠️ "}


def markdown(outline: Outline) -> str:
    """Give the whole summary; what is listed stands together, all else apart."""
    told: list[str] = []
    for block in outline.blocks:
        lines = list(_block(block))
        if lines and told and not all(line.startswith("- ") for line in (lines[0], told[-1])):
            told.append("")
        told += lines
    return "\n".join([*told, ""])


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Verdict):
        yield f"## Medical evaluation: {block.verdict.word}"
        yield from ("", prose((f"{block.verdict.why}.",)))
        if block.alarms:
            yield from ("", *(f"- {MARKS['open']}{prose((alarm,))}" for alarm in block.alarms))
    elif isinstance(block, Heading) and block.anchor != "cases":
        note = f" ({prose((block.note,))})" if block.note else ""
        yield f"{'#' * (block.level + 1)} {prose(block.text)}{note}"
    elif isinstance(block, Note):
        told = prose(block.text)
        yield from _hidden(block.deep, [told]) if block.deep else [f"- {MARKS[block.tone]}{told}"]
    elif isinstance(block, Facts):
        yield from (f"- {prose((name,))}: {prose((Code(value),))}" for name, value in block.facts)
    elif isinstance(block, Table):
        yield from _table(block)


def _table(block: Table) -> Iterator[str]:
    """Give a table, or what a terminal says of it, which is shorter; what decides is always a table."""
    if block.brief and not isinstance(block, Gates):
        yield from (f"- {MARKS[one.tone]}{prose(((one.head + ', '.join(one.parts)).strip(),))}" for one in block.brief)
    elif block.deep:
        more = len(block.rows) - MOST
        left = ["", f"{more} more rows stand in the record."] if more > 0 else []
        yield from _hidden(block.caption, [*_rows(block, block.rows[:MOST]), *left])
    else:
        yield from _rows(block, block.rows)


def _hidden(told: str, inside: Sequence[str]) -> list[str]:
    return [f"<details><summary>{prose((told,))}</summary>", "", *inside, "", "</details>"]


def _rows(block: Table, rows: Sequence[Sequence[Content]]) -> Iterator[str]:
    shown = [place for place, column in enumerate(block.columns) if not column.drawn]
    yield _row([prose((block.columns[place].name,)) for place in shown])
    yield "|" + "".join(_rule(block.columns[place]) for place in shown)
    yield from (_row([_cell(row[place]) for place in shown]) for row in rows)


def _rule(column: Column) -> str:
    return " --- |" if column.words else " ---: |"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(cell: Content) -> str:
    if isinstance(cell, Cell):
        notes = f" ({prose((', '.join(cell.notes),))})" if cell.notes else ""
        return f"{MARKS[cell.tone]}{prose((cell.text,))}{notes}"
    return prose((text(cell),))


def prose(pieces: Prose) -> str:
    """Show pieces of text as they are: no markup, no new cell, no new line; code as code."""
    return "".join(_code(inert(piece)) if isinstance(piece, Code) else _text(inert(piece)) for piece in pieces)


def _text(told: str) -> str:
    escaped = re.sub(r"[\\`*_<>|#~$]|\](?=[(\[:])", r"\\\g<0>", told)
    lead = " " if told[:1] == " " else ""
    tail = " " if told[-1:] == " " and told.strip() else ""
    return f"{lead}{' '.join(escaped.split())}{tail}"


def _code(told: str) -> str:
    """Show a text as code; a backtick in it becomes an apostrophe, and the bar of a table is escaped."""
    return f"`{' '.join(told.split()).replace('`', chr(39)).replace('|', chr(92) + '|')}`"
