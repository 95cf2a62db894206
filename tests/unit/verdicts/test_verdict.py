"""The verdict of a record: the word, why, and whether the run stops, for every mixture of gates."""

import pytest

from pytest_medeval.verdicts.verdict import decide, outcome_of, verdict_of

PASS, FAIL = ("pass", None), ("fail", None)
OPEN, UNSEEN = ("inconclusive", None), ("not evaluated", None)
LET, SKIPPED = ("inconclusive", "passed"), ("not evaluated", "skipped")
WAITING = ("not evaluated", "skipped", True)


def gates(*states):
    """Make gates a, b, c, ... of suite s; a state is (verdict, outcome, waits)."""
    made = []
    for name, (verdict, outcome, *waits) in zip("abcdefgh", states, strict=False):
        gate = {"suite": "s", "expression": name, "verdict": verdict, "waits": bool(waits)}
        made.append(gate if outcome is None else {**gate, "outcome": outcome})
    return made


@pytest.mark.parametrize(
    ("states", "sentence", "stopped", "counted"),
    [
        ((), "UNDECIDED: no gate was set: this run measured and decided nothing", False, "none was set"),
        ((PASS,), "MAY GO OUT: 1 gate passed", False, "1 pass"),
        ((PASS, PASS), "MAY GO OUT: all 2 gates passed", False, "2 pass"),
        ((FAIL,), "MAY NOT GO OUT: 1 of 1 gate failed: s: a", True, "1 fail"),
        (
            (PASS, FAIL, FAIL, FAIL), "MAY NOT GO OUT: 3 of 4 gates failed: s: b; s: c; s: d", True,
            "1 pass, 3 fail",
        ),
        ((FAIL,) * 5, "MAY NOT GO OUT: 5 of 5 gates failed: s: a; s: b; s: c; 2 more", True, "5 fail"),
        (
            (OPEN, FAIL), "MAY NOT GO OUT: 1 of 2 gates failed: s: b; 1 could not be decided: s: a (inconclusive)",
            True, "1 fail, 1 inconclusive",
        ),
        (
            (PASS, OPEN, UNSEEN),
            "UNDECIDED: 2 of 3 gates could not be decided: s: b (inconclusive); s: c (not evaluated)", True,
            "1 pass, 1 inconclusive, 1 not evaluated",
        ),
        (
            (LET,), "MAY GO OUT: 0 of 1 gate passed; let through by --medeval-inconclusive=pass: s: a (inconclusive)",
            False, "1 inconclusive",
        ),
        (
            (SKIPPED,), ("UNDECIDED: 0 of 1 gate passed; let through by --medeval-allow-not-evaluated: "
            "s: a (not evaluated)"), False, "1 not evaluated",
        ),
        (
            (SKIPPED, PASS, LET), ("MAY GO OUT: 1 of 3 gates passed; let through by --medeval-inconclusive=pass and "
            "--medeval-allow-not-evaluated: s: a (not evaluated); s: c (inconclusive)"), False,
            "1 pass, 1 inconclusive, 1 not evaluated",
        ),
        (
            (WAITING, PASS, PASS), "MAY GO OUT: 2 of 3 gates passed; waiting for a first reference: s: a", False,
            "2 pass, 1 not evaluated",
        ),
        (
            (WAITING, LET), ("MAY GO OUT: 0 of 2 gates passed; let through by --medeval-inconclusive=pass: "
            "s: b (inconclusive); waiting for a first reference: s: a"), False, "1 inconclusive, 1 not evaluated",
        ),
        (
            (UNSEEN, LET), ("UNDECIDED: 1 of 2 gates could not be decided: s: a (not evaluated); let through by "
            "--medeval-inconclusive=pass: s: b (inconclusive)"), True, "1 inconclusive, 1 not evaluated",
        ),
    ],
)  # fmt: skip
def test_every_mixture_has_its_sentence(states, sentence, stopped, counted):
    """What a record says, word for word; the exit code follows ``stopped``."""
    found = verdict_of({"gates": gates(*states)})
    assert (found.sentence, found.stopped, found.counted) == (sentence, stopped, counted)
    assert sum(found.counts.values()) == len(states)


def test_gates_are_told_by_what_they_mean():
    """Failed first, then what stops undecided, what was let through, what passed; within that as they came."""
    found = decide(gates(PASS, LET, FAIL, OPEN, SKIPPED, UNSEEN, PASS))
    assert [gate["expression"] for gate in found.gates] == list("cdfbeag")
    assert [gate["expression"] for gate in found.let_through] == ["b", "e"]


def test_a_failed_gate_is_never_let_through():
    """Whatever outcome stands beside it."""
    found = decide(gates(("fail", "passed"), PASS))
    assert (found.word, found.stopped, found.let_through) == ("MAY NOT GO OUT", True, [])


def test_a_gate_without_an_outcome_is_read_strictly():
    """Only a pass passes."""
    assert [outcome_of(gate) for gate in gates(PASS, FAIL, OPEN, UNSEEN, SKIPPED)] == [
        "passed", "failed", "failed", "failed", "skipped",
    ]  # fmt: skip
