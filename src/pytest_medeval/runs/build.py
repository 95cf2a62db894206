"""From the journal to the run record: counts, comparisons, gates, in one JSON object."""

from __future__ import annotations

import os
import platform
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import numpy as np

import pytest_medeval
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.details import confusion_of, reliability_of, rules_of
from pytest_medeval.models.roles import together
from pytest_medeval.runs.compare import Pairing
from pytest_medeval.runs.journal import Journal
from pytest_medeval.runs.judging import JUDGE, JudgePlan, TrackB
from pytest_medeval.runs.repository import repository
from pytest_medeval.runs.signature import prompts_signature
from pytest_medeval.settings import Settings
from pytest_medeval.stats.compare import Comparison, compare_all
from pytest_medeval.stats.correct import holm
from pytest_medeval.tasks import TASKS
from pytest_medeval.types import FloatArray, Metric, Outcome
from pytest_medeval.verdicts.gates import GateResult, SuiteData, critical_gate, judge_all, parse_gate
from pytest_medeval.verdicts.leakage import Leakage, leakage_section, with_leakage
from pytest_medeval.verdicts.noise import margin_below, noise_section
from pytest_medeval.verdicts.regression import Reference, contrasts, section, with_reference

SCHEMA = "medeval-run/1"
ROLES = ("candidate", "baseline")
OUTCOMES: tuple[Outcome, ...] = ("answered", "no_answer", "truncated", "degenerate", "error")
LISTED = 50
"""Skipped records that the record lists one by one; all are counted."""


@dataclass(frozen=True)
class Run:
    """A finished run: its record, and the gates as they were judged."""

    record: dict[str, Any]
    gates: Sequence[GateResult]


def build(
    journal: Journal, settings: Settings, reference: Reference | None = None, track_b: TrackB | None = None,
    leaks: Mapping[str, Leakage] | None = None,
) -> Run:
    """Compare candidate, baseline and reference in every suite, judge the gates of the run together, and record it all."""
    track_b = track_b or TrackB(JudgePlan())
    data = {name: suite_data(facts, journal, track_b) for name, facts in journal.suites.items()}
    pairings = _paired(journal, data, reference) if reference else {}
    comparisons = {name: _compared(one, settings.seed) for name, one in data.items()}
    leaks = leaks or {}
    gates = [with_leakage(gate, leaks.get(gate.suite)) for gate in _judged(journal, data, settings, track_b)]
    suites = {name: _suite(facts, journal, data[name], comparisons[name]) for name, facts in journal.suites.items()}
    for name, pairing in pairings.items():
        found = contrasts(data[name], pairing, seed=settings.seed)
        suites[name]["reference"] = section(data[name], pairing, found, _ordered(name, journal), suites[name]["headline"])
    for name, suite in suites.items():
        _caveats(suite, data[name], leaks.get(name), journal.noise.get(name))
    _correct(suites)
    record = {
        "schema": SCHEMA,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": pytest_medeval.__version__,
        "command": [os.path.basename(sys.argv[0]), *sys.argv[1:]],  # noqa: PTH119 - a command need not be a path
        "environment": {**environment(), "repository": repository(settings.root)},
        "seed": settings.seed,
        "models": {role: together(tasks, ", ".join(settings.models if role == "candidate" else settings.baselines) or "own base")
                   for role, tasks in sorted(journal.models.items(), reverse=True)},
        "judges": track_b.judges(),
        "suites": suites,
        "cases": [case for name in journal.suites for case in _ordered(name, journal)],
        "divergence": {},
        "gates": [{**asdict(gate), "outcome": settings.gate_outcome(gate.suite, gate.verdict)} for gate in gates],
        "usage": {**_usage(journal), "judge_tokens": sum(run.tokens for run in track_b.runs)},
    }
    if reference:
        record["reference"] = reference.facts(list(suites))
    return Run(record, gates)


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
    )


def _paired(journal: Journal, data: dict[str, SuiteData], reference: Reference) -> dict[str, Pairing]:
    """Give every suite the reference's rows, in place; say what the two runs have in common."""
    pairings: dict[str, Pairing] = {}
    for name, facts in journal.suites.items():
        data[name], pairings[name] = with_reference(
            data[name], _ordered(name, journal), reference,
            sampled=len(facts["cases"]) < facts["total"], complete_only=facts["pairs"] == "complete",
        )
    return pairings


def measures(facts: Mapping[str, Any]) -> tuple[Metric, ...]:
    """Make a suite's metrics again from its task, options and their names."""
    return metrics_for(TASKS.resolve(facts["task"])(**facts["options"]), facts["metrics"])


def _rows(cases: Sequence[Mapping[str, Any]], role: str, kind: str) -> FloatArray:
    found = [case.get(role, {}).get("rows", {}).get(kind) for case in cases]
    width = next((len(row) for row in found if row is not None), 1)
    return np.array([row if row is not None else [np.nan] * width for row in found], dtype=np.float64).reshape(len(cases), width)


def _ordered(suite: str, journal: Journal) -> list[dict[str, Any]]:
    """Give a suite's evaluations in the order of its file, whatever order they came in."""
    entries = journal.entries.get(suite, {})
    return [entries[case] for case in journal.suites[suite]["cases"] if case in entries]


def _scored(facts: Mapping[str, Any], journal: Journal) -> list[dict[str, Any]]:
    cases = _ordered(facts["name"], journal)
    if facts["pairs"] == "complete":
        return [case for case in cases if not _left_out(case)]
    return cases


def _left_out(case: Mapping[str, Any]) -> list[str]:
    """Say why S1's filter leaves a case out: the first reply that is not complete."""
    return [f"{role} {case[role]['outcome']}" for role in ROLES if role in case and case[role]["outcome"] != "answered"][:1]


def _complete(facts: Mapping[str, Any], journal: Journal) -> tuple[bool, str]:
    missing = journal.missing(facts["name"])
    if missing:
        done = len(facts["cases"]) - len(missing)
        return False, f"{done} of {len(facts['cases'])} cases were evaluated, the first missing one is {missing[0]}"
    failed = [case["id"] for case in _ordered(facts["name"], journal) for role in ROLES
              if case.get(role, {}).get("outcome") == "error"]
    if failed:
        return False, f"{len(failed)} replies could not be had, the first of case {failed[0]}"
    return True, ""


def _compared(data: SuiteData, seed: int) -> dict[str, Comparison]:
    if not data.ids:
        return {}
    groups = data.groups if any(group is not None for group in data.groups) else None
    return compare_all(list(data.metrics.values()), data.rows["candidate"], data.rows.get("baseline"), groups=groups, seed=seed)


def _suite(facts: Mapping[str, Any], journal: Journal, data: SuiteData, compared: Mapping[str, Comparison]) -> dict[str, Any]:
    cases = _ordered(facts["name"], journal)
    found = {
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
        "headline": TASKS.resolve(facts["task"]).headline,
        "judged": TASKS.resolve(facts["task"]).judged,
        "metrics": {name: _metric(one, data.metrics[name]) for name, one in compared.items() if one.candidate is not None},
        "subgroups": _subgroups(data, TASKS.resolve(facts["task"]).headline),
    }
    task = TASKS.resolve(facts["task"])(**facts["options"])
    matrix = confusion_of(task, data.rows.get("candidate", {})) if cases else None
    if matrix:
        found["confusion"] = matrix
    rules = rules_of(task, data.rows)
    if rules:
        found["rules"] = rules
    reliability = reliability_of({role: data.rows[role] for role in ROLES if role in data.rows})
    if reliability:
        found["reliability"] = reliability
    if "shots" in facts:
        found["shots"] = facts["shots"]
    if facts["pairs"] == "complete":
        reasons = Counter(reason for case in cases for reason in _left_out(case))
        found["excluded"] = {"count": reasons.total(), "reasons": dict(sorted(reasons.items()))}
    return found


def _caveats(suite: dict[str, Any], data: SuiteData, leakage: Leakage | None, noise: Mapping[str, Any] | None) -> None:
    """Add what was found of leaked cases and of the noise floor, where that was asked for."""
    if leakage is not None:
        suite["leakage"] = leakage_section(leakage, data, suite["headline"])
    if noise is not None:
        parts = [(name, one["difference"]) for part in (suite.get("reference", {}), suite) for name, one in part.get("metrics", {}).items()]
        suite["noise"] = noise_section(noise, parts)


def _outcomes(cases: Sequence[Mapping[str, Any]], role: str) -> dict[str, int]:
    counts = Counter(case[role]["outcome"] for case in cases if role in case)
    return {outcome: counts[outcome] for outcome in OUTCOMES}


def _skipped(facts: Mapping[str, Any]) -> dict[str, Any]:
    skips = facts["skipped"]
    reasons = Counter(skip["reason"] for skip in skips)
    return {"count": len(skips), "of": facts["total"] + len(skips), "reasons": dict(reasons.most_common()), "records": skips[:LISTED]}


def _metric(one: Comparison, metric: Metric) -> dict[str, Any]:
    return {
        "candidate": one.candidate, "candidate_ci95": _ends(one.candidate_ci95), "baseline": one.baseline, "n": one.n,
        "difference": one.difference, "relative": one.relative, "ci95": _ends(one.ci95), "p_value": one.p_value,
        "test": one.test, "p_corrected": None, "mann_whitney_p": one.mann_whitney_p, "effect_size": one.effect_size,
        "effect": one.effect, "direction": one.direction, "signature": metric.signature, "reason": one.reason,
    }


def _ends(interval: tuple[float, float] | None) -> list[float] | None:
    return None if interval is None else list(interval)


def _correct(suites: Mapping[str, Mapping[str, Any]]) -> None:
    """Correct all p-values of the run together (Holm)."""
    tested = [one for suite in suites.values() for part in (suite, suite.get("reference", {}))
              for one in part.get("metrics", {}).values() if one["p_value"] is not None]
    for one, corrected in zip(tested, holm([one["p_value"] for one in tested]), strict=True):
        one["p_corrected"] = None if corrected is None else float(corrected)


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
        groups = {str(value): np.array([own == value for own in values]) for value in sorted({v for v in values if v is not None})}
        if 1 < len(groups) < len(values):
            found[tag] = {"metric": headline, "values": {
                value: {"n": int(mask.sum()), "candidate": _finite(metric.score(counts[mask].sum(axis=0)))}
                for value, mask in groups.items()}}
    return found


def _finite(value: FloatArray) -> float | None:
    return float(value) if np.isfinite(value) else None


def _judged(journal: Journal, data: Mapping[str, SuiteData], settings: Settings, track_b: TrackB) -> list[GateResult]:
    asked = [(parse_gate(text), data[name]) for name, facts in journal.suites.items() for text in facts["gates"]]
    barred = {index: reason for index, (gate, suite) in enumerate(asked)
              if (reason := (gate.target.metric.startswith(JUDGE) and track_b.barred(suite.name, gate.target.metric))
                  or margin_below(gate, journal.noise.get(suite.name)))}
    judged = iter(judge_all([pair for index, pair in enumerate(asked) if index not in barred], seed=settings.seed))
    results = [GateResult(suite=suite.name, expression=str(gate), verdict="not evaluated", reason=barred[index])
               if index in barred else next(judged) for index, (gate, suite) in enumerate(asked)]
    for name, facts in journal.suites.items():
        if facts["critical"]:
            entries = journal.entries.get(name, {})
            missed = [case for case in facts["critical"] if case in entries and not entries[case]["correct"]]
            results.append(critical_gate(name, missed, len(facts["critical"]), complete=data[name].complete, reason=data[name].reason))
    return results


def _usage(journal: Journal) -> dict[str, Any]:
    tokens = [case[role]["tokens"] for entries in journal.entries.values() for case in entries.values() for role in ROLES if role in case]
    return {
        "prompt_tokens": sum(prompt for prompt, _ in tokens), "reply_tokens": sum(reply for _, reply in tokens),
        "seconds": round(journal.usage.get("seconds", 0.0), 3),
        "cache_hits": int(journal.usage.get("cache_hits", 0)),
    }


def environment() -> dict[str, Any]:
    """Name what the numbers may depend on: interpreter, machine, and versions of the packages that made them."""
    names = ("pytest", "numpy", "scipy", "scikit-learn", "sacrebleu", "rouge-score", "nltk", "rapidfuzz", "torch",
             "transformers", "peft", "tokenizers", "openai")
    return {"python": platform.python_version(), "platform": platform.platform(), "machine": platform.machine(),
            "cores": os.cpu_count(), "packages": {name: found for name in names if (found := _version(name))}}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
