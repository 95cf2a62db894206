"""Two stored runs against each other, with gates, without a model.

Two runs of a suite: which cases are the same, and exactly what differs. Never silently mixed.

A case is the same when its content (question, options, right answer) and the request made of it are the same;
a metric, when its signature is. Rows of counts are taken from the stored run only where both hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypedDict

import numpy as np

from pytest_medeval.core.errors import MedevalError, NoneYetError, accepted
from pytest_medeval.core.record import (
    CaseEntry,
    GateOutcome,
    GateRecord,
    LostCases,
    MetricRow,
    ReferenceRow,
    ReferenceRun,
    RunRecord,
    SuiteReference,
)
from pytest_medeval.core.types import FloatArray, Metric
from pytest_medeval.judges.panel import stored_metrics
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.base import Measure
from pytest_medeval.runs.journal import SuiteManifest
from pytest_medeval.runs.store import LATEST_OR_NONE, load
from pytest_medeval.stats.compare import Comparison, compare_all
from pytest_medeval.tasks import TASKS
from pytest_medeval.verdicts.alarms import lacking
from pytest_medeval.verdicts.gates.data import (
    GRADED,
    GateResult,
    SuiteData,
    correct_together,
    rows_of,
    suite_data,
    undefined_in,
)
from pytest_medeval.verdicts.gates.grammar import CORRECTED, Gate, parse_gate
from pytest_medeval.verdicts.gates.judge import judge_all

NAMED = 3
"""Cases that a line names; all are counted."""


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """What a run and the stored run that it is compared with have in common in one suite.

    ``same``: ids of cases that may be compared; ``stored``: all cases of the stored run by id; ``new``: only
    here; ``gone``: only in the stored run; ``changed``: other content under the same id; ``prompted``: the
    same content asked otherwise; ``rendered``: compared, though the models' chat templates made other tokens
    of the same request; ``metrics``: name -> how the two measures differ; ``partial``: how much of the suite
    the stored run evaluated, when not all of it;
    ``sampled``: this run is a declared sample, so that cases may be absent from it.
    """

    run: str
    same: Sequence[str]
    stored: Mapping[str, CaseEntry] = field(default_factory=dict)
    new: Sequence[str] = ()
    gone: Sequence[str] = ()
    changed: Sequence[str] = ()
    prompted: Sequence[str] = ()
    rendered: int = 0
    metrics: Mapping[str, str] = field(default_factory=dict)
    partial: str = ""
    sampled: bool = False

    @property
    def differences(self) -> list[str]:
        """Say what differs, one line a kind; an empty list when nothing does."""
        sample = " (this run is a sample)" if self.sampled else ""
        told = [self.partial] if self.partial else []
        told += [
            f"{_cases(len(ids))} {what}: {_few(ids)}"
            for ids, what in (
                (self.new, f"not in {self.run}"),
                (self.gone, f"in {self.run} only{sample}"),
                (self.changed, f"with another question, options or answer in {self.run}"),
                (self.prompted, f"asked otherwise in {self.run}"),
            )
            if ids
        ]
        if self.rendered:
            told.append(
                f"{_cases(self.rendered)} with the same request that the two models' chat templates turned "
                "into different tokens: compared"
            )
        return told + [f"{metric} {why}: not compared" for metric, why in self.metrics.items()]

    @property
    def obstacle(self) -> str:
        """Say why gates on the reference cannot be judged: what a regression could hide behind. Else empty.

        New cases do not stand in the way, because every case that the reference was measured on is here.
        """
        if not self.same:
            return f"no case is the same as in {self.run}"
        if self.partial:
            return self.partial
        parts = [
            (self.gone if not self.sampled else (), "gone"),
            (self.changed, "changed"),
            (self.prompted, "asked otherwise"),
        ]
        found = [f"{len(ids)} {what} ({_few(ids)})" for ids, what in parts if ids]
        if not found:
            return ""
        return (
            f"the suite differs from that of {self.run}: of its cases {', '.join(found)}; "
            "evaluate the reference on today's suite"
        )


def entries(record: RunRecord, suite: str) -> dict[str, CaseEntry]:
    """Give a suite's cases of a record by id."""
    return {case["id"]: case for case in record["cases"] if case["suite"] == suite}


def pair(
    run: str,
    suite: str,
    record: RunRecord,
    cases: Sequence[CaseEntry],
    metrics: Mapping[str, Metric],
    *,
    sampled: bool = False,
) -> Pairing:
    """Pair this run's ``cases`` of a suite, scored by ``metrics``, with those of a stored ``record``."""
    facts = record["suites"].get(suite)
    if facts is None:
        return Pairing(run=run, same=(), new=[case["id"] for case in cases])
    old = entries(record, suite)
    known = [case for case in cases if case["id"] in old]
    changed = [case["id"] for case in known if _print(case, "content") != _print(old[case["id"]], "content")]
    prompted = [
        case["id"]
        for case in known
        if case["id"] not in changed and _print(case, "request") != _print(old[case["id"]], "request")
    ]
    other = {*changed, *prompted}
    same = [case["id"] for case in known if case["id"] not in other]
    here = {case["id"]: case for case in cases}
    return Pairing(
        run=run,
        same=same,
        stored=old,
        changed=changed,
        prompted=prompted,
        sampled=sampled,
        new=[case["id"] for case in cases if case["id"] not in old],
        gone=[case for case in old if case not in here],
        rendered=sum(_rendered(here[case]) != _rendered(old[case]) for case in same),
        metrics={
            name: why for name, metric in metrics.items() if (why := _measured(metric, facts["metrics"].get(name), run))
        },
        partial=f"{run}: {why}" if (why := lacking(facts)) else "",
    )


def _print(case: CaseEntry, what: Literal["content", "request"]) -> str:
    """Take a signature; a record without one is like no other."""
    return str(case.get(what) or id(case))


def _rendered(case: CaseEntry) -> str:
    return case["candidate"]["prompt_hash"]


def _measured(metric: Metric, stored: MetricRow | None, run: str) -> str:
    if stored is None:
        return f"was not measured in {run}"
    if stored["signature"] != metric.signature:
        return f"is measured otherwise: {stored['signature']} in {run}, {metric.signature} here"
    return ""


def stored_rows(pairing: Pairing, ids: Iterable[str], kind: str, *, complete_only: bool) -> FloatArray:
    """Arrange the candidate's rows of a stored run by ``ids``, one family of counts; NaN for what differs."""
    same = set(pairing.same)
    scored = [pairing.stored[case].get("candidate") if case in same else None for case in ids]
    kept = [one if one and not (complete_only and one["outcome"] != "answered") else None for one in scored]
    return rows_of(kept, kind)


def measures_of(record: RunRecord, suite: str) -> tuple[list[Metric], dict[str, str]]:
    """Make a stored suite's metrics again; apart from them those whose signature changed, and why."""
    facts = record["suites"][suite]
    own = [name for name in facts["metrics"] if not name.startswith(GRADED)]
    judged = {
        name.removeprefix(GRADED): row["signature"]
        for name, row in facts["metrics"].items()
        if name.startswith(GRADED) and not name.endswith(CORRECTED)
    }
    try:
        made = metrics_for(TASKS.resolve(facts["task"])(**facts["options"]), own)
    except TypeError as error:
        raise MedevalError(
            f"suite {suite}: task {facts['task']!r} of this version has other options: {error}"
        ) from None
    made = tuple(_as_stored(one, facts["metrics"][one.name]["signature"]) for one in made)
    other = {
        metric.name: "is measured otherwise today: "
        f"{facts['metrics'][metric.name]['signature']} when it was stored, "
        f"{metric.signature} in this version; replay:RUN scores the replies anew"
        for metric in made
        if facts["metrics"][metric.name]["signature"] != metric.signature
    }
    return [*(metric for metric in made if metric.name not in other), *stored_metrics(judged)], other


def _as_stored(metric: Metric, signature: str) -> Metric:
    """Give a metric that rests on judges the stored signature, which names them: they are not asked again."""
    own = isinstance(metric, Measure) and metric.counts.startswith(GRADED)
    same = re.sub(r"\|judges:[^|]+", "", signature) == metric.signature
    return replace(metric, signature=signature) if own and same and isinstance(metric, Measure) else metric


def _few(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more


def _cases(count: int) -> str:
    return f"{count} case" if count == 1 else f"{count} cases"


# This version against the last one: a stored run takes part as the role ``reference``, paired by case.

REFERENCE = "reference"
LISTED = 10
"""Cases that lost most against the reference, which the record lists; all are counted."""


@dataclass(frozen=True)
class Reference:
    """A stored run to compare with: what it is called, and its record."""

    run: str
    record: RunRecord

    def facts(self, suites: Sequence[str]) -> ReferenceRun:
        """Describe it for the record of the run that was compared with it."""
        record = self.record
        return {
            "run": self.run,
            "created": record["created"],
            "version": record["version"],
            "sha256": record.get("sha256"),
            "repository": record["environment"].get("repository"),
            "model": record["models"]["candidate"],
            "absent": [name for name in record["suites"] if name not in suites],
        }


@dataclass(frozen=True)
class Awaited:
    """There is no reference yet, as whoever named ``latest-or-none`` expects of a first release."""

    reason: str


def open_reference(run: str, storage: Path, root: Path, suites: Mapping[str, SuiteManifest]) -> Reference | Awaited:
    """Read the stored run to compare with; ``MedevalError`` when it has no case of ``suites`` (by name)."""
    try:
        name, record = load(storage, run, root)
    except NoneYetError as none:
        if run != LATEST_OR_NONE:
            raise
        found = str(none).partition(";")[0]
        return Awaited(f"waits for the first release: {found}")
    if "candidate" not in record["models"]:
        raise MedevalError(f"run {name} has no evaluated case; accepted: a run of at least one suite")
    if not any(
        case["suite"] in suites and suites[case["suite"]]["contents"].get(case["id"]) == case.get("content", "")
        for case in record["cases"]
    ):
        raise MedevalError(
            f"run {name} has no case in common with this one: it holds {_sizes(record)}, "
            f"here are {', '.join(suites)}; "
            "a case is the same when suite, id and content are"
        )
    return Reference(name, record)


def _sizes(record: RunRecord) -> str:
    return ", ".join(f"{name} ({suite['evaluated']} cases)" for name, suite in record["suites"].items())


def with_reference(
    data: SuiteData,
    cases: Sequence[CaseEntry],
    reference: Reference,
    *,
    sampled: bool = False,
    complete_only: bool = False,
) -> tuple[SuiteData, Pairing]:
    """Give a suite the reference's rows for the cases and metrics that are the same.

    ``cases``: all evaluated entries of this run; ``sampled``: this run is a declared sample of its suite;
    ``complete_only``: only complete replies are compared (``pairs="complete"``). Metrics that must not be
    judged against the reference are named in ``barred``, each with the reason.
    """
    pairing = pair(reference.run, data.name, reference.record, cases, data.metrics, sampled=sampled)
    kinds = {data.metrics[name].counts for name in data.metrics if name not in pairing.metrics}
    rows = {kind: stored_rows(pairing, data.ids, kind, complete_only=complete_only) for kind in sorted(kinds)}
    candidate = data.rows.get("candidate", {})
    usable = {kind: found for kind, found in rows.items() if kind in candidate and found.shape == candidate[kind].shape}
    barred = dict(pairing.metrics)
    if pairing.obstacle:
        barred = dict.fromkeys(data.metrics, pairing.obstacle)
    lost = undefined_in((pairing.stored[case] for case in pairing.same), "candidate")
    return replace(
        data,
        rows={**data.rows, REFERENCE: usable},
        barred={**data.barred, REFERENCE: barred},
        undefined={**data.undefined, REFERENCE: lost},
    ), pairing


def contrasts(data: SuiteData, pairing: Pairing, *, seed: int) -> dict[str, Comparison]:
    """Compare candidate and reference on every metric that is measured alike, on the same cases."""
    known = data.rows.get(REFERENCE, {})
    metrics = [
        metric for name, metric in data.metrics.items() if name not in pairing.metrics and metric.counts in known
    ]
    if not metrics or not any(np.isfinite(rows).all(axis=1).any() for rows in known.values()):
        return {}
    found = compare_all(
        metrics, data.rows["candidate"], known, clusters=data.clusters or None, wider=data.found, seed=seed
    )
    return {name: one for name, one in found.items() if one.candidate is not None and one.baseline is not None}


def section(
    data: SuiteData, pairing: Pairing, found: Mapping[str, Comparison], cases: Sequence[CaseEntry], headline: str
) -> SuiteReference:
    """Describe the comparison of a suite for the record; the caller corrects its p-values, over the run."""
    made: SuiteReference = {
        "run": pairing.run,
        "cases": len(pairing.stored),
        "same": len(pairing.same),
        "differences": pairing.differences,
        "metrics": {name: _contrast(one, data.metrics[name].signature) for name, one in found.items()},
    }
    if lost := _lost(cases, pairing, headline, data):
        made["lost"] = lost
    return made


def _contrast(one: Comparison, signature: str) -> ReferenceRow:
    return {
        "candidate": one.candidate,
        "reference": one.baseline,
        "n": one.n,
        "difference": one.difference,
        "relative": one.relative,
        "ci95": None if one.ci95 is None else list(one.ci95),
        "p_value": one.p_value,
        "test": one.test,
        "p_corrected": None,
        "effect_size": one.effect_size,
        "effect": one.effect,
        "direction": one.direction,
        "signature": signature,
        "reason": one.reason,
    }


def _lost(cases: Sequence[CaseEntry], pairing: Pairing, headline: str, data: SuiteData) -> LostCases | None:
    """Name the cases that lost most in the headline metric, so that a reader sees why."""
    if headline in pairing.metrics or headline not in data.metrics:
        return None
    direction = data.metrics[headline].direction or 1
    same, old = set(pairing.same), pairing.stored
    scores = [
        (case["id"], case["candidate"]["scores"].get(headline), old[case["id"]]["candidate"]["scores"].get(headline))
        for case in cases
        if case["id"] in same
    ]
    both = [(name, new, before) for name, new, before in scores if new is not None and before is not None]
    lost = sorted(
        (direction * (new - before), name, new, before) for name, new, before in both if direction * (new - before) < 0
    )
    if not both:
        return None
    return {
        "metric": headline,
        "count": len(lost),
        "of": len(both),
        "cases": [{"id": name, "reference": before, "candidate": new} for _, name, new, before in lost[:LISTED]],
    }


@dataclass(frozen=True)
class Side:
    """One suite of the newer run, with the rows of the older one as its reference."""

    data: SuiteData
    pairing: Pairing
    other: Mapping[str, str]
    """Metric -> why this version cannot read its stored rows."""


class SuiteContest(TypedDict):
    """A suite of two stored runs."""

    headline: str
    reference: SuiteReference


class Contested(TypedDict):
    """A stored run against an older one."""

    reference: ReferenceRun
    suites: dict[str, SuiteContest]
    gates: list[GateRecord]
    passed: bool


def contest(reference: Reference, record: RunRecord, gates: Sequence[str], *, inconclusive: bool = False) -> Contested:
    """Compare ``record`` with the older ``reference``: each suite, the gates, and whether it ``passed``.

    Without gates each suite's headline metric must not have dropped beyond chance. With gates every one
    must pass; ``inconclusive`` lets those through that the cases cannot settle. ``MedevalError`` when the
    runs have no case in common.
    """
    sides = {name: _side(reference, record, name) for name in record["suites"]}
    if not any(side.pairing.same for side in sides.values()):
        raise MedevalError(
            f"the runs have no case in common: {reference.run} holds "
            f"{', '.join(reference.record['suites'])}, "
            f"the other {', '.join(sides)}; accepted: runs with a case of the "
            "same suite, id, content and prompt"
        )
    suites: dict[str, SuiteContest] = {
        name: {"headline": record["suites"][name]["headline"], "reference": _section(side, record)}
        for name, side in sides.items()
    }
    correct_together(row for suite in suites.values() for row in suite["reference"]["metrics"].values())
    asked = _asked(gates, sides) or [
        (parse_gate(f"{suite['headline']} not worse than reference by 0"), name) for name, suite in suites.items()
    ]
    judged = [
        one.record(_outcome(one, strict=bool(gates), inconclusive=inconclusive))
        for one in _judge(asked, sides, record["seed"], all_must_pass=bool(gates) and not inconclusive)
    ]
    return {
        "reference": reference.facts(list(suites)),
        "suites": suites,
        "gates": judged,
        "passed": all(gate["outcome"] == "passed" for gate in judged),
    }


def _side(reference: Reference, record: RunRecord, name: str) -> Side:
    facts = record["suites"][name]
    data, pairing = with_reference(
        stored_suite(record, name),
        list(entries(record, name).values()),
        reference,
        sampled=facts["cases"] < facts["total"],
        complete_only="excluded" in facts,
    )
    return Side(data, pairing, measures_of(record, name)[1])


def stored_suite(record: RunRecord, name: str) -> SuiteData:
    """Arrange a stored suite's rows for gates."""
    facts, cases = record["suites"][name], list(entries(record, name).values())
    metrics = measures_of(record, name)[0]
    data = suite_data(name, metrics, cases, complete_only="excluded" in facts, reason=lacking(facts))
    return replace(
        data,
        cluster=facts["cluster"]["name"],
        found=facts["cluster"]["origin"] == "found",
        judges=[judge["agreement"] for judge in record["judges"]],
    )


def _section(side: Side, record: RunRecord) -> SuiteReference:
    name = side.data.name
    found = contrasts(side.data, side.pairing, seed=record["seed"])
    cases = list(entries(record, name).values())
    made = section(side.data, side.pairing, found, cases, record["suites"][name]["headline"])
    made["differences"] += [f"{metric} {why}: not compared" for metric, why in side.other.items()]
    return made


def _asked(gates: Sequence[str], sides: Mapping[str, Side]) -> list[tuple[Gate, str]]:
    """Give each gate to the suite that it names, or to all suites."""
    asked = []
    for text in gates:
        name, colon, expression = text.partition(":")
        if colon and name.strip() not in sides:
            raise MedevalError(f"--gate={text}: {accepted('suite', name.strip(), sides)}")
        gate = parse_gate(expression if colon else text)
        asked += [(gate.of(sides[one].data.metrics), one) for one in ([name.strip()] if colon else sides)]
    return asked


def _judge(
    asked: Sequence[tuple[Gate, str]], sides: Mapping[str, Side], seed: int, *, all_must_pass: bool
) -> list[GateResult]:
    """Judge all gates together; those on a metric that cannot be read are not evaluated."""
    readable = [(gate, sides[name].data) for gate, name in asked if gate.target.metric not in sides[name].other]
    judged = iter(judge_all(readable, all_must_pass=all_must_pass, seed=seed))
    return [
        GateResult(suite=name, expression=str(gate), verdict="not evaluated", reason=f"{gate.target.metric} {why}")
        if (why := sides[name].other.get(gate.target.metric))
        else next(judged)
        for gate, name in asked
    ]


def _outcome(result: GateResult, *, strict: bool, inconclusive: bool) -> GateOutcome:
    allowed = {"pass"} | ({"inconclusive"} if inconclusive or not strict else set())
    return "passed" if result.verdict in allowed else "failed"
