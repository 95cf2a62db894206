"""The terminal's ink: blocks in, lines out; the plugin only writes them. What decides comes last."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias

from pytest_medeval.report.blocks import (
    Block,
    Brief,
    Cases,
    Column,
    Facts,
    Gates,
    Heading,
    Metrics,
    Note,
    Table,
    Tone,
    Verdict,
    text,
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
GLANCE = frozenset({"models", "suites", "retention"})
"""Sections that are told whole at a glance."""
MINDED = frozenset({"open", "bad"})
MORE = "-v, or the page that --medeval-html=FILE writes"
BOX = 8
"""Lines of the verdict and its warnings: with what was written they leave it on the last screen."""
REASON = 14
"""Below a gate its reason stands so far in."""
GAP = 2
LEAST = 60
"""Characters of a line below which nothing is folded any more."""


Detail: TypeAlias = Literal["gates", "glance", "whole"]
"""How much is told: the gates alone, an answer for each suite and what is to be minded, or everything."""


def terminal(outline: Outline) -> str:
    """Give all that there is to say as text."""
    last = inked(_sections(outline.blocks)[""])
    return "".join(f"{line.text}\n" for line in (*summary(outline, "whole"), Line(), *last))


def summary(outline: Outline, detail: Detail, width: int = WIDTH) -> Iterator[Line]:
    """Give what the verdict rests on, the gates last, in lines of ``width`` characters."""
    sections = _sections(outline.blocks)
    deciding = sections.pop("gates", [])
    del sections[""]
    if detail != "gates":
        told = (section if detail == "whole" else _minded(place, section) for place, section in sections.items())
        yield from inked([block for section in told for block in section], width)
        if detail == "glance":
            yield from (Line(), *_folded(Line(f"more of each suite, the judges and the cases: {MORE}"), 0, width))
        yield Line()
    yield from inked(deciding, width)


def screen_width() -> int:
    """Give the terminal's width in characters; a file or the log of a CI job has none unless ``COLUMNS`` says so."""
    return max(LEAST, shutil.get_terminal_size((WIDTH, 24)).columns)


def box(outline: Outline, width: int = WIDTH) -> Iterator[Line]:
    """Give the verdict with what to look at, in at most ``BOX`` lines: the last that a reader sees."""
    (verdict,) = (block for block in outline.blocks if isinstance(block, Verdict))
    sentence, *alarms = (list(_folded(line, 0, width)) for line in _verdict(verdict))
    yield from sentence
    left = BOX - len(sentence)
    for place, lines in enumerate(alarms):
        if len(lines) + (place + 1 < len(alarms)) > left:
            count = len(alarms) - place
            yield Line(f"warning: {count} more, which every report lists", MARKUP["open"])
            break
        yield from lines
        left -= len(lines)


def _minded(place: str, section: Sequence[Block]) -> Iterator[Block]:
    """Give what is told at a glance, below the headings that it stands under."""
    headings: dict[int, Heading] = {}
    for block in section:
        if isinstance(block, Heading):
            headings = {level: one for level, one in headings.items() if level < block.level} | {block.level: block}
        elif place in GLANCE or _is_minded(block):
            yield from headings.values()
            headings = {}
            yield block


def _is_minded(block: Block) -> bool:
    if isinstance(block, Note):
        return block.glance or block.tone in MINDED
    return isinstance(block, Table) and (block.glance or any(one.tone in MINDED for one in block.brief))


def _sections(blocks: Sequence[Block]) -> dict[str, list[Block]]:
    """Give the blocks by the section that they stand in; what comes before the first has no name."""
    found: dict[str, list[Block]] = {}
    place = ""
    for block in blocks:
        if isinstance(block, Heading) and block.anchor:
            place = block.anchor
        found.setdefault(place, []).append(block)
    return found


def inked(blocks: Sequence[Block], width: int = WIDTH) -> Iterator[Line]:
    """Write blocks as lines; a section that a terminal heads is indented below its heading."""
    indent, first = 0, True
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:  # noqa: PLR2004 - a section
            indent = 0
            if not first and block.text != ("Cases",):
                yield Line()
        elif isinstance(block, Heading) and not indent and block.brief and not first:
            yield Line()
        for line in _block(block, width - indent):
            whole = isinstance(block, Note) and block.whole
            yield from [Line(" " * indent + line.text, line.markup)] if whole else _folded(line, indent, width)
            first = False
        if isinstance(block, Heading) and block.level == 2 and block.brief:  # noqa: PLR2004 - a section
            indent = 2


def _block(block: Block, width: int) -> Iterator[Line]:
    if isinstance(block, Verdict):
        yield from _verdict(block)
    elif isinstance(block, Heading):
        if block.brief:
            yield Line(block.brief, MARKUP.get("strong" if block.tone == "plain" else block.tone, {}))
    elif isinstance(block, Note):
        if not block.deep:
            yield Line("".join(block.text), MARKUP.get(block.tone, {}))
    elif isinstance(block, Table):
        yield from _table(block, width)
    else:
        assert isinstance(block, Facts | Cases)  # noqa: S101 - told by those who have room for it


def _verdict(block: Verdict) -> Iterator[Line]:
    yield Line(block.verdict.sentence, {**MARKUP[WORDS[block.verdict.word]], "bold": True})
    yield from (Line(f"warning: {alarm}", MARKUP["open"]) for alarm in block.alarms)


def _table(block: Table, width: int) -> Iterator[Line]:
    if block.brief:
        for one in block.brief:
            yield from _brief(one, width, bold=isinstance(block, Gates))
    elif not block.deep:
        minor = block.minor if isinstance(block, Metrics) else frozenset()
        rows = [row for row in block.rows if text(row[0]) not in minor]
        if rows:
            shown = fitting(block.columns, width)
            yield Line(_cells(shown, [column.name for column in block.columns]))
            yield from (Line(_cells(shown, [text(cell) for cell in row])) for row in rows)
        if rows and minor:
            yield Line(f"metrics without a change beyond chance: {len(minor)}")


def fitting(columns: Sequence[Column], width: int) -> Sequence[Column | None]:
    """Leave out the columns that no terminal shows, and those of the highest rank until the others fit."""
    shown: list[Column | None] = [column if column.width else None for column in columns]
    while sum(_room(column) for column in shown if column) > width:
        rank, place = max((column.rank, place) for place, column in enumerate(shown) if column)
        if not rank:
            break
        shown[place] = None
    return shown


def _room(column: Column) -> int:
    return column.width + GAP * column.words


def _cells(columns: Sequence[Column | None], cells: Sequence[str]) -> str:
    """Put the cells of the columns that are shown below one another."""
    told = ""
    for column, cell in zip(columns, cells, strict=True):
        if column and column.words:
            told += f"{' ' * GAP if told else ''}{cell:<{column.width}}"
        elif column:
            told += f"{cell:>{column.width}}"
    return told.rstrip()


def _brief(one: Brief, width: int, *, bold: bool) -> Iterator[Line]:
    markup = {**MARKUP.get(one.tone, {}), **({"bold": True} if bold and one.tone == "open" else {})}
    yield from (Line(line, markup) for line in _wrapped(one.head, one.parts, width))
    if one.below:
        lines = textwrap.wrap(one.below, width - REASON - GAP)
        yield from (Line(" " * REASON + line) for line in lines)


def _wrapped(head: str, parts: Sequence[str], width: int) -> Iterator[str]:
    """Put parts one after another over as many lines as they need; a part is not broken."""
    text = head
    for index, part in enumerate(parts):
        piece = part + (", " if index + 1 < len(parts) else "")
        if text.strip() and len(text) + len(piece.rstrip()) > width:
            yield text.rstrip()
            text = " " * (2 + len(head) - len(head.lstrip()))
        text += piece
    yield text.rstrip()


def _folded(line: Line, indent: int, width: int) -> Iterator[Line]:
    """Indent a line, and break it where it is wider than a terminal; nothing is cut off."""
    whole = " " * indent + line.text
    if len(whole) <= width:
        yield Line(whole if line.text else "", line.markup)
        return
    margin = " " * (len(whole) - len(whole.lstrip()))
    told = textwrap.wrap(whole, width, initial_indent="", subsequent_indent=f"{margin}  ", break_on_hyphens=False)
    yield from (Line(one, line.markup) for one in told)
