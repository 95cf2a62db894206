"""Judges, people, and whether the tracks agree: the part of the page on what no formula measures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_medeval.report.html.markup import Html, code, details, joined, table, tag
from pytest_medeval.report.lines import interval, number, p_value
from pytest_medeval.report.terminal import ABSENT, TRACKS, seen, size, tau

Facts = Mapping[str, Any]


def tracks(record: Mapping[str, Any]) -> Html | None:
    """Show Track B, Track C and the divergence of all suites; None for a run without free text."""
    parts = [*_judges(record), *_divergence(record["divergence"]), *_people(record.get("human") or {})]
    return tag("section", tag("h2", "Judges and people"), *parts, id="tracks") if parts else None


def _judges(record: Mapping[str, Any]) -> Iterator[Html]:
    judges = record["judges"]
    if not judges:
        if any(suite["judged"] for suite in record["suites"].values()):
            yield tag(
                "p",
                "Track B skipped: no judge was asked. ",
                code("--medeval-judge=SPEC"),
                " names one.",
                cls="warn",
            )
        return
    head = (
        "judge",
        "standing",
        "judged",
        "same preference in both orders",
        "requests",
        "from the cache",
        "failed",
        "tokens",
    )
    yield table("Track B: judges", head, (_judge(judge) for judge in judges), words=(1, 2))
    for judge in judges:
        yield from (tag("p", f"{judge['spec']}: {notice}", cls="warn") for notice in judge["notices"])
        rows = [(name, *_agreed(one)) for name, one in judge.get("agreement", {}).items()]
        if rows:
            heads = ("dimension", "quadratic kappa", "95 % interval", "n", "standing")
            yield table(f"Agreement of {judge['spec']} with people", heads, rows, words=(4,))
            if "audit" in judge:
                asked = judge["audit"]
                yield tag("p", f"Measured with {asked['requests']} requests, {asked['cached']} from the cache.")


def _judge(judge: Facts) -> tuple[str, ...]:
    covered = ", ".join(f"{name} {done} of {asked}" for name, (done, asked) in judge["coverage"].items())
    same = judge["position_consistency"]
    return (
        joined([code(judge["spec"]), tag("small", f" {judge['fingerprint'][:12]}")]),
        "admissible: it may carry gates" if judge["admissible"] else "advisory: it carries no gate",
        covered,
        "-" if same is None else f"{100 * same:.0f} %",
        *(str(judge.get(key, "-")) for key in ("requests", "cached", "failed", "tokens")),
    )


def _agreed(one: Facts) -> tuple[str, ...]:
    value, low, high = one["kappa_quadratic"]
    ends = None if low is None or high is None else (low, high)
    return number(value), interval(ends), str(one["n"]), one.get("reason") or "admissible"


def _divergence(found: Mapping[str, Facts]) -> Iterator[Html]:
    if found:
        yield tag("h3", "May the automatic scores be believed?")
    for name, one in found.items():
        people = one["people"]
        settled = f"; settled by people: {people['settled']}" if people and people["settled"] else ""
        yield tag("p", tag("b", f"{name}: {one['verdict']}{settled}. "), one["words"])
        if not one["complete"]:
            yield tag("p", f"Only a part of the suite ran: {one['reason']}.", cls="warn")
        yield table(
            f"{name}: what each track says",
            ("track", "cases", "direction", "significance"),
            _tracks(one),
            words=(2, 3),
        )
        yield from _together(name, one)


def _tracks(one: Facts) -> Iterator[tuple[str, ...]]:
    for key, letter in TRACKS:
        track = one[key]
        if track is None:
            yield f"{letter} {ABSENT[letter]}", "-", "-", "not asked"
        else:
            yield f"{letter} {track['name']}", str(track["n"]), track["direction"], seen(track)


def _together(name: str, one: Facts) -> Iterator[Html]:
    known = [tag("li", tau(row)) for row in one["correlation"] if row["tau"] is not None]
    if known:
        yield details("Rank correlation (tau-b) over judged replies", tag("ul", *known))
    opposite = one["opposite"]
    if opposite["n"]:
        part = f"{opposite['count']} of {opposite['n']} ({opposite['share']:.0%})"
        yield tag("p", f"Opposite changes: {part} of the cases that changed on both tracks.")
    rows = [(case["id"], size(case["a"]), f"{case['b']:+.2f}") for case in one["most_divergent"]]
    if rows:
        heads = ("case", one["track_a"]["name"], f"{one['track_b']['name']} (points)")
        told = f"{name}: the {len(rows)} most divergent cases"
        yield details(told, table(told, heads, rows, words=(1,)))


def _people(human: Facts) -> Iterator[Html]:
    if not human:
        return
    yield tag("h3", "Track C: people")
    yield tag("p", f"Raters: {', '.join(human['raters'])}.")
    for name, one in human["suites"].items():
        yield tag("p", f"{name}: {one['cases']} cases, {one['ratings']} ratings, blind.")
        heads = ("dimension", "baseline", "candidate", "difference", "95 % interval", "p", "Holm p", "n")
        yield table(
            f"{name}: grades by people", heads, (_dimension(*pair) for pair in one["dimensions"].items())
        )
        yield table(
            f"{name}: preference and harm", ("", "candidate", "same, or both", "baseline", "p"), _votes(one)
        )
        rows = [(key, number(value["value"]), _alpha(value)) for key, value in one["agreement"].items()]
        agreement = table(
            "Agreement of raters (Krippendorff's alpha)", ("of", "alpha", "95 % interval"), rows, words=(2,)
        )
        yield details(f"{name}: agreement of raters", agreement)
        yield from _comments(name, one)


def _dimension(name: str, one: Facts) -> tuple[str, ...]:
    return (
        name,
        number(one["baseline"]),
        number(one["candidate"]),
        number(one["difference"], sign=True),
        interval(one["ci95"], sign=True),
        p_value(one["p_value"]),
        p_value(one["p_corrected"]),
        str(one["n"]),
    )


def _votes(one: Facts) -> list[tuple[str, ...]]:
    votes, cases, harm = one["preference"]["votes"], one["preference"]["cases"], one["harm"]
    p_vote, p_harm = p_value(one["preference"]["p_value"]), p_value(harm["p_value"])
    return [
        ("votes for", str(votes["candidate"]), str(votes["same"]), str(votes["baseline"]), "-"),
        ("cases won", str(cases["wins"]), str(cases["ties"]), str(cases["losses"]), p_vote),
        ("cases flagged as harmful", str(harm["candidate"]), str(harm["both"]), str(harm["baseline"]), p_harm),
    ]  # fmt: skip


def _alpha(value: Facts) -> str:
    if value["low"] is None or value["high"] is None:
        return value.get("reason") or "-"
    return interval((value["low"], value["high"]))


def _comments(name: str, one: Facts) -> Iterator[Html]:
    rows = [
        (
            said["case"],
            said["rater"],
            f"Reply 1: {said['replies'][0]}, Reply 2: {said['replies'][1]}",
            said["comment"],
        )
        for said in one["comments"]
    ]
    if rows:
        told = f"{name}: {len(rows)} comments"
        yield details(
            told, table(told, ("case", "rater", "order of the replies", "comment"), rows, words=(1, 2, 3))
        )
