"""The page's ink: one HTML file for those who decide on a release, made from the blocks alone.

Everything stands in the file, and nothing is fetched or sent: style, script, figures, and the texts of all cases as
JSON in a data block whose ``<`` are escaped, so that no reply can close it. The Content Security Policy allows the one
style and the one script by their SHA-256 and nothing else. Verdict, gates, metrics and figures are plain HTML, there
without the script too; the script lists the cases, and sets texts as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_medeval.core.types import ALPHA
from pytest_medeval.report.blocks import (
    Block,
    Cases,
    Code,
    Content,
    Curve,
    Drawn,
    Facts,
    Heading,
    Judged,
    Metrics,
    Note,
    Prose,
    Table,
    Tone,
    Verdict,
)
from pytest_medeval.report.html import figures
from pytest_medeval.report.html.cases import cases
from pytest_medeval.report.html.figures import Axis, around_zero
from pytest_medeval.report.html.markup import Html, code, details, embedded, filled, joined, part, policy, table, tag
from pytest_medeval.report.outline import Outline

SHARE = Axis(0.0, 1.0)
SIGNS: Mapping[Tone, str] = {"good": "✓", "bad": "✕", "open": "?"}
TURNS: Mapping[Tone, str] = {"good": "▲", "bad": "▼"}
KINDS: Mapping[str, Tone] = {"MAY GO OUT": "good", "MAY NOT GO OUT": "bad", "UNDECIDED": "open"}
CLASSES: Mapping[Tone, str] = {"good": "pass", "bad": "fail", "open": "none"}
LEGEND = (
    "Intervals are of 95 %. Lines: the interval; disc: the value; vertical line: no difference. A filled disc: the "
    "interval excludes 0; a hollow one: it includes 0. p is of a paired test, p (Holm) after Holm's correction over "
    "all metrics of the run. The last column says better or worse only where the interval excludes 0 and p (Holm) is "
    f"below {ALPHA:g}, whichever direction is the good one."
)
READING = (
    "Candidate: discs, solid line. Others: hollow squares, dashed line. On the diagonal confidence fits; above it a "
    "model is too modest, below it too sure."
)


def page(outline: Outline) -> str:
    """Make the page. Deterministic: the same record gives the same page."""
    style, script = part("page.css"), part("page.js")
    browsed = next(block for block in outline.blocks if isinstance(block, Cases))
    parts = {
        "policy": policy(style, script),
        "style": style,
        "script": script,
        "title": joined([f"Medical evaluation: {outline.verdict.word}"]),
        "links": _links(outline.blocks),
        "sections": joined(_sections(outline.blocks), by="\n"),
        "suites": joined(tag("option", name) for name in browsed.suites),
        "count": str(len(browsed.cases)),
        "data": embedded(cases(browsed)),
    }
    return filled(part("page.html"), parts)


def _links(blocks: Sequence[Block]) -> Html:
    """List the sections, in the page's order."""
    heads = [block for block in blocks if isinstance(block, Heading) and block.anchor]
    return joined(tag("li", tag("a", "".join(head.text), href=f"#{head.anchor}")) for head in heads)


def _sections(blocks: Sequence[Block]) -> Iterator[Html]:
    """Put the blocks between two headings in a section; the template has the one of the cases."""
    anchor, inside = "", list[Html]()
    for block in blocks:
        if isinstance(block, Verdict):
            yield _banner(block)
        elif isinstance(block, Heading) and block.anchor:
            if inside:
                yield tag("section", *inside, id=anchor)
            anchor, inside = block.anchor, []
        if not isinstance(block, Cases | Verdict):
            inside += ink(block)


def _banner(block: Verdict) -> Html:
    """Show the verdict, and what to look at."""
    tone = KINDS[block.verdict.word]
    sign = tag("span", SIGNS[tone], cls="sign", aria_hidden="true")
    told = [tag("p", sign, tag("strong", f"{block.verdict.word}:"), f" {block.verdict.why}.", cls="sentence")]
    told += [tag("p", f"{alarm}.", cls="warn") for alarm in block.alarms]
    return tag("section", *told, cls=f"verdict {CLASSES[tone]}", aria_label="Verdict")


def ink(block: Block) -> Iterator[Html]:
    """Write a block as elements."""
    if isinstance(block, Heading):
        note = [" ", tag("small", block.note)] if block.note else []
        yield tag(f"h{block.level}", _prose(block.text), *note)
    elif isinstance(block, Note):
        told = tag("p", _prose(block.text), cls="warn" if block.tone in ("open", "bad") else None)
        yield details(block.deep, told) if block.deep else told
    elif isinstance(block, Facts):
        facts = (tag("span", f"{name} ", tag("b", value)) for name, value in block.facts)
        yield tag("p", joined(facts, " · "), cls="facts")
    elif isinstance(block, Table):
        yield from _table(block)


def _prose(pieces: Prose) -> Html:
    return joined(code(piece) if isinstance(piece, Code) else piece for piece in pieces)


def _table(block: Table) -> Iterator[Html]:
    axes = _axes(block)
    heads = [
        joined([column.name, figures.ticks(axes["share"])]) if column.drawn else column.name for column in block.columns
    ]
    rows = [[_cell(block, cell, axes) for cell in row] for row in block.rows]
    words = [place for place, column in enumerate(block.columns) if column.words]
    told = table(block.caption, heads, rows, words=words)
    if isinstance(block, Curve):
        caption = tag("figcaption", tag("b", block.caption), " ", READING)
        yield tag("figure", caption, figures.reliability(block.bins))
    yield details(block.caption, told) if block.deep else told
    if isinstance(block, Metrics) and block.other:
        yield tag("p", LEGEND, cls="note")


def _cell(block: Table, cell: Content, axes: Mapping[str, Axis]) -> str:
    if isinstance(cell, Drawn):
        return _drawn(cell, axes)
    if isinstance(cell, Code):
        return code(cell)
    if isinstance(cell, str):
        return cell
    told = _prose((cell.text,))
    if cell.tone != "plain":
        signs = SIGNS if isinstance(block, Judged) else TURNS
        told = tag("span", f"{signs[cell.tone]} ", told, cls=f"v {CLASSES[cell.tone]}")
    return joined([told, *(tag("small", f" {note}") for note in cell.notes)])


def _drawn(cell: Drawn, axes: Mapping[str, Axis]) -> Html:
    """Draw a value; one that is not on the common axis says which is its own."""
    axis = axes.get(cell.scale) or around_zero(cell.ends)
    own = [] if cell.scale == "share" else [tag("small", f" axis {axis.low:g} to {axis.high:g}")]
    return joined([figures.whisker(axis, cell.value, cell.ends, cell.label), *own])


def _axes(block: Table) -> dict[str, Axis]:
    """Give the axes that cells have in common: of differences around zero, of values from 0 to 1."""
    drawn = [cell for row in block.rows for cell in row if isinstance(cell, Drawn)]
    ends = {scale: [end for one in drawn if one.scale == scale for end in one.ends] for scale in ("share", "grade")}
    paired = isinstance(block, Metrics) and block.other
    return {"share": around_zero(ends["share"]) if paired else SHARE, "grade": around_zero(ends["grade"])}
