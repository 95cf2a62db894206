"""What to keep in mind about a suite's scores: confidence, broken safety rules, leaked cases, noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_medeval.report.lines import Line, fit, indented, interval, number, wrapped
from pytest_medeval.verdicts.undefined import undefined_in

WORST = 3
"""Cases that are named."""
COARSE = frozenset({"bfloat16", "float16", "int8", "nf4"})
"""Types in which a sum's order, and so the size of a batch, was seen to change replies."""


def coarse(record: Mapping[str, Any]) -> Iterator[str]:
    """Say what the models' types leave open where no noise floor was measured."""
    models = [model for model in record["models"].values() if not model["spec"].startswith("replay:")]
    types = sorted({model.get("dtype") for model in models} & COARSE)
    if types and not any(suite.get("noise") for suite in record["suites"].values()):
        yield f"in {' and '.join(types)} another batch size may change replies; --medeval-noise=N counts how many"


def errors(cases: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """Say why there are no replies to some cases: an example and how many, for each model."""
    for role in ("candidate", "baseline"):
        lost = [case for case in cases if case.get(role, {}).get("outcome") == "error"]
        if lost:
            why = f"{lost[0]['id']}: {lost[0][role].get('detail') or 'no reason was given'}"
            more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
            yield from (
                Line(line, {"red": True}) for line in indented(f"{role} gave no reply: {why}{more}", 2)
            )


def undefined(cases: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    """Say which replies have no score of a family of metrics, though they hold something."""
    for role in ("candidate", "baseline"):
        for kind, lost in undefined_in(cases, role).items():
            told = f"{kind} is undefined for {len(lost)} of {len(cases)} replies of {role}, without a word to read: "
            more = [f"{len(lost) - WORST} more"] if len(lost) > WORST else []
            yield from (Line(line.text, {"yellow": True}) for line in wrapped(f"  {told}", [*lost[:WORST], *more]))


def reliability(bins: Sequence[Mapping[str, float]] | None) -> Iterator[Line]:
    """Show how sure the candidate was and how often it was right, from the least sure to the most."""
    if bins:
        parts = [f"{100 * one['confidence']:.0f}:{100 * one['accuracy']:.0f}" for one in bins]
        yield Line(f"  candidate confidence:accuracy in %: {' '.join(parts)}")


def rules(rules: Mapping[str, Mapping[str, Any]]) -> Iterator[Line]:
    """Say how often the candidate broke each safety rule that applied, with the interval of that share."""
    broken = [
        f"{name} {one['applied'] - one['kept']} of {one['applied']} "
        f"{interval([1 - end for end in reversed(one['ci95'])])}"
        for name, one in rules.items()
        if one["applied"]
    ]
    if broken:
        yield from wrapped("  safety rules broken: ", broken)


def leakage(leakage: Mapping[str, Any] | None) -> Iterator[Line]:
    """Say how many cases stand in the tuning data, which, and what the scores are without them."""
    if leakage is None:
        return
    count, colour = len(leakage["leaked"]), {"yellow": True}
    if not count:
        searched = f"{leakage['records']} records of the training data"
        yield Line(f"  leakage: none of {leakage['cases']} cases stands in the {searched}")
        return
    found = [f"{leak['id']} {leak['kind']} {leak['source']}" for leak in leakage["leaked"][:WORST]]
    found += [f"{count - WORST} more"] if count > WORST else []
    kinds = f"{leakage['exact']} exact, {leakage['near']} near"
    head = f"  leakage: {count} of {leakage['cases']} cases stand in the training data ({kinds}): "
    yield from (Line(line.text, colour) for line in wrapped(head, found))
    scores = [
        f"{role} {number(one['all'])} / {number(one['clean'])}" for role, one in leakage["scores"].items()
    ]
    if scores:
        yield Line(
            fit(f"    {leakage['metric']}, all / without them (n {leakage['clean']}): {', '.join(scores)}"),
            colour,
        )


def noise(noise: Mapping[str, Any] | None) -> Iterator[Line]:
    """Say what the noise floor is, what made it, and which differences lie below it."""
    if noise is None:
        return
    if "reason" in noise:
        yield Line(fit(f"  noise floor: not measured: {noise['reason']}"), {"yellow": True})
    for variant in noise["variants"]:
        if "reason" in variant:
            yield Line(
                fit(f"  noise floor: {variant['name']} not measured: {variant['reason']}"), {"yellow": True}
            )
    measured = [
        f"{variant['name']}: {variant['changed']}" for variant in noise["variants"] if "changed" in variant
    ]
    if not measured:
        return
    yield from wrapped(f"  noise floor, replies of {noise['n']} cases that changed: ", measured)
    moved = [f"{name} {number(floor)}" for name, floor in noise["floor"].items() if floor]
    yield from wrapped("    largest change: ", moved or ["none"])
    if noise["below"]:
        yield from (
            Line(line.text, {"yellow": True})
            for line in wrapped("    differences below the floor: ", noise["below"])
        )
