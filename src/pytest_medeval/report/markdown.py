"""The run record as Markdown: for GitHub's step summary, a merge request, a release page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_medeval.report.lines import how_asked, interval, number, p_value, sentences
from pytest_medeval.report.terminal import coarse

MARKS: Mapping[str, str] = {
    "pass": "✅ pass",
    "fail": "❌ fail",
    "inconclusive": "⚠️ inconclusive",
    "not evaluated": "⚠️ not evaluated",
}
LOST = 5
"""Cases that are named where a suite lost against the reference."""


def markdown(record: Mapping[str, Any]) -> str:
    """Give the whole summary: verdict, gates with reasons, metrics, the reference, provenance."""
    lines = [f"## Medical evaluation: {headline(record)}", "", *_gates(record["gates"])]
    for name, suite in record["suites"].items():
        lines += ["", *_suite(name, suite)]
    return "\n".join([*lines, "", *_provenance(record), ""])


def headline(record: Mapping[str, Any]) -> str:
    """Say in a few words what the gates decided."""
    gates = record["gates"]
    if not gates:
        return "no gate was set, nothing was decided"
    counts = {verdict: sum(gate["verdict"] == verdict for gate in gates) for verdict in MARKS}
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    stopped = any(gate.get("outcome") == "failed" for gate in gates)
    return f"{'do not release' if stopped else 'gates let it pass'} ({told})"


def _gates(gates: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not gates:
        return
    yield from _table(
        ("verdict", "suite", "gate", "observed", "n", "reason"),
        (
            (
                MARKS[gate["verdict"]],
                _text(gate["suite"]),
                _code(gate["expression"]),
                _observed(gate),
                gate["n"],
                _text(gate["reason"]),
            )
            for gate in gates
        ),
    )


def _observed(gate: Mapping[str, Any]) -> str:
    if gate["observed"] is None:
        return "-"
    if gate["expression"] == "critical":
        return f"{int(gate['observed'])} missed"
    return number(gate["observed"]) + (f" {interval(gate['interval'])}" if gate["interval"] else "")


def _suite(name: str, suite: Mapping[str, Any]) -> Iterator[str]:
    whole = "" if suite["complete"] else ", **not complete**"
    yield f"### {_text(name)} ({suite['task']}): {suite['evaluated']} of {suite['cases']} cases{whole}"
    yield ""
    for role, outcomes in suite["outcomes"].items():
        unusual = ", ".join(
            f"{count} {outcome.replace('_', ' ')}"
            for outcome, count in outcomes.items()
            if count and outcome != "answered"
        )
        if unusual:
            yield f"{role} replies: {outcomes['answered']} answered, {unusual}"
            yield ""
    for told in how_asked(suite):
        yield _text(told)
        yield ""
    yield from _metrics(suite["metrics"])
    yield from _reference(suite.get("reference"))


def _metrics(metrics: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    paired = any(one["baseline"] is not None for one in metrics.values())
    if not paired:
        yield from _table(
            ("metric", "candidate", "95 % interval", "n"),
            (
                (_code(name), number(one["candidate"]), interval(one["candidate_ci95"]), one["n"])
                for name, one in metrics.items()
            ),
        )
        return
    yield from _table(
        ("metric", "baseline", "candidate", "difference", "95 % interval", "p", "p (Holm)"),
        (
            (
                _code(name),
                number(one["baseline"]),
                number(one["candidate"]),
                number(one["difference"], sign=True),
                interval(one["ci95"], sign=True),
                p_value(one["p_value"]),
                p_value(one["p_corrected"]),
            )
            for name, one in metrics.items()
        ),
    )


def _reference(reference: Mapping[str, Any] | None) -> Iterator[str]:
    if not reference:
        return
    same = f"{reference['same']} of its {reference['cases']}"
    yield from (
        "",
        f"Against reference {_code(reference['run'])}: {same} cases are the same.",
        "",
    )
    yield from (f"- {_text(line)}" for line in reference["differences"])
    if reference["differences"]:
        yield ""
    yield from _table(
        ("metric", "reference", "candidate", "difference", "95 % interval", "p", "p (Holm)"),
        (
            (
                _code(name),
                number(one["reference"]),
                number(one["candidate"]),
                number(one["difference"], sign=True),
                interval(one["ci95"], sign=True),
                p_value(one["p_value"]),
                p_value(one["p_corrected"]),
            )
            for name, one in reference["metrics"].items()
        ),
    )
    lost = reference.get("lost")
    if lost and lost["count"]:
        cases = ", ".join(
            f"{_code(case['id'])} {number(case['reference'])} → {number(case['candidate'])}"
            for case in lost["cases"][:LOST]
        )
        share = f"{lost['count']} of {lost['of']}"
        yield from ("", f"Worse than the reference in {_code(lost['metric'])}: {share} cases: {cases}")


def _provenance(record: Mapping[str, Any]) -> Iterator[str]:
    for role, model in record["models"].items():
        yield f"- {role}: {_code(model['spec'])} sha256 {_code(model['fingerprint'][:12])}"
        yield from (f"- {role}: {_text(said)}" for said, _ in sentences(model))
    yield from (f"- {_text(told)}" for told in coarse(record))
    if "awaited" in record:
        yield f"- reference: {_text(record['awaited'])}"
    reference = record.get("reference")
    if reference:
        model = reference["model"]
        weights = f"{_code(model['spec'])} sha256 {_code(model['fingerprint'][:12])}"
        yield f"- reference: {_code(reference['run'])} of {reference['created']}, {weights}"
    found = record["environment"].get("repository")
    if found:
        yield f"- commit {_code(found['commit'][:12])}{' with uncommitted changes' if found['dirty'] else ''}"
    yield f"- pytest-medeval {record['version']}, seed {record['seed']}, {record['created']}"


def _table(head: Sequence[str], rows: Any) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * len(head)
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"


def _text(text: str) -> str:
    """Show a text as it is: no markup, no new cell, no new line."""
    escaped = "".join(f"\\{character}" if character in r"\`*_[]<>|#~$" else character for character in text)
    return " ".join(escaped.split())


def _code(text: str) -> str:
    """Show a text as code; a backtick in it becomes an apostrophe, and the bar of a table is escaped."""
    return f"`{' '.join(text.split()).replace('`', chr(39)).replace('|', chr(92) + '|')}`"
