"""This version against the last one: a stored run takes part as the role ``reference``, paired by case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pytest_medeval.errors import MedevalError, NoneYetError
from pytest_medeval.runs.compare import Entry, Pairing, pair, stored_rows
from pytest_medeval.runs.store import LATEST_OR_NONE, load
from pytest_medeval.stats.compare import Comparison, compare_all
from pytest_medeval.verdicts.result import SuiteData
from pytest_medeval.verdicts.undefined import undefined_in

REFERENCE = "reference"
LISTED = 10
"""Cases that lost most against the reference, which the record lists; all are counted."""


@dataclass(frozen=True)
class Reference:
    """A stored run to compare with: what it is called, and its record."""

    run: str
    record: Mapping[str, Any]

    def facts(self, suites: Sequence[str]) -> dict[str, Any]:
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


def open_reference(
    run: str, storage: Path, root: Path, suites: Mapping[str, Mapping[str, Any]]
) -> Reference | Awaited:
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
        suites.get(case["suite"], {}).get("contents", {}).get(case["id"]) == case.get("content", "")
        for case in record["cases"]
    ):
        raise MedevalError(
            f"run {name} has no case in common with this one: it holds {_sizes(record)}, "
            f"here are {', '.join(suites)}; "
            "a case is the same when suite, id and content are"
        )
    return Reference(name, record)


def _sizes(record: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} ({suite['evaluated']} cases)" for name, suite in record["suites"].items())


def with_reference(
    data: SuiteData,
    cases: Sequence[Entry],
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
    usable = {
        kind: found
        for kind, found in rows.items()
        if kind in candidate and found.shape == candidate[kind].shape
    }
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
        metric
        for name, metric in data.metrics.items()
        if name not in pairing.metrics and metric.counts in known
    ]
    if not metrics or not any(np.isfinite(rows).all(axis=1).any() for rows in known.values()):
        return {}
    groups = data.groups if any(group is not None for group in data.groups) else None
    found = compare_all(metrics, data.rows["candidate"], known, groups=groups, seed=seed)
    return {
        name: one for name, one in found.items() if one.candidate is not None and one.baseline is not None
    }


def section(
    data: SuiteData, pairing: Pairing, found: Mapping[str, Comparison], cases: Sequence[Entry], headline: str
) -> dict[str, Any]:
    """Describe the comparison of a suite for the record; the caller corrects its p-values, over the run."""
    return {
        "run": pairing.run,
        "cases": len(pairing.stored),
        "same": len(pairing.same),
        "differences": pairing.differences,
        "metrics": {name: _contrast(one, data.metrics[name].signature) for name, one in found.items()},
        **_lost(cases, pairing, headline, data),
    }


def _contrast(one: Comparison, signature: str) -> dict[str, Any]:
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


def _lost(cases: Sequence[Entry], pairing: Pairing, headline: str, data: SuiteData) -> dict[str, Any]:
    """Name the cases that lost most in the headline metric, so that a reader sees why."""
    if headline in pairing.metrics or headline not in data.metrics:
        return {}
    direction = data.metrics[headline].direction or 1
    same, old = set(pairing.same), pairing.stored
    scores = [
        (case["id"], *(one["candidate"]["scores"].get(headline) for one in (case, old[case["id"]])))
        for case in cases
        if case["id"] in same
    ]
    both = [(name, new, before) for name, new, before in scores if new is not None and before is not None]
    lost = sorted(
        (direction * (new - before), name, new, before)
        for name, new, before in both
        if direction * (new - before) < 0
    )
    if not both:
        return {}
    return {
        "lost": {
            "metric": headline,
            "count": len(lost),
            "of": len(both),
            "cases": [
                {"id": name, "reference": before, "candidate": new} for _, name, new, before in lost[:LISTED]
            ],
        }
    }
