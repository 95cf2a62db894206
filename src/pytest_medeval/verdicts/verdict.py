"""The one place that decides what a record says: may the release go out, why, and which gates say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_medeval.core.record import CaseEntry, GateRecord, MetricRow, ReferenceRow, RunRecord
from pytest_medeval.core.types import ALPHA, Verdict

Word: TypeAlias = Literal["MAY GO OUT", "MAY NOT GO OUT", "UNDECIDED"]
Outcome: TypeAlias = Literal["passed", "failed", "skipped"]

Reading: TypeAlias = Literal["better", "worse", "higher", "lower", "not shown", "not compared"]

VERDICTS: tuple[Verdict, ...] = ("pass", "fail", "inconclusive", "not evaluated")
OPTIONS: Mapping[Verdict, str] = {
    "inconclusive": "--medeval-inconclusive=pass",
    "not evaluated": "--medeval-allow-not-evaluated",
}
"""Verdict -> the option by which a user lets a gate with it through."""
NAMED = 3
"""Gates that a sentence names; of more it says how many there are."""


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """What a run says.

    ``MAY GO OUT``: a gate passed, or was let through as if it had, and none stopped the run. ``MAY NOT GO OUT``: a
    gate failed. ``UNDECIDED``: a gate that is inconclusive or not evaluated stopped it, or no gate decided anything.
    """

    word: Word
    why: str
    gates: Sequence[GateRecord]
    """In the order in which they are told: failed, undecided, let through, passed."""
    let_through: Sequence[GateRecord]
    """Not passed, and let through by an option."""
    stopped: bool
    """Whether a gate ends the run with exit code 1."""

    @property
    def counts(self) -> dict[Verdict, int]:
        """Count the gates of each verdict that occurs."""
        found = {verdict: sum(gate["verdict"] == verdict for gate in self.gates) for verdict in VERDICTS}
        return {verdict: count for verdict, count in found.items() if count}

    @property
    def counted(self) -> str:
        """Print the counts."""
        noisy = sum(gate.get("within_noise", False) for gate in self.gates)
        told = {"pass": f" ({noisy} within noise)" if noisy else ""}
        counts = (f"{count} {verdict}{told.get(verdict, '')}" for verdict, count in self.counts.items())
        return ", ".join(counts) or "none was set"

    @property
    def sentence(self) -> str:
        """Say it in a line."""
        return f"{self.word}: {self.why}"


def verdict_of(record: RunRecord) -> RunVerdict:
    """Give the verdict of a record."""
    return decide(record["gates"])


def decide(gates: Sequence[GateRecord]) -> RunVerdict:
    """Give the verdict of judged gates."""
    ranked = sorted(gates, key=_rank)
    failed, stopping, let, passed = ([gate for gate in ranked if _rank(gate) == rank] for rank in range(4))
    word: Word = "MAY GO OUT"
    if failed:
        word = "MAY NOT GO OUT"
    elif stopping or not (passed or any(outcome_of(gate) == "passed" for gate in let)):
        word = "UNDECIDED"
    why = _why(len(gates), failed, stopping, let)
    return RunVerdict(word, why, ranked, let, stopped=bool(failed or stopping))


def _rank(gate: GateRecord) -> int:
    """Give a gate's place: failed, stopping undecided, let through, passed."""
    if gate["verdict"] == "fail":
        return 0
    if outcome_of(gate) == "failed":
        return 1
    return 3 if gate["verdict"] == "pass" else 2


def outcome_of(gate: GateRecord) -> Outcome:
    """Say what a gate means for the run; one that does not say so is read strictly."""
    return gate.get("outcome", "passed" if gate["verdict"] == "pass" else "failed")


def missed(gate: GateRecord, cases: Sequence[CaseEntry]) -> list[CaseEntry]:
    """List the critical cases for which a gate failed."""
    if gate["expression"] != "critical" or gate["verdict"] != "fail":
        return []
    return [case for case in cases if case["suite"] == gate["suite"] and case["critical"] and case["correct"] is False]


def reading(row: MetricRow | ReferenceRow) -> Reading:
    """Say better or worse where test and interval both show it."""
    ends, chance = row["ci95"], row["p_corrected"]
    if row["difference"] is None or ends is None or chance is None:
        return "not compared"
    if chance >= ALPHA or ends[0] <= 0 <= ends[1]:
        return "not shown"
    if not row["direction"]:
        return "higher" if ends[0] > 0 else "lower"
    return "better" if (ends[0] > 0) == (row["direction"] > 0) else "worse"


def _why(count: int, failed: Sequence[GateRecord], stopping: Sequence[GateRecord], let: Sequence[GateRecord]) -> str:
    if not count:
        return "no gate was set: this run measured and decided nothing"
    gates = f"{count} gate{'' if count == 1 else 's'}"
    parts = [f"{len(failed)} of {gates} failed: {_named(failed)}"] if failed else []
    if stopping:
        of = "" if failed else f" of {gates}"
        parts.append(f"{len(stopping)}{of} could not be decided: {_named(stopping, verdict=True)}")
    if not parts:
        parts = [
            f"{count - len(let)} of {gates} passed" if let else f"all {gates} passed" if count > 1 else "1 gate passed"
        ]
    waiting = [gate for gate in let if gate.get("waits")]
    chosen = [gate for gate in let if not gate.get("waits")]
    options = " and ".join(OPTIONS[one] for one in OPTIONS if any(gate["verdict"] == one for gate in chosen))
    if chosen:
        parts.append(f"let through by {options}: {_named(chosen, verdict=True)}")
    if waiting:
        parts.append(f"waiting for a first reference: {_named(waiting)}")
    return "; ".join(parts)


def _named(gates: Sequence[GateRecord], *, verdict: bool = False) -> str:
    named = [
        f"{gate['suite']}: {gate['expression']}{' (' + gate['verdict'] + ')' if verdict else ''}"
        for gate in gates[:NAMED]
    ]
    return "; ".join([*named, *([f"{len(gates) - NAMED} more"] if len(gates) > NAMED else [])])
