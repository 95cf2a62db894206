"""One suite as blocks: how it was asked, its metrics, and what to keep in mind about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pytest_medeval.core.record import (
    ROLES,
    CaseEntry,
    ClusterRecord,
    ConfusionMatrix,
    LeakageRecord,
    MetricRow,
    NoiseRecord,
    ReferenceRow,
    ReliabilityBin,
    Role,
    RuleCount,
    Subgroup,
    SuiteRecord,
    SuiteReference,
    TagDependence,
)
from pytest_medeval.core.types import ALPHA
from pytest_medeval.report.blocks import (
    Block,
    Brief,
    Cell,
    Code,
    Column,
    Content,
    Curve,
    Drawn,
    Facts,
    Heading,
    Metrics,
    Note,
    Scale,
    Table,
    figures,
    listed,
    words,
)
from pytest_medeval.report.lines import contrast, how_asked, interval, number, told, whose_word
from pytest_medeval.verdicts.alarms import lacking
from pytest_medeval.verdicts.chance import remarks
from pytest_medeval.verdicts.gates.data import undefined_in
from pytest_medeval.verdicts.gates.grammar import CORRECTED
from pytest_medeval.verdicts.verdict import reading

MIN_GROUP = 20
"""Subgroups below this size are shown with their size and not scored."""
FEW = 4
"""So many small groups are named in a line; of more, their number: the tables have each."""
SHOWN = 16
"""So many groups of a tag are shown at once; more are put away until asked for."""
NAMED, LISTED = 3, 10
"""Cases that a line names, and that a table lists."""
SLACK = 1e-9
"""So far beyond 0 or 1 a share may lie by rounding."""
NAME = 24
"""Width of metric names: ``judge.comprehensiveness``, ``wrong_at_high_confidence``."""


def suite(name: str, facts: SuiteRecord, cases: Sequence[CaseEntry], place: int) -> Iterator[Block]:
    """Say everything of a suite; ``cases`` are its own, ``place`` its number."""
    sampled = f" of {facts['total']}, seeded sample" if facts["cases"] < facts["total"] else ""
    count = f"{facts['evaluated']} of {facts['cases']} cases evaluated{sampled}"
    told = f"{name} ({facts['task']}): {count}"
    yield Heading((name,), anchor=f"suite-{place}", note=f"{facts['task']}: {count}", brief=told)
    if why := lacking(facts):
        let = "--medeval-allow-not-evaluated lets them through"
        yield Note((f"{why}; its gates are not evaluated; {let}",), "open")
    if not facts["complete"] and len(cases) <= NAMED:
        yield from map(_whole, cases)
        yield from map(_put_away, _statistics(name, facts, cases))
    else:
        yield from _statistics(name, facts, cases)
    yield Facts([("suite", facts["source"])])


def _whole(case: CaseEntry) -> Table:
    """Tell a case that was chosen: who looks at one wants to read it, not intervals of n = 1."""
    rows = list(told(case))
    lines = [Brief(f"{what:<9}  {' '.join(text.split())}") for what, text in rows]
    return Table(
        caption=case["id"],
        columns=words("", "text"),
        rows=rows,
        brief=[Brief(case["id"], tone="strong"), *lines],
        glance=True,
    )


def _put_away(block: Block) -> Block:
    return replace(block, brief=(), deep=True) if isinstance(block, Table) else block


def _statistics(name: str, facts: SuiteRecord, cases: Sequence[CaseEntry]) -> Iterator[Block]:
    """Say how replies ended, how they scored, and what to keep in mind about it."""
    yield from _asked(name, facts, cases)
    yield from _clusters(facts["cluster"], facts["evaluated"])
    yield from metrics(name, facts["metrics"], facts["headline"])
    row = facts["metrics"].get(facts["headline"])
    yield from (Note((told,), "open") for told in remarks(facts.get("chance"), facts["headline"], row))
    if "reference" in facts:
        yield from reference(name, facts["reference"], facts["headline"])
    yield from _confusion(facts.get("confusion"))
    yield from _reliability(facts.get("reliability"))
    yield from _rules(facts.get("rules", {}))
    yield from _groups(facts["subgroups"])
    yield from _leakage(facts.get("leakage"))
    yield from _noise(facts.get("noise"))
    yield from _worst(facts["headline"], cases)


def _asked(name: str, facts: SuiteRecord, cases: Sequence[CaseEntry]) -> Iterator[Block]:
    """Say how replies ended, how cases were asked, and what was left out."""
    kinds = list(dict.fromkeys(kind for counts in facts["outcomes"].values() for kind in counts))
    yield Table(
        caption=f"{name}: how replies ended",
        columns=words("model") + figures(*(kind.replace("_", " ") for kind in kinds)),
        rows=[(role, *(str(count) for count in counts.values())) for role, counts in facts["outcomes"].items()],
        brief=[
            listed(f"{role} replies", [(kind, str(count)) for kind, count in counts.items() if count] or [("none",)])
            for role, counts in facts["outcomes"].items()
        ],
    )
    yield from (Note((told,), glance=True) for told in how_asked(facts))
    yield from (Note((told,), glance=True) for told in whose_word(facts))
    skipped, excluded = facts["skipped"], facts.get("excluded")
    if skipped["count"]:
        why = _reasons(skipped["reasons"])
        yield Note((f"skipped {skipped['count']} of {skipped['of']} records: {why}",), "open")
    if excluded and excluded["count"]:
        why = _reasons(excluded["reasons"])
        yield Note((f"complete pairs only: {excluded['count']} cases left out: {why}",), "open")
    if trained := facts.get("excluded_trained"):
        files = ", ".join(trained["files"])
        named = f": {', '.join(trained['cases'][:NAMED])}" if trained["cases"] else ""
        more = f", {trained['count'] - NAMED} more" if trained["count"] > NAMED else ""
        yield Note((f"trained on: {trained['count']} cases left out, by {files}{named}{more}",), "open")
    yield from errors(cases)
    yield from undefined(cases)


def _clusters(found: ClusterRecord, cases: int) -> Iterator[Note]:
    """Say what cases depend on each other by, how much, who says so, and what no interval takes into account."""
    if found["name"]:
        told = f"clusters: {found['count']} by {found['name']} of {cases} cases{_dependence(found)}"
        if found["origin"] == "declared":
            yield Note((told,), glance=True)
        else:
            ask = f'cluster="{found["name"]}", or cluster=None and its cluster_reason'
            yield Note((f"{told}: found, not declared; the wider interval counts until the suite says {ask}",), "open")
    if found["reason"]:
        yield Note((f"cases are taken as independent: {found['reason']}",))
    for tag, one in found["notable"].items():
        told = f"cases of one {tag} ({one['count']} values) depend on each other{_dependence(one)}"
        yield Note((f"{told}: no interval takes it into account, they speak for these values alone",), "open")


def _dependence(found: TagDependence | ClusterRecord) -> str:
    icc, effect, low = found["icc"], found["design_effect"], found["low"]
    if icc is None or effect is None or low is None:
        return ""
    return f", {found['metric']} ICC {icc:.2f}, design effect {effect:.2f}, at least {low:.2f}"


def _reasons(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.items())


def errors(cases: Sequence[CaseEntry]) -> Iterator[Note]:
    """Say why there are no replies to some cases: an example and how many, for each model."""
    for role in ROLES:
        lost = [(case["id"], found) for case in cases if (found := case.get(role)) and found["outcome"] == "error"]
        if lost:
            why = f"{lost[0][0]}: {lost[0][1].get('detail') or 'no reason was given'}"
            more = f" (and {len(lost) - 1} more)" if len(lost) > 1 else ""
            yield Note((f"{role} gave no reply: {why}{more}",), "bad")


def undefined(cases: Sequence[CaseEntry]) -> Iterator[Note]:
    """Say which replies have no score of a family of metrics, though they hold something."""
    for role in ROLES:
        for kind, lost in undefined_in(cases, role).items():
            told = f"{kind} is undefined for {len(lost)} of {len(cases)} replies of {role}, without a word to read: "
            more = [f"{len(lost) - NAMED} more"] if len(lost) > NAMED else []
            yield Note((f"{told}{', '.join([*lost[:NAMED], *more])}",), "open")


def metrics(
    name: str, found: Mapping[str, MetricRow], headline: str = "", minor: frozenset[str] = frozenset()
) -> Iterator[Block]:
    """Tabulate metrics of the candidate, against the baseline where there is one; signatures on demand."""
    paired = any(one["baseline"] is not None for one in found.values())
    yield from _metrics(name, found, headline, "baseline" if paired else None, minor)
    for key, one in found.items():
        if key.endswith(CORRECTED):
            raw = key.removesuffix(CORRECTED)
            use = f"gates against the baseline rest on it, {raw} is the judge's own" if raw in found else "for Track B"
            yield Note((f"{key}: {one['reason']}; {use}",))


def _metrics(
    name: str,
    found: Mapping[str, MetricRow] | Mapping[str, ReferenceRow],
    headline: str,
    other: str | None,
    minor: frozenset[str],
) -> Iterator[Block]:
    if not found:
        return
    wide = max(NAME, *(len(key) + 1 for key in found))  # such as criteria[axis=context_awareness]
    columns = [Column("metric", words=True, width=wide), Column("candidate", width=11)]
    if other:
        columns[1:1] = [Column(other, width=9)]
        columns += [Column("difference", width=12)]
    columns += [Column("95 % interval", width=21), Column("interval, drawn", words=True, drawn=True)]
    if other:
        columns += [Column("p", width=9, rank=2), Column("p (Holm)", width=10, rank=1)]
    columns += [Column("n", width=7, rank=3)]
    if other:
        columns += [Column("change", words=True, width=12, rank=4), Column("effect size", words=True, width=24, rank=5)]
    rows = [_row(key, one, other, headline) for key, one in found.items()]
    against = f"candidate against {other}" if other else "metrics"
    yield Metrics(caption=f"{name}: {against}", columns=columns, rows=rows, suite=name, other=other, minor=minor)
    yield _signatures(name, found)


def _row(name: str, one: MetricRow | ReferenceRow, other: str | None, headline: str) -> tuple[Content, ...]:
    notes = [*(["headline"] if name == headline else []), *(["lower is better"] if one["direction"] < 0 else [])]
    head = Cell(Code(name), notes=notes)
    if other is None:
        ends = _ends(one)
        drawn = _drawn(name, one, one["candidate"], ends, signed=False)
        return (head, number(one["candidate"]), interval(ends), drawn, str(one["n"]))
    told = contrast(one)
    drawn = _drawn(name, one, one["difference"], one["ci95"], signed=True)
    size = f"{number(one['effect_size'], sign=True)} ({one['effect']})" if one["effect_size"] is not None else "-"
    return (head, *told[:4], drawn, *told[4:], str(one["n"]), changed(one), size)


def changed(one: MetricRow | ReferenceRow) -> Cell:
    """Say better or worse where it is shown."""
    read = reading(one)
    return Cell(read, "good" if read == "better" else "bad" if read == "worse" else "plain")


def _drawn(
    name: str, one: MetricRow | ReferenceRow, middle: float | None, ends: Sequence[float] | None, *, signed: bool
) -> Content:
    if middle is None or ends is None:
        return "-"
    told = f"{name} {number(middle, sign=signed)} {interval(ends, sign=signed)}"
    return Drawn(told, middle, ends, _scale(name, one))


def _scale(name: str, one: MetricRow | ReferenceRow) -> Scale:
    if name.startswith("judge.") and name != "judge.preference":
        return "grade"
    values = [one["candidate"], one["reference"] if "reference" in one else one["baseline"], *(_ends(one) or ())]
    return "share" if all(value is None or -SLACK <= value <= 1 + SLACK for value in values) else "own"


def _ends(one: MetricRow | ReferenceRow) -> Sequence[float] | None:
    return one["candidate_ci95"] if "candidate_ci95" in one else None  # noqa: SIM401 - narrows the type


def _signatures(name: str, found: Mapping[str, MetricRow] | Mapping[str, ReferenceRow]) -> Table:
    rows = [(Code(key), Code(one["signature"]), one["test"] or "-", one["reason"] or "-") for key, one in found.items()]
    columns = words("metric", "signature", "test", "note")
    return Table(caption=f"{name}: signatures and tests", columns=columns, rows=rows, deep=True)


def reference(name: str, found: SuiteReference, headline: str, *, whole: bool = False) -> Iterator[Block]:
    """Say what differs from the stored run, and how metrics changed; ``whole``: no metric is minor."""
    same = f"{found['same']} of its {found['cases']} cases are the same"
    told = f"reference {found['run']}: {same}"
    yield Heading(("Against the stored run ", Code(found["run"]), f": {same}"), level=3, brief=told)
    yield from (Note((line,), "open") for line in found["differences"])
    minor = (
        key
        for key, one in found["metrics"].items()
        if key != headline and (one["p_corrected"] is None or one["p_corrected"] >= ALPHA)
    )
    yield from _metrics(name, found["metrics"], "", "reference", frozenset(() if whole else minor))
    yield from _lost(found)


def _lost(found: SuiteReference) -> Iterator[Block]:
    lost = found.get("lost")
    if lost and lost["count"]:
        told = f"worse than the reference in {lost['metric']}: {lost['count']} of {lost['of']} cases"
        cases = [(case["id"], case["reference"], case["candidate"]) for case in lost["cases"]]
        yield _fallen(told, "reference", cases)


def _fallen(told: str, other: str, cases: Sequence[tuple[str, float, float]]) -> Table | Note:
    """List cases that lost, from what they had to what they have."""
    if not cases:
        return Note((told,))
    rows = [(case, number(had), number(has)) for case, had, has in cases]
    return Table(
        caption=told,
        columns=words("case") + figures(other, "candidate"),
        rows=rows,
        brief=[listed(told, ((f"{case} {had}", has) for case, had, has in rows[:NAMED]), by=" -> ")],
        deep=True,
    )


def _confusion(found: ConfusionMatrix | None) -> Iterator[Table]:
    if found:
        labels = found["labels"]
        heads = [*labels, *(["unread"] if len(found["matrix"][0]) > len(labels) else [])]
        yield Table(
            caption="Confusion of the candidate, the right answer in rows",
            columns=[
                Column("candidate, gold in rows:", words=True, width=25),
                *(Column(head, width=10) for head in heads),
            ],
            rows=[
                (label, *(str(int(count)) for count in row)) for label, row in zip(labels, found["matrix"], strict=True)
            ],
        )


def _reliability(found: Mapping[str, Sequence[ReliabilityBin]] | None) -> Iterator[Curve]:
    if not found:
        return
    parts = [f"{100 * one['confidence']:.0f}:{100 * one['accuracy']:.0f}" for one in found.get("candidate", ())]
    yield Curve(
        caption="Reliability",
        columns=words("model") + figures("confidence", "accuracy", "n"),
        rows=[
            (role, number(one["confidence"]), number(one["accuracy"]), f"{one['n']:g}")
            for role, points in found.items()
            for one in points
        ],
        brief=[Brief(f"candidate confidence:accuracy in %: {' '.join(parts)}")] if parts else [],
        deep=True,
        bins=found,
    )


def _rules(found: Mapping[str, Mapping[str, RuleCount]]) -> Iterator[Table]:
    """Say how often each safety rule that applied was broken, with the interval of that share."""
    rows = [
        (rule, role, f"{one['applied'] - one['kept']} of {one['applied']}", _turned(one["ci95"]))
        for role, rules in found.items()
        for rule, one in rules.items()
        if one["applied"]
    ]
    if rows:
        own = [(rule, broken, ends) for rule, role, broken, ends in rows if role == "candidate"]
        yield Table(
            caption="Safety rules broken",
            columns=words("rule", "model") + figures("broken", "95 % interval of the share"),
            rows=sorted(rows),
            brief=[listed("safety rules broken", own)] if own else [],
        )


def _turned(ends: Sequence[float] | None) -> str:
    """Print the interval of the share that was broken, from that of the share that was kept."""
    return interval(None if ends is None else [1 - end for end in reversed(ends)])


def _groups(found: Mapping[str, Subgroup]) -> Iterator[Table]:
    """Show the headline metric in each group; groups that are too small to be judged say so."""
    for tag, groups in found.items():
        values, told = groups["values"], f"{groups['metric']} by {tag}"
        shown = {value: f"{value} {number(one['candidate'])} (n {one['n']})" for value, one in values.items()}
        small = sorted((-one["n"], value) for value, one in values.items() if one["n"] < MIN_GROUP)
        parts = [text for value, text in shown.items() if values[value]["n"] >= MIN_GROUP]
        few = [shown[value] for _, value in small] if len(small) <= FEW else []
        cases = -sum(size for size, _ in small)
        counted = few or [f"{len(small)} groups with {cases} cases"]
        unjudged = f"fewer than {MIN_GROUP} cases, not judged"
        yield Table(
            caption=told,
            columns=words(tag) + figures(f"candidate {groups['metric']}", "n") + words("note"),
            rows=[
                (value, number(one["candidate"]), str(one["n"]), "" if one["n"] >= MIN_GROUP else unjudged)
                for value, one in values.items()
            ],
            brief=[
                *([Brief(f"{told}: ", parts)] if parts else []),
                *([Brief(f"{told}, {unjudged}: ", counted)] if small else []),
            ],
            deep=len(values) > SHOWN,
        )


def _leakage(found: LeakageRecord | None) -> Iterator[Block]:
    """Say how many cases stand in the tuning data, which, and what the scores are without them."""
    if found is None or not (found["leaked"] or found.get("asked", True)):
        return  # nobody asked, and there is nothing to warn of
    yield Heading(("Leakage",), level=3)
    searched = f"{found['records']} records of the training data"
    if not found["leaked"]:
        yield Note((f"leakage: none of {found['cases']} cases stands in the {searched}",))
        return
    count = len(found["leaked"])
    kinds = f"{found['exact']} exact, {found['near']} near"
    told = f"leakage: {count} of {found['cases']} cases stand in the training data ({kinds})"
    named = [(leak["id"], leak["kind"], leak["source"]) for leak in found["leaked"][:NAMED]]
    more = [(f"{count - NAMED} more",)] if count > NAMED else []
    yield Table(
        caption=told,
        columns=words("case", "kind") + figures("similarity") + words("found in"),
        rows=[(leak["id"], leak["kind"], number(leak["similarity"]), leak["source"]) for leak in found["leaked"]],
        brief=[listed(told, [*named, *more], tone="open")],
        deep=True,
    )
    scores = [(role, number(one["all"]), number(one["clean"])) for role, one in found["scores"].items()]
    if scores:
        clean = f"without them (n {found['clean']})"
        yield Table(
            caption=f"{found['metric']} with and without leaked cases",
            columns=words("model") + figures("all cases", clean),
            rows=scores,
            brief=[
                listed(
                    f"  {found['metric']}, all / {clean}",
                    [(f"{role} {every}", rest) for role, every, rest in scores],
                    by=" / ",
                    tone="open",
                )
            ],
        )


def _noise(found: NoiseRecord | None) -> Iterator[Block]:
    """Say what the noise floor is, what made it, and which differences lie below it."""
    if found is None:
        return
    yield Heading(("Noise floor",), level=3)
    if "reason" in found:
        yield Note((f"noise floor: not measured: {found['reason']}",), "open")
    for one in found["variants"]:
        if "reason" in one:
            yield Note((f"noise floor: {one['name']} not measured: {one['reason']}",), "open")
    measured = [(one["name"], str(one["changed"])) for one in found["variants"] if "changed" in one]
    if not measured:
        return
    told = f"noise floor, replies of {found['n']} cases that changed"
    yield Table(
        caption=told,
        columns=words("asked again") + figures("changed"),
        rows=measured,
        brief=[listed(told, measured, by=": ")],
    )
    moved = [(name, number(floor)) for name, floor in found["floor"].items() if floor]
    below = [listed("  differences below the floor", ((name,) for name in found["below"]), tone="open")]
    yield Table(
        caption="largest change of a score that is shown",
        columns=words("metric") + figures("largest change") + words("difference"),
        rows=[
            (name, number(found["floor"].get(name)), "below the floor" if name in found["below"] else "")
            for name in dict.fromkeys([*(name for name, _ in moved), *found["below"]])
        ]
        or [("none", "-", "")],
        brief=[listed("  largest change that is shown", moved or [("none",)]), *(below if found["below"] else [])],
    )


def _worst(metric: str, cases: Sequence[CaseEntry]) -> Iterator[Block]:
    """Name the cases that lost most against the baseline, or without one those that score lowest."""
    scored = [(case["id"], _score(case, "baseline", metric), _score(case, "candidate", metric)) for case in cases]
    changes = sorted((has - had, name, had, has) for name, had, has in scored if had is not None and has is not None)
    if changes:
        lost = [(name, had, has) for change, name, had, has in changes if change < 0]
        told = f"worse than the baseline in {metric}: {len(lost)} of {len(changes)} cases"
        yield _fallen(told, "baseline", lost[:LISTED])
        return
    lowest = sorted((has, name) for name, _, has in scored if has is not None)[:LISTED]
    if lowest:
        yield Table(
            caption=f"lowest {metric}",
            columns=words("case") + figures("candidate"),
            rows=[(name, number(has)) for has, name in lowest],
            brief=[listed(f"lowest {metric}", [(name, number(has)) for has, name in lowest[:NAMED]])],
            deep=True,
        )


def _score(case: CaseEntry, role: Role, metric: str) -> float | None:
    return case[role]["scores"].get(metric) if role in case else None
