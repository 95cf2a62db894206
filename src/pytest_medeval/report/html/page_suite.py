"""One suite on the page: its metrics with their intervals drawn, and what stands behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_medeval.report.html import figures
from pytest_medeval.report.html.figures import Axis, around_zero
from pytest_medeval.report.html.markup import Html, code, details, joined, table, tag
from pytest_medeval.report.lines import Line, how_asked, interval, number, p_value
from pytest_medeval.report.terminal import ALPHA, MIN_GROUP, errors, undefined

# What to keep in mind about a suite's scores, on the page: safety rules, leaked cases, noise, the stored
# run.

def caveats(name: str, facts: Facts) -> Iterator[Html]:
    """Show what the record has of them."""
    yield from _rules(facts.get("rules", {}))
    yield from _leakage(facts.get("leakage"))
    yield from _noise(facts.get("noise"))
    yield from _reference(name, facts.get("reference"))


def _rules(found: Mapping[str, Mapping[str, Facts]]) -> Iterator[Html]:
    rows = [
        (
            rule,
            role,
            f"{one['applied'] - one['kept']} of {one['applied']}",
            interval([1 - end for end in reversed(one["ci95"])]),
        )
        for role, rules in found.items()
        for rule, one in rules.items()
        if one["applied"]
    ]
    if rows:
        yield table(
            "Safety rules broken",
            ("rule", "model", "broken", "95 % interval of the share"),
            sorted(rows),
            words=(1,),
        )


def _leakage(found: Facts | None) -> Iterator[Html]:
    if found is None:
        return
    yield tag("h3", "Leakage")
    searched = f"{found['records']} records of the training data"
    if not found["leaked"]:
        yield tag("p", f"None of {found['cases']} cases stands in the {searched}.")
        return
    count = f"{len(found['leaked'])} of {found['cases']} cases in the {searched}"
    yield tag("p", f"{count}: {found['exact']} exact, {found['near']} near.", cls="warn")
    scores = [(role, number(one["all"]), number(one["clean"])) for role, one in found["scores"].items()]
    if scores:
        heads = ("model", "all cases", f"without them (n {found['clean']})")
        yield table(f"{found['metric']} with and without leaked cases", heads, scores)
    rows = [
        (leak["id"], leak["kind"], number(leak["similarity"]), leak["source"]) for leak in found["leaked"]
    ]
    listed = table("Leaked cases", ("case", "kind", "similarity", "found in"), rows, words=(1, 3))
    yield details("Which cases", listed)


def _noise(found: Facts | None) -> Iterator[Html]:
    if found is None:
        return
    yield tag("h3", "Noise floor")
    if "reason" in found:
        yield tag("p", f"Not measured: {found['reason']}.", cls="warn")
    rows = [
        (one["name"], str(one.get("changed", "-")), one.get("reason") or "-") for one in found["variants"]
    ]
    if rows:
        yield table(
            f"Replies to {found['n']} cases, asked again in other ways",
            ("way", "changed", "not measured because"),
            rows,
            words=(2,),
        )
    moved = ", ".join(f"{name} {number(floor)}" for name, floor in found.get("floor", {}).items() if floor)
    yield tag("p", f"Largest change of a score: {moved or 'none'}.")
    if found.get("below"):
        yield tag("p", f"Differences below the floor: {', '.join(found['below'])}.", cls="warn")


def _reference(name: str, found: Facts | None) -> Iterator[Html]:
    if not found:
        return
    yield tag("h3", "Against the stored run ", code(found["run"]))
    yield tag("p", f"{found['same']} of its {found['cases']} cases are the same.")
    if found["differences"]:
        yield tag("ul", *(tag("li", line) for line in found["differences"]))
    if found["metrics"]:
        yield from metrics(name, found["metrics"], other="reference")
    lost = found.get("lost")
    if lost and lost["count"]:
        cases = [(case["id"], number(case["reference"]), number(case["candidate"])) for case in lost["cases"]]
        told = f"Worse than the stored run in {lost['metric']}: {lost['count']} of {lost['of']} cases"
        yield details(told, table(told, ("case", "reference", "candidate"), cases))


# A table of metrics on the page: the candidate against another role, each interval drawn, signatures on
# demand.

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


Facts = Mapping[str, Any]
READING = (
    "Candidate: discs, solid line. Others: hollow squares, dashed line. On the diagonal confidence fits; above it a "
    "model is too modest, below it too sure."
)
FEW = 16
"""So many groups of a tag are shown at once; more are put away until asked for."""


def suite(name: str, facts: Facts, cases: Sequence[Facts], place: int) -> Html:
    """Show a suite; ``cases`` are its own, ``place`` its number on the page."""
    parts = [tag("h2", name, " ", tag("small", facts["task"])), *_counts(facts), *_silent(cases)]
    if facts["metrics"]:
        parts += metrics(name, facts["metrics"], facts["headline"])
    parts += [_outcomes(name, facts), *_left_out(facts), *_confusion(facts.get("confusion"))]
    parts += [
        *_reliability(facts.get("reliability")),
        *_groups(facts.get("subgroups", {})),
        *caveats(name, facts),
    ]
    return tag("section", *parts, id=f"suite-{place}")


def _counts(facts: Facts) -> Iterator[Html]:
    sampled = f", a seeded sample of {facts['total']}" if facts["cases"] < facts["total"] else ""
    yield tag(
        "p",
        f"{facts['evaluated']} of {facts['cases']} cases evaluated{sampled}. Suite: ",
        code(facts["source"]),
    )
    if not facts["complete"]:
        yield tag("p", "Only a part of this suite ran: its gates are not evaluated.", cls="warn")
    yield from (tag("p", f"{told[0].upper()}{told[1:]}.") for told in how_asked(facts))


def _silent(cases: Sequence[Facts]) -> Iterator[Html]:
    """Say why there are no replies to some cases, and which replies have no score."""
    for told in (list(errors(cases)), list(undefined(cases))):
        if told:
            yield tag("p", prose(told), cls="warn")


def prose(lines: Iterable[Line]) -> str:
    """Put a terminal's lines together again."""
    return " ".join(line.text.strip() for line in lines)


def _outcomes(name: str, facts: Facts) -> Html:
    kinds = list(dict.fromkeys(kind for counts in facts["outcomes"].values() for kind in counts))
    rows = [(role, *(str(counts[kind]) for kind in kinds)) for role, counts in facts["outcomes"].items()]
    return table(f"{name}: how replies ended", ("model", *(kind.replace("_", " ") for kind in kinds)), rows)


def _left_out(facts: Facts) -> Iterator[Html]:
    for key, what in (
        ("skipped", "records were skipped"),
        ("excluded", "cases are in no complete pair and left out"),
    ):
        found = facts.get(key)
        if found and found["count"]:
            reasons = "; ".join(f"{count} {reason}" for reason, count in found["reasons"].items())
            of = f" of {found['of']}" if "of" in found else ""
            yield tag("p", f"{found['count']}{of} {what}: {reasons}.", cls="warn")


def _confusion(found: Facts | None) -> Iterator[Html]:
    if found:
        labels = found["labels"]
        heads = [*labels, *(["unread"] if len(found["matrix"][0]) > len(labels) else [])]
        rows = [
            (f"is {label}", *(str(int(count)) for count in row))
            for label, row in zip(labels, found["matrix"], strict=True)
        ]
        yield table(
            "Confusion of the candidate, the right answer in rows",
            ("", *(f"said {one}" if one != "unread" else one for one in heads)),
            rows,
        )


def _reliability(found: Mapping[str, Sequence[Facts]] | None) -> Iterator[Html]:
    if not found:
        return
    yield tag("figure", tag("figcaption", tag("b", "Reliability"), " ", READING), figures.reliability(found))
    rows = [
        (role, number(one["confidence"]), number(one["accuracy"]), f"{one['n']:g}")
        for role, points in found.items()
        for one in points
    ]
    yield details(
        "Reliability as a table", table("Reliability", ("model", "confidence", "accuracy", "n"), rows)
    )


def _groups(subgroups: Mapping[str, Facts]) -> Iterator[Html]:
    for label, groups in subgroups.items():
        rows = [
            (
                value,
                number(one["candidate"]),
                str(one["n"]),
                "" if one["n"] >= MIN_GROUP else f"fewer than {MIN_GROUP} cases, not judged",
            )
            for value, one in groups["values"].items()
        ]
        heads = (label, f"candidate {groups['metric']}", "n", "note")
        shown = table(f"{groups['metric']} by {label}", heads, rows, words=(3,))
        yield (
            shown
            if len(rows) <= FEW
            else details(f"{groups['metric']} by {label}: {len(rows)} groups", shown)
        )
