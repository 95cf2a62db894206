"""The blind review page: one HTML file that works without a network and sends nothing.

Everything stands in the file: style, script, and the texts as JSON in a data block whose ``<`` are escaped,
so that no reply can close it. The Content Security Policy allows the one style and the one script by their
SHA-256 and nothing else: no connection, no image, no frame, no form, and no other script if one got in. The
script sets texts as text, never as markup.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.record import ROLES, CaseEntry, RunRecord
from pytest_medeval.judges.ratings.blind import Blinding, Stratum, run_id
from pytest_medeval.judges.ratings.review import rubric_data
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC, Rubric
from pytest_medeval.report.html.markup import embedded, filled, part, policy
from pytest_medeval.report.lines import right_answer
from pytest_medeval.verdicts.gates.grammar import Gate, NotWorse, Threshold, parse_gate
from pytest_medeval.verdicts.tracks import change_of, grade_change

# Which cases do people read? Few, drawn so that each tells most, and a part of them by chance alone.

SHARES: Mapping[Stratum, float] = {"divergent": 0.4, "near": 0.2, "random": 0.4}
"""Shares of a suite's places: rounded up, rounded down, the rest."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A case of the record to be rated, and why it was chosen."""

    entry: CaseEntry
    stratum: Stratum


def choose(record: RunRecord, size: int, seed: int, suites: Collection[str] | None = None) -> list[Chosen]:
    """Choose ``size`` cases of a run, or as many as there are, in the order of the record.

    Only cases that both models answered, and answered differently, are eligible: equal texts have equal
    grades. Places are shared evenly by ``suites``; None means the dialogue suites, because an option letter
    or a label is right or wrong without a reader, or all suites where none is a dialogue. Within a suite:

    - random: drawn first, from all eligible cases, so that means over it are unbiased for them;
    - divergent: named by the record's ``divergence`` part; else the largest disagreement of the two tracks,
      each change from baseline to candidate taken in units of its root mean square over the suite; without
      judge scores the largest change of the headline metric;
    - near: where the headline metric of the reply, or its change, lies nearest to what a gate of the suite
      asks for; without such a gate the smallest change.

    Ties fall by the seed. Where too few cases have a score to be ranked by, random has the more.
    Deterministic in record, size and seed. ``MedevalError`` when nothing can be chosen.
    """
    if size < 1:
        raise MedevalError(f"--medeval-review-size is {size}; accepted: 1 or more cases")
    names = _suites(record, suites)
    differing = [case for case in record["cases"] if _differs(case)]
    eligible = {name: [case for case in differing if case["suite"] == name] for name in names}
    if not any(eligible.values()):
        raise MedevalError(
            f"no case to review in {', '.join(names) or 'this run'}: none has two different replies; "
            "accepted: a run with --medeval-baseline whose models could both be reached"
        )
    places = _places({name: len(cases) for name, cases in eligible.items()}, size)
    return [one for name in names for one in _of_suite(record, name, eligible[name], places[name], seed)]


def _suites(record: RunRecord, suites: Collection[str] | None) -> list[str]:
    known = record["suites"]
    for name in suites or ():
        if name not in known:
            raise MedevalError(accepted("suite", name, known))
    if suites is not None:
        return [name for name in known if name in suites]
    return [name for name, facts in known.items() if facts["judged"]] or list(known)


def _differs(entry: CaseEntry) -> bool:
    if any(role not in entry or entry[role]["outcome"] == "error" for role in ROLES):
        return False
    first, second = (entry[role]["reply"].split() for role in ROLES)
    return bool(first and second and first != second)


def _places(available: Mapping[str, int], size: int) -> dict[str, int]:
    """Share places one by one in turn, so that a small suite's unused ones go to the others."""
    places = dict.fromkeys(available, 0)
    left = min(size, sum(available.values()))
    while left:
        for name in places:
            if left and places[name] < available[name]:
                places[name] += 1
                left -= 1
    return places


def _of_suite(record: RunRecord, suite: str, cases: Sequence[CaseEntry], places: int, seed: int) -> Iterator[Chosen]:
    shuffled = list(cases)
    random.Random(f"review:{seed}:{suite}").shuffle(shuffled)
    divergence, nearness = _divergence(record, suite, cases), _nearness(record, suite)
    ranked = {case["id"] for case in cases if divergence(case) is not None}
    divergent, near = math.ceil(SHARES["divergent"] * places), math.floor(SHARES["near"] * places)
    by_chance = places - divergent - near
    while sum(case["id"] in ranked for case in shuffled[by_chance:]) < places - by_chance:
        by_chance += 1
    strata: dict[str, Stratum] = {case["id"]: "random" for case in shuffled[:by_chance]}
    rest = [case for case in shuffled[by_chance:] if case["id"] in ranked]
    rest.sort(key=lambda case: divergence(case) or 0.0, reverse=True)
    strata |= {case["id"]: "divergent" for case in rest[: min(divergent, places - by_chance)]}
    rest = sorted((case for case in rest if case["id"] not in strata), key=nearness)
    strata |= {case["id"]: "near" for case in rest[: places - len(strata)]}
    return (Chosen(case, strata[case["id"]]) for case in cases if case["id"] in strata)


def _divergence(record: RunRecord, suite: str, cases: Sequence[CaseEntry]) -> Callable[[CaseEntry], float | None]:
    """Make the measure of disagreement; what the divergence part names is beyond all others, in its order."""
    told = record["divergence"].get(suite)
    named = [one["nodeid"] for one in told.get("most_divergent", ())] if told else []
    order = {nodeid: len(named) - place for place, nodeid in enumerate(named)}
    metric = record["suites"][suite]["headline"]
    unit_a = _root_mean_square([change_of(case, metric) for case in cases])
    unit_b = _root_mean_square([_judged(case) for case in cases])
    beyond = 1e9  # changes in units of their root mean square are far below it

    def distance(case: CaseEntry) -> float | None:
        if case["nodeid"] in order:
            return beyond + order[case["nodeid"]]
        a, b = change_of(case, metric), _judged(case)
        if a is None:
            return None
        return abs(a) / unit_a if b is None else abs(a / unit_a - b / unit_b)

    return distance


def _nearness(record: RunRecord, suite: str) -> Callable[[CaseEntry], float]:
    """Make the distance from what the gates on the headline metric ask for, or from no change."""
    metric = record["suites"][suite]["headline"]
    measured = record["suites"][suite]["metrics"].get(metric)
    direction = measured["direction"] if measured else 1
    gates = list(_gates(record, suite, metric))

    def distance(case: CaseEntry) -> float:
        change = change_of(case, metric)
        if change is None:
            return math.inf
        own = case["candidate"]["scores"][metric]
        asked = [_to_gate(gate, own, change, direction) for gate in gates if _concerns(gate, case)]
        return min(asked, default=abs(change))

    return distance


def _gates(record: RunRecord, suite: str, metric: str) -> Iterator[Gate]:
    for judged in record.get("gates", ()):
        try:
            gate = parse_gate(judged["expression"])
        except MedevalError:  # gates of other kinds ("critical") ask nothing of a metric
            continue
        if judged["suite"] == suite and gate.target.metric == metric:
            yield gate


def _concerns(gate: Gate, case: CaseEntry) -> bool:
    return gate.target.tag is None or case["tags"].get(gate.target.tag) == gate.target.value


def _to_gate(gate: Gate, own: float, change: float, direction: int) -> float:
    if isinstance(gate.condition, Threshold):
        return abs(own - gate.condition.number)
    margin = gate.condition.margin if isinstance(gate.condition, NotWorse) else 0.0
    return abs(direction * change + margin)


def _judged(case: CaseEntry) -> float | None:
    """Mean change of a judge's grades over the dimensions that both replies have."""
    names = case["judge"].get("candidate", {}) if "judge" in case else {}
    changes = [change for name in names if (change := grade_change(case, name)) is not None]
    return sum(changes) / len(changes) if changes else None


def _root_mean_square(changes: Sequence[float | None]) -> float:
    known = [change for change in changes if change is not None]
    square = sum(change * change for change in known) / len(known) if known else 0.0
    return math.sqrt(square) or 1.0


__all__ = ["DEFAULT_SIZE", "SHARES", "Chosen", "choose", "page"]

DEFAULT_SIZE = 20
"""Pairs on a page unless said otherwise; about an hour of a clinician's time."""


def page(
    record: RunRecord,
    size: int = DEFAULT_SIZE,
    seed: int = 0,
    rubric: Rubric = DEFAULT_RUBRIC,
    suites: Collection[str] | None = None,
) -> str:
    """Make the page for ``size`` pairs of a run's replies; ``suites`` as in ``choose``.

    The page names no model, role, score or stratum. Deterministic: the same record, size, seed and rubric
    give the same page.
    """
    style, script = part("review.css"), part("review.js")
    data = embedded(_data(record, choose(record, size, seed, suites), seed, rubric))
    parts = {"policy": policy(style, script), "style": style, "script": script, "data": data}
    return filled(part("review.html"), parts)


def _data(record: RunRecord, chosen: list[Chosen], seed: int, rubric: Rubric) -> dict[str, object]:
    blinding = Blinding(record, seed, rubric.digest)
    pairs = [_pair(blinding, one) for one in chosen]
    random.Random(f"pages:{seed}").shuffle(pairs)  # strata must not show in the order
    return {
        "run": run_id(record, {pair["suite"] for pair in pairs}),
        "review": hashlib.sha256("".join(sorted(pair["key"] for pair in pairs)).encode()).hexdigest()[:16],
        "seed": seed,
        "rubric": rubric_data(rubric),
        "pairs": pairs,
    }


class Pair(TypedDict):
    """Two replies as the page shows them."""

    suite: str
    case: str
    key: str
    asked: str
    reference: str | None
    replies: list[str]


def _pair(blinding: Blinding, chosen: Chosen) -> Pair:
    entry = chosen.entry
    return {
        "suite": entry["suite"],
        "case": blinding.name(entry),
        "key": blinding.key(entry, chosen.stratum),
        "asked": entry["asked"],
        "reference": right_answer(entry["gold"]),
        "replies": [entry[role]["reply"] for role in blinding.order(entry)],
    }
