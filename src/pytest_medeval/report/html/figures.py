"""The figures of the page, as inline SVG: intervals on a common axis, and how well confidence fits.

Colours and line widths come from the page's style sheet. No figure says by colour alone what it says: an interval
that excludes zero has a filled mark, one that includes it a hollow one, and each figure has a text alternative.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10

from pytest_medeval.core.record import ReliabilityBin
from pytest_medeval.report.html.markup import Html, tag
from pytest_medeval.report.lines import number

WIDTH = 190
HEIGHT = 24
EDGE = 8
"""Room left and right, so that a mark at the end of the axis is whole."""
NEAR = 36
"""So far apart two numbers of an axis can be read."""
SIDE = 240
"""Inner side of the reliability figure."""
MARGIN = 40
STEPS = (1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of values on ``WIDTH`` pixels; ``zero`` is the value that speaks for no difference, if any does."""

    low: float
    high: float
    zero: float | None = None

    def x(self, value: float) -> float:
        """Give the place of a value, kept inside the figure."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return round(EDGE + share * (WIDTH - 2 * EDGE), 2)


def around_zero(values: Iterable[float]) -> Axis:
    """Give an axis with 0 on it that ends on round numbers beyond the least and the largest value."""
    known = [0.0, *values]
    low, high = -_rounded(-min(known)) or 0.0, _rounded(max(known))  # no -0
    return Axis(low, high, 0.0) if low < high else Axis(-1.0, 1.0, 0.0)


def _rounded(size: float) -> float:
    """Round a size up to a number that is easily read."""
    if size <= 0:
        return 0.0
    power = 10.0 ** floor(log10(size))
    return next(step * power for step in STEPS if step * power >= size * (1 - 1e-9))


def whisker(axis: Axis, middle: float, ends: Sequence[float], label: str) -> Html:
    """Draw a value and its interval; ``label`` is the text alternative."""
    low, high, place = axis.x(ends[0]), axis.x(ends[1]), axis.x(middle)
    half = HEIGHT / 2
    shown = axis.zero is None or not ends[0] <= axis.zero <= ends[1]
    zero = [] if axis.zero is None else [_line("zero", axis.x(axis.zero), 0, axis.x(axis.zero), HEIGHT)]
    return _svg(
        tag("title", label),
        _line("rule", EDGE, half, WIDTH - EDGE, half),
        *zero,
        _line("ends", low, half, high, half),
        _line("ends", low, half - 5, low, half + 5),
        _line("ends", high, half - 5, high, half + 5),
        tag("circle", cls="mark" if shown else "mark open", cx=place, cy=half, r=3),
        width=WIDTH, height=HEIGHT, label=label,
    )  # fmt: skip


def ticks(axis: Axis) -> Html:
    """Draw the numbers of an axis: its ends, and between them 0 or the middle; an end too near to 0 goes unnamed."""
    between = (axis.low + axis.high) / 2 if axis.zero is None else axis.zero
    ends = [(axis.low, "start"), (axis.high, "end")]
    apart = [(value, anchor) for value, anchor in ends if abs(axis.x(value) - axis.x(between)) > NEAR]
    lone = next((anchor for value, anchor in ends if value == between), "middle")
    texts = [
        tag("text", f"{value:+g}" if axis.zero is not None and value else f"{value:g}",
            x=axis.x(value) + {"start": -EDGE, "middle": 0, "end": EDGE}[anchor], y=14, text_anchor=anchor)
        for value, anchor in (*apart, (between, lone))
    ]  # fmt: skip
    return _svg(*texts, width=WIDTH, height=18, label=f"axis from {axis.low:g} to {axis.high:g}")


def reliability(bins: Mapping[str, Sequence[ReliabilityBin]]) -> Html:
    """Draw accuracy over confidence for each role, and the diagonal on which a model's confidence fits."""
    width, height = SIDE + 2 * MARGIN, SIDE + MARGIN + MARGIN // 2
    grid = [
        piece
        for share in (0.0, 0.5, 1.0)
        for piece in (
            _line("rule", _across(0), _up(share), _across(1), _up(share)),
            _line("rule", _across(share), _up(0), _across(share), _up(1)),
            tag("text", f"{share:g}", x=_across(share), y=_up(0) + 16, text_anchor="middle"),
            tag("text", f"{share:g}", x=_across(0) - 8, y=_up(share) + 4, text_anchor="end"),
        )
    ]
    names = [
        tag("text", "confidence", x=_across(0.5), y=height - 4, text_anchor="middle"),
        tag("text", "accuracy", x=12, y=_up(0.5), text_anchor="middle", transform=f"rotate(-90 12 {_up(0.5):g})"),
    ]
    curves = [piece for role, points in reversed(list(bins.items())) for piece in _curve(role, points)]
    label = "Reliability: accuracy over confidence. " + " ".join(
        f"{role}: {_told(points)}." for role, points in bins.items()
    )
    diagonal = _line("zero", _across(0), _up(0), _across(1), _up(1))
    return _svg(*grid, *names, diagonal, *curves, width=width, height=height, label=label)


def _curve(role: str, points: Sequence[ReliabilityBin]) -> list[Html]:
    """Draw a role's points in the order of confidence: the candidate as discs, any other as hollow squares."""
    places = [(_across(one["confidence"]), _up(one["accuracy"])) for one in points]
    path = " ".join(f"{x:g},{y:g}" for x, y in places)
    if role == "candidate":
        marks = [tag("circle", cls="mark", cx=x, cy=y, r=5) for x, y in places]
    else:
        marks = [tag("rect", cls="mark open", x=x - 4, y=y - 4, width=8, height=8) for x, y in places]
    return [tag("polyline", cls=f"curve {'solid' if role == 'candidate' else 'dashed'}", points=path), *marks]


def _told(points: Sequence[ReliabilityBin]) -> str:
    return ", ".join(f"{number(one['confidence'])} {number(one['accuracy'])}" for one in points)


def _across(share: float) -> float:
    return round(MARGIN + 10 + share * SIDE, 2)


def _up(share: float) -> float:
    return round(MARGIN / 2 + (1 - share) * SIDE, 2)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Html:
    return tag("line", cls=kind, x1=x1, y1=y1, x2=x2, y2=y2)


def _svg(*children: Html, width: float, height: float, label: str) -> Html:
    return tag(
        "svg", *children, viewBox=f"0 0 {width} {height}", width=width, height=height, role="img", aria_label=label
    )
