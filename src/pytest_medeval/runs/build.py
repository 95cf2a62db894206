"""The tracks of a finished run side by side: people's ratings, divergence, and the gate that follows."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np

import pytest_medeval
from pytest_medeval.core.encodable import encodable, masked
from pytest_medeval.core.record import ROLES, AttemptRecord, CaseEntry, RunRecord, SuiteRecord, UsageRecord
from pytest_medeval.core.settings import RunSettings
from pytest_medeval.judges.ratings.review import PairRating
from pytest_medeval.judges.rubric import chosen_rubric
from pytest_medeval.metrics.criteria import COUNTS, OF_STATEMENTS
from pytest_medeval.models.roles import together
from pytest_medeval.runs.environment import environment
from pytest_medeval.runs.journal import Journal
from pytest_medeval.runs.reference import REFERENCE, Awaited, Pairing, Reference, contrasts, section, with_reference
from pytest_medeval.runs.sections import add_caveats, add_chance, comparisons, data_of, suite_section
from pytest_medeval.runs.track_b import JUDGE, JudgePlan, TrackB
from pytest_medeval.stats.compare import Comparison, compare_all
from pytest_medeval.tasks import TASKS
from pytest_medeval.verdicts.attempts import Attempts, record_of
from pytest_medeval.verdicts.chance import with_chance
from pytest_medeval.verdicts.clusters import Clustered, clustered
from pytest_medeval.verdicts.corrected import correct, corrected_row
from pytest_medeval.verdicts.divergence import HOLDING, divergence, divergence_gate
from pytest_medeval.verdicts.gates.data import GateResult, SuiteData, correct_together
from pytest_medeval.verdicts.gates.grammar import CORRECTED, Gate, parse_gate
from pytest_medeval.verdicts.gates.judge import critical_gate, judge_all, rests_on_ratings, tracks_with_undefined
from pytest_medeval.verdicts.human import human
from pytest_medeval.verdicts.leakage import Leakage, with_leakage
from pytest_medeval.verdicts.noise import margin_below
from pytest_medeval.verdicts.retention import retention

# From the journal to the run record: counts, comparisons, gates, in one JSON object.

JUDGED: Final = (COUNTS, OF_STATEMENTS)
"""Families of rows by which critical cases are judged: a judge says what is right."""
SCHEMA: Final = "medeval-run/1"


@dataclass(frozen=True)
class Run:
    """A finished run: its record, and the gates as they were judged."""

    record: RunRecord
    gates: Sequence[GateResult]
    ratings: Sequence[PairRating] = ()


def build(
    journal: Journal,
    settings: RunSettings,
    reference: Reference | Awaited | None = None,
    track_b: TrackB | None = None,
    leaks: Mapping[str, Leakage] | None = None,
    *,
    attempts: Attempts | None = None,
    rated: Callable[[RunRecord], Sequence[PairRating]] = lambda _record: (),
) -> Run:
    """Compare the roles in every suite, judge the gates of the run together, and record it all.

    ``rated`` reads people's ratings of the run, which corrects the judges' differences before gates rest on them.
    """
    track_b, leaks = track_b or TrackB(JudgePlan()), leaks or {}
    data = {name: data_of(facts, journal, track_b) for name, facts in journal.suites.items()}
    pairings = _paired(journal, data, reference) if isinstance(reference, Reference) else {}
    clusters = _clustered(journal, data)
    data = {name: one.data for name, one in clusters.items()}
    if isinstance(reference, Awaited):
        data = {name: replace(one, awaited={REFERENCE: reference.reason}) for name, one in data.items()}
    data, looked = _attempted(journal, data, reference, attempts or Attempts(looks=settings.looks))
    suites = {
        name: suite_section(facts, journal, data[name], _compared(data[name], settings.seed), clusters[name].record)
        for name, facts in journal.suites.items()
    }
    for name, suite in suites.items():
        add_chance(suite, journal, data[name], settings.seed)
    for name, pairing in pairings.items():
        found = contrasts(data[name], pairing, seed=settings.seed)
        suites[name]["reference"] = section(data[name], pairing, found, journal.ordered(name), suites[name]["headline"])
    for name, suite in suites.items():
        add_caveats(suite, data[name], leaks.get(name), journal.noise.get(name))
    record = _record(journal, settings, track_b, suites)
    record["attempts"] = looked
    ratings = rated(record)
    for name, suite in suites.items():
        told = replace(data[name], judges=track_b.agreements())
        data[name] = _corrected(told, journal.ordered(name), ratings, suite)
    correct_together(row for suite in suites.values() for _, row in comparisons(suite))
    gates = [*_judged(journal, data, settings, track_b, suites), *_critical(journal, data, track_b)]
    gates = [with_leakage(gate, leaks.get(gate.suite)) for gate in gates]
    record["gates"] = [gate.record(settings.gate_outcome(gate)) for gate in gates]
    if settings.retention is not None:
        asked = {name: facts["retention"] for name, facts in journal.suites.items() if "retention" in facts}
        record["retention"] = retention(asked, settings.retention, gates, suites)
    if isinstance(reference, Reference):
        record["reference"] = reference.facts(list(suites))
    if isinstance(reference, Awaited):
        record["awaited"] = reference.reason
    return Run(record, gates, ratings)


def _attempted(
    journal: Journal, data: Mapping[str, SuiteData], reference: Reference | Awaited | None, attempts: Attempts
) -> tuple[dict[str, SuiteData], dict[str, AttemptRecord]]:
    """Say of each suite that ran as a whole which attempt it is, and what its gates may spend."""
    made, told = dict(data), dict[str, AttemptRecord]()
    other = reference.record["models"]["candidate"]["fingerprint"] if isinstance(reference, Reference) else None
    for name, facts in journal.suites.items():
        model = journal.models.get("candidate", {}).get(facts["task"])
        if data[name].complete and model is not None:
            own = model["fingerprint"]
            found = attempts.look(name, own, other, journal.ordered(name), drawn="sampling" in facts)
            made[name] = replace(data[name], spending=found)
            told[name] = record_of(found, own, other)
    return made, told


def _corrected(
    data: SuiteData, cases: Sequence[CaseEntry], ratings: Sequence[PairRating], suite: SuiteRecord
) -> SuiteData:
    """Correct the judges' differences by people's ratings, and note them beside the judges' own."""
    clusters = dict(zip(data.ids, data.clusters or [None] * len(data.ids), strict=True))
    scored = [case for case in cases if case["id"] in clusters]
    found = correct(scored, ratings, [clusters[case["id"]] for case in scored])
    signed = next((metric.signature for name, metric in data.metrics.items() if name in found), "")
    for name, one in found.items():
        own = data.metrics[name].signature if name in data.metrics else signed
        suite["metrics"][f"{name}{CORRECTED}"] = corrected_row(one, own)
    return replace(data, corrected=found)


def _record(journal: Journal, settings: RunSettings, track_b: TrackB, suites: dict[str, SuiteRecord]) -> RunRecord:
    """Say when, by what, where, and of whom the record is, and what was found; nothing is decided yet."""
    named = {"candidate": settings.models, "baseline": settings.baselines}
    return {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": pytest_medeval.__version__,
        "command": [masked(encodable(text)) for text in (os.path.basename(sys.argv[0]), *sys.argv[1:])],  # noqa: PTH119 - a command need not be a path
        "environment": environment(settings.root),
        "seed": settings.seed,
        "thoughts": list(settings.thoughts),
        "models": {
            role: together(tasks, masked(", ".join(named[role])) or "own base")
            for role, tasks in sorted(journal.models.items(), reverse=True)
        },
        "judges": track_b.judges(),
        "suites": suites,
        "cases": [case for name in journal.suites for case in journal.ordered(name)],
        "divergence": {},
        "gates": [],
        "usage": _usage(journal, track_b),
    }


def _paired(journal: Journal, data: dict[str, SuiteData], reference: Reference) -> dict[str, Pairing]:
    """Give every suite the reference's rows, in place; say what the two runs have in common."""
    pairings: dict[str, Pairing] = {}
    for name, facts in journal.suites.items():
        data[name], pairings[name] = with_reference(
            data[name],
            journal.ordered(name),
            reference,
            sampled=len(facts["cases"]) < facts["total"]
            or "excluded_trained" in facts
            or "largest" in journal.batches.get(name, {}),
            complete_only=facts["pairs"] == "complete",
        )
    return pairings


def _clustered(journal: Journal, data: Mapping[str, SuiteData]) -> dict[str, Clustered]:
    """Give every suite its clusters, and every evaluation of it its own."""
    found: dict[str, Clustered] = {}
    for name, facts in journal.suites.items():
        cases, gates = journal.ordered(name), [parse_gate(text).of(data[name].metrics) for text in facts["gates"]]
        headline = TASKS.resolve(facts["task"]).headline
        found[name] = clustered(data[name], cases, facts["cluster"], gates, headline)
        for case in cases:
            case["cluster"] = found[name].labels.get(case["id"])
    return found


def _compared(data: SuiteData, seed: int) -> dict[str, Comparison]:
    if not data.ids:
        return {}
    return compare_all(
        list(data.metrics.values()),
        data.rows["candidate"],
        data.rows.get("baseline"),
        clusters=data.clusters or None,
        wider=data.found,
        seed=seed,
    )


def _judged(
    journal: Journal,
    data: Mapping[str, SuiteData],
    settings: RunSettings,
    track_b: TrackB,
    suites: Mapping[str, SuiteRecord],
) -> list[GateResult]:
    asked = [
        (parse_gate(text).of(data[name].metrics), data[name])
        for name, facts in journal.suites.items()
        for text in facts["gates"]
    ]
    barred = {
        index: reason
        for index, (gate, suite) in enumerate(asked)
        if (
            reason := (_barred(track_b, suite, gate.target.measured, corrected=rests_on_ratings(gate, suite)))
            or margin_below(gate, journal.noise.get(suite.name))
        )
    }
    judged = iter(
        judge_all(
            [pair for index, pair in enumerate(asked) if index not in barred],
            all_must_pass=settings.inconclusive == "fail",
            seed=settings.seed,
        )
    )
    return [
        GateResult(suite=suite.name, expression=str(gate), verdict="not evaluated", reason=barred[index])
        if index in barred
        else _with_chance(next(judged), gate, suites[suite.name])
        for index, (gate, suite) in enumerate(asked)
    ]


def _barred(track_b: TrackB, suite: SuiteData, metric: str, *, corrected: bool = False) -> str:
    """Say why no gate can rest on a metric that judges measure; empty where one can, and of other metrics."""
    kind = suite.metrics[metric].counts
    if not kind.startswith(JUDGE):
        return ""
    if not track_b.runs and np.isfinite(suite.rows.get("candidate", {}).get(kind, np.nan)).any():
        return "the grades are stored ones, whose agreement with people nobody measured here"
    return track_b.barred(suite.name, kind, corrected=corrected)


def _with_chance(result: GateResult, gate: Gate, suite: SuiteRecord) -> GateResult:
    headline = suite["headline"]
    return with_chance(result, gate, suite.get("chance"), headline, suite["metrics"].get(headline))


def _critical(journal: Journal, data: Mapping[str, SuiteData], track_b: TrackB) -> Iterator[GateResult]:
    """Give the gate that no suite with critical cases can leave out."""
    for name, facts in journal.suites.items():
        if facts["critical"]:
            entries = journal.entries.get(name, {})
            asked = [case for case in facts["critical"] if case in entries]
            missed = [case for case in asked if entries[case]["correct"] is False]
            own, count = data[name], len(facts["critical"])
            told = _unjudged(own, track_b, [case for case in asked if entries[case]["correct"] is None])
            yield critical_gate(name, missed, count, complete=own.complete, reason=own.reason, unjudged=told)


def _unjudged(data: SuiteData, track_b: TrackB, left: Sequence[str]) -> str:
    """Say why nobody knows whether critical cases are right, where judges must say it; ``left``: ids without a word."""
    judged = [name for name, metric in data.metrics.items() if metric.counts in JUDGED]
    told = _barred(track_b, data, judged[0]) if judged else ""
    if told or not left:
        return told
    return f"{len(left)} critical cases are unjudged, the first is {left[0]}"


def _usage(journal: Journal, track_b: TrackB) -> UsageRecord:
    tokens = [
        case[role]["tokens"]
        for entries in journal.entries.values()
        for case in entries.values()
        for role in ROLES
        if role in case
    ]
    used: UsageRecord = {
        "prompt_tokens": sum(prompt for prompt, _ in tokens),
        "reply_tokens": sum(reply for _, reply in tokens),
        "judge_tokens": track_b.tokens(),
        "seconds": round(journal.usage.get("seconds", 0.0), 3),
        "cache_hits": int(journal.usage.get("cache_hits", 0)),
    }
    if again := int(journal.usage.get("asked_again", 0)):
        used["asked_again"] = again
    return used


def with_divergence(run: Run, settings: RunSettings) -> RunRecord:
    """Complete a record: what people said, the divergence of suites whose replies are free text, and its gate."""
    record, gates = run.record, list(run.gates)
    people = human(record, run.ratings)
    judged = {name: suite for name, suite in record["suites"].items() if suite["judged"]}
    scale = chosen_rubric(settings.rubric_file).scale
    found = divergence({**record, "suites": judged}, people, settings.seed, scale=scale)
    for name, facts in found.items() if settings.divergence == "gate" else ():
        gate = divergence_gate(name, facts, people)
        if gate is not None:
            held = facts["verdict"] in HOLDING
            gates.append(tracks_with_undefined(gate, record["cases"]) if held else gate)
    told = [gate.record(settings.gate_outcome(gate)) for gate in gates]
    return {**record, "divergence": found, "human": people, "gates": told}
