"""A record as blocks: verdict, models, gates, suites, judges and people, cases. Reports ink these and no others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_medeval.core.files.writing import finite
from pytest_medeval.core.record import (
    CaseEntry,
    DivergenceRecord,
    GateRecord,
    ModelRecord,
    RetainedSuite,
    Retention,
    RunRecord,
    SuiteRecord,
    TaskModel,
)
from pytest_medeval.core.types import Verdict as GateVerdict
from pytest_medeval.report.blocks import (
    Block,
    Brief,
    Cases,
    Cell,
    Code,
    Column,
    Content,
    Facts,
    Gates,
    Heading,
    Judged,
    Note,
    Table,
    Tone,
    Verdict,
    figures,
    text,
    words,
)
from pytest_medeval.report.lines import WIDTH, contrast, interval, number, sentences, told
from pytest_medeval.report.suites import NAMED, changed, suite
from pytest_medeval.report.tracks import tracks
from pytest_medeval.verdicts.alarms import alarms_of
from pytest_medeval.verdicts.attempts import sentences as sentences_of
from pytest_medeval.verdicts.retention import remarks as remarks_of
from pytest_medeval.verdicts.retention import sentence as kept
from pytest_medeval.verdicts.verdict import RunVerdict, missed, outcome_of, verdict_of

COARSE = frozenset({"bfloat16", "float16", "int8", "nf4"})
"""Types in which a sum's order, and so the size of a batch, was seen to change replies."""
DIGITS = 12
"""Digits of a SHA-256 that tell models apart; the whole stands in the details."""
WORDED = frozenset({"suite", "headline", "change", "tracks"})
RANKS: Mapping[str, int] = {"95 % interval": 1, "cases": 2, "tracks": 3, "baseline": 4}
"""Where a terminal is narrow, these columns of the suites go, the last first."""
RETAINED: Mapping[str, int] = {"n": 3, "margin": 2, "baseline": 4, "headline": 1}
"""As ``RANKS``, of the table of what is retained."""
TONES: dict[GateVerdict, Tone] = {"pass": "good", "fail": "bad", "inconclusive": "open", "not evaluated": "open"}


Digest: TypeAlias = Literal["fingerprint", "base", "adapter", "tokenizer", "chat_template"]


@dataclass(frozen=True, slots=True)
class Outline:
    """What a report says of a record, in its order."""

    record: RunRecord
    verdict: RunVerdict
    blocks: Sequence[Block]


def outline_of(record: RunRecord, notices: Sequence[str] = ()) -> Outline:
    """Give the outline; ``notices``: what the models said when they were opened."""
    record = finite(record)
    verdict = verdict_of(record)
    blocks: list[Block] = [
        Verdict(verdict, alarms_of(record)),
        *models(record, notices),
        *glance(record),
        *retained(record),
        *gates(verdict, record["cases"]),
        *(Note((told,), "plain" if well else "open") for told, well in sentences_of(record.get("attempts", {}))),
    ]
    for place, (name, facts) in enumerate(record["suites"].items(), start=1):
        blocks += suite(name, facts, [case for case in record["cases"] if case["suite"] == name], place)
    blocks += [*tracks(record), Heading(("Cases",), anchor="cases"), Cases(record["suites"], record["cases"])]
    return Outline(record, verdict, blocks)


def models(record: RunRecord, notices: Sequence[str] = ()) -> Iterator[Block]:
    """Say who was compared, in what state the models are, and what run it is."""
    found = list(_identities(record))
    yield Heading(("Who was compared",), anchor="models")
    yield Table(
        caption="Models",
        columns=words("role", "model", "SHA-256", "dtype", "device"),
        rows=[
            (where, Code(one["spec"]), Code(one["fingerprint"][:DIGITS]), one["dtype"] or "-", _computed(one) or "-")
            for where, one in found
        ],
        brief=[*_named(record)],
    )
    for role, model in record["models"].items():
        yield from (Note((f"{role}: {said}",), "plain" if well else "open") for said, well in sentences(model))
    yield from (Note((told,)) for told in coarse(record))
    yield from (Note((f"note: {notice}",), "open", whole=True) for notice in notices)
    if "awaited" in record:
        yield Note((f"reference  {record['awaited']}",), "open", whole=True)
    reference = record.get("reference")
    if reference and reference["absent"]:
        absent = ", ".join(reference["absent"])
        yield Note((f"suites of {reference['run']} that this run lacks: {absent}",), "open")
    parts: tuple[Digest, ...] = ("fingerprint", "base", "adapter", "tokenizer", "chat_template")
    heads = ("role", "whole model", "base", "adapter", "tokenizer", "chat template")
    yield Table(
        caption="Digests in full",
        columns=words(*heads),
        rows=[(where, *(Code(one[name] or "-") for name in parts)) for where, one in found],
        deep=True,
    )
    yield from _run(record)


def _computed(model: TaskModel) -> str:
    """Say on what a model was computed, and by what there."""
    return ", ".join(filter(None, (model["device"], model.get("kernel"))))


def _identities(record: RunRecord) -> Iterator[tuple[str, ModelRecord | TaskModel]]:
    for role, model in record["models"].items():
        yield role, model
        for task, one in (model.get("tasks") or {}).items():
            yield f"{role}, {task}", one
    if reference := record.get("reference"):
        yield f"reference {reference['run']}", reference["model"]


def _named(record: RunRecord) -> Iterator[Brief]:
    for role, model in record["models"].items():
        parts = model.get("tasks")
        where = (
            ", ".join(f"{task} {one['fingerprint'][:DIGITS]}" for task, one in parts.items())
            if parts
            else model["fingerprint"][:DIGITS]
        )
        kind = " ".join(filter(None, (model["dtype"], _computed(model))))
        yield Brief(f"{role:<9}  {model['spec']}  sha256 {where}  {kind}".rstrip())
    if reference := record.get("reference"):
        who = f"{reference['model']['spec']}  sha256 {reference['model']['fingerprint'][:DIGITS]}"
        yield Brief(f"reference  {reference['run']} of {reference['created']}: {who}")


def coarse(record: RunRecord) -> Iterator[str]:
    """Say what the models' types leave open where no noise floor was measured."""
    asked = [model for model in record["models"].values() if not model["spec"].startswith("replay:")]
    types = sorted({model["dtype"] for model in asked if model["dtype"]} & COARSE)
    if types and not any(suite.get("noise") for suite in record["suites"].values()):
        yield f"in {' and '.join(types)} another batch size may change replies; --medeval-noise=N counts how many"


def _run(record: RunRecord) -> Iterator[Block]:
    facts = [("run", record["created"]), ("seed", str(record["seed"])), ("pytest-medeval", record["version"])]
    if repository := record["environment"].get("repository"):
        changed = " with uncommitted changes" if repository["dirty"] else ""
        facts.append(("commit", f"{repository['commit'][:DIGITS]}{changed}"))
    if reference := record.get("reference"):
        facts.append(("reference", f"{reference['run']} of {reference['created']}"))
    yield Facts(facts)
    packages = record["environment"].get("packages", {})
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    yield Note(("Command: ", Code(" ".join(record["command"])), f". {versions}"), deep="Command and versions")


def glance(record: RunRecord) -> Iterator[Block]:
    """Answer for each suite in a line: its headline metric, against the baseline and the reference, and the tracks."""
    rows = [row for name, facts in record["suites"].items() for row in _answers(name, facts, record["divergence"])]
    if not rows:
        return
    heads = ("suite", "cases", "headline", "baseline", "candidate", "difference", "95 % interval", "change", "tracks")
    yield Heading(("Suites",), anchor="suites")
    yield Table(caption="Each suite in a line", columns=_columns(heads, rows, WORDED, RANKS), rows=rows)


def _columns(
    heads: Sequence[str], rows: Sequence[Sequence[Content]], worded: Collection[str], ranks: Mapping[str, int]
) -> list[Column]:
    """Give columns as wide as what stands in them: words to the left, numbers to the right with two blanks before."""
    widths = [max([len(head), *(len(text(row[place])) for row in rows)]) for place, head in enumerate(heads)]
    return [
        Column(head, words=head in worded, width=width + 2 * (head not in worded), rank=ranks.get(head, 0))
        for head, width in zip(heads, widths, strict=True)
    ]


def _answers(name: str, facts: SuiteRecord, tracks: Mapping[str, DivergenceRecord]) -> Iterator[tuple[Content, ...]]:
    metric = facts["headline"]
    count = str(facts["evaluated"]) if facts["complete"] else f"{facts['evaluated']}/{facts['cases']}"
    agree = tracks[name]["verdict"] if name in tracks else "-"
    if row := facts["metrics"].get(metric):
        told = contrast(row)[:4]
        if row["baseline"] is None:
            told[3] = interval(row["candidate_ci95"])
        yield name, count, Code(metric), *told, changed(row), agree
    if found := facts.get("reference"):
        against = found["metrics"].get(metric)
        if against:
            yield (
                f"  against {found['run']}",
                str(found["same"]),
                Code(metric),
                *contrast(against)[:4],
                changed(against),
                "-",
            )


HELD: Mapping[Retention, Tone] = {"kept": "good", "lost": "bad", "undecided": "open", "tuned for": "plain"}


def retained(record: RunRecord) -> Iterator[Block]:
    """Say whether the candidate keeps what its base knew, suite by suite; nothing where nobody asked."""
    if "retention" not in record:
        return
    found = record["retention"]
    told = kept(found)
    heads = ("suite", "headline", "baseline", "candidate", "difference", "interval", "n", "margin", "verdict")
    rows = [_retained(name, one, found["margin"]) for name, one in found["suites"].items()]
    worded = frozenset({"suite", "headline", "verdict"})
    yield Heading(("Retention",), anchor="retention", note=told, brief=f"retention: {told}")
    yield Judged(caption="Suites against the base", columns=_columns(heads, rows, worded, RETAINED), rows=rows)
    yield from (Note((said,)) for said in remarks_of(found))


def _retained(name: str, one: RetainedSuite, margin: float) -> tuple[Content, ...]:
    return (
        name,
        Code(one["metric"]),
        number(one["baseline"]),
        number(one["candidate"]),
        number(one["difference"], sign=True),
        interval(one["interval"], sign=True),
        str(one["n"]),
        "-" if "tuned" in one else f"{margin:g}",
        Cell(one["verdict"], HELD[one["verdict"]]),
    )


def gates(verdict: RunVerdict, cases: Sequence[CaseEntry]) -> Iterator[Block]:
    """Show every gate with its verdict, what was seen, and the reason."""
    yield Heading(("Gates",), anchor="gates", note=verdict.counted, brief=f"gates: {verdict.counted}")
    if not verdict.gates:
        return
    columns = words("gate", "verdict") + figures("observed", "interval", "n") + words("reason")
    rows = [
        (
            _name(gate),
            Cell(said(gate), TONES[gate["verdict"]]),
            _observed(gate),
            interval(gate["interval"]),
            str(gate["n"]),
            gate["reason"] or "-",
        )
        for gate in verdict.gates
    ]
    yield Gates(
        caption="Gates",
        columns=columns,
        rows=rows,
        brief=[line for gate in verdict.gates for line in (_told(gate), *_missed(gate, cases))],
    )


def _missed(gate: GateRecord, cases: Sequence[CaseEntry]) -> Iterator[Brief]:
    """Repeat a missed critical case under its gate, in two lines."""
    for case in missed(gate, cases)[:NAMED]:
        facts = {what: " ".join(text.split()) for what, text in told(case)}
        yield Brief(_within(f"{case['id']}: {facts['asked']}"))
        yield Brief(_within(f"right: {facts['right']}; replied: {facts['candidate']}"))


def _within(text: str) -> str:
    """Cut a line to what a terminal shows beside a gate's reason."""
    line = f"{'':14}{text}"
    return line if len(line) < WIDTH - 2 else f"{line[: WIDTH - 5]}..."


def said(gate: GateRecord) -> str:
    """Say a gate's verdict, and where it was let through or passed within noise."""
    return f"{gate['verdict']}{_let(gate)}"


def _let(gate: GateRecord) -> str:
    if gate["verdict"] == "pass":
        return " (within noise)" if gate.get("within_noise") else ""
    return " (let through)" if outcome_of(gate) != "failed" else ""


def _name(gate: GateRecord) -> str:
    return Code(f"{gate['suite']}: {gate['expression']}")


def _observed(gate: GateRecord) -> str:
    if gate["observed"] is None:
        return "-"
    return f"{int(gate['observed'])} missed" if gate["expression"] == "critical" else number(gate["observed"])


def _told(gate: GateRecord) -> Brief:
    """Say a gate in a line, with its reason unless it passed."""
    exact = gate["expression"] == "critical"
    ends = f" {interval(gate['interval'])}" if gate["interval"] else ""
    seen = [] if gate["observed"] is None or exact else [f"observed {number(gate['observed'])}{ends}"]
    count = [f"n {gate['n']}"] if gate["n"] else []
    why = gate.get("remark", "")
    if gate["verdict"] != "pass" or gate["expression"].startswith("worst("):
        why = gate["reason"]
    by = "  " if seen else ", " if count else ""
    head = f"{gate['verdict'].upper():<13} {_name(gate)}{_let(gate)}{by}"
    return Brief(head, [*seen, *count], below=why, tone=TONES[gate["verdict"]])
