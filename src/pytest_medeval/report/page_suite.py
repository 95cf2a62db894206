"""One suite on the page: its metrics with their intervals drawn, and what stands behind them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pytest_medeval.report import figures
from pytest_medeval.report.caveats import errors, undefined
from pytest_medeval.report.lines import Line, how_asked, number
from pytest_medeval.report.markup import Html, code, details, table, tag
from pytest_medeval.report.page_caveats import caveats
from pytest_medeval.report.page_metrics import metrics
from pytest_medeval.report.terminal import MIN_GROUP

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
