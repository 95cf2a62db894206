"""The terminal's ink: blocks in, lines out; the plugin only writes them. What decides comes last."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from pytest_medeval.report.blocks import (
    Block,
    Brief,
    Cases,
    Cell,
    Drawn,
    Facts,
    Gates,
    Heading,
    Metrics,
    Note,
    Table,
    Tone,
    Verdict,
)
from pytest_medeval.report.lines import WIDTH, Line
from pytest_medeval.report.outline import Outline

MARKUP: Mapping[Tone, Mapping[str, bool]] = {
    "good": {"green": True},
    "bad": {"red": True, "bold": True},
    "open": {"yellow": True},
    "strong": {"bold": True},
}
WORDS: Mapping[str, Tone] = {"MAY GO OUT": "good", "MAY NOT GO OUT": "bad", "UNDECIDED": "open"}
ALARMS = 6
"""Warnings below the verdict: with what was written they leave it on the last screen."""
REASON = 14
"""Below a gate its reason stands so far in."""


def terminal(outline: Outline) -> str:
    """Give the whole summary as text."""
    return "".join(f"{line.text}\n" for line in (*summary(outline), Line(), *box(outline)))


def summary(outline: Outline, *, brief: bool = False) -> Iterator[Line]:
    """Give what the verdict rests on, the gates last; ``brief`` leaves only these."""
    sections = _sections(outline.blocks)
    deciding = sections.pop("gates", [])
    del sections[""]
    if not brief:
        yield from inked([block for section in sections.values() for block in section])
        yield Line()
    yield from inked(deciding)


def box(outline: Outline) -> Iterator[Line]:
    """Give the verdict with what to look at: the last that a reader sees."""
    yield from inked(_sections(outline.blocks)[""])


def _sections(blocks: Sequence[Block]) -> dict[str, list[Block]]:
    """Give the blocks by the section that they stand in; what comes before the first has no name."""
    found: dict[str, list[Block]] = {}
    place = ""
    for block in blocks:
        if isinstance(block, Heading) and block.anchor:
            place = block.anchor
        found.setdefault(place, []).append(block)
    return found


def inked(blocks: Sequence[Block]) -> Iterator[Line]:
    """Write blocks as lines; a section that a terminal heads is indented below its heading."""
    indent, first = 0, True
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:  # noqa: PLR2004 - a section
            indent = 0
            if not first and block.text != ("Cases",):
                yield Line()
        elif isinstance(block, Heading) and not indent and block.brief and not first:
            yield Line()
        for line in _block(block):
            whole = isinstance(block, Note) and block.whole
            yield from [Line(" " * indent + line.text, line.markup)] if whole else _folded(line, indent)
            first = False
        if isinstance(block, Heading) and block.level == 2 and block.brief:  # noqa: PLR2004 - a section
            indent = 2


def _block(block: Block) -> Iterator[Line]:
    if isinstance(block, Verdict):
        yield from _verdict(block)
    elif isinstance(block, Heading):
        if block.brief:
            yield Line(block.brief, MARKUP.get("strong" if block.tone == "plain" else block.tone, {}))
    elif isinstance(block, Note):
        if not block.deep:
            yield Line("".join(block.text), MARKUP.get(block.tone, {}))
    elif isinstance(block, Table):
        yield from _table(block)
    else:
        assert isinstance(block, Facts | Cases)  # noqa: S101 - told by those who have room for it


def _verdict(block: Verdict) -> Iterator[Line]:
    yield Line(block.verdict.sentence, {**MARKUP[WORDS[block.verdict.word]], "bold": True})
    yield from (Line(f"warning: {alarm}", MARKUP["open"]) for alarm in block.alarms[:ALARMS])
    if len(block.alarms) > ALARMS:
        yield Line(f"warning: {len(block.alarms) - ALARMS} more, which every report lists", MARKUP["open"])


def _table(block: Table) -> Iterator[Line]:
    if block.brief:
        for one in block.brief:
            yield from _brief(one, bold=isinstance(block, Gates))
    elif not block.deep:
        minor = block.minor if isinstance(block, Metrics) else frozenset()
        rows = [row for row in block.rows if text(row[0]) not in minor]
        if rows:
            yield Line(_cells(block, [column.name for column in block.columns]))
            yield from (Line(_cells(block, [text(cell) for cell in row])) for row in rows)
        if rows and minor:
            yield Line(f"metrics without a change beyond chance: {len(minor)}")


def text(cell: str | Cell | Drawn) -> str:
    """Give what a cell says, without its notes."""
    return cell if isinstance(cell, str) else cell.text if isinstance(cell, Cell) else cell.label


def _cells(block: Table, cells: Sequence[str]) -> str:
    """Put the cells of the columns that a terminal shows below one another."""
    told = ""
    for column, cell in zip(block.columns, cells, strict=True):
        if column.width and column.words:
            told += f"{'  ' if told else ''}{cell:<{column.width}}"
        elif column.width:
            told += f"{cell:>{column.width}}"
    return told.rstrip()


def _brief(one: Brief, *, bold: bool) -> Iterator[Line]:
    markup = {**MARKUP.get(one.tone, {}), **({"bold": True} if bold and one.tone == "open" else {})}
    yield from (Line(line, markup) for line in _wrapped(one.head, one.parts))
    if one.below:
        lines = textwrap.wrap(one.below, WIDTH - REASON - 2)
        yield from (Line(" " * REASON + line) for line in lines)


def _wrapped(head: str, parts: Sequence[str]) -> Iterator[str]:
    """Put parts one after another over as many lines as they need; a part is not broken."""
    text = head
    for index, part in enumerate(parts):
        piece = part + (", " if index + 1 < len(parts) else "")
        if text.strip() and len(text) + len(piece.rstrip()) > WIDTH - 2:
            yield text.rstrip()
            text = " " * (2 + len(head) - len(head.lstrip()))
        text += piece
    yield text.rstrip()


def _folded(line: Line, indent: int) -> Iterator[Line]:
    """Indent a line, and break it where it is wider than a terminal; nothing is cut off."""
    whole = " " * indent + line.text
    if len(whole) <= WIDTH:
        yield Line(whole if line.text else "", line.markup)
        return
    margin = " " * (len(whole) - len(whole.lstrip()))
    told = textwrap.wrap(whole, WIDTH, initial_indent="", subsequent_indent=f"{margin}  ", break_on_hyphens=False)
    yield from (Line(one, line.markup) for one in told)
