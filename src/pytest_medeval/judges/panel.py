"""From what judges said to the numbers of Track B: one judge or a panel, rows, metrics, coverage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from pytest_medeval.core import record
from pytest_medeval.core.record import (
    ROLES,
    CaseJudgement,
    JudgeAgreement,
    JudgeCost,
    JudgeRecord,
    JudgeSaid,
    NotJudged,
)
from pytest_medeval.judges.ask import Judged, JudgeRun, Preference, Unjudged
from pytest_medeval.judges.ratings.consistency import follows_order, hardly_vary
from pytest_medeval.judges.rubric import PREFERENCE, Rubric
from pytest_medeval.judges.styles.base import PROMPT_VERSION
from pytest_medeval.metrics.base import SHARE, Measure, mean, signed


@dataclass(frozen=True, slots=True)
class Panelled:
    """One case as a panel sees it: the mean of the grades that there are, and each judge's own."""

    suite: str
    id: str
    grades: Mapping[str, Mapping[str, float]]
    """role -> dimension -> mean grade; a dimension that no judge graded is not there."""
    preference: float | None
    """The candidate's mean share of the point; ``None`` where no judge gave it."""
    said: Mapping[str, Judged]
    """judge -> what it said."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many of the sampled cases could be judged, for both models where there are two."""

    judged: int
    asked: int

    @property
    def share(self) -> float:
        """The judged share; NaN where nothing was asked."""
        return self.judged / self.asked if self.asked else math.nan

    def __str__(self) -> str:
        return f"judged {self.judged} of {self.asked}"


def combine(runs: Sequence[JudgeRun]) -> list[Panelled]:
    """Put the judges of a panel together; all of them must have had the same cases, in the same order."""
    names = judge_names(runs)
    cases = zip(*(run.cases for run in runs), strict=True)
    return [_panelled(dict(zip(names, said, strict=True))) for said in cases]


def judge_names(runs: Sequence[JudgeRun]) -> list[str]:
    """Name the judges by their specs, and number those that are there twice."""
    specs = [run.spec for run in runs]
    return [spec if specs.count(spec) == 1 else f"{spec} ({nth + 1})" for nth, spec in enumerate(specs)]


def coverage(cases: Sequence[Panelled], name: str) -> Coverage:
    """Count the cases with a number for a dimension, or for ``preference``, for every model's reply."""
    if name == PREFERENCE:
        paired = [case for case in cases if len(case.grades) == len(ROLES)]
        return Coverage(sum(case.preference is not None for case in paired), len(paired))
    judged = sum(all(name in grades for grades in case.grades.values()) for case in cases)
    return Coverage(judged, len(cases))


def judge_rows(case: Panelled) -> dict[str, dict[str, list[float | None]]]:
    """Give the stored rows of a case: role -> family of counts -> (value, 1); what is unjudged has no row."""
    rows: dict[str, dict[str, list[float | None]]] = {
        role: {f"judge.{name}": [grade, 1.0] for name, grade in grades.items()} for role, grades in case.grades.items()
    }
    if case.preference is not None:
        for role, share in zip(ROLES, (case.preference, 1 - case.preference), strict=True):
            rows[role][f"judge.{PREFERENCE}"] = [share, 1.0]
    return rows


def judge_metrics(rubric: Rubric, runs: Sequence[JudgeRun] = ()) -> tuple[Measure, ...]:
    """Make Track B's metrics: the mean grade of each dimension, and ``judge.preference``.

    ``judge.DIMENSION`` is the mean over judged cases of the panel's mean grade, on the rubric's scale;
    ``judge.preference`` the mean share of the point, 0 to 1, where a tie, and a preference that flips with
    the order of the replies, is half a point. Higher is better. A case that no judge could judge has no row:
    it is in the coverage, not in the mean. The signature names rubric, prompts and judges by their digests.
    ``row(case, grades)`` takes a model's grades of a ``Panelled``; rows of a whole case are ``judge_rows``.

    >>> from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
    >>> [metric.name for metric in judge_metrics(DEFAULT_RUBRIC)][-2:]
    ['judge.relevance', 'judge.preference']
    """
    told = [f"prompt:{PROMPT_VERSION}", f"rubric:{rubric.digest[:8]}", *filter(None, [judges_signature(runs)])]
    grades = (float(rubric.scale.low), float(rubric.scale.high))
    return (*(_measure(name, told, grades) for name in rubric.names), _measure(PREFERENCE, told, SHARE))


def judges_signature(runs: Sequence[JudgeRun]) -> str:
    """Name judges by what they are and how they were asked; empty where none was."""
    names = "+".join(f"{run.fingerprint[:8]}:{run.style}:{run.prompt_hash[:8]}" for run in runs)
    return f"judges:{names}" if names else ""


def stored_metrics(signatures: Mapping[str, str]) -> list[Measure]:
    """Make the metrics of a stored run's judges again from dimension -> signature: means of the stored grades."""
    return [replace(_measure(name, (), (-math.inf, math.inf)), signature=own) for name, own in signatures.items()]


def case_data(case: Panelled) -> CaseJudgement:
    """Write a case as the record holds it: role -> dimension -> grade, and what each judge said."""
    data = CaseJudgement(judges={name: _said(judged) for name, judged in case.said.items()})
    for role in ROLES:
        if role in case.grades:
            data[role] = dict(case.grades[role])
    if case.preference is not None:
        data["preference"] = case.preference
    return data


def judge_data(
    run: JudgeRun, rubric: Rubric, agreement: Mapping[str, JudgeAgreement], audit: JudgeRun | None
) -> JudgeRecord:
    """Write who judged, how it was asked, what it cost, how much it left unjudged, and how far people agree.

    ``audit``: the run on labelled replies that measured the agreement.
    """
    single = combine([run])
    covered = {name: coverage(single, name) for name in (*rubric.names, PREFERENCE)}
    told = [case.preference for case in run.cases if isinstance(case.preference, Preference)]
    asked = [preference for preference in told if not preference.same]
    made: JudgeRecord = {
        "spec": run.spec,
        "fingerprint": run.fingerprint,
        "prompt_hash": run.prompt_hash,
        "style": run.style,
        "rubric": rubric.name,
        "requests": run.requests,
        "tokens": run.tokens,
        "cached": run.cached,
        "failed": run.failed,
        "seconds": run.seconds,
        "coverage": {name: [one.judged, one.asked] for name, one in covered.items()},
        "position_consistency": fmean(one.consistent for one in asked) if asked else None,
        "notices": list(run.notices),
        "agreement": dict(agreement),
        "admissible": bool(agreement) and all(one["admissible"] for one in agreement.values()),
    }
    if not made["admissible"] and (found := _useless(run, rubric, asked)):
        made["useless"] = found
    if audit is not None:
        made["audit"] = cost(audit)
    return made


def _useless(run: JudgeRun, rubric: Rubric, asked: Sequence[Preference]) -> dict[str, str]:
    """Say of grades and preferences why nothing follows from them."""
    judged = [one.grades for case in run.cases for one in case.replies.values()]
    grades = {name: [one[name] for one in judged if name in one] for name in rubric.names}
    orders = [(one.first, one.second) for one in asked]
    told = {"grades": hardly_vary(grades, rubric.scale), PREFERENCE: follows_order(orders)}
    return {what: why for what, why in told.items() if why}


def cost(run: JudgeRun) -> JudgeCost:
    """Write what a judge was asked, and what that took."""
    return {
        "requests": run.requests,
        "tokens": run.tokens,
        "cached": run.cached,
        "failed": run.failed,
        "seconds": run.seconds,
    }


def _measure(name: str, told: Sequence[str], bounds: tuple[float, float]) -> Measure:
    def make(_case: object, grades: Any) -> Sequence[float]:
        return [grades[name], 1.0] if name in grades else [math.nan, math.nan]

    full = f"judge.{name}"
    return Measure(name=full, counts=full, signature=signed(full, *told), make=make, fold=mean, bounds=bounds)


def _panelled(said: Mapping[str, Judged]) -> Panelled:
    first = next(iter(said.values()))
    grades: dict[str, dict[str, float]] = {}
    for role in first.replies:
        given: dict[str, list[float]] = {}
        for judged in said.values():
            for name, grade in judged.replies[role].grades.items():
                given.setdefault(name, []).append(grade)
        grades[role] = {name: fmean(values) for name, values in given.items()}
    shares = [judged.preference.share for judged in said.values() if isinstance(judged.preference, Preference)]
    return Panelled(first.suite, first.id, grades, fmean(shares) if shares else None, dict(said))


def _said(judged: Judged) -> JudgeSaid:
    missing: record.CaseUnjudged = {}
    data: JudgeSaid = {"tokens": {role: judgement.tokens for role, judgement in judged.replies.items()}}
    for role in ROLES:
        if role in judged.replies:
            data[role] = dict(judged.replies[role].grades)
            if found := judged.replies[role].unjudged:
                missing[role] = {name: _why(one) for name, one in found.items()}
    if isinstance(judged.preference, Preference):
        data["preference"] = [judged.preference.first, judged.preference.second]
    if isinstance(judged.preference, Unjudged):
        missing["preference"] = _why(judged.preference)
    data["unjudged"] = missing
    return data


def _why(unjudged: Unjudged) -> NotJudged:
    return {"reason": unjudged.reason, "raw": unjudged.raw}
