"""A table of metrics on the page: the candidate against another role, each interval drawn, signatures on demand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_medeval.report import figures
from pytest_medeval.report.figures import Axis, around_zero
from pytest_medeval.report.lines import interval, number, p_value
from pytest_medeval.report.markup import Html, code, details, joined, table, tag
from pytest_medeval.report.terminal import ALPHA

Facts = Mapping[str, Any]
SHARE = Axis(0.0, 1.0)
PAIRED = ("p", "Holm p", "n", "change")
SLACK = 1e-9
"""So far beyond 0 or 1 a share may lie by rounding."""
LEGEND = (
    "Intervals are of 95 %. Lines: the interval; disc: the value; vertical line: no difference. A filled disc: the "
    "interval excludes 0; a hollow one: it includes 0. p is of a paired test, Holm p after Holm's correction over all "
    "metrics of the run. The last column says better or worse only where the interval excludes 0 and Holm p is below "
    f"{ALPHA:g}, whichever direction is the good one."
)


def metrics(
    name: str, found: Mapping[str, Facts], headline: str = "", other: str = "baseline"
) -> Iterator[Html]:
    """Tabulate metrics of the candidate, against the other role where there is one; signatures on demand."""
    paired = any(one[other] is not None for one in found.values())
    axes = _axes(found, paired=paired)
    rows = [_row(key, one, axes[key], other if paired else None, headline) for key, one in found.items()]
    drawn = joined(["interval, drawn", figures.ticks(axes[""][0])])
    if paired:
        head = ("metric", other, "candidate", "difference", "95 % interval", drawn, *PAIRED)
        yield table(f"{name}: candidate against {other}", head, rows, words=(5, 9))
        yield tag("p", LEGEND, cls="note")
    else:
        yield table(
            f"{name}: metrics", ("metric", "candidate", "95 % interval", drawn, "n"), rows, words=(3,)
        )
    yield details("Signatures, tests and effect sizes", _signatures(name, found))


def _row(name: str, one: Facts, axis: tuple[Axis, bool], other: str | None, headline: str) -> tuple[str, ...]:
    head = joined([code(name), *([tag("small", " headline")] if name == headline else []), *_better(one)])
    if other is None:
        ends = one["candidate_ci95"]
        return (
            head,
            number(one["candidate"]),
            interval(ends),
            _drawn(name, one["candidate"], ends, axis),
            str(one["n"]),
        )
    return (
        head,
        number(one[other]),
        number(one["candidate"]),
        number(one["difference"], sign=True),
        interval(one["ci95"], sign=True),
        _drawn(name, one["difference"], one["ci95"], axis, sign=True),
        p_value(one["p_value"]),
        p_value(one["p_corrected"]),
        str(one["n"]),
        _reading(one),
    )


def _better(one: Facts) -> list[Html]:
    return [tag("small", " lower is better")] if one["direction"] < 0 else []


def _reading(one: Facts) -> Html:
    """Say better or worse where test and interval both show it."""
    ends, chance = one["ci95"], one["p_corrected"]
    if one["difference"] is None or ends is None or chance is None:
        return tag("span", "not compared")
    if chance >= ALPHA or ends[0] <= 0 <= ends[1]:
        return tag("span", "not shown")
    if not one["direction"]:
        return tag("span", "higher" if ends[0] > 0 else "lower")
    good = (ends[0] > 0) == (one["direction"] > 0)
    return tag("span", "▲ better", cls="v pass") if good else tag("span", "▼ worse", cls="v fail")


def _drawn(
    name: str,
    middle: float | None,
    ends: Sequence[float] | None,
    axis: tuple[Axis, bool],
    *,
    sign: bool = False,
) -> Html:
    if middle is None or ends is None:
        return tag("span", "-")
    own = [tag("small", f" axis {axis[0].low:g} to {axis[0].high:g}")] if axis[1] else []
    told = f"{name} {number(middle, sign=sign)} {interval(ends, sign=sign)}"
    return joined([figures.whisker(axis[0], middle, ends, told), *own])


def _axes(found: Mapping[str, Facts], *, paired: bool) -> dict[str, tuple[Axis, bool]]:
    """Give each metric its axis, and whether that is its own: scores between 0 and 1 have one in common.

    The one in common is also under the empty name.
    """
    ends = {name: one["ci95" if paired else "candidate_ci95"] for name, one in found.items()}
    unit = [name for name, one in found.items() if _unit(name, one) and ends[name]]
    inside = {name: around_zero(ends[name] or ()) for name in found}
    common = around_zero(end for name in unit for end in ends[name]) if paired else SHARE
    graded = around_zero(end for name in found if _graded(name) for end in ends[name] or ())
    own = {name: graded if _graded(name) else inside[name] for name in found}
    return {"": (common, False)} | {
        name: (common, False) if name in unit else (own[name], True) for name in found
    }


def _graded(name: str) -> bool:
    return name.startswith("judge.") and name != "judge.preference"


def _unit(name: str, one: Facts) -> bool:
    values = (
        *(one.get(role) or 0.0 for role in ("candidate", "baseline", "reference")),
        *(one.get("candidate_ci95") or ()),
    )
    return not _graded(name) and all(-SLACK <= value <= 1 + SLACK for value in values)


def _signatures(name: str, found: Mapping[str, Facts]) -> Html:
    rows = [
        (
            code(key),
            code(one["signature"]),
            one["test"] or "-",
            f"{number(one['effect_size'], sign=True)} ({one['effect']})"
            if one["effect_size"] is not None
            else "-",
            one["reason"] or "-",
        )
        for key, one in found.items()
    ]
    return table(
        f"{name}: how each number was made",
        ("metric", "signature", "test", "effect size", "note"),
        rows,
        words=range(5),
    )
