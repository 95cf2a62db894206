"""May the automatic scores be believed? One verdict a suite over measured scores, judges and people.

A track is *shown* when the 95 % interval of its composite (``verdicts.tracks``) leaves 0 out, over six independent
cases or more; it is *mixed* when single metrics are shown to go both ways (Holm within the track). It *could have seen*
a relevant difference when the smallest composite that its n can detect (alpha 0.05, power 0.8) is no larger: 0.5
points on a scale of 1 to 5, 0.3 standard deviations of a measured change. It *rules out* what the other track shows
when its whole interval lies below a relevant difference that way, and the other is *surely* shown: by its 97.5 %
interval, for either of the two could be the one that shows by chance what the other rules out. Where three quarters of
its metrics lean is printed, and is no verdict.

Every cell, whichever of Track A and Track B is which:

================================  =================  ============================================
the other track                   one track shown    one track not shown
================================  =================  ============================================
shown, same way                   agree              see the other order
shown, other way; either mixed    conflict           see the other order
not shown, rules it out           divergent if surely  no difference if both could have seen one,
not shown, could have seen        one track only     else underpowered
not shown, could not have seen    underpowered
absent, or of a judge that is     one track only     one track only
not admissible and not corrected
================================  =================  ============================================

So both tracks must show it for ``agree``: where one truly gains and the other truly stays as it is, that happens in 2.5
% of runs a side. Which model is better plays no part: swapping the two models changes no verdict.

People (Track C) do not enter the table, they decide where it cannot: *settled* means that their grades,
preferences and harm flags are significant in one way, that harm was not flagged more often in the replies of
the model that they find better, and that the cases drawn by chance do not point the other way.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from pytest_medeval.core.record import (
    ROLES,
    CaseEntry,
    Divergence,
    DivergenceRecord,
    HumanRecord,
    HumanSuite,
    JudgeRecord,
    PeopleVerdict,
    RunRecord,
    SuiteRecord,
    Tendency,
    TrackRecord,
    TwoTracks,
)
from pytest_medeval.core.types import ALPHA, Verdict
from pytest_medeval.judges.ratings.types import Scale
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC, PREFERENCE
from pytest_medeval.stats.intervals import student
from pytest_medeval.verdicts.alarms import lacking
from pytest_medeval.verdicts.gates.data import FEWEST, GateResult
from pytest_medeval.verdicts.gates.grammar import CORRECTED
from pytest_medeval.verdicts.human import OVERALL
from pytest_medeval.verdicts.leaning import Leaning, leaning_of
from pytest_medeval.verdicts.tracks import (
    ENOUGH_TO_POINT,
    OVERLAP,
    changes,
    correlations,
    count,
    most_divergent,
    opposite,
    track_a,
    track_b,
    track_c,
)

# The verdict in sentences that a physician on a release board understands.

Tracks: TypeAlias = tuple[TrackRecord | None, TrackRecord | None, TrackRecord | None]

SUBJECTS = {
    OVERLAP: "Word overlap", "measured scores": "The measured scores", "judge": "The judge",
    "judges": "The judges", "people": "People",
}  # fmt: skip
ASKING = ("divergent", "conflict")
"""Verdicts that only people can resolve."""
PLURAL = ("measured scores", "judges", "people")
LOOK = "People must look: start with the most divergent cases."
MAY_LEAN = "Whether the judge favours one of the two models is not known."
UNSURE = ", and its 97.5 % interval, which it takes to set one against the other, holds 0"
FINE = 0.1
"""From here on, one digit after the point tells what a detectable difference is; below it two."""


def words(verdict: Divergence, tracks: Tracks, people: PeopleVerdict | None, *, advisory: bool) -> str:
    """Say what each track found, what follows, and what people found, where they were asked.

    ``advisory``: the judge has not been shown to agree with people, and the reader must know.
    """
    a, b, c = tracks
    found = [_says(track) for track in (a, b) if track is not None]
    found += ["Whether this judge agrees with people has not been shown: it decides nothing."] if advisory else []
    asked = verdict in ASKING
    found += _follows(verdict, a, b, alone=c is None)
    if c is None or people is None:
        return " ".join([*found, *([LOOK] if asked else [])])
    return " ".join([*found, _says(c), *_people_words(people, a, b, asked=asked)])


def on_average(track: TrackRecord) -> str:
    """Print a track's composite with its 95 % interval; empty where the track has none."""
    found = track.get("composite")
    if found is None:
        return ""
    low, high = found["ci95"]
    unit = {"points": " points", "share of preferences": " of the preferences"}.get(
        track["unit"], " standard deviations"
    )
    return f"{found['value']:+.2f}{unit} on average, 95 % interval {low:+.2f} to {high:+.2f}"


def counted(track: TrackRecord) -> str:
    """Name what a track's n counts."""
    found = track.get("composite")
    if found is None or found["n"] == found["units"]:
        return "cases"
    return "rated cases" if found.get("corrected") else "clusters"


def shown_on(track: TrackRecord) -> str:
    """Count the scores of a track that are shown to go its way."""
    return f"shown on {count(track, track['direction'], significant=True)} of {len(track['metrics'])} scores"


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


def _says(track: TrackRecord) -> str:
    subject, many = SUBJECTS[track["name"]], track["name"] in PLURAL
    if why := track.get("useless"):
        return f"{subject} {'are' if many else 'is'} useless: {why}."
    if not track["significant"]:
        return f"{subject} {_leans(track, many=many)}{_power(track)}."
    if track["direction"] == "mixed":
        better, worse = (", ".join(_shown(track, way)) for way in ("better", "worse"))
        contradict = "contradict themselves" if many else "contradicts itself"
        return f"{subject} {contradict}: the new model is better on {better}, worse on {worse} (shown)."
    shown = on_average(track) or shown_on(track)
    return f"{subject} {'find' if many else 'finds'} the new model {track['direction']} ({shown})."


def _shown(track: TrackRecord, direction: Tendency) -> Iterator[str]:
    return (name for name, one in track["metrics"].items() if one["significant"] and one["direction"] == direction)


def _leans(track: TrackRecord, *, many: bool) -> str:
    if track["direction"] in ("better", "worse"):
        way = f"{track['direction']} ({count(track, track['direction'])} of {len(track['metrics'])} scores)"
        return f"{'lean' if many else 'leans'} towards {way}, but no difference is shown"
    if track["direction"] == "mixed":
        return f"{'find' if many else 'finds'} some scores better and some worse, and no difference is shown"
    return f"{'show' if many else 'shows'} no difference"


def _power(track: TrackRecord) -> str:
    kind = counted(track)
    if track["n"] < ENOUGH_TO_POINT:
        return f": {track['n']} {kind if track['n'] > 1 else kind.removesuffix('s')} can show nothing"
    they = "they" if track["name"] in PLURAL else "it"
    smallest = ((name, one["detectable"]) for name, one in track["metrics"].items())
    seen = could_have_seen(track["unit"], track["detectable"], smallest)
    if not seen:
        return f" in {track['n']} {kind}"
    if track["underpowered"]:
        return f": with {track['n']} {kind} {they} could only have seen a difference of {seen}"
    return f", though with {track['n']} {kind} {they} could have seen a difference of {seen}"


def _follows(verdict: str, a: TrackRecord | None, b: TrackRecord | None, *, alone: bool) -> Iterator[str]:
    if a is None:
        yield "No measured score compares the two models."
    elif b is None:
        blind = ", and word overlap does not see what is medically right"
        yield f"No judge graded these replies{blind if alone and a['name'] == OVERLAP else ''}."
    elif verdict == "agree":
        yield "Both agree."
    elif verdict == "divergent":
        yield "The other rules out a difference that matters."
    elif verdict == "conflict":
        yield "Both cannot be right."
    elif verdict == "no difference":
        yield "Both had cases enough to see a difference that matters, and saw none."
    elif verdict == "one track only" and "useless" not in b and a["significant"] != b["significant"]:
        shown, other = (a, b) if a["significant"] else (b, a)
        unsure = rules_out(other, shown["direction"]) and not surely(shown)
        yield f"Only one of the two sees a difference{UNSURE if unsure else ''}."
    elif verdict == "underpowered":
        yield from (_more(track) for track in (a, b) if track["underpowered"])


def _more(track: TrackRecord) -> str:
    whom = counted(track)
    whom = "judged cases" if whom == "cases" and track["name"] in ("judge", "judges") else whom
    if track["cases_needed"] is None:
        return f"More {whom} are needed."
    relevant = f"of {track['relevant']:.2g} points" if track["unit"] == "points" else "that matters"
    return f"About {track['cases_needed']} {whom} would be needed to see a difference {relevant}."


def _people_words(people: PeopleVerdict, a: TrackRecord | None, b: TrackRecord | None, *, asked: bool) -> Iterator[str]:
    tracks = {"track_a": a, "track_b": b}
    names = [one["name"] for name in people["sides_with"] if (one := tracks[name])]
    sides = [name if name == OVERLAP else f"the {name}" for name in names]
    shown = {one["direction"] for one in (a, b) if one and one["significant"]} - {"mixed"}
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


EXPRESSION = "divergence"
HOLDING = ("agree", "no difference")
"""Verdicts in which both tracks spoke, and not against each other."""


def divergence(
    record: RunRecord, human: HumanRecord, seed: int, *, scale: Scale = DEFAULT_RUBRIC.scale
) -> dict[str, DivergenceRecord]:
    """Compare the tracks of every suite of a run, for the record's ``divergence``.

    ``human``: what ``verdicts.human.human`` gave, or ``{}``; ``scale``: of the rubric that judges and people
    graded by; ``seed``: of the bootstrap. Suites that compare nothing (no baseline) have no entry.
    """
    judges = record["judges"]
    found = {}
    for name, suite in record["suites"].items():
        cases = _compared(suite, [case for case in record["cases"] if case["suite"] == name])
        people = human.get("suites", {}).get(name)
        leanings = _leanings(judges)
        a, b = track_a(suite, cases), track_b(suite, cases, len(judges), scale, leanings)
        if a or b:
            advisory = b is not None and _advisory(suite, judges)
            b = _told_useless(b, judges) if b and advisory else b
            tracks = (a, b, track_c(people, scale))
            found[name] = _verdict(suite, cases, tracks, people, advisory=advisory, seed=seed)
            if b and not advisory and _may_lean(b, judges, leanings):
                found[name]["words"] += f" {MAY_LEAN}"
    return found


def _leanings(judges: Sequence[JudgeRecord]) -> dict[str, Leaning]:
    """Give the judges' bias between the two models by dimension, where labels tell it."""
    agreements = [judge.get("agreement", {}) for judge in judges]
    names = dict.fromkeys(name for one in agreements for name in one)
    known = {name: leaning_of([one.get(name) for one in agreements], "baseline") for name in names}
    return {name: one for name, one in known.items() if one is not None}


def _may_lean(track: TrackRecord, judges: Sequence[JudgeRecord], leanings: Mapping[str, Leaning]) -> bool:
    """Whether a judge that was held against labels decides, of which its bias between the two is not known."""
    whole = track.get("composite")
    if whole is None or whole.get("corrected") or not any(judge.get("agreement") for judge in judges):
        return False
    return not all(name in leanings for name in whole["of"])


def _advisory(suite: SuiteRecord, judges: Sequence[JudgeRecord]) -> bool:
    """Whether nothing shows that the judges agree with people: neither an audit nor ratings that correct them."""
    corrected = any(
        name.endswith(CORRECTED) and one.get("rated", 0) >= FEWEST for name, one in suite["metrics"].items()
    )
    return not corrected and any(not judge["admissible"] for judge in judges)


def _told_useless(track: TrackRecord, judges: Sequence[JudgeRecord]) -> TrackRecord:
    """Claim no power for grades that hardly vary, as those of every judge do."""
    found = [judge.get("useless", {}).get("grades", "") for judge in judges]
    if not all(found):
        return track
    return {**track, "useless": found[0], "underpowered": True, "detectable": None, "cases_needed": None}


def decide(first: TrackRecord | None, second: TrackRecord | None) -> Divergence:
    """Give the verdict over two tracks: the table at the head of this module."""
    if first is None or second is None:
        return "one track only"
    if first["significant"] and second["significant"]:
        return "agree" if first["direction"] == second["direction"] != "mixed" else "conflict"
    if not first["significant"] and not second["significant"]:
        return "underpowered" if first["underpowered"] or second["underpowered"] else "no difference"
    shown, other = (first, second) if first["significant"] else (second, first)
    if rules_out(other, shown["direction"]):
        return "divergent" if surely(shown) else "one track only"
    return "underpowered" if other["underpowered"] else "one track only"


def surely(track: TrackRecord) -> bool:
    """Whether a track shows its way by half of alpha: by its 97.5 % interval, Student's as the 95 % one."""
    found = track.get("composite")
    if found is None or found["units"] < ENOUGH_TO_POINT:
        return False
    wider = student(1, 0, found["units"], 1 - ALPHA / 2)[1] / student(1, 0, found["units"], 1 - ALPHA)[1]
    low, high = (found["value"] + wider * (end - found["value"]) for end in found["ci95"])
    return low > 0 or high < 0


def rules_out(track: TrackRecord, direction: Tendency) -> bool:
    """Whether a track's interval leaves no room for a relevant difference in a direction."""
    found = track.get("composite")
    if found is None or direction not in ("better", "worse") or track["n"] < ENOUGH_TO_POINT:
        return False
    low, high = found["ci95"]
    return (high if direction == "better" else -low) < track["relevant"]


def divergence_gate(suite: str, result: DivergenceRecord, human: HumanRecord) -> GateResult | None:
    """Judge a suite's divergence; None where nothing was compared (``one track only``, ``underpowered``).

    ``divergent`` and ``conflict`` are inconclusive until people settle them: better is ``pass``, worse
    ``fail``. People who settle for worse where a track shows better make any verdict ``fail``, for then the
    scores mislead. ``agree`` and ``no difference`` pass: that both tracks find the candidate worse is for
    other gates to judge. A suite of which only a part ran is ``not evaluated``. ``human``: as for
    ``divergence``; it names the cases that were flagged.
    """
    people = result["people"]
    misled = people is not None and people["settled"] == "worse" and _shows_better(result)
    if result["verdict"] not in ASKING + HOLDING and not misled:
        return None
    if not result["complete"]:
        return _gate(suite, result, "not evaluated", result["reason"])
    if misled:
        return _gate(suite, result, "fail", f"{_in_short(result)}; people find the candidate worse")
    if result["verdict"] in HOLDING:
        return _gate(suite, result, "pass", f"{result['verdict']}: {_in_short(result)}")
    verdict, why = _by_people(people, human, suite)
    return _gate(suite, result, verdict, f"{result['verdict']}: {_in_short(result)}; {why}")


def _by_people(people: PeopleVerdict | None, human: HumanRecord, suite: str) -> tuple[Verdict, str]:
    """Settle by people what tracks cannot."""
    if people is None:
        return "inconclusive", "people must look (--medeval-review)"
    if people["settled"] is not None:
        verdict: Verdict = "pass" if people["settled"] == "better" else "fail"
        return verdict, f"people find the candidate {people['settled']}"
    flagged = human["suites"][suite]["harm"]["flagged"]["candidate"] if people["harm"]["candidate"] else []
    harm = f"; they flag harm in {', '.join(flagged)}" if flagged else ""
    return "inconclusive", f"people were asked, and have not settled it{harm}"


def _compared(suite: SuiteRecord, cases: Sequence[CaseEntry]) -> Sequence[CaseEntry]:
    """Leave out what the suite's metrics left out: a suite of complete pairs compares no others."""
    if "excluded" not in suite:
        return cases
    return [case for case in cases if all(role in case and case[role]["outcome"] == "answered" for role in ROLES)]


def _verdict(
    suite: SuiteRecord,
    cases: Sequence[CaseEntry],
    tracks: Tracks,
    people: HumanSuite | None,
    *,
    advisory: bool,
    seed: int,
) -> DivergenceRecord:
    a, b, c = tracks
    verdict = decide(a, None if advisory else b)
    asked = None if c is None or people is None else _people(c, people, {"track_a": a, "track_b": b})
    directions = {name: suite["metrics"][name]["direction"] for name in (a["metrics"] if a else ())}
    dimensions = [name for name in (b["metrics"] if b else ()) if name != PREFERENCE]
    changed = changes(cases, directions, dimensions)
    return {
        "verdict": verdict,
        "words": words(verdict, tracks, asked, advisory=advisory),
        "review": verdict in ASKING and not (asked and asked["settled"]),
        "advisory": advisory,
        "track_a": a,
        "track_b": b,
        "track_c": c,
        "people": asked,
        "complete": suite["complete"],
        "reason": lacking(suite),
        "correlation": correlations(cases, directions, dimensions, seed),
        "opposite": opposite(changed),
        "most_divergent": most_divergent(changed),
    }


def _people(track: TrackRecord, people: HumanSuite, tracks: Mapping[TwoTracks, TrackRecord | None]) -> PeopleVerdict:
    """Say which tracks people side with, whether they settle it, and how much harm they saw."""
    way = track["direction"]
    harm: dict[str, int] = {role: people["harm"][role] for role in ROLES}
    told: PeopleVerdict = {"sides_with": [], "settled": None, "harm": harm}
    if way in ("better", "worse"):
        told["sides_with"] = [name for name, one in tracks.items() if one and one["direction"] == way]
        harmful = harm["candidate" if way == "better" else "baseline"] > min(harm.values())
        if track["significant"] and not harmful and not _against(people, way):
            told["settled"] = way
    return told


def _against(people: HumanSuite, direction: Tendency) -> bool:
    """Say whether the cases drawn by chance point the other way; the others were chosen for standing out."""
    graded = people["dimensions"]
    parts = [graded[OVERALL]] if OVERALL in graded else list(graded.values())
    by_chance = [part["random"]["difference"] for part in parts if "random" in part]
    seen = [difference for difference in by_chance if difference]
    gain = 1 if direction == "better" else -1
    return bool(seen) and all(gain * difference < 0 for difference in seen)


def _shows_better(result: DivergenceRecord) -> bool:
    shown = [one for one in _measured_tracks(result) if one["significant"] and "useless" not in one]
    return any(one["direction"] == "better" for one in shown)


def _in_short(result: DivergenceRecord) -> str:
    return ", ".join(f"{one['name']} {_tendency(one)}" for one in _measured_tracks(result))


def _measured_tracks(result: DivergenceRecord) -> list[TrackRecord]:
    return [one for one in (result["track_a"], result["track_b"]) if one]


def _tendency(track: TrackRecord) -> str:
    if "useless" in track:
        return "useless"
    direction = "in no direction" if track["direction"] == "none" else track["direction"]
    return f"{direction} ({'shown' if track['significant'] else 'not shown'})"


def _gate(suite: str, result: DivergenceRecord, verdict: Verdict, reason: str) -> GateResult:
    track = result["track_c"] or result["track_b"] or result["track_a"]
    whole = track.get("composite") if track else None
    n = whole["n"] if whole else track["n"] if track else 0
    return GateResult(suite=suite, expression=EXPRESSION, verdict=verdict, reason=reason, n=n)
