"""The run record as lines for a terminal: data in, lines out; the plugin only writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_medeval.report import caveats, divergence, holds
from pytest_medeval.report.lines import (
    NAME,
    WIDTH,
    Line,
    compared,
    fit,
    fold,
    how_asked,
    interval,
    number,
    wrapped,
)

WORST = 3
ALPHA = 0.05
"""A corrected p-value below it makes a metric's change against the reference worth a line."""
MIN_GROUP = 20
"""Subgroups below this size are shown with their size and not scored."""
FEW_GROUPS = 4
"""So many small groups are shown one by one; of more, their number: the record has each."""

COLOURS: Mapping[str, Mapping[str, bool]] = {
    "pass": {"green": True},
    "fail": {"red": True, "bold": True},
    "inconclusive": {"yellow": True, "bold": True},
    "not evaluated": {"yellow": True, "bold": True},
}


def summary(record: Mapping[str, Any], *, notices: Sequence[str] = (), brief: bool = False) -> Iterator[Line]:
    """Give the whole summary; ``brief`` leaves only the gates."""
    if not brief:
        yield from _models(record)
        for notice in notices:
            yield Line(f"note: {notice}", {"yellow": True})
        for name, suite in record["suites"].items():
            yield Line()
            yield from _suite(name, suite, [case for case in record["cases"] if case["suite"] == name])
        yield from _judges(record)
        yield Line()
    yield from gate_lines(record["gates"])
    if not brief and record["divergence"]:
        yield Line()
        yield from divergence.lines(record["divergence"])


def _models(record: Mapping[str, Any]) -> Iterator[Line]:
    for role, model in record["models"].items():
        parts = model.get("tasks")
        where = (
            ", ".join(f"{task} {one['fingerprint'][:12]}" for task, one in parts.items())
            if parts
            else model["fingerprint"][:12]
        )
        kind = " ".join(str(model[key]) for key in ("dtype", "device") if model.get(key))
        yield Line(f"{role:<9}  {model['spec']}  sha256 {where}  {kind}")
        for said, well in holds.sentences(model):
            yield Line(fit(f"{'':<9}  {said}"), {} if well else {"yellow": True})
    yield from (Line(told) for told in caveats.coarse(record))
    if "awaited" in record:
        yield Line(f"reference  {record['awaited']}", {"yellow": True})
    reference = record.get("reference")
    if reference:
        model = reference["model"]
        who = f"{model['spec']}  sha256 {model['fingerprint'][:12]}"
        yield Line(f"reference  {reference['run']} of {reference['created']}: {who}")
        if reference["absent"]:
            yield Line(
                fit(f"  suites of {reference['run']} that this run lacks: {', '.join(reference['absent'])}"),
                {"yellow": True},
            )


def _suite(name: str, suite: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    sampled = f" of {suite['total']}, seeded sample" if suite["cases"] < suite["total"] else ""
    yield Line(
        f"{name} ({suite['task']}): {suite['evaluated']} of {suite['cases']} cases evaluated{sampled}",
        {"bold": True},
    )
    yield from _counts(suite)
    yield from caveats.errors(cases)
    yield from caveats.undefined(cases)
    if suite["metrics"]:
        yield from _table(suite["metrics"])
    yield from reference_lines(suite)
    yield from _confusion(suite.get("confusion"))
    yield from caveats.reliability(suite.get("reliability", {}).get("candidate"))
    yield from caveats.rules(suite.get("rules", {}).get("candidate", {}))
    yield from _groups(suite.get("subgroups", {}))
    yield from caveats.leakage(suite.get("leakage"))
    yield from caveats.noise(suite.get("noise"))
    yield from _worst(suite, cases)


def _counts(suite: Mapping[str, Any]) -> Iterator[Line]:
    for role, outcomes in suite["outcomes"].items():
        found = ", ".join(f"{outcome} {count}" for outcome, count in outcomes.items() if count)
        yield Line(f"  {role} replies: {found or 'none'}")
    for told in how_asked(suite):
        yield from wrapped("  ", told.split(", "))
    skipped = suite["skipped"]
    if skipped["count"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in skipped["reasons"].items())
        yield Line(
            fit(f"  skipped {skipped['count']} of {skipped['of']} records: {reasons}"), {"yellow": True}
        )
    excluded = suite.get("excluded")
    if excluded and excluded["count"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in excluded["reasons"].items())
        yield Line(
            fit(f"  complete pairs only: {excluded['count']} cases left out: {reasons}"), {"yellow": True}
        )


def _table(metrics: Mapping[str, Mapping[str, Any]]) -> Iterator[Line]:
    paired = any(one["baseline"] is not None for one in metrics.values())
    if paired:
        yield from compared(metrics, "baseline")
        return
    yield Line(f"  {'metric':<{NAME}}{'candidate':>11}   95 % interval")
    for name, one in metrics.items():
        yield Line(f"  {name:<{NAME}}{number(one['candidate']):>11}   {interval(one['candidate_ci95'])}")


def reference_lines(suite: Mapping[str, Any], *, brief: bool = True) -> Iterator[Line]:
    """Show what differs from the stored run, and how metrics changed; ``brief``: the headline, and real changes."""
    reference = suite.get("reference")
    if not reference:
        return
    yield Line(
        f"  reference {reference['run']}: {reference['same']} of its {reference['cases']} cases are the same"
    )
    for difference in reference["differences"]:
        yield from (Line(f"    {line}", {"yellow": True}) for line in fold(difference, WIDTH - 4))
    shown = {
        name: one
        for name, one in reference["metrics"].items()
        if not brief
        or name == suite["headline"]
        or (one["p_corrected"] is not None and one["p_corrected"] < ALPHA)
    }
    if shown:
        yield from compared(shown, "reference")
    if shown and len(shown) < len(reference["metrics"]):
        yield Line(f"  metrics without a change beyond chance: {len(reference['metrics']) - len(shown)}")
    lost = reference.get("lost")
    if lost and lost["count"]:
        cases = [
            f"{case['id']} {number(case['reference'])} -> {number(case['candidate'])}"
            for case in lost["cases"][:WORST]
        ]
        yield from wrapped(
            f"  worse than the reference in {lost['metric']}: {lost['count']} of {lost['of']} cases: ", cases
        )


def _judges(record: Mapping[str, Any]) -> Iterator[Line]:
    """Say who judged, how much of it could be read, what it cost, and whether it may carry gates."""
    judges = record["judges"]
    if not judges and any(suite["judged"] for suite in record["suites"].values()):
        yield Line()
        yield Line("Track B skipped: no judge was asked; --medeval-judge=SPEC names one", {"yellow": True})
    for judge in judges:
        yield Line()
        standing = "admissible: it may carry gates" if judge["admissible"] else "advisory: it carries no gate"
        yield Line(fit(f"judge {judge['spec']}  sha256 {judge['fingerprint'][:12]}  {standing}"))
        covered = [f"{name} {done} of {asked}" for name, (done, asked) in judge["coverage"].items()]
        yield from wrapped("  judged: ", covered)
        agreeing = [
            f"{name} {number(one['kappa_quadratic'][0])} {interval(one['kappa_quadratic'][1:])}"
            for name, one in judge["agreement"].items()
            if one["kappa_quadratic"][1] is not None
        ]
        if agreeing:
            yield from wrapped("  agreement with people (quadratic kappa): ", agreeing)
        cost = f"  {_cost(judge)}"
        if judge["position_consistency"] is not None:
            cost += f"; same preference in both orders {100 * judge['position_consistency']:.0f} %"
        yield Line(cost)
        if "audit" in judge:
            yield Line(f"  to measure its agreement with people: {_cost(judge['audit'])}")
        yield from (Line(fit(f"  note: {notice}"), {"yellow": True}) for notice in judge["notices"])


def _cost(asked: Mapping[str, Any]) -> str:
    requests = f"{asked['requests']} requests, {asked['tokens']} tokens, {asked['cached']} from the cache"
    return f"{requests}, {asked['seconds']:.1f} s"


def _confusion(confusion: Mapping[str, Any] | None) -> Iterator[Line]:
    if not confusion:
        return
    labels = confusion["labels"]
    heads = [*labels, *(["unread"] if len(confusion["matrix"][0]) > len(labels) else [])]
    yield Line("  candidate, gold in rows: " + "".join(f"{label:>10}" for label in heads))
    for label, row in zip(labels, confusion["matrix"], strict=True):
        yield Line(f"    {label:<23}" + "".join(f"{int(count):>10}" for count in row))


def _groups(subgroups: Mapping[str, Mapping[str, Any]]) -> Iterator[Line]:
    """Show every group that is large enough, and the largest of those that no gate judges."""
    for tag, groups in subgroups.items():
        values: Mapping[str, Mapping[str, Any]] = groups["values"]
        shown = {value: f"{value} {number(one['candidate'])} (n {one['n']})" for value, one in values.items()}
        small = sorted((-one["n"], value) for value, one in values.items() if one["n"] < MIN_GROUP)
        parts = [text for value, text in shown.items() if values[value]["n"] >= MIN_GROUP]
        if parts:
            yield from wrapped(f"  {groups['metric']} by {tag}: ", parts)
        if small:
            head = f"  {groups['metric']} by {tag}, fewer than {MIN_GROUP} cases, not judged: "
            few = [shown[value] for _, value in small] if len(small) <= FEW_GROUPS else []
            cases = -sum(size for size, _ in small)
            yield from wrapped(head, few or [f"{len(small)} groups with {cases} cases"])


def _worst(suite: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """Name the cases that lost most against the baseline, or without one those that score lowest."""
    metric = suite["headline"]
    changes = [
        (own - base, own, case["id"], base)
        for case in cases
        for own, base in [_pair(case, metric)]
        if own is not None and base is not None
    ]
    if changes:
        lost = sorted(change for change in changes if change[0] < 0)
        shown = [f"{name} {number(base)} -> {number(own)}" for _, own, name, base in lost[:WORST]]
        yield from wrapped(
            f"  worse than the baseline in {metric}: {len(lost)} of {len(changes)} cases{': ' if shown else ''}",
            shown,
        )
        return
    lowest = sorted(
        (own, case["id"]) for case in cases for own, _ in [_pair(case, metric)] if own is not None
    )[:WORST]
    if lowest:
        yield from wrapped(f"  lowest {metric}: ", [f"{name} {number(own)}" for own, name in lowest])


def _pair(case: Mapping[str, Any], metric: str) -> tuple[float | None, float | None]:
    own, base = (case.get(role, {}).get("scores", {}).get(metric) for role in ("candidate", "baseline"))
    return own, base


def gate_lines(gates: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """Show the verdicts, each with its reason unless it passed."""
    if not gates:
        yield Line("no gate was set: this run measured and decided nothing", {"yellow": True})
        return
    counts = {verdict: sum(gate["verdict"] == verdict for gate in gates) for verdict in COLOURS}
    yield Line(
        "gates: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count),
        {"bold": True},
    )
    for gate in gates:
        exact = gate["expression"] == "critical"
        seen = "" if gate["observed"] is None or exact else f"  observed {number(gate['observed'])}"
        seen += "" if gate["interval"] is None else f" {interval(gate['interval'])}"
        seen += f", n {gate['n']}" if gate["n"] else ""
        yield Line(
            f"  {gate['verdict'].upper():<13} {gate['suite']}: {gate['expression']}{seen}",
            COLOURS[gate["verdict"]],
        )
        if gate["verdict"] != "pass" or gate["expression"].startswith("worst("):
            yield from (Line(f"                {line}") for line in fold(gate["reason"], WIDTH - 16))
