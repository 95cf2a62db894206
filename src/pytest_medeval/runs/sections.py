"""A suite's section of the run record: counts, metrics, subgroups, and what to keep in mind about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from pytest_medeval.core.encodable import MARK
from pytest_medeval.core.record import (
    ROLES,
    CaseEntry,
    ClusterRecord,
    ExcludedCases,
    MetricRow,
    NoiseMeasured,
    OutcomeCounts,
    ReferenceRow,
    Role,
    SkippedRecords,
    Subgroup,
    SuiteRecord,
)
from pytest_medeval.core.signature import prompts_signature
from pytest_medeval.core.types import FloatArray, Metric
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.base import Drawn, apart
from pytest_medeval.metrics.details import DETAILS, Heedless, details_of, known
from pytest_medeval.runs.journal import LISTED, Journal, SuiteManifest
from pytest_medeval.runs.track_b import TrackB
from pytest_medeval.stats.compare import Comparison
from pytest_medeval.tasks import TASKS, Task
from pytest_medeval.tasks.base import draws_of
from pytest_medeval.verdicts.chance import chance
from pytest_medeval.verdicts.gates.data import PART, SuiteData, left_out, suite_data
from pytest_medeval.verdicts.leakage import Leakage, leakage_section
from pytest_medeval.verdicts.noise import noise_section


def data_of(facts: SuiteManifest, journal: Journal, track_b: TrackB) -> SuiteData:
    """Arrange what a run has of a suite so far, with the metrics of its judges."""
    task = TASKS.resolve(facts["task"])(**facts["options"])
    metrics = track_b.signed(metrics_for(task, facts["metrics"], journal.undefined))
    metrics += track_b.metrics() if task.judged and track_b.runs else ()
    entries, complete_only = journal.ordered(facts["name"]), facts["pairs"] == "complete"
    data = suite_data(
        facts["name"], metrics, entries, complete_only=complete_only, reason=_lacking(facts, journal, entries)
    )
    found = journal.batches.get(facts["name"])
    return replace(data, largest=found.get("largest")) if found else data


def _lacking(facts: SuiteManifest, journal: Journal, entries: Sequence[CaseEntry]) -> str:
    """Say why a suite did not run as a whole; empty where it did."""
    missing = journal.missing(facts["name"])
    if missing:
        done = len(facts["cases"]) - len(missing)
        ran = f"{done} of {len(facts['cases'])} cases were evaluated, the first missing one is {missing[0]}"
        return f"{PART}: {ran}"
    failed = [case["id"] for case in entries for role in ROLES if role in case and case[role]["outcome"] == "error"]
    return f"{len(failed)} replies could not be had, the first of case {failed[0]}" if failed else ""


def suite_section(
    facts: SuiteManifest, journal: Journal, data: SuiteData, compared: Mapping[str, Comparison], cluster: ClusterRecord
) -> SuiteRecord:
    """Give all that the record says of a suite but the reference and the caveats."""
    cases = journal.ordered(facts["name"])
    task = TASKS.resolve(facts["task"])(**facts["options"])
    made: SuiteRecord = {
        "task": facts["task"],
        "options": facts["options"],
        "source": facts["source"],
        "cases": len(facts["cases"]),
        "total": facts["total"],
        "evaluated": len(cases),
        "complete": data.complete,
        "outcomes": {role: _outcomes(cases, role) for role in ROLES if any(role in case for case in cases)},
        "skipped": _skipped(facts),
        "signature": facts["signature"],
        "prompts": prompts_signature(cases),
        "cluster": cluster,
        "headline": task.headline,
        "judged": task.judged,
        "metrics": {
            name: _metric(one, data.metrics[name]) for name, one in compared.items() if one.candidate is not None
        },
        "subgroups": _subgroups(data, task.headline),
    }
    if hasattr(task, "hub_type"):
        made["task_type"] = task.hub_type
    with journal.without("details"), DETAILS.blamed(task.name):
        _add_details(made, task, data)
    if "part" in facts:
        made["part"] = facts["part"]
    if "excluded_trained" in facts:
        made["excluded_trained"] = facts["excluded_trained"]
    if "shots" in facts:
        made["shots"] = facts["shots"]
    if facts["name"] in journal.batches:
        made["sequential"] = journal.batches[facts["name"]]
    if "sampling" in facts:
        made["sampling"] = facts["sampling"]
    if replaced := _replaced(cases):
        made["replaced"] = replaced
    if facts["pairs"] == "complete":
        made["excluded"] = _excluded(cases)
    return made


def _add_details(suite: SuiteRecord, task: Task, data: SuiteData) -> None:
    """Add what only some tasks have: the candidate's confusions, the roles' broken rules and reliability."""
    details, draws = details_of(task), draws_of(task)
    if draws > 1:
        drawn = {metric.counts for metric in data.metrics.values() if isinstance(metric, Drawn)}
        split = {
            role: {kind: apart(one, draws) for kind, one in own.items() if kind in drawn}
            for role, own in data.rows.items()
        }
        data = replace(data, rows=split, clusters=[one for one in data.clusters for _ in range(draws)])
    rows: dict[str, Mapping[str, FloatArray]] = {role: known(own) for role, own in data.rows.items() if role in ROLES}
    if confusion := details.confusion(task, rows.get("candidate", {})):
        suite["confusion"] = confusion
    if rules := {role: broken for role in rows if (broken := details.rules(task, data.rows[role], data.clusters))}:
        suite["rules"] = rules
    if reliability := {role: bins for role, own in rows.items() if (bins := details.reliability(own))}:
        suite["reliability"] = reliability


def add_chance(suite: SuiteRecord, journal: Journal, data: SuiteData, seed: int) -> None:
    """Add what answers that heed no question score, where the task has such."""
    metric, roles = data.metrics.get(suite["headline"]), list[list[Heedless]]([[], []])
    with journal.without("details"), DETAILS.blamed(suite["task"]):
        details = details_of(TASKS.resolve(suite["task"])(**suite["options"]))
        roles = [details.heedless(data.rows.get(role, {})) for role in ROLES]
    if metric is not None and (found := chance(data, metric, roles[0], roles[1], seed)):
        suite["chance"] = found


def _excluded(cases: Sequence[CaseEntry]) -> ExcludedCases:
    """Count the cases that complete pairs leave out, by reason."""
    reasons = Counter(reason for case in cases if (reason := left_out(case)))
    return {"count": reasons.total(), "reasons": dict(sorted(reasons.items()))}


def add_caveats(suite: SuiteRecord, data: SuiteData, leakage: Leakage | None, noise: NoiseMeasured | None) -> None:
    """Add what was found of leaked cases and of the noise floor, where that was asked for."""
    if leakage is not None:
        suite["leakage"] = leakage_section(leakage, data, suite["headline"])
    if noise is not None:
        suite["noise"] = noise_section(noise, [(name, one["difference"]) for name, one in comparisons(suite)])


def comparisons(suite: SuiteRecord) -> Iterator[tuple[str, MetricRow | ReferenceRow]]:
    """Give all comparisons of a suite: with the reference, and with the baseline."""
    yield from suite["reference"]["metrics"].items() if "reference" in suite else ()
    yield from suite["metrics"].items()


def _outcomes(cases: Sequence[CaseEntry], role: Role) -> OutcomeCounts:
    counts = Counter(case[role]["outcome"] for case in cases if role in case)
    return {
        "answered": counts["answered"],
        "no_answer": counts["no_answer"],
        "truncated": counts["truncated"],
        "degenerate": counts["degenerate"],
        "error": counts["error"],
    }


def _replaced(cases: Sequence[CaseEntry]) -> dict[str, int]:
    """Count each role's replies that hold a mark where their text was no Unicode."""
    return dict(
        Counter(
            role
            for case in cases
            for role in ROLES
            if role in case and any(MARK in one["reply"] for one in (case[role], *case[role].get("parts", ())))
        )
    )


def _skipped(facts: SuiteManifest) -> SkippedRecords:
    skips = facts["skipped"]
    reasons = Counter(skip["reason"] for skip in skips)
    return {
        "count": len(skips),
        "of": facts["total"] + len(skips),
        "reasons": dict(reasons.most_common()),
        "records": skips[:LISTED],
    }


def _metric(one: Comparison, metric: Metric) -> MetricRow:
    made: MetricRow = {
        "candidate": one.candidate,
        "candidate_ci95": ends(one.candidate_ci95),
        "baseline": one.baseline,
        "n": one.n,
        "difference": one.difference,
        "relative": one.relative,
        "ci95": ends(one.ci95),
        "p_value": one.p_value,
        "test": one.test,
        "p_corrected": None,
        "wilcoxon_p": one.wilcoxon_p,
        "mann_whitney_p": one.mann_whitney_p,
        "effect_size": one.effect_size,
        "effect": one.effect,
        "direction": one.direction,
        "signature": metric.signature,
        "reason": one.reason,
    }
    if getattr(metric, "lexical", False):
        made["lexical"] = True
    return made


def ends(interval: tuple[float, float] | None) -> list[float] | None:
    """Give an interval as JSON has it."""
    return None if interval is None else list(interval)


def _subgroups(data: SuiteData, headline: str) -> dict[str, Subgroup]:
    """Score the headline metric in every group of every tag that splits the suite's scored cases."""
    if headline not in data.metrics or "candidate" not in data.rows:
        return {}
    metric = data.metrics[headline]
    rows = data.rows["candidate"][metric.counts]
    known = np.isfinite(rows).all(axis=1)
    if not known.any():
        return {}
    counts = metric.expand(rows[known])
    scored = [data.tags[at] for at in np.flatnonzero(known).tolist()]
    found: dict[str, Subgroup] = {}
    for tag in sorted({tag for tags in scored for tag in tags}):
        values = [tags.get(tag) for tags in scored]
        groups = {
            str(value): np.array([own == value for own in values])
            for value in sorted({v for v in values if v is not None})
        }
        if 1 < len(groups) < len(values):
            found[tag] = {
                "metric": headline,
                "values": {
                    value: {"n": int(mask.sum()), "candidate": _finite(metric.score(counts[mask].sum(axis=0)))}
                    for value, mask in groups.items()
                },
            }
    return found


def _finite(value: FloatArray) -> float | None:
    return float(value) if np.isfinite(value) else None
