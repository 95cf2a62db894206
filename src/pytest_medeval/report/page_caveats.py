"""What to keep in mind about a suite's scores, on the page: safety rules, leaked cases, noise, the stored run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_medeval.report.lines import interval, number
from pytest_medeval.report.markup import Html, code, details, table, tag
from pytest_medeval.report.page_metrics import metrics

Facts = Mapping[str, Any]


def caveats(name: str, facts: Facts) -> Iterator[Html]:
    """Show what the record has of them."""
    yield from _rules(facts.get("rules", {}))
    yield from _leakage(facts.get("leakage"))
    yield from _noise(facts.get("noise"))
    yield from _reference(name, facts.get("reference"))


def _rules(found: Mapping[str, Mapping[str, Facts]]) -> Iterator[Html]:
    rows = [
        (
            rule,
            role,
            f"{one['applied'] - one['kept']} of {one['applied']}",
            interval([1 - end for end in reversed(one["ci95"])]),
        )
        for role, rules in found.items()
        for rule, one in rules.items()
        if one["applied"]
    ]
    if rows:
        yield table(
            "Safety rules broken",
            ("rule", "model", "broken", "95 % interval of the share"),
            sorted(rows),
            words=(1,),
        )


def _leakage(found: Facts | None) -> Iterator[Html]:
    if found is None:
        return
    yield tag("h3", "Leakage")
    searched = f"{found['records']} records of the training data"
    if not found["leaked"]:
        yield tag("p", f"None of {found['cases']} cases stands in the {searched}.")
        return
    count = f"{len(found['leaked'])} of {found['cases']} cases in the {searched}"
    yield tag("p", f"{count}: {found['exact']} exact, {found['near']} near.", cls="warn")
    scores = [(role, number(one["all"]), number(one["clean"])) for role, one in found["scores"].items()]
    if scores:
        heads = ("model", "all cases", f"without them (n {found['clean']})")
        yield table(f"{found['metric']} with and without leaked cases", heads, scores)
    rows = [
        (leak["id"], leak["kind"], number(leak["similarity"]), leak["source"]) for leak in found["leaked"]
    ]
    listed = table("Leaked cases", ("case", "kind", "similarity", "found in"), rows, words=(1, 3))
    yield details("Which cases", listed)


def _noise(found: Facts | None) -> Iterator[Html]:
    if found is None:
        return
    yield tag("h3", "Noise floor")
    if "reason" in found:
        yield tag("p", f"Not measured: {found['reason']}.", cls="warn")
    rows = [
        (one["name"], str(one.get("changed", "-")), one.get("reason") or "-") for one in found["variants"]
    ]
    if rows:
        yield table(
            f"Replies to {found['n']} cases, asked again in other ways",
            ("way", "changed", "not measured because"),
            rows,
            words=(2,),
        )
    moved = ", ".join(f"{name} {number(floor)}" for name, floor in found.get("floor", {}).items() if floor)
    yield tag("p", f"Largest change of a score: {moved or 'none'}.")
    if found.get("below"):
        yield tag("p", f"Differences below the floor: {', '.join(found['below'])}.", cls="warn")


def _reference(name: str, found: Facts | None) -> Iterator[Html]:
    if not found:
        return
    yield tag("h3", "Against the stored run ", code(found["run"]))
    yield tag("p", f"{found['same']} of its {found['cases']} cases are the same.")
    if found["differences"]:
        yield tag("ul", *(tag("li", line) for line in found["differences"]))
    if found["metrics"]:
        yield from metrics(name, found["metrics"], other="reference")
    lost = found.get("lost")
    if lost and lost["count"]:
        cases = [(case["id"], number(case["reference"]), number(case["candidate"])) for case in lost["cases"]]
        told = f"Worse than the stored run in {lost['metric']}: {lost['count']} of {lost['of']} cases"
        yield details(told, table(told, ("case", "reference", "candidate"), cases))
