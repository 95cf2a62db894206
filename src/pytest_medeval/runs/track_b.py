"""Track B of a run: ask the judges, audit them against labels, and put their grades beside the cases."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, cast

import numpy as np

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.files.door import read_text
from pytest_medeval.core.record import ROLES, CaseEntry, CriterionRecord, JudgeAgreement, JudgeRecord
from pytest_medeval.core.settings import RunSettings
from pytest_medeval.core.types import Metric, Source
from pytest_medeval.judges.ask import Budget, JudgeRun, Judging, parse_budget
from pytest_medeval.judges.criteria import NAME as CRITERIA
from pytest_medeval.judges.criteria import (
    OWN_CRITERIA,
    Verdicts,
    criteria_coverage,
    criteria_said,
    together,
    with_criteria,
)
from pytest_medeval.judges.judge import Judgeable, judge_cases, replies_of, sampled
from pytest_medeval.judges.panel import (
    Coverage,
    Panelled,
    case_data,
    combine,
    coverage,
    judge_data,
    judge_metrics,
    judge_rows,
    judges_signature,
)
from pytest_medeval.judges.ratings import READERS, read_ratings
from pytest_medeval.judges.ratings.audit import Agreement, Among, agreement, among
from pytest_medeval.judges.ratings.join import join
from pytest_medeval.judges.ratings.types import STATEMENTS, Rating, RatingSet
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC, PREFERENCE, Rubric, chosen_rubric
from pytest_medeval.judges.styles import AUTO, JUDGE_STYLES
from pytest_medeval.judges.styles import CRITERIA as CRITERIA_STYLE
from pytest_medeval.judges.styles.base import served
from pytest_medeval.judges.styles.criteria import ROUNDS
from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.base import Measure
from pytest_medeval.metrics.criteria import COUNTS, OF_STATEMENTS, counts_of, row_of
from pytest_medeval.runs.engine import scores
from pytest_medeval.stats.agreement import Estimate
from pytest_medeval.stats.bootstrap import cluster_codes
from pytest_medeval.stats.ppi import corrected_mean
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.criteria import kept

if TYPE_CHECKING:
    from pytest_medeval.core.model import Identity
    from pytest_medeval.models import Model
    from pytest_medeval.runs.journal import Journal

JUDGE = "judge."
FLOOR = 0.4
COVERAGE = 0.95

Progress = Callable[[str, int], Callable[[int], None]]


@dataclass(frozen=True, kw_only=True)
class JudgePlan:
    """What the user asked of the judges: see the options ``--medeval-judge*`` and ``--medeval-rubric``."""

    specs: Sequence[str] = ()
    rubric: Rubric = DEFAULT_RUBRIC
    style: str = AUTO
    sample: int | None = None
    budget: Budget = field(default_factory=Budget)
    reference: bool = True
    coverage: float = COVERAGE
    floor: float = FLOOR
    labels: Path | None = None

    def judging(self, seed: int, *, preference: bool = True) -> Judging:
        """Say how one judge is asked."""
        return Judging(seed=seed, reference=self.reference, preference=preference, style=self.style, budget=self.budget)


def judge_plan(settings: RunSettings) -> JudgePlan:
    """Say what judges are asked; ``MedevalError`` for a style, a rubric or a budget that cannot be read."""
    style = settings.judge_style or AUTO
    if style != AUTO:
        known = [AUTO, *(name for name in JUDGE_STYLES if name != CRITERIA_STYLE)]
        if style not in known:
            raise MedevalError(f"--medeval-judge-style: {accepted(JUDGE_STYLES.what, style, known)}")
        JUDGE_STYLES.resolve(style)
    return JudgePlan(
        specs=settings.judges,
        rubric=chosen_rubric(settings.rubric_file),
        style=style,
        sample=settings.judge_sample,
        reference=settings.judge_reference,
        budget=parse_budget(settings.judge_budget) if settings.judge_budget else Budget(),
        coverage=settings.judge_coverage,
        floor=settings.judge_floor,
        labels=settings.judge_labels,
    )


@dataclass(frozen=True)
class Audited:
    """How far a judge agrees with the labels, dimension -> data, and the run that measured it.

    ``kin``: the roles whose weights, or whose base's, are the judge's own: it may prefer them for that.
    """

    agreement: Mapping[str, JudgeAgreement] = field(default_factory=dict)
    run: JudgeRun | None = None
    kin: Sequence[str] = ()


@dataclass(frozen=True)
class TrackB:
    """What the judges said of a run, or why there is nothing."""

    plan: JudgePlan
    runs: Sequence[JudgeRun] = ()
    cases: Mapping[tuple[str, str], Panelled] = field(default_factory=dict)
    standings: Sequence[Audited] = ()
    """One for each of ``runs``."""
    criteria: Sequence[JudgeRun] = ()
    """Of each judge, what it said of suites whose cases bring criteria; empty where there is none."""
    verdicts: Mapping[tuple[str, str], Verdicts] = field(default_factory=dict)

    def metrics(self) -> tuple[Metric, ...]:
        """Give the metrics of Track B."""
        return judge_metrics(self.plan.rubric, self.runs)

    def signed(self, metrics: Sequence[Metric]) -> tuple[Metric, ...]:
        """Name the judges in the signatures of metrics that rest on criteria."""
        own = judges_signature(self.criteria)
        return tuple(
            replace(one, signature=one.signature.replace("|version:", f"|{own}|version:"))
            if own and one.counts in (COUNTS, OF_STATEMENTS) and isinstance(one, Measure)
            else one
            for one in metrics
        )

    def judges(self) -> list[JudgeRecord]:
        """Describe each judge for the record."""
        made = [
            judge_data(run, self.plan.rubric, standing.agreement, standing.run)
            for run, standing in zip(self.runs, self.standings, strict=True)
        ]
        return list(map(with_criteria, made, self.criteria)) if self.criteria else made

    def tokens(self) -> int:
        """Count the tokens that judging took, the audit on the labels included."""
        audits = [standing.run for standing in self.standings if standing.run]
        return sum(run.tokens for run in (*self.runs, *self.criteria, *audits))

    def covered(self, suite: str, name: str) -> Coverage:
        """Count a suite's cases that could be judged on a dimension, or by their criteria."""
        if name in (CRITERIA, STATEMENTS):
            return criteria_coverage([one for (own, _), one in self.verdicts.items() if own == suite])
        return coverage([case for (own, _), case in self.cases.items() if own == suite], name)

    def barred(self, suite: str, metric: str, *, corrected: bool = False) -> str:
        """Say why a gate on a judge's metric cannot be evaluated; empty where it can.

        A difference that people's ratings correct needs no judge that agrees with people.
        """
        name = metric.removeprefix(JUDGE)
        if not self.runs:
            return "no judge was asked; give --medeval-judge=SPEC"
        seen = self.covered(suite, name)
        if not seen.asked:
            return "no case of this suite was judged"
        if seen.share < self.plan.coverage:
            return f"{seen}: a coverage of {self.plan.coverage:g} is needed"
        return "" if corrected else self._advisory(name)

    def agreements(self) -> list[Mapping[str, JudgeAgreement]]:
        """Give how far each judge agrees with people: dimension -> data."""
        return [standing.agreement for standing in self.standings]

    def _advisory(self, name: str) -> str:
        """Say why no judge's word on a dimension may carry a gate; empty where it may."""
        for run, standing in zip(self.runs, self.standings, strict=True):
            if standing.kin and name == PREFERENCE:
                return f"the judge {run.spec} shares weights with {' and '.join(standing.kin)}, and may prefer its own"
        if name == PREFERENCE:
            return (
                "labels grade single replies, and show of no preference whether it is one for a model's style: "
                "people's ratings of both replies correct `judge.preference better than baseline`"
            )
        if self.plan.labels is None:
            return "the judge is advisory: its agreement with people was not measured; give --medeval-judge-labels=FILE"
        for run, standing in zip(self.runs, self.standings, strict=True):
            found = standing.agreement.get(name)
            if found is None or not found["admissible"]:
                reason = found["reason"] if found else f"no label for {name}"
                return f"the judge {run.spec} is advisory on {name}: {reason}"
        return ""


def judged_entries(journal: Journal) -> list[CaseEntry]:
    """Give the evaluations that a judge can grade: those of tasks whose replies are free text, in file order."""
    judged = [name for name, facts in journal.suites.items() if TASKS.resolve(facts["task"]).judged]
    return [entry for name in judged for entry in journal.ordered(name)]


def criteria_entries(journal: Journal) -> list[CaseEntry]:
    """Give the evaluations of suites whose cases bring criteria of their own, in file order."""
    listed = [name for name, facts in journal.suites.items() if TASKS.resolve(facts["task"]).headline == CRITERIA]
    return [entry for name in listed for entry in journal.ordered(name)]


def ask_judges(
    journal: Journal, plan: JudgePlan, seed: int, open_judge: Callable[[str], Model], progress: Progress
) -> TrackB:
    """Let every judge grade the run, and note the grades in the journal's entries."""
    entries, listed = judged_entries(journal), criteria_entries(journal)
    if not plan.specs or not (entries or listed):
        return TrackB(plan)
    how = replace(plan.judging(seed), sample=plan.sample)
    judges = [open_judge(spec) for spec in plan.specs]
    runs = [
        judge_cases(judge, entries, plan.rubric, how, progress(f"judge {spec}: answers", _questions(entries, plan)))
        for spec, judge in zip(plan.specs, judges, strict=True)
    ]
    criteria = [_criteria_run(*one, listed, how, progress) for one in zip(judges, runs, strict=True)] if listed else []
    kin = [_kin(judge.identity, journal) for judge in judges]
    shared = _declared(journal)
    runs = [
        replace(run, notices=(*run.notices, *_told(own), *_favours(run, own, zip(runs, kin, strict=True), shared)))
        for run, own in zip(runs, kin, strict=True)
    ]
    standings = [replace(standing_of(one, plan, seed, shared), kin=own) for one, own in zip(judges, kin, strict=True)]
    cases = {(case.suite, case.id): case for case in combine(runs)}
    for entry in entries:
        case = cases.get((entry["suite"], entry["id"]))
        if case is not None:
            entry["judge"] = case_data(case)
            rows = judge_rows(case)
            for role in ROLES:
                if role in rows:
                    entry[role]["rows"] = {**entry[role]["rows"], **rows[role]}
    return TrackB(plan, runs, cases, standings, criteria, _note_criteria(journal, listed, criteria))


def _criteria_run(
    judge: Model, graded: JudgeRun, entries: Sequence[CaseEntry], how: Judging, progress: Progress
) -> JudgeRun:
    """Let a judge say which criteria are met, with what its budget has left."""
    left = Budget(
        requests=None if how.budget.requests is None else max(0, how.budget.requests - graded.requests),
        tokens=None if how.budget.tokens is None else max(0, how.budget.tokens - graded.tokens),
    )
    asked = replace(how, style=CRITERIA_STYLE, preference=False, budget=left)
    replies = [reply for one in sampled(entries, asked) for reply in replies_of(one, asked)]
    most = sum(ROUNDS * (1 if served(judge) else len(reply.criteria)) for reply in replies)
    tick = progress(f"judge {judge.identity.spec}: criteria", most)
    return judge_cases(judge, entries, OWN_CRITERIA, asked, tick)


def _note_criteria(
    journal: Journal, entries: Sequence[CaseEntry], runs: Sequence[JudgeRun]
) -> dict[tuple[str, str], Verdicts]:
    """Note in the entries what follows from the verdicts: predictions, rows, scores, and what is critical."""
    found: dict[tuple[str, str], Verdicts] = {}
    said = criteria_said(runs) if runs else {}
    for entry in entries:
        if (case := (entry["suite"], entry["id"])) not in said:
            continue
        found[case], entry["criteria"] = said[case]
        gold, facts = cast("list[CriterionRecord]", entry["gold"]), journal.suites[entry["suite"]]
        task = TASKS.resolve(facts["task"])(**facts["options"])
        kind = counts_of(task)
        metrics = [one for one in metrics_for(task, facts["metrics"]) if one.counts == kind]
        for role, own in found[case].items():
            rows = {kind: row_of(gold, own, task.parts)}
            entry[role]["prediction"] = own
            entry[role]["rows"] = {**entry[role]["rows"], **rows}
            entry[role]["scores"] = {**entry[role]["scores"], **scores([rows], metrics)[0]}
        entry["correct"] = kept(gold, found[case]["candidate"])
    return found


def _kin(judge: Identity, journal: Journal) -> list[str]:
    """List the roles that a judge shares weights with: it is one of them, or stands on the same base."""
    own = {judge.fingerprint, judge.base} - {None}
    shared = {
        role: own & {one for model in tasks.values() for one in (model["fingerprint"], model.get("base"))}
        for role, tasks in journal.models.items()
    }
    return [role for role in ROLES if shared.get(role)]


def _told(kin: Sequence[str]) -> list[str]:
    return (
        [f"it shares weights with {' and '.join(kin)}: it may prefer its own, and carries no gate on preference"]
        if kin
        else []
    )


def _favours(
    run: JudgeRun, kin: Sequence[str], all_runs: Iterable[tuple[JudgeRun, Sequence[str]]], declared: Mapping[str, str]
) -> list[str]:
    """Say how much more than judges of other weights a related judge favours the candidate, on the same replies."""
    others = [other for other, own in all_runs if not own]
    if not kin or not others:
        return []
    theirs = [_gains(other) for other in others]
    own = _gains(run)
    gaps = {
        case: fmean(own[case].values()) - fmean(fmean(one[case].values()) for one in theirs)
        for case in own
        if all(case in one and one[case].keys() == own[case].keys() for one in theirs)
    }
    units = cluster_codes([declared.get(name) for _, name in gaps], len(gaps))
    found = corrected_mean(np.zeros(len(gaps)), np.array([*gaps.values()], dtype=np.float64), units)
    if found is None:
        return []
    low, high = found.interval()
    told = f"{found.value:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}, {len(gaps)} cases"
    return [f"it favours the candidate over the baseline by {told} more than judges of other weights do"]


def _gains(run: JudgeRun) -> dict[tuple[str, str], dict[str, float]]:
    """Give by case what a judge grades the candidate higher than the baseline, by dimension."""
    found = {}
    for case in run.cases:
        new, old = (case.replies[role].grades if role in case.replies else {} for role in ROLES)
        if gains := {name: new[name] - old[name] for name in new if name in old}:
            found[case.suite, case.id] = gains
    return found


def _questions(entries: Sequence[CaseEntry], plan: JudgePlan) -> int:
    """Count the questions that a judge of one dimension a time is asked; equal ones are asked once, so at most.

    Of each reply a check, a grade a dimension, and its share of the two comparisons.
    """
    share = min(1.0, plan.sample / len(entries)) if plan.sample and entries else 1.0
    return round(share * sum((len(plan.rubric.names) + 2) * sum(role in entry for role in ROLES) for entry in entries))


def _declared(journal: Journal) -> dict[str, str]:
    """Give the cluster that its suite declares for each case."""
    declared = {name: one["labels"] for name, facts in journal.suites.items() if (one := facts.get("cluster"))}
    return {case: f"{name}/cluster {label}" for name, labels in declared.items() for case, label in labels.items()}


def _clustered(people: RatingSet, declared: Mapping[str, str]) -> RatingSet:
    """Give labels that name a case (``CASE`` or ``CASE/ROLE``), and no cluster of their own, that of its suite."""

    def own(rating: Rating) -> Rating:
        found = declared.get(rating.item) or declared.get(rating.item.rpartition("/")[0])
        return replace(rating, cluster=found) if found and rating.cluster == rating.item else rating

    return replace(people, ratings=tuple(map(own, people.ratings)))


def standing_of(judge: Model, plan: JudgePlan, seed: int, declared: Mapping[str, str] | None = None) -> Audited:
    """Let a judge grade the labelled replies, and measure how far it agrees with the labels.

    ``declared``: case -> the cluster that its suite declares; labels of one cluster are no independent ones.
    """
    if plan.labels is None:
        return Audited()
    people = _clustered(read_ratings(plan.labels, name=_format(plan.labels), scale=plan.rubric.scale), declared or {})
    runs = [_labelled(judge, people, plan, seed), _checked(judge, people, plan, seed)]
    said = [*_as_ratings(runs[0], people, plan.labels), *_verdicts(runs[1], people)]
    joined = join(people.ratings, said, people.scales)
    found = [agreement(pairs, floor=plan.floor, seed=seed) for pairs in joined.pairs]
    among_people = {one.dimension: one for one in among(people.ratings, people.scales, seed=seed)}
    whole = runs[0] if not runs[1].cases else together(*runs)
    return Audited({one.dimension: _agreement(one, among_people.get(one.dimension)) for one in found}, whole)


def _format(labels: Path) -> str:
    """Name the format of a file of labels: a published one by its opening, else our own."""
    opening = read_text(labels)[:20_000]
    return next((name for name in ("kqa", "healthbench") if READERS.resolve(name)().recognises(opening)), "labels")


def _agreement(found: Agreement, people: Among | None) -> JudgeAgreement:
    def ends(name: str) -> list[float | None]:
        return _ends(found.estimates.get(name, Estimate(None)))

    made: JudgeAgreement = {
        "n": found.n,
        "admissible": found.standing.admissible,
        "reason": found.standing.reason,
        "refused": found.standing.refused,
        "kappa": ends("kappa"),
        "kappa_linear": ends("kappa_linear"),
        "kappa_quadratic": ends("kappa_quadratic"),
        "alpha": ends("alpha"),
        "spearman": ends("spearman"),
        "tau_b": ends("tau_b"),
        "bias": ends("bias"),
        "percent_agreement": ends("percent_agreement"),
        "systems": {name: _ends(one) for name, one in found.systems.biases.items()},
        "gaps": [{"first": gap.first, "second": gap.second, "gap": _ends(gap.estimate)} for gap in found.systems.gaps],
    }
    if found.nominal:
        made |= {
            "balanced_accuracy": ends("balanced_accuracy"),
            "macro_f1": ends("macro_f1"),
            "macro_f1_each": ends("macro_f1_each"),
        }
    if people is not None:
        made["people_alpha"] = _ends(people.repeats.alpha)
        if people.macro_f1 is not None:
            made["people_macro_f1"] = _ends(people.macro_f1)
    return made


def _ends(value: Estimate) -> list[float | None]:
    return [value.value, value.low, value.high]


def _labelled(judge: Model, people: RatingSet, plan: JudgePlan, seed: int) -> JudgeRun:
    """Grade the labelled replies; an item without its texts cannot be graded and so is not joined."""
    entries = [
        Judgeable(
            suite="labels",
            id=item,
            asked=texts["question"],
            gold=texts.get("reference"),
            candidate={"reply": texts["reply"], "outcome": "answered"},
        )
        for item, texts in people.texts.items()
        if "question" in texts and "reply" in texts and "criterion" not in texts
    ]
    how = replace(plan.judging(seed, preference=False), budget=Budget())
    return judge_cases(judge, entries, plan.rubric, how)


def _as_ratings(run: JudgeRun, people: RatingSet, labels: Path) -> list[Rating]:
    """Give a judge's grades as people's ratings are given, so that the two can be joined."""
    clusters = {rating.item: rating.cluster for rating in people.ratings}
    return [
        Rating(case.id, run.spec, name, grade, clusters[case.id], Source(str(labels)))
        for case in run.cases
        for name, grade in case.replies["candidate"].grades.items()
    ]


def _checked(judge: Model, people: RatingSet, plan: JudgePlan, seed: int) -> JudgeRun:
    """Hold labelled replies against their criteria: all of one reply at once, as in a run."""
    statement = STATEMENTS in people.scales
    entries = [
        Judgeable(
            suite="labels",
            id=items[0],
            asked=question,
            gold=[_criterion(people.texts[item]["criterion"], statement=statement) for item in items],
            candidate={"reply": reply, "outcome": "answered"},
        )
        for (question, reply), items in _by_reply(people).items()
    ]
    how = replace(plan.judging(seed, preference=False), budget=Budget(), style=CRITERIA_STYLE)
    return judge_cases(judge, entries, OWN_CRITERIA, how)


def _criterion(text: str, *, statement: bool) -> CriterionRecord:
    made: CriterionRecord = {"text": text, "points": 1.0}
    return {**made, "statement": True} if statement else made


def _by_reply(people: RatingSet) -> dict[tuple[str, str], list[str]]:
    """Group the items that hold one reply against a criterion; a criterion occurs once."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for item, texts in people.texts.items():
        if {"question", "reply", "criterion"} <= texts.keys():
            found.setdefault((texts["question"], texts["reply"]), {}).setdefault(texts["criterion"], item)
    return {reply: list(items.values()) for reply, items in found.items()}


def _verdicts(run: JudgeRun, people: RatingSet) -> Iterator[Rating]:
    """Give a judge's verdicts as people's labels are given, in every dimension in which people gave any."""
    dimensions: dict[str, dict[str, Rating]] = {}
    for rating in people.ratings:
        dimensions.setdefault(rating.item, {}).setdefault(rating.dimension, rating)
    items = {one[0]: one for one in _by_reply(people).values()}
    for case in run.cases:
        for number, verdict in case.replies["candidate"].grades.items():
            item = items[case.id][int(number) - 1]
            for name, rating in dimensions.get(item, {}).items():
                score = 1 - verdict if name == STATEMENTS else verdict  # entailed is the first of the three labels
                yield replace(rating, rater=run.spec, score=score)
