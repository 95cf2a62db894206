"""From what judges said of criteria to one verdict a criterion, of one judge or a panel, and to the record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from pytest_medeval.core.record import ROLES, CaseCriteria, CriteriaSaid, JudgeRecord, Role
from pytest_medeval.judges.ask import Judged, Judgement, JudgeRun
from pytest_medeval.judges.panel import Coverage, judge_names
from pytest_medeval.judges.ratings.types import CRITERIA
from pytest_medeval.judges.rubric import Rubric
from pytest_medeval.judges.styles.criteria import CONTRADICTS

NAME: Final = CRITERIA
"""What judges are asked of a suite with criteria; as a dimension of a rubric it has a coverage and an agreement."""
COSTS: Final = ("requests", "tokens", "cached", "failed", "seconds")
FEWEST: Final = 20
"""Criteria of which a judge may say the same without being useless for it."""
OWN_CRITERIA: Final = Rubric("criteria", (), low=0, high=1)
"""Stands for a rubric where every case brings its own criteria."""
Verdicts: TypeAlias = Mapping[Role, list[float | None]]
"""role -> a verdict for each criterion; None where it is unjudged."""


def criteria_said(runs: Sequence[JudgeRun]) -> dict[tuple[str, str], tuple[Verdicts, CaseCriteria]]:
    """Put the judges of a panel together: of each case the verdicts, and what each judge said.

    A criterion has the verdict that most judges gave who gave one; none where as many gave another.
    """
    names = judge_names(runs)
    found: dict[tuple[str, str], tuple[Verdicts, CaseCriteria]] = {}
    for said in zip(*(run.cases for run in runs), strict=True):
        data: CaseCriteria = {"judges": {name: _said(one) for name, one in zip(names, said, strict=True)}}
        roles = [role for role in ROLES if role in said[0].replies]
        found[said[0].suite, said[0].id] = (
            {role: _together([one.replies[role] for one in said]) for role in roles},
            data,
        )
    return found


def _together(judgements: Sequence[Judgement]) -> list[float | None]:
    return [_most([one.grades.get(number) for one in judgements]) for number in _numbers(judgements[0])]


def _most(given: Sequence[float | None]) -> float | None:
    ranked = Counter(one for one in given if one is not None).most_common(2)
    return ranked[0][0] if ranked and (len(ranked) == 1 or ranked[0][1] > ranked[1][1]) else None


def _numbers(judgement: Judgement) -> list[str]:
    """List the numbers of a reply's criteria, judged or not."""
    return sorted((*judgement.grades, *judgement.unjudged), key=int)


def _said(judged: Judged) -> CriteriaSaid:
    made: CriteriaSaid = {"tokens": {role: one.tokens for role, one in judged.replies.items()}, "unjudged": {}}
    for role in ROLES:
        if role in judged.replies:
            own = judged.replies[role]
            made[role] = [own.grades.get(number) for number in _numbers(own)]
            if own.unjudged:
                made["unjudged"][role] = {
                    number: {"reason": one.reason, "raw": one.raw} for number, one in own.unjudged.items()
                }
    return made


def criteria_coverage(cases: Sequence[Verdicts]) -> Coverage:
    """Count the cases of which every criterion of every reply has a verdict."""
    return Coverage(sum(all(None not in own for own in one.values()) for one in cases), len(cases))


def together(first: JudgeRun, second: JudgeRun) -> JudgeRun:
    """Add up what two runs of one judge cost; all else is the first's."""
    costs = {what: getattr(first, what) + getattr(second, what) for what in COSTS}
    return replace(first, **costs)


def with_criteria(judge: JudgeRecord, run: JudgeRun) -> JudgeRecord:
    """Add what a judge said of criteria, and what that took, to what the record holds of it."""
    verdicts = [one for one, _ in criteria_said([run]).values()]
    covered = criteria_coverage(verdicts)
    replies = [one for case in run.cases for one in case.replies.values()]
    both = sum(why.reason == CONTRADICTS for one in replies for why in one.unjudged.values())
    graded = {name: one for name, one in judge["coverage"].items() if one[1]}
    made: JudgeRecord = {**judge, "coverage": {**graded, NAME: [covered.judged, covered.asked]}}
    if not graded:
        made["style"], made["prompt_hash"] = run.style, run.prompt_hash
    made["contradictions"] = [both, both + sum(len(one.grades) for one in replies)]
    verdicts_given = [verdict for one in replies for verdict in one.grades.values()]
    if not judge["admissible"] and len(verdicts_given) >= FEWEST and len(set(verdicts_given)) == 1:
        alike = f"it says the same of all {len(verdicts_given)} criteria"
        made["useless"] = {**judge.get("useless", {}), NAME: alike}
    made["notices"] = list(dict.fromkeys((*judge["notices"], *run.notices)))
    made["requests"] += run.requests
    made["tokens"] += run.tokens
    made["cached"] += run.cached
    made["failed"] += run.failed
    made["seconds"] += run.seconds
    return made
