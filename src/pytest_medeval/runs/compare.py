"""Two runs of a suite: which cases are the same, and exactly what differs. Never silently mixed.

A case is the same when its content (question, options, right answer) and the request made of it are the same;
a metric, when its signature is. Rows of counts are taken from the stored run only where both hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pytest_medeval.errors import MedevalError
from pytest_medeval.metrics import metrics_for
from pytest_medeval.tasks import TASKS
from pytest_medeval.types import FloatArray, Metric
from pytest_medeval.verdicts.result import SuiteData
from pytest_medeval.verdicts.undefined import undefined_in

NAMED = 3
"""Cases that a line names; all are counted."""

Entry = Mapping[str, Any]
"""One case of a record."""


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
    stored: Mapping[str, Entry] = field(default_factory=dict)
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


def entries(record: Mapping[str, Any], suite: str) -> dict[str, Entry]:
    """Give a suite's cases of a record by id."""
    return {case["id"]: case for case in record["cases"] if case["suite"] == suite}


def pair(
    run: str,
    suite: str,
    record: Mapping[str, Any],
    cases: Sequence[Entry],
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
            name: why
            for name, metric in metrics.items()
            if (why := _measured(metric, facts["metrics"].get(name), run))
        },
        partial=""
        if facts["complete"]
        else f"{run} evaluated only a part of the suite: {facts['evaluated']} of {facts['cases']} "
        "cases, or without a reply",
    )


def _print(case: Entry, what: str) -> str:
    """Take a signature; a record without one is like no other."""
    return str(case.get(what) or id(case))


def _rendered(case: Entry) -> str:
    return str(case["candidate"]["prompt_hash"])


def _measured(metric: Metric, stored: Mapping[str, Any] | None, run: str) -> str:
    if stored is None:
        return f"was not measured in {run}"
    if stored["signature"] != metric.signature:
        return f"is measured otherwise: {stored['signature']} in {run}, {metric.signature} here"
    return ""


def stored_rows(
    pairing: Pairing, ids: Iterable[str], kind: str, *, role: str = "candidate", complete_only: bool = False
) -> FloatArray:
    """Arrange a role's rows of a stored run by ``ids``, one family of counts; NaN for what differs."""
    same = set(pairing.same)
    scored = [pairing.stored[case].get(role) if case in same else None for case in ids]
    found = [_row(one, kind, complete_only=complete_only) if one else None for one in scored]
    width = max((len(row) for row in found if row is not None), default=1)
    return np.array([[np.nan] * width if row is None else row for row in found], dtype=np.float64).reshape(
        len(found), width
    )


def _row(scored: Mapping[str, Any], kind: str, *, complete_only: bool) -> list[float] | None:
    if complete_only and scored["outcome"] != "answered":
        return None
    row = scored["rows"].get(kind)
    return None if row is None else [np.nan if value is None else value for value in row]


def stored_data(record: Mapping[str, Any], suite: str, metrics: Mapping[str, Metric]) -> SuiteData:
    """Arrange a stored suite as gates see it, with the rows of candidate and baseline."""
    facts, cases = record["suites"][suite], list(entries(record, suite).values())
    roles = [role for role in ("candidate", "baseline") if any(role in case for case in cases)]
    if "excluded" in facts:
        cases = [
            case
            for case in cases
            if all(case[role]["outcome"] == "answered" for role in roles if role in case)
        ]
    kinds = {metric.counts for metric in metrics.values()}
    everything = Pairing(
        run="", same=[case["id"] for case in cases], stored={case["id"]: case for case in cases}
    )
    return SuiteData(
        name=suite,
        metrics=metrics,
        rows={
            role: {kind: stored_rows(everything, everything.same, kind, role=role) for kind in sorted(kinds)}
            for role in roles
        },
        ids=everything.same,
        tags=[case["tags"] for case in cases],
        groups=[case["group"] for case in cases],
        complete=facts["complete"],
        reason="" if facts["complete"] else f"{facts['evaluated']} of {facts['cases']} cases",
        undefined={role: undefined_in(cases, role) for role in roles},
    )


def measures_of(record: Mapping[str, Any], suite: str) -> tuple[dict[str, Metric], dict[str, str]]:
    """Make a stored suite's metrics again; apart from them those whose signature changed, and why."""
    facts = record["suites"][suite]
    try:
        made = metrics_for(TASKS.resolve(facts["task"])(**facts["options"]), list(facts["metrics"]))
    except TypeError as error:
        raise MedevalError(
            f"suite {suite}: task {facts['task']!r} of this version has other options: {error}"
        ) from None
    other = {
        metric.name: "is measured otherwise today: "
        f"{facts['metrics'][metric.name]['signature']} when it was stored, "
        f"{metric.signature} in this version; replay:RUN scores the replies anew"
        for metric in made
        if facts["metrics"][metric.name]["signature"] != metric.signature
    }
    return {metric.name: metric for metric in made if metric.name not in other}, other


def _few(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more


def _cases(count: int) -> str:
    return f"{count} case" if count == 1 else f"{count} cases"
