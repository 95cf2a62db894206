"""The run record as lines for a terminal: data in, lines out; the plugin only writes them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pytest_medeval.report import lines as holds
from pytest_medeval.report.lines import (
    NAME,
    WIDTH,
    Line,
    compared,
    fit,
    fold,
    how_asked,
    indented,
    interval,
    number,
    wrapped,
)
from pytest_medeval.verdicts.divergence import ASKING, could_have_seen
from pytest_medeval.verdicts.gates import undefined_in

# What to keep in mind about a suite's scores: confidence, broken safety rules, leaked cases, noise.

WORST_CASES = 3
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
            more = [f"{len(lost) - WORST_CASES} more"] if len(lost) > WORST_CASES else []
            shown = wrapped(f"  {told}", [*lost[:WORST_CASES], *more])
            yield from (Line(line.text, {"yellow": True}) for line in shown)


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
    found = [f"{leak['id']} {leak['kind']} {leak['source']}" for leak in leakage["leaked"][:WORST_CASES]]
    found += [f"{count - WORST_CASES} more"] if count > WORST_CASES else []
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


# The divergence part of the record as lines: what each track says, the verdict, and which cases to read.

TRACKS = (("track_a", "A"), ("track_b", "B"), ("track_c", "C"))
ABSENT = {"A": "measured scores", "B": "judge", "C": "people"}
MARKUP: Mapping[str, Mapping[str, bool]] = {
    "agree": {"green": True},
    "no difference": {},
    "one track only": {},
    "underpowered": {"yellow": True},
    "divergent": {"yellow": True, "bold": True},
    "conflict": {"yellow": True, "bold": True},
}
STARRED = "* shown: p < 0.05 after Holm's correction within the track"


def lines(divergence: Mapping[str, Mapping[str, Any]]) -> Iterator[Line]:
    """Give the section that ends the summary, from the record's ``divergence``; nothing for an empty one."""
    if not divergence:
        return
    yield Line("divergence: may the automatic scores be believed?", {"bold": True})
    for suite, found in divergence.items():
        yield Line()
        yield from (replace(line, text=_cut(line.text)) for line in _diverging_suite(suite, found))


def _diverging_suite(suite: str, found: Mapping[str, Any]) -> Iterator[Line]:
    settled = f", settled by people: {found['people']['settled']}" if _settled(found) else ""
    yield Line(f"{suite}: {found['verdict'].upper()}{settled}", MARKUP[found["verdict"]])
    yield from (Line(f"  {text}") for text in textwrap.wrap(found["words"], WIDTH - 2))
    if not found["complete"]:
        yield Line(f"  Only a part of the suite ran: {found['reason']}.", {"yellow": True})
    if (
        sum(found[key] is not None for key, _ in TRACKS) > 1
    ):  # one track alone stands in the suite's own table
        yield from _track_table(found)
    yield from _together(found)
    yield from _cases(found)


def _settled(found: Mapping[str, Any]) -> bool:
    return bool(found["people"] and found["people"]["settled"]) and found["verdict"] in ASKING


def _track_table(found: Mapping[str, Any]) -> Iterator[Line]:
    yield Line(f"  {'track':<18}{'cases':>6}  {'direction':<11}significance")
    for key, letter in TRACKS:
        track = found[key]
        if track is None:
            yield Line(f"  {letter + ' ' + ABSENT[letter]:<18}{'-':>6}  {'-':<11}not asked")
            continue
        yield Line(
            f"  {letter + ' ' + track['name']:<18}{track['n']:>6}  {track['direction']:<11}{seen(track)}"
        )
        yield from _metrics(track)
    if any(found[key] and found[key]["significant"] for key, _ in TRACKS):
        yield Line(f"    {STARRED}")


def seen(track: Mapping[str, Any]) -> str:
    """Say what is shown; what is not shown is never said without what could have been."""
    metrics = track["metrics"].values()
    if track["significant"]:
        return f"shown on {sum(one['significant'] for one in metrics)} of {len(metrics)} scores"
    smallest = ((name, one["detectable"]) for name, one in track["metrics"].items())
    could = could_have_seen(track["unit"], track["detectable"], smallest)
    return f"no difference shown (could have seen {could})" if could else "no difference shown"


def _metrics(track: Mapping[str, Any]) -> Iterator[Line]:
    places = 2 if track["unit"] == "points" else 4
    parts = [
        f"{name} {one['difference']:+.{places}f}{'*' if one['significant'] else ''}"
        f"{' (worse)' if one['direction'] == 'worse' and one['difference'] > 0 else ''}"
        f"{' (better)' if one['direction'] == 'better' and one['difference'] < 0 else ''}"
        for name, one in track["metrics"].items()
    ]
    yield from _listed("    ", parts)


def _together(found: Mapping[str, Any]) -> Iterator[Line]:
    """Say in a line each how far the tracks rank replies alike, and in how many cases they part."""
    known = sorted(
        (row for row in found["correlation"] if row["tau"] is not None), key=lambda row: -row["tau"]
    )
    if known:
        shown = known[:1] if len(known) == 1 else [known[0], known[-1]]
        yield from _listed("  rank correlation (tau-b) over judged replies: ", [tau(row) for row in shown])
    opposite = found["opposite"]
    if opposite["n"]:
        yield Line(
            f"  opposite changes: {opposite['count']} of {opposite['n']} cases that changed on both tracks"
            f" ({opposite['share']:.0%})"
        )


def tau(row: Mapping[str, Any]) -> str:
    """Name a pair of scores and how far they rank replies alike, with the interval of Kendall's tau-b."""
    ends = "" if row["low"] is None else f" [{row['low']:+.2f}, {row['high']:+.2f}]"
    return f"{row['metric']} with {row['dimension']} {row['tau']:+.2f}{ends}"


def _cases(found: Mapping[str, Any]) -> Iterator[Line]:
    if not found["most_divergent"]:
        return
    yield Line(
        f"  most divergent cases: {found['track_a']['name']}, {found['track_b']['name']} (points), case"
    )
    for case in found["most_divergent"]:
        yield Line(f"    {size(case['a']):<14}{case['b']:>+6.2f}  {_tail(case['nodeid'], WIDTH - 26)}")
    yield Line(
        "    replies: in the record (--medeval-json=FILE); to rate them blind: --medeval-review=FILE.html"
    )


def size(rank: float) -> str:
    """Put the signed rank of a change in words."""
    if rank == 0:
        return "unchanged"
    much = "much " if abs(rank) > 2 / 3 else "a little " if abs(rank) < 1 / 3 else ""
    return f"{much}{'up' if rank > 0 else 'down'}"


def _tail(text: str, width: int) -> str:
    """Keep the end of a node id, where the case is named."""
    return text if len(text) <= width else f"...{text[3 - width :]}"


def _listed(head: str, parts: Sequence[str]) -> Iterator[Line]:
    """Put parts side by side, as many as fit; a part is never broken."""
    text = head
    for index, part in enumerate(parts):
        piece = part + (", " if index + 1 < len(parts) else "")
        if text.strip() and len(text) + len(piece.rstrip()) > WIDTH:
            yield Line(text.rstrip())
            text = "    "
        text += piece
    yield Line(text)


def _cut(text: str) -> str:
    return text.rstrip() if len(text.rstrip()) <= WIDTH else f"{text[: WIDTH - 3]}..."


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
        yield from lines(record["divergence"])


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
    yield from (Line(told) for told in coarse(record))
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
    yield from errors(cases)
    yield from undefined(cases)
    if suite["metrics"]:
        yield from _table(suite["metrics"])
    yield from reference_lines(suite)
    yield from _confusion(suite.get("confusion"))
    yield from reliability(suite.get("reliability", {}).get("candidate"))
    yield from rules(suite.get("rules", {}).get("candidate", {}))
    yield from _groups(suite.get("subgroups", {}))
    yield from leakage(suite.get("leakage"))
    yield from noise(suite.get("noise"))
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
