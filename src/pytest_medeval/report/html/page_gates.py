"""The top of the page: may the release go out, who was compared, and what each gate says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_medeval.report.html.markup import Html, code, details, joined, table, tag
from pytest_medeval.report.lines import interval, number, right_answer, sentences
from pytest_medeval.report.terminal import coarse

# The cases of a run as data for the page's script: small, and with every number already as it is to be
# read.

ROLES = ("candidate", "baseline")
PREFERENCES: Mapping[float, str] = {1.0: "the candidate", 0.0: "the baseline", 0.5: "neither"}


def cases(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give the data block.

    ::

        suites   {name: {headline, direction, metrics: [name]}}
        cases    [{suite, id, tags, critical, correct, asked, gold, change, judge,
                   candidate: {reply, thoughts, outcome, detail, scores, notes}, baseline: the same or null}]

    ``scores`` stand in the order of the suite's ``metrics``, as texts, null where there is none; ``change`` is the
    candidate's headline score less the baseline's, its sign turned where lower is better, null without both.
    """
    names = {suite: _names(record, suite) for suite in record["suites"]}
    directions = {
        name: -1 if suite["metrics"].get(suite["headline"], {}).get("direction") == -1 else 1
        for name, suite in record["suites"].items()
    }
    return {
        "suites": {
            name: {"headline": suite["headline"], "direction": directions[name], "metrics": names[name]}
            for name, suite in record["suites"].items()
        },
        "cases": [
            _case(
                case,
                names[case["suite"]],
                record["suites"][case["suite"]]["headline"],
                directions[case["suite"]],
            )
            for case in record["cases"]
        ],
    }


def _names(record: Mapping[str, Any], suite: str) -> list[str]:
    """Name all scores that a case of the suite has, the headline first."""
    own = [case for case in record["cases"] if case["suite"] == suite]
    seen = dict.fromkeys(
        name for case in own for role in ROLES for name in case.get(role, {}).get("scores", {})
    )
    headline = record["suites"][suite]["headline"]
    return [*([headline] if headline in seen else []), *(name for name in seen if name != headline)]


def _case(case: Mapping[str, Any], names: Sequence[str], headline: str, direction: int) -> dict[str, Any]:
    known = [case.get(role, {}).get("scores", {}).get(headline) for role in ROLES]
    return {
        "suite": case["suite"],
        "id": case["id"],
        "tags": [f"{key}: {value}" for key, value in case["tags"].items()],
        "critical": bool(case.get("critical")),
        "correct": case.get("correct"),
        "asked": case["asked"],
        "gold": right_answer(case["gold"]),
        "change": None if None in known else direction * (known[0] - known[1]),
        "judge": _judge(case.get("judge")),
        **{role: _side(case[role], names) if role in case else None for role in ROLES},
    }


def _side(found: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    scores = found["scores"]
    return {
        "reply": found["reply"],
        "thoughts": found.get("thoughts", ""),
        "outcome": found["outcome"].replace("_", " "),
        "detail": found.get("detail") or "",
        "scores": [number(scores[name]) if name in scores else None for name in names],
        "notes": _notes(found),
    }


def _notes(found: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with a reply by name, and how sure the model was of each option."""
    notes = [
        f"{kind}: {', '.join(map(str, what)) if isinstance(what, list) else what}"
        for kind, what in found.get("trace", {}).items()
        if what
    ]
    sure = found.get("confidence")
    return [
        *notes,
        *(
            [f"confidence: {', '.join(f'{key} {number(value)}' for key, value in sure.items())}"]
            if sure
            else []
        ),
    ]


def _judge(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Give the panel's grades as rows, the preference in words, and what could not be judged."""
    if not found:
        return None
    dimensions = list(dict.fromkeys(name for role in ROLES for name in found.get(role, {})))
    rows = [
        [name, *(number(found[role][name]) if name in found.get(role, {}) else "-" for role in ROLES)]
        for name in dimensions
    ]
    unjudged = [
        f"{judge}, {key}: {_why(reasons)}"
        for judge, said in found.get("judges", {}).items()
        for key, reasons in said.get("unjudged", {}).items()
    ]
    return {"rows": rows, "preferred": _preferred(found.get("preference")), "unjudged": unjudged}


def _why(reasons: Mapping[str, Any]) -> str:
    if isinstance(reasons.get("reason"), str):
        return str(reasons["reason"])
    return ", ".join(f"{name} ({one['reason']})" for name, one in reasons.items())


def _preferred(share: float | None) -> str | None:
    if share is None:
        return None
    return PREFERENCES.get(share) or f"the candidate by {number(share)} of the votes"


SIGNS: Mapping[str, str] = {"pass": "✓", "fail": "✕", "inconclusive": "?", "not evaluated": "–"}
PARTS = ("fingerprint", "base", "adapter", "tokenizer", "chat_template")
DIGITS = 12
"""Digits of a SHA-256 that tell models apart; the whole stands in the details."""


def verdict(gates: Sequence[Mapping[str, Any]]) -> tuple[str, str, str]:
    """Say whether the release may go out: the kind (``pass``, ``fail``, ``none``), the sentence, and why."""
    outcomes = [outcome(gate) for gate in gates]
    if "failed" in outcomes:
        stopping = [gate for gate, one in zip(gates, outcomes, strict=True) if one == "failed"]
        reasons = "; ".join(f"{gate['suite']}: {gate['expression']} ({gate['verdict']})" for gate in stopping)
        return (
            "fail",
            "The release may not go out",
            f"{len(stopping)} of {_counted(gates)} stopped it: {reasons}.",
        )
    if "passed" not in outcomes:
        why = (
            "no gate could be evaluated"
            if gates
            else "no gate was set: this run measured and decided nothing"
        )
        return "none", "Nothing was decided", f"{why.capitalize()}."
    let = [gate for gate in gates if gate["verdict"] != "pass"]
    though = "; ".join(f"{gate['suite']}: {gate['expression']} is {gate['verdict']}" for gate in let)
    if though:
        passed = len(gates) - len(let)
        return (
            "pass",
            "The release may go out",
            f"{passed} of {_counted(gates)} passed. Let through by an option: {though}.",
        )
    return (
        "pass",
        "The release may go out",
        f"{_counted(gates)} passed." if len(gates) == 1 else f"All {_counted(gates)} passed.",
    )


def outcome(gate: Mapping[str, Any]) -> str:
    """Give what a gate means for the run; a record that does not say so is read strictly."""
    told = gate.get("outcome")
    return str(told) if told else "passed" if gate["verdict"] == "pass" else "failed"


def _counted(gates: Sequence[Any]) -> str:
    return f"{len(gates)} gate{'' if len(gates) == 1 else 's'}"


def banner(record: Mapping[str, Any]) -> Html:
    """Show the verdict, and what run it is of."""
    kind, sentence, why = verdict(record["gates"])
    sign = {"pass": "✓", "fail": "✕", "none": "–"}[kind]
    partial = [name for name, suite in record["suites"].items() if not suite["complete"]]
    told = [
        tag(
            "p",
            tag("span", sign, cls="sign", aria_hidden="true"),
            tag("strong", f"{sentence}."),
            " ",
            why,
            cls="sentence",
        )
    ]
    if partial:
        told.append(tag("p", f"Only a part of these suites ran: {', '.join(partial)}.", cls="warn"))
    return tag("section", *told, cls=f"verdict {kind}", aria_label="Verdict")


def models(record: Mapping[str, Any]) -> Html:
    """Show who was compared: roles, specifications, fingerprints; digests in full on demand."""
    found = list(_identities(record))
    rows = [
        (
            where,
            code(one["spec"]),
            code(one["fingerprint"][:DIGITS]),
            one.get("dtype") or "-",
            one.get("device") or "-",
        )
        for where, one in found
    ]
    shown = table("Models", ("role", "model", "SHA-256", "dtype", "device"), rows, words=(1, 2, 3, 4))
    digests = [(where, *(code(one.get(name) or "-") for name in PARTS)) for where, one in found]
    whole = table(
        "Digests in full",
        ("role", "whole model", "base", "adapter", "tokenizer", "chat template"),
        digests,
        words=range(6),
    )
    return tag(
        "section",
        tag("h2", "Who was compared"),
        shown,
        *(
            tag("p", f"{role}: {said}", cls="facts" if well else "warn")
            for role, model in record["models"].items()
            for said, well in sentences(model)
        ),
        *(tag("p", told, cls="facts") for told in coarse(record)),
        details("Digests in full", whole),
        _run(record),
        id="models",
    )


def _identities(record: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for role, model in record["models"].items():
        yield role, model
        for task, one in (model.get("tasks") or {}).items():
            yield f"{role}, {task}", one
    if reference := record.get("reference"):
        yield f"reference {reference['run']}", reference["model"]


def _run(record: Mapping[str, Any]) -> Html:
    repository = record["environment"].get("repository")
    facts = [("run", record["created"]), ("seed", str(record["seed"])), ("pytest-medeval", record["version"])]
    if repository:
        changed = " with uncommitted changes" if repository["dirty"] else ""
        facts.append(("commit", f"{repository['commit'][:DIGITS]}{changed}"))
    if "awaited" in record:
        facts.append(("reference", record["awaited"]))
    if reference := record.get("reference"):
        facts.append(("reference", f"{reference['run']} of {reference['created']}"))
        if reference["absent"]:
            facts.append(("suites that this run lacks", ", ".join(reference["absent"])))
    packages = record["environment"].get("packages", {})
    told = joined((tag("span", f"{name} ", tag("b", value)) for name, value in facts), " · ")
    versions = ", ".join(f"{name} {version}" for name, version in packages.items())
    command = tag("p", "Command: ", code(" ".join(record["command"])))
    return joined([tag("p", told, cls="facts"), details("Command and versions", command, tag("p", versions))])


def gates(record: Mapping[str, Any]) -> Html:
    """Show every gate with its verdict, what was seen, and the reason."""
    if not record["gates"]:
        return tag("section", tag("h2", "Gates"), tag("p", "No gate was set."), id="gates")
    head = ("gate", "verdict", "observed", "interval", "n", "reason")
    rows = [_gate(gate) for gate in record["gates"]]
    return tag("section", tag("h2", "Gates"), table("Gates", head, rows, words=(1, 5)), id="gates")


def _gate(gate: Mapping[str, Any]) -> tuple[str, ...]:
    exact = gate["expression"] == "critical"
    seen = gate["observed"]
    told = "-" if seen is None else f"{int(seen)} missed" if exact else number(seen)
    let = " (let through)" if gate["verdict"] != "pass" and outcome(gate) != "failed" else ""
    return (
        joined([f"{gate['suite']}: ", code(gate["expression"])]),
        tag(
            "span",
            f"{SIGNS[gate['verdict']]} {gate['verdict']}{let}",
            cls=f"v {gate['verdict'].replace(' ', '-')}",
        ),
        told,
        interval(gate["interval"]),
        str(gate["n"]),
        gate["reason"] or "-",
    )
