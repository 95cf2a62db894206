"""A suite's section of the run record: counts, metrics, subgroups, and what to keep in mind about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pytest_medeval.core.encodable import MARK
from pytest_medeval.core.signature import prompts_signature
from pytest_medeval.core.types import FloatArray, Metric, Outcome
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.details import details_of, known
from pytest_medeval.runs.journal import Journal
from pytest_medeval.runs.track_b import TrackB
from pytest_medeval.stats.compare import Comparison
from pytest_medeval.stats.correct import holm
from pytest_medeval.tasks import TASKS
from pytest_medeval.verdicts.gates import SuiteData, undefined_in
from pytest_medeval.verdicts.leakage import Leakage, leakage_section
from pytest_medeval.verdicts.noise import noise_section

# From the journal to arrays: a suite's stored rows, in the order of its file, as gates and comparisons
# see them.

ROLES = ("candidate", "baseline")


def suite_data(facts: Mapping[str, Any], journal: Journal, track_b: TrackB) -> SuiteData:
    """Arrange a suite's stored rows as arrays, one row a case, NaN where a model could not be reached."""
    cases = _scored(facts, journal)
    metrics = measures(facts)
    if TASKS.resolve(facts["task"]).judged and track_b.runs:
        metrics += track_b.metrics()
    kinds = list(dict.fromkeys(metric.counts for metric in metrics))
    present = [role for role in ROLES if any(role in case for case in cases)]
    complete, reason = _complete(facts, journal)
    return SuiteData(
        name=facts["name"],
        metrics={metric.name: metric for metric in metrics},
        rows={role: {kind: _rows(cases, role, kind) for kind in kinds} for role in present},
        ids=[case["id"] for case in cases],
        tags=[case["tags"] for case in cases],
        groups=[case["group"] for case in cases],
        complete=complete,
        reason=reason,
        undefined={role: undefined_in(cases, role) for role in present},
    )


def measures(facts: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Make a suite's metrics again from its task, options and their names."""
    return metrics_for(TASKS.resolve(facts["task"])(**facts["options"]), facts["metrics"])


def _rows(cases: Sequence[Mapping[str, Any]], role: str, kind: str) -> FloatArray:
    found = [case.get(role, {}).get("rows", {}).get(kind) for case in cases]
    width = next((len(row) for row in found if row is not None), 1)
    return np.array([row if row is not None else [np.nan] * width for row in found], dtype=np.float64).reshape(
        len(cases), width
    )


def ordered(suite: str, journal: Journal) -> list[dict[str, Any]]:
    """Give a suite's evaluations in the order of its file, whatever order they came in."""
    entries = journal.entries.get(suite, {})
    return [entries[case] for case in journal.suites[suite]["cases"] if case in entries]


def _scored(facts: Mapping[str, Any], journal: Journal) -> list[dict[str, Any]]:
    cases = ordered(facts["name"], journal)
    if facts["pairs"] == "complete":
        return [case for case in cases if not left_out(case)]
    return cases


def left_out(case: Mapping[str, Any]) -> list[str]:
    """Say why S1's filter leaves a case out: the first reply that is not complete."""
    return [
        f"{role} {case[role]['outcome']}" for role in ROLES if role in case and case[role]["outcome"] != "answered"
    ][:1]


def _complete(facts: Mapping[str, Any], journal: Journal) -> tuple[bool, str]:
    missing = journal.missing(facts["name"])
    if missing:
        done = len(facts["cases"]) - len(missing)
        return (False, f"{done} of {len(facts['cases'])} cases were evaluated, the first missing one is {missing[0]}")
    failed = [
        case["id"]
        for case in ordered(facts["name"], journal)
        for role in ROLES
        if case.get(role, {}).get("outcome") == "error"
    ]
    if failed:
        return False, f"{len(failed)} replies could not be had, the first of case {failed[0]}"
    return True, ""


OUTCOMES: tuple[Outcome, ...] = ("answered", "no_answer", "truncated", "degenerate", "error")
LISTED = 50
"""Skipped records that the record lists one by one; all are counted."""


def suite_section(
    facts: Mapping[str, Any], journal: Journal, data: SuiteData, compared: Mapping[str, Comparison]
) -> dict[str, Any]:
    """Give all that the record says of a suite but the reference and the caveats."""
    cases = ordered(facts["name"], journal)
    kind = TASKS.resolve(facts["task"])
    compared = {name: one for name, one in compared.items() if one.candidate is not None}
    return {
        "task": facts["task"],
        **({"task_type": kind.hub_type} if hasattr(kind, "hub_type") else {}),
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
        "headline": kind.headline,
        "judged": kind.judged,
        "metrics": {name: _metric(one, data.metrics[name]) for name, one in compared.items()},
        "subgroups": _subgroups(data, kind.headline),
        **_details(kind(**facts["options"]), data),
        **{key: facts[key] for key in ("shots", "sampling") if key in facts},
        **({"replaced": replaced} if (replaced := _replaced(cases)) else {}),
        **({"excluded": _excluded(cases)} if facts["pairs"] == "complete" else {}),
    }


def _details(task: Any, data: SuiteData) -> dict[str, Any]:
    """Give what only some tasks have: the candidate's confusions, the roles' broken rules and reliability."""
    details = details_of(task)
    rows = {role: known(data.rows[role]) for role in ROLES if role in data.rows}
    found = {
        "confusion": details.confusion(task, rows.get("candidate", {})),
        "rules": {role: rules for role, own in rows.items() if (rules := details.rules(task, own))},
        "reliability": {role: bins for role, own in rows.items() if (bins := details.reliability(own))},
    }
    return {name: one for name, one in found.items() if one}


def _excluded(cases: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Count the cases that complete pairs leave out, by reason."""
    reasons = Counter(reason for case in cases for reason in left_out(case))
    return {"count": reasons.total(), "reasons": dict(sorted(reasons.items()))}


def add_caveats(
    suite: dict[str, Any], data: SuiteData, leakage: Leakage | None, noise: Mapping[str, Any] | None
) -> None:
    """Add what was found of leaked cases and of the noise floor, where that was asked for."""
    if leakage is not None:
        suite["leakage"] = leakage_section(leakage, data, suite["headline"])
    if noise is not None:
        parts = [
            (name, one["difference"])
            for part in (suite.get("reference", {}), suite)
            for name, one in part.get("metrics", {}).items()
        ]
        suite["noise"] = noise_section(noise, parts)


def _outcomes(cases: Sequence[Mapping[str, Any]], role: str) -> dict[str, int]:
    counts = Counter(case[role]["outcome"] for case in cases if role in case)
    return {outcome: counts[outcome] for outcome in OUTCOMES}


def _replaced(cases: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Count each role's replies that hold a mark where their text was no Unicode."""
    return dict(
        Counter(
            role
            for case in cases
            for role in ROLES
            if role in case and any(MARK in one["reply"] for one in (case[role], *case[role].get("parts", ())))
        )
    )


def _skipped(facts: Mapping[str, Any]) -> dict[str, Any]:
    skips = facts["skipped"]
    reasons = Counter(skip["reason"] for skip in skips)
    return {
        "count": len(skips),
        "of": facts["total"] + len(skips),
        "reasons": dict(reasons.most_common()),
        "records": skips[:LISTED],
    }


def _metric(one: Comparison, metric: Metric) -> dict[str, Any]:
    return {
        "candidate": one.candidate,
        "candidate_ci95": _ends(one.candidate_ci95),
        "baseline": one.baseline,
        "n": one.n,
        "difference": one.difference,
        "relative": one.relative,
        "ci95": _ends(one.ci95),
        "p_value": one.p_value,
        "test": one.test,
        "p_corrected": None,
        "mann_whitney_p": one.mann_whitney_p,
        "effect_size": one.effect_size,
        "effect": one.effect,
        "direction": one.direction,
        **({"lexical": True} if getattr(metric, "lexical", False) else {}),
        "signature": metric.signature,
        "reason": one.reason,
    }


def _ends(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)


def correct_together(suites: Mapping[str, Mapping[str, Any]]) -> None:
    """Correct all p-values of the run together (Holm)."""
    tested = [
        one
        for suite in suites.values()
        for part in (suite, suite.get("reference", {}))
        for one in part.get("metrics", {}).values()
    ]
    for one, corrected in zip(tested, holm([one["p_value"] for one in tested]), strict=True):
        one["p_corrected"] = corrected


def _subgroups(data: SuiteData, headline: str) -> dict[str, Any]:
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
    found: dict[str, Any] = {}
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
