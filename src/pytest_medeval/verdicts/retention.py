"""Does a tuned model keep what its base knew? Every suite that it was not tuned for, against the base, in one table.

A suite is judged by an ordinary gate of non-inferiority, together with all gates of the run: ``kept`` where it passes,
``lost`` where it fails (even the favourable end of the interval lies beyond the margin), else ``undecided``. That all
are kept needs no correction, since each must be shown (intersection-union); of several suites each ``lost`` is a claim
of its own, corrected by Holm's procedure (``pytest_medeval.verdicts.gates.judge``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_medeval.core.record import RetainedSuite, Retention, RetentionRecord, SuiteRecord, TunedFor
from pytest_medeval.core.types import Verdict
from pytest_medeval.verdicts.gates.data import GateResult

WORDS: Mapping[Verdict, Retention] = {"pass": "kept", "fail": "lost"}
JUDGED: Sequence[Retention] = ("kept", "lost", "undecided")


def retention(
    asked: Mapping[str, TunedFor], margin: float, gates: Sequence[GateResult], suites: Mapping[str, SuiteRecord]
) -> RetentionRecord:
    """Say of each suite what its gate found; ``asked``: what is to be retained of it."""
    judged = {(gate.suite, gate.expression): gate for gate in gates}
    return {
        "margin": margin,
        "suites": {
            name: _retained(one, judged.get((name, one.get("gate", ""))), suites[name]) for name, one in asked.items()
        },
    }


def _retained(one: TunedFor, gate: GateResult | None, suite: SuiteRecord) -> RetainedSuite:
    row = suite["metrics"].get(one["metric"])
    return {
        **one,
        "verdict": WORDS.get(gate.verdict, "undecided") if gate else "tuned for",
        "candidate": row and row["candidate"],
        "baseline": row and row["baseline"],
        "difference": gate.observed if gate else row and row["difference"],
        "interval": gate.interval if gate else row and row["ci95"],
        "n": gate.n if gate else row["n"] if row else 0,
        "reason": gate.reason if gate else f"not judged: the candidate was tuned for it, by {one.get('tuned', '')}",
    }


def sentence(found: RetentionRecord) -> str:
    """Say it in a line.

    >>> sentence({"margin": 0.05, "suites": {}})
    'no suite was to be judged'
    """
    words = [one["verdict"] for one in found["suites"].values()]
    count = {word: words.count(word) for word in JUDGED}
    of = sum(count.values())
    if not of:
        return "no suite was to be judged"
    return f"kept: {count['kept']} of {of}, lost: {count['lost']}, undecided: {count['undecided']}"


def remarks(found: RetentionRecord) -> list[str]:
    """Say which suites are not judged, and of whose candidate nothing says what it was tuned for."""
    tuned = [f"{name} ({one['tuned']})" for name, one in found["suites"].items() if "tuned" in one]
    unknown = [name for name, one in found["suites"].items() if not one["known"]]
    told = [f"the candidate was tuned for {', '.join(tuned)}"] if tuned else []
    if unknown:
        told.append(f"nothing says what the candidate was tuned for, so all is judged: {', '.join(unknown)}")
    return told
