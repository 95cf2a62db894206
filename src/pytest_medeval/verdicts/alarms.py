"""What must be known before a release goes out, whether or not a gate asks for it."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_medeval.core.record import RunRecord, SuiteRecord
from pytest_medeval.verdicts.chance import remarks
from pytest_medeval.verdicts.gates.data import PART
from pytest_medeval.verdicts.verdict import reading

NAMED = 3
"""Cases that an alarm names."""


def lacking(suite: SuiteRecord) -> str:
    """Say what a suite lacks, cases that did not run or replies that could not be had; empty where nothing."""
    if suite["complete"]:
        return ""
    wanted = suite["sequential"]["asked"] if "sequential" in suite else suite["cases"]
    if suite["evaluated"] < wanted:
        return f"{PART}: {suite['evaluated']} of {wanted} cases were evaluated"
    failed = sum(count.get("error", 0) for count in suite["outcomes"].values())
    return f"{failed} replies could not be had" if failed else PART


def alarms_of(record: RunRecord) -> list[str]:
    """List what to look at, the gravest first: cases, safety, what got worse, what was trained on, and so on."""
    suites = record["suites"]
    found = [f"{name}: {told}" for name, suite in suites.items() if (told := lacking(suite))]
    found += _critical(record)
    for look in (_safety, _worse, _trained, _heedless):
        found += [f"{name}: {told}" for name, suite in suites.items() for told in look(suite)]
    found += _tracks(record)
    near = [f"{gate['suite']}: {gate['expression']}" for gate in record["gates"] if gate.get("within_noise")]
    found += [f"passed within noise: {', '.join(near)}"] if near else []
    vain = [one["spec"] for one in record["judges"] if not one["admissible"]]
    found += [f"judge {spec} is advisory: its scores decide nothing" for spec in vain]
    return found + [f"{name}: {told}" for name, suite in suites.items() for told in _dependent(suite)]


def _critical(record: RunRecord) -> Iterator[str]:
    """Name missed critical cases, unless a failed gate does."""
    told = {gate["suite"] for gate in record["gates"] if gate["expression"] == "critical" and gate["verdict"] == "fail"}
    for name in record["suites"]:
        missed = [
            one["id"] for one in record["cases"] if one["suite"] == name and one["critical"] and one["correct"] is False
        ]
        if missed and name not in told:
            yield f"{name}: critical cases missed: {_some(missed)}"


def _safety(suite: SuiteRecord) -> Iterator[str]:
    rules = suite.get("rules", {}).get("candidate", {})
    broken = [
        f"{rule} {count['applied'] - count['kept']} of {count['applied']}"
        for rule, count in rules.items()
        if count["kept"] < count["applied"]
    ]
    if broken:
        yield f"safety rules broken: {', '.join(broken)}"


def _worse(suite: SuiteRecord) -> Iterator[str]:
    """Name what test and interval show to be worse than the baseline, after correction."""
    lost = [name for name, row in suite["metrics"].items() if reading(row) == "worse"]
    if lost:
        yield f"worse than the baseline, shown: {', '.join(lost)}"


def _trained(suite: SuiteRecord) -> Iterator[str]:
    found = suite.get("leakage")
    if found and found["leaked"]:
        count = f"{len(found['leaked'])} of {found['cases']} cases"
        yield f"{count} stand in what the candidate was trained on ({', '.join(found['files'])})"


def _heedless(suite: SuiteRecord) -> Iterator[str]:
    """Say where a model does no better than one that reads no question."""
    yield from remarks(suite.get("chance"), suite["headline"], suite["metrics"].get(suite["headline"]))


def _tracks(record: RunRecord) -> Iterator[str]:
    """Say where a person has to read, and what first."""
    for name, found in record["divergence"].items():
        if found.get("review"):
            read = [one["id"] for one in found.get("most_divergent", ())]
            yield f"{name}: {found['verdict']}: people must look{f', first at {_some(read)}' if read else ''}"


def _dependent(suite: SuiteRecord) -> Iterator[str]:
    cluster = suite["cluster"]
    if cluster["origin"] == "found":
        yield f"cases of one {cluster['name']} depend on each other, and the suite declares no cluster"
    elif cluster["origin"] == "declared" and cluster["name"] is None and cluster["notable"]:
        yield f"cases of one {' or '.join(cluster['notable'])} depend on each other, and the suite ignores it"


def _some(ids: list[str]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more
