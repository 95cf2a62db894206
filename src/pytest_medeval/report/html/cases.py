"""The cases of a run as data for the page's script: small, and with every number already as it is to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pytest_medeval.core.record import ROLES, CaseEntry, CaseJudgement, CriteriaSaid, JudgeSaid, Role, RoleEntry
from pytest_medeval.report.blocks import Cases
from pytest_medeval.report.lines import asked, number, right_answer, verdicts

PREFERENCES: Mapping[float, str] = {1.0: "the candidate", 0.0: "the baseline", 0.5: "neither"}


def cases(block: Cases) -> dict[str, object]:
    """Give the data block.

    ::

        suites   {name: {headline, direction, metrics: [name]}}
        cases    [{suite, id, tags, critical, correct, asked, gold, rationale, change, judge,
                   candidate: {reply, thoughts, outcome, detail, scores, notes}, baseline: the same or null}]

    ``scores`` stand in the order of the suite's ``metrics``, as texts, null where there is none; ``change`` is the
    candidate's headline score less the baseline's, its sign turned where lower is better, null without both.
    """
    names = {suite: _names(block, suite) for suite in block.suites}
    directions = {
        name: -1 if (found := suite["metrics"].get(suite["headline"])) and found["direction"] == -1 else 1
        for name, suite in block.suites.items()
    }
    return {
        "suites": {
            name: {"headline": suite["headline"], "direction": directions[name], "metrics": names[name]}
            for name, suite in block.suites.items()
        },
        "cases": [
            _case(case, names[case["suite"]], block.suites[case["suite"]]["headline"], directions[case["suite"]])
            for case in block.cases
        ],
    }


def _sides(case: CaseEntry) -> dict[Role, RoleEntry]:
    return {role: case[role] for role in ROLES if role in case}


def _names(block: Cases, suite: str) -> list[str]:
    """Name all scores that a case of the suite has, the headline first."""
    own = [case for case in block.cases if case["suite"] == suite]
    seen = dict.fromkeys(name for case in own for found in _sides(case).values() for name in found["scores"])
    headline = block.suites[suite]["headline"]
    return [*([headline] if headline in seen else []), *(name for name in seen if name != headline)]


def _case(case: CaseEntry, names: Sequence[str], headline: str, direction: int) -> dict[str, object]:
    sides = _sides(case)
    new, old = (sides[role]["scores"].get(headline) if role in sides else None for role in ROLES)
    return {
        "suite": case["suite"],
        "id": case["id"],
        "tags": [f"{key}: {value}" for key, value in case["tags"].items()],
        "critical": bool(case.get("critical")),
        "correct": case.get("correct"),
        "asked": asked(case),
        "gold": right_answer(case["gold"]),
        "rationale": case.get("rationale"),
        "change": None if new is None or old is None else direction * (new - old),
        "judge": _judge(case.get("judge")) or _criteria(case),
        **{role: _side(sides[role], names) if role in sides else None for role in ROLES},
    }


def _side(found: RoleEntry, names: Sequence[str]) -> dict[str, object]:
    scores = found["scores"]
    return {
        "reply": found["reply"],
        "thoughts": found.get("thoughts", ""),
        "outcome": found["outcome"].replace("_", " "),
        "detail": found.get("detail") or "",
        "scores": [number(scores[name]) if name in scores else None for name in names],
        "notes": _notes(found),
    }


def _notes(found: RoleEntry) -> list[str]:
    """Say what is wrong with a reply by name, and how sure the model was of each option."""
    notes = [f"{kind}: {', '.join(what)}" for kind, what in found.get("trace", {}).items() if what]
    if sure := found.get("confidence"):
        notes.append(f"confidence: {', '.join(f'{key} {number(value)}' for key, value in sure.items())}")
    return notes


def _judge(found: CaseJudgement | None) -> dict[str, object] | None:
    """Give the panel's grades as rows, the preference in words, and what could not be judged."""
    if not found:
        return None
    grades = [found.get("candidate", {}), found.get("baseline", {})]
    dimensions = dict.fromkeys(name for one in grades for name in one)
    rows = [[name, *(number(one[name]) if name in one else "-" for one in grades)] for name in dimensions]
    unjudged = [f"{judge}, {line}" for judge, said in found["judges"].items() for line in _unjudged(said)]
    return {"rows": rows, "preferred": _preferred(found.get("preference")), "unjudged": unjudged}


def _criteria(case: CaseEntry) -> dict[str, object] | None:
    """Give what was found of each criterion as rows, and why something is unjudged."""
    own = {role: dict(verdicts(case, role)) for role in ROLES}
    names = dict.fromkeys(name for found in own.values() for name in found)
    said = case.get("criteria", {}).get("judges", {})
    unjudged = [f"{judge}, {line}" for judge, one in said.items() for line in _unjudged(one)]
    rows = [[name, *(own[role].get(name, "-") for role in ROLES)] for name in names]
    return {"rows": rows, "preferred": None, "unjudged": unjudged} if rows else None


def _unjudged(said: JudgeSaid | CriteriaSaid) -> Iterator[str]:
    missing = said.get("unjudged", {})
    for role in ROLES:
        if role in missing:
            told = (f"{name} ({one['reason']})" for name, one in missing[role].items())
            yield f"{role}: {', '.join(told)}"
    if "preference" in missing:
        yield f"preference: {missing['preference']['reason']}"


def _preferred(share: float | None) -> str | None:
    if share is None:
        return None
    return PREFERENCES.get(share) or f"the candidate by {number(share)} of the votes"
