"""The cases of a run as data for the page's script: small, and with every number already as it is to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pytest_medeval.report.lines import number, right_answer

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
