"""The divergence part of the record as lines: what each track says, the verdict, and which cases to read."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_medeval.report.lines import WIDTH, Line
from pytest_medeval.verdicts.divergence_words import ASKING, could_have_seen

TRACKS = (("track_a", "A"), ("track_b", "B"), ("track_c", "C"))
ABSENT = {"A": "measured scores", "B": "judge", "C": "people"}
MARKUP: Mapping[str, Mapping[str, bool]] = {
    "agree": {"green": True},
    "no difference": {},
    "one track only": {},
    "underpowered": {"yellow": True},
    "divergent": {"yellow": True, "bold": True},
    "conflict": {"yellow": True, "bold": True},
}
STARRED = "* shown: p < 0.05 after Holm's correction within the track"


def lines(divergence: Mapping[str, Mapping[str, Any]]) -> Iterator[Line]:
    """Give the section that ends the summary, from the record's ``divergence``; nothing for an empty one."""
    if not divergence:
        return
    yield Line("divergence: may the automatic scores be believed?", {"bold": True})
    for suite, found in divergence.items():
        yield Line()
        yield from (replace(line, text=_cut(line.text)) for line in _suite(suite, found))


def _suite(suite: str, found: Mapping[str, Any]) -> Iterator[Line]:
    settled = f", settled by people: {found['people']['settled']}" if _settled(found) else ""
    yield Line(f"{suite}: {found['verdict'].upper()}{settled}", MARKUP[found["verdict"]])
    yield from (Line(f"  {text}") for text in textwrap.wrap(found["words"], WIDTH - 2))
    if not found["complete"]:
        yield Line(f"  Only a part of the suite ran: {found['reason']}.", {"yellow": True})
    if (
        sum(found[key] is not None for key, _ in TRACKS) > 1
    ):  # one track alone stands in the suite's own table
        yield from _table(found)
    yield from _together(found)
    yield from _cases(found)


def _settled(found: Mapping[str, Any]) -> bool:
    return bool(found["people"] and found["people"]["settled"]) and found["verdict"] in ASKING


def _table(found: Mapping[str, Any]) -> Iterator[Line]:
    yield Line(f"  {'track':<18}{'cases':>6}  {'direction':<11}significance")
    for key, letter in TRACKS:
        track = found[key]
        if track is None:
            yield Line(f"  {letter + ' ' + ABSENT[letter]:<18}{'-':>6}  {'-':<11}not asked")
            continue
        yield Line(
            f"  {letter + ' ' + track['name']:<18}{track['n']:>6}  {track['direction']:<11}{seen(track)}"
        )
        yield from _metrics(track)
    if any(found[key] and found[key]["significant"] for key, _ in TRACKS):
        yield Line(f"    {STARRED}")


def seen(track: Mapping[str, Any]) -> str:
    """Say what is shown; what is not shown is never said without what could have been."""
    metrics = track["metrics"].values()
    if track["significant"]:
        return f"shown on {sum(one['significant'] for one in metrics)} of {len(metrics)} scores"
    smallest = ((name, one["detectable"]) for name, one in track["metrics"].items())
    could = could_have_seen(track["unit"], track["detectable"], smallest)
    return f"no difference shown (could have seen {could})" if could else "no difference shown"


def _metrics(track: Mapping[str, Any]) -> Iterator[Line]:
    places = 2 if track["unit"] == "points" else 4
    parts = [
        f"{name} {one['difference']:+.{places}f}{'*' if one['significant'] else ''}"
        f"{' (worse)' if one['direction'] == 'worse' and one['difference'] > 0 else ''}"
        f"{' (better)' if one['direction'] == 'better' and one['difference'] < 0 else ''}"
        for name, one in track["metrics"].items()
    ]
    yield from _listed("    ", parts)


def _together(found: Mapping[str, Any]) -> Iterator[Line]:
    """Say in a line each how far the tracks rank replies alike, and in how many cases they part."""
    known = sorted(
        (row for row in found["correlation"] if row["tau"] is not None), key=lambda row: -row["tau"]
    )
    if known:
        shown = known[:1] if len(known) == 1 else [known[0], known[-1]]
        yield from _listed("  rank correlation (tau-b) over judged replies: ", [tau(row) for row in shown])
    opposite = found["opposite"]
    if opposite["n"]:
        yield Line(
            f"  opposite changes: {opposite['count']} of {opposite['n']} cases that changed on both tracks"
            f" ({opposite['share']:.0%})"
        )


def tau(row: Mapping[str, Any]) -> str:
    """Name a pair of scores and how far they rank replies alike, with the interval of Kendall's tau-b."""
    ends = "" if row["low"] is None else f" [{row['low']:+.2f}, {row['high']:+.2f}]"
    return f"{row['metric']} with {row['dimension']} {row['tau']:+.2f}{ends}"


def _cases(found: Mapping[str, Any]) -> Iterator[Line]:
    if not found["most_divergent"]:
        return
    yield Line(
        f"  most divergent cases: {found['track_a']['name']}, {found['track_b']['name']} (points), case"
    )
    for case in found["most_divergent"]:
        yield Line(f"    {size(case['a']):<14}{case['b']:>+6.2f}  {_tail(case['nodeid'], WIDTH - 26)}")
    yield Line(
        "    replies: in the record (--medeval-json=FILE); to rate them blind: --medeval-review=FILE.html"
    )


def size(rank: float) -> str:
    """Put the signed rank of a change in words."""
    if rank == 0:
        return "unchanged"
    much = "much " if abs(rank) > 2 / 3 else "a little " if abs(rank) < 1 / 3 else ""
    return f"{much}{'up' if rank > 0 else 'down'}"


def _tail(text: str, width: int) -> str:
    """Keep the end of a node id, where the case is named."""
    return text if len(text) <= width else f"...{text[3 - width :]}"


def _listed(head: str, parts: Sequence[str]) -> Iterator[Line]:
    """Put parts side by side, as many as fit; a part is never broken."""
    text = head
    for index, part in enumerate(parts):
        piece = part + (", " if index + 1 < len(parts) else "")
        if text.strip() and len(text) + len(piece.rstrip()) > WIDTH:
            yield Line(text.rstrip())
            text = "    "
        text += piece
    yield Line(text)


def _cut(text: str) -> str:
    return text.rstrip() if len(text.rstrip()) <= WIDTH else f"{text[: WIDTH - 3]}..."
