"""The verdict in sentences that a physician on a release board understands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from pytest_medeval.verdicts.divergence_tracks import ENOUGH_TO_POINT, Track

Tracks: TypeAlias = tuple[Track | None, Track | None, Track | None]

SUBJECTS = {
    "word overlap": "Word overlap", "measured scores": "The measured scores", "judge": "The judge",
    "judges": "The judges", "people": "People",
}  # fmt: skip
ASKING = ("divergent", "conflict")
"""Verdicts that only people can resolve."""
PLURAL = ("measured scores", "judges", "people")
LOOK = "People must look: start with the most divergent cases."
FINE = 0.1
"""From here on, one digit after the point tells what a detectable difference is; below it two."""


def words(verdict: str, tracks: Tracks, people: Mapping[str, Any] | None, *, advisory: bool) -> str:
    """Say what each track found, what follows, and what people found, where they were asked.

    ``advisory``: the judge has not been shown to agree with people, and the reader must know.
    """
    a, b, c = tracks
    found = [_says(track) for track in (a, b) if track is not None]
    found += ["Whether this judge agrees with people has not been shown."] if advisory else []
    asked = verdict in ASKING
    found += _follows(verdict, a, b, alone=c is None)
    if c is None or people is None:
        return " ".join([*found, *([LOOK] if asked else [])])
    return " ".join([*found, _says(c), *_people(people, a, b, asked=asked)])


def could_have_seen(unit: str, detectable: float | None, metrics: Iterable[tuple[str, float | None]]) -> str:
    """Print the smallest difference that a track could have shown, in points or in one metric's own unit.

    ``metrics``: what each could have detected, in order. Empty where the record does not tell the spread.
    """
    if unit == "points":
        return "" if detectable is None else f"{rounded_up(detectable)} points"
    known = ((name, smallest) for name, smallest in metrics if smallest is not None)
    return next((f"{rounded_up(smallest)} in {name}" for name, smallest in known), "")


def rounded_up(value: float) -> str:
    """Print a detectable difference, rounded up, so that no more power is claimed than there is.

    >>> rounded_up(0.51), rounded_up(0.0123), rounded_up(0.3)
    ('0.6', '0.013', '0.3')
    """
    digits = 1 if value >= FINE else 1 - math.floor(math.log10(value)) if value > 0 else 1
    return f"{math.ceil(round(value * 10**digits, 6)) / 10**digits:.{digits}f}"


def _says(track: Track) -> str:
    subject, many = SUBJECTS[track.name], track.name in PLURAL
    if not track.significant:
        return f"{subject} {_leans(track, many=many)}{_power(track)}."
    if track.direction == "mixed":
        better, worse = (", ".join(_shown(track, way)) for way in ("better", "worse"))
        contradict = "contradict themselves" if many else "contradicts itself"
        return f"{subject} {contradict}: the new model is better on {better}, worse on {worse} (shown)."
    shown = f"shown on {track.count(track.direction, significant=True)} of {len(track.metrics)} scores"
    return f"{subject} {'find' if many else 'finds'} the new model {track.direction} ({shown})."


def _shown(track: Track, direction: str) -> Iterator[str]:
    return (name for name, one in track.metrics.items() if one.significant and one.direction == direction)


def _leans(track: Track, *, many: bool) -> str:
    if track.direction in ("better", "worse"):
        way = f"{track.direction} ({track.count(track.direction)} of {len(track.metrics)} scores)"
        return f"{'lean' if many else 'leans'} towards {way}, but no difference is shown"
    if track.direction == "mixed":
        return f"{'find' if many else 'finds'} some scores better and some worse, and no difference is shown"
    return f"{'show' if many else 'shows'} no difference"


def _power(track: Track) -> str:
    if track.n < ENOUGH_TO_POINT:
        return f": {track.n} case{'s' if track.n > 1 else ''} can show nothing"
    they = "they" if track.name in PLURAL else "it"
    smallest = ((name, one.detectable) for name, one in track.metrics.items())
    seen = could_have_seen(track.unit, track.detectable, smallest)
    if not seen:
        return f" in {track.n} cases"
    if track.underpowered:
        return f": with {track.n} cases {they} could only have seen a difference of {seen}"
    return f", though with {track.n} cases {they} could have seen a difference of {seen}"


def _follows(verdict: str, a: Track | None, b: Track | None, *, alone: bool) -> Iterator[str]:
    if a is None:
        yield "No measured score compares the two models."
    elif b is None:
        blind = ", and word overlap does not see what is medically right"
        yield f"No judge graded these replies{blind if alone and a.name == 'word overlap' else ''}."
    elif verdict == "agree":
        yield "Both agree." if a.significant and b.significant else "Both point the same way."
    elif verdict == "conflict":
        yield "Both cannot be right."
    elif verdict == "no difference":
        yield "Both had cases enough to see a difference that matters, and saw none."
    elif verdict == "one track only":
        yield "Only one of the two sees a difference."
    elif verdict == "underpowered":
        yield from (_more(track) for track in (a, b) if track.underpowered)


def _more(track: Track) -> str:
    whom = "judged cases" if track.name in ("judge", "judges") else "cases"
    if track.cases_needed is None:
        return f"More {whom} are needed."
    relevant = f"of {track.relevant:.2g} points" if track.unit == "points" else "that matters"
    return f"About {track.cases_needed} {whom} would be needed to see a difference {relevant}."


def _people(people: Mapping[str, Any], a: Track | None, b: Track | None, *, asked: bool) -> Iterator[str]:
    tracks = {"track_a": a, "track_b": b}
    sides = [one.name if one.name == "word overlap" else f"the {one.name}"
             for name in people["sides_with"] if (one := tracks[name])]  # fmt: skip
    shown = {one.direction for one in (a, b) if one and one.significant} - {"mixed"}
    misled = people["settled"] and shown - {people["settled"]}
    if sides:
        yield f"They side with {' and '.join(sides)}."
    harm = people["harm"]
    if harm["candidate"] or harm["baseline"]:
        both = f"{harm['candidate']} cases of the new model and {harm['baseline']} of the old"
        yield f"They flagged harm in {both}."
    if asked:
        yield "This settles it." if people["settled"] else "This does not settle it: people must look again."
    elif misled:
        yield "Where people and scores differ, people are right."
