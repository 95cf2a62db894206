"""The run record ``medeval-run/1``, key by key: what every part of the house writes into it and reads out of it.

A misspelt key is a mistake that a type checker sees. ``runs/record.schema.json`` says the same to other programs;
a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NotRequired, TypeAlias, TypedDict, final

from pytest_medeval.core.types import Direction, Outcome, Verdict

Role: TypeAlias = Literal["candidate", "baseline"]
ROLES: Final[tuple[Role, Role]] = ("candidate", "baseline")
Tendency: TypeAlias = Literal["better", "worse", "mixed", "none"]
TwoTracks: TypeAlias = Literal["track_a", "track_b"]
Divergence: TypeAlias = Literal["agree", "divergent", "conflict", "no difference", "underpowered", "one track only"]
Retention: TypeAlias = Literal["kept", "lost", "undecided", "tuned for"]
GateOutcome: TypeAlias = Literal["passed", "failed", "skipped"]


class HoldsProof(TypedDict):
    """How near a merged, quantised or converted form comes to the adapter that it was made of."""

    of: str
    share: NotRequired[float]
    least: NotRequired[float]
    weight: NotRequired[str]
    distance: NotRequired[float]
    same: NotRequired[Literal[True]]
    reason: NotRequired[str]


class TaskModel(TypedDict):
    """The model that answered one task, by what it is and not by its name."""

    holds: NotRequired[HoldsProof]
    spec: str
    fingerprint: str
    base: str | None
    adapter: str | None
    dtype: str | None
    device: str | None
    tokenizer: str | None
    chat_template: str | None
    date: NotRequired[str]
    """The day that the chat template was told, where it asks for one."""
    kernel: NotRequired[str]
    """What multiplied the matrices on a CPU; absent where every answer was stored."""


class ModelRecord(TaskModel):
    """The model of a role; where tasks have different ones, ``tasks`` names each."""

    tasks: NotRequired[dict[str, TaskModel]]


class OutcomeCounts(TypedDict):
    """How the replies of a role ended, as counts."""

    answered: int
    no_answer: int
    truncated: int
    degenerate: int
    error: int


class SkippedRecord(TypedDict):
    """A record of a case file that could not be used, and why."""

    source: str
    reason: str


class SkippedRecords(TypedDict):
    """All records that could not be used; ``records`` lists the first of them."""

    count: int
    of: int
    reasons: dict[str, int]
    records: list[SkippedRecord]


class ExcludedCases(TypedDict):
    """Cases that ``pairs="complete"`` leaves out, by reason."""

    count: int
    reasons: dict[str, int]


class TrainedCases(TypedDict):
    """Cases that ``--medeval-exclude-trained`` leaves out before a model is asked; ``cases`` names the first."""

    count: int
    cases: list[str]
    files: list[str]


class PartRecord(TypedDict):
    """The part of its files that a suite asks, as recipes divide them; of the two sizes one is 0."""

    name: str
    of: int
    dev_share: float
    dev_count: int


class Compared(TypedDict):
    """A metric on the cases that two sides share, and the paired test of their difference."""

    candidate: float | None
    n: int
    difference: float | None
    relative: float | None
    ci95: Sequence[float] | None
    p_value: float | None
    test: str | None
    p_corrected: float | None
    effect_size: float | None
    effect: str | None
    direction: Direction
    signature: str
    reason: str


@final
class MetricRow(Compared):
    """One metric of a suite: both roles on the same cases, and the paired test of their difference."""

    rated: NotRequired[int]
    """Independent cases that people rated, of a judge's difference that they correct."""

    candidate_ci95: Sequence[float] | None
    baseline: float | None
    wilcoxon_p: float | None
    mann_whitney_p: float | None
    lexical: NotRequired[Literal[True]]
    """The metric compares words with those of a reference."""


class GroupValue(TypedDict):
    """The headline metric in one subgroup."""

    n: int
    candidate: float | None


class Subgroup(TypedDict):
    """The headline metric by the values of one tag."""

    metric: str
    values: dict[str, GroupValue]


class ConfusionMatrix(TypedDict):
    """Counts of the candidate: gold labels in rows, predictions in columns."""

    labels: list[str]
    matrix: list[list[float]]


class RuleCount(TypedDict):
    """How often a safety rule applied, and how often it was kept."""

    applied: int
    kept: int
    rate: float | None
    ci95: list[float] | None


@final
class ReferenceRow(Compared):
    """One metric against the stored reference run, on the cases that both have."""

    reference: float | None


class LostCase(TypedDict):
    """A case that the candidate does worse than the reference did."""

    id: str
    reference: float
    candidate: float


class LostCases(TypedDict):
    """Cases lost against the reference, the worst first."""

    metric: str
    count: int
    of: int
    cases: list[LostCase]


class SuiteReference(TypedDict):
    """A suite against the stored reference run."""

    run: str
    cases: int
    same: int
    differences: list[str]
    metrics: dict[str, ReferenceRow]
    lost: NotRequired[LostCases]


class LeakedCase(TypedDict):
    """A case found in the data that the candidate was tuned on."""

    id: str
    kind: Literal["exact", "near"]
    similarity: float
    """The share of its n-grams in the record at ``source``, file and line."""
    source: str
    gold: bool | None
    """Whether that much of question and right answer together stands there; None where the answer is a letter."""


class LeakScores(TypedDict):
    """The headline metric over all cases, and over those not found in the tuning data."""

    all: float | None
    clean: float | None


class LeakageRecord(TypedDict):
    """Near-duplicates of the cases in the tuning data."""

    files: list[str]
    asked: NotRequired[bool]
    records: int
    cases: int
    exact: int
    near: int
    share: float
    limit: float
    leaked: list[LeakedCase]
    metric: str
    clean: int
    scores: dict[str, LeakScores]


class NoiseChanges(TypedDict):
    """By how much each metric's score moved, and the interval of that."""

    changes: dict[str, float]
    intervals: dict[str, list[float]]


class NoiseVariant(TypedDict):
    """Another way of computing the same replies, and what it changed."""

    name: str
    reason: NotRequired[str]
    changed: NotRequired[int]
    changes: NotRequired[dict[str, float]]
    intervals: NotRequired[dict[str, list[float]]]


class NoiseMeasured(TypedDict):
    """What changes when the same cases are computed in other ways."""

    n: int
    cases: list[str]
    variants: list[NoiseVariant]
    reason: NotRequired[str]


class NoiseRecord(NoiseMeasured):
    """The same with the noise floor: the largest change of each metric that is shown, and the differences below it."""

    floor: dict[str, float]
    below: list[str]


class SamplingRecord(TypedDict):
    """How replies were drawn."""

    temperature: float
    top_p: float
    seed: int
    draws: NotRequired[int]
    """Replies that were drawn for each case, where there are several."""


class ShotsRecord(TypedDict):
    """The examples before each question."""

    count: int
    by: Literal["seed", "similarity"]
    source: str
    usable: int
    asked: int
    repeated: int


class ReliabilityBin(TypedDict):
    """Confidence and accuracy of the answers of one bin of confidence."""

    n: float
    confidence: float
    accuracy: float


class TagDependence(TypedDict):
    """How much cases of one cluster have in common, of the metric for which it is surest."""

    metric: str
    count: int
    icc: float
    design_effect: float
    low: float
    """Lower bound of the design effect, one-sided 95 %."""


class ClusterRecord(TypedDict):
    """What a suite's cases are clustered by, how many clusters (or lone cases) there are, and who says so.

    ``found``: nobody declared anything, and the tag's design effect is surely above 1.2. ``notable``: other tags of
    which that holds, and that no interval takes into account. ``metric`` to ``low``: as of a tag, null where undefined.
    """

    name: str | None
    origin: Literal["declared", "found", "none"]
    reason: str
    count: int
    metric: str | None
    icc: float | None
    design_effect: float | None
    low: float | None
    notable: dict[str, TagDependence]


class HeedlessAnswer(TypedDict):
    """The candidate against an answer that heeds no question: what that scores, and the paired difference."""

    answer: str
    score: float | None
    difference: float | None
    ci95: Sequence[float] | None
    p_value: float | None


class ChanceRecord(TypedDict):
    """The headline metric against the best constant answer and against the model's own answers at random."""

    constant: HeedlessAnswer
    prior: HeedlessAnswer
    gain: NotRequired[HeedlessAnswer]
    """The gain over the baseline, of each role what is beyond its own answers at random."""


class BatchesRecord(TypedDict):
    """How far a suite was asked, where cases were to be asked in batches until every gate was decided.

    ``largest`` is there where they were, ``held`` where something kept the suite from ending early.
    """

    asked: int
    not_asked: list[str]
    batches: int
    largest: NotRequired[int]
    held: NotRequired[dict[str, str]]


class SuiteRecord(TypedDict):
    """One suite: what was asked, how replies ended, and what the metrics say."""

    task: str
    task_type: NotRequired[str]
    """The task in the words of the model hub."""
    options: Mapping[str, object]
    source: str
    cases: int
    total: int
    evaluated: int
    complete: bool
    outcomes: dict[str, OutcomeCounts]
    skipped: SkippedRecords
    excluded: NotRequired[ExcludedCases]
    excluded_trained: NotRequired[TrainedCases]
    part: NotRequired[PartRecord]
    signature: str
    headline: str
    metrics: dict[str, MetricRow]
    subgroups: dict[str, Subgroup]
    confusion: NotRequired[ConfusionMatrix]
    chance: NotRequired[ChanceRecord]
    rules: NotRequired[dict[str, dict[str, RuleCount]]]
    prompts: NotRequired[str]
    reference: NotRequired[SuiteReference]
    judged: bool
    leakage: NotRequired[LeakageRecord]
    noise: NotRequired[NoiseRecord]
    sampling: NotRequired[SamplingRecord]
    replaced: NotRequired[dict[str, int]]
    """Role -> replies that hold U+FFFD where their text was no Unicode."""
    shots: NotRequired[ShotsRecord]
    reliability: NotRequired[dict[str, list[ReliabilityBin]]]
    cluster: ClusterRecord
    sequential: NotRequired[BatchesRecord]


class Replied(TypedDict):
    """What a model gave for a request, and what was read from it."""

    prompt_hash: str
    reply: str
    outcome: Outcome
    prediction: object
    tokens: list[int]
    confidence: NotRequired[Mapping[str, float]]
    detail: NotRequired[str]
    thoughts: NotRequired[str]
    """What the model thought before it replied; never scored, never judged."""
    unclosed: NotRequired[Literal[True]]
    """The generation ended inside thoughts."""
    logprobs: NotRequired[Sequence[float | None]]
    choice_tokens: NotRequired[Sequence[int]]


class ReplyPart(Replied):
    """The reply to one of several requests of a case."""

    request: str
    finish: Literal["stop", "length", "choice", "error"]


class RoleEntry(Replied):
    """What one role did with one case."""

    scores: Mapping[str, float]
    rows: Mapping[str, Sequence[float | None]]
    trace: NotRequired[dict[str, list[str]]]
    finish: NotRequired[Literal["stop", "length", "choice", "error"]]
    parts: NotRequired[list[ReplyPart]]


class CaseEntry(TypedDict):
    """One case with the replies and scores of all roles."""

    suite: str
    id: str
    nodeid: str
    tags: dict[str, str]
    critical: bool
    cluster: str | None
    asked: str
    options: NotRequired[dict[str, str]]
    gold: object
    rationale: NotRequired[str]
    correct: bool | None
    candidate: RoleEntry
    baseline: NotRequired[RoleEntry]
    judge: NotRequired[CaseJudgement]
    criteria: NotRequired[CaseCriteria]
    content: NotRequired[str]
    request: NotRequired[str]


class CriterionRecord(TypedDict):
    """One criterion of a case, as its gold has it: what it is worth, and of what kind it is."""

    text: str
    points: float
    tags: NotRequired[dict[str, str]]
    critical: NotRequired[Literal[True]]
    statement: NotRequired[Literal[True]]


class NotJudged(TypedDict):
    """Why a grade is missing, and what the judge wrote instead."""

    reason: str
    raw: str


class CaseUnjudged(TypedDict):
    """What a judge left unjudged: dimension to reason for each role, and the preference."""

    candidate: NotRequired[dict[str, NotJudged]]
    baseline: NotRequired[dict[str, NotJudged]]
    preference: NotRequired[NotJudged]


class JudgeSaid(TypedDict):
    """What one judge of a panel said of a case: dimension to grade for each role."""

    candidate: NotRequired[dict[str, float]]
    baseline: NotRequired[dict[str, float]]
    preference: NotRequired[list[int]]
    """In both orders of the replies: 1 the candidate's, -1 the baseline's, 0 neither."""
    unjudged: NotRequired[CaseUnjudged]
    tokens: NotRequired[dict[str, int]]


class CaseJudgement(TypedDict):
    """What the panel said of a case: dimension to grade for each role, the share that prefers the candidate."""

    candidate: NotRequired[dict[str, float]]
    baseline: NotRequired[dict[str, float]]
    preference: NotRequired[float]
    judges: dict[str, JudgeSaid]


class CriteriaSaid(TypedDict):
    """What one judge said of a case's criteria, in their order: 1 met or entailed, 0 neither, -1 contradicted."""

    candidate: NotRequired[list[float | None]]
    baseline: NotRequired[list[float | None]]
    unjudged: CaseUnjudged
    """role -> number of the criterion, from 1 -> why it has no verdict."""
    tokens: dict[str, int]


class CaseCriteria(TypedDict):
    """What judges said of a case's criteria; the verdicts of the panel are each role's ``prediction``."""

    judges: dict[str, CriteriaSaid]


class JudgeCost(TypedDict):
    """What a judge was asked, and what that took."""

    requests: int
    tokens: int
    cached: int
    failed: int
    seconds: float


class SystemGap(TypedDict):
    """A judge's bias on the replies of one system less that on another's: value and ends of its interval."""

    first: str
    second: str
    gap: list[float | None]


class JudgeAgreement(TypedDict):
    """How far a judge agrees with people on a dimension; of each statistic value and ends of its interval."""

    n: int
    admissible: bool
    reason: str
    refused: NotRequired[float | None]
    kappa: NotRequired[list[float | None]]
    kappa_linear: NotRequired[list[float | None]]
    kappa_quadratic: list[float | None]
    alpha: NotRequired[list[float | None]]
    spearman: NotRequired[list[float | None]]
    tau_b: NotRequired[list[float | None]]
    bias: NotRequired[list[float | None]]
    percent_agreement: NotRequired[list[float | None]]
    balanced_accuracy: NotRequired[list[float | None]]
    macro_f1: NotRequired[list[float | None]]
    macro_f1_each: NotRequired[list[float | None]]
    """Of labels: against each person's, where ``macro_f1`` is against the label of most."""
    people_alpha: NotRequired[list[float | None]]
    people_macro_f1: NotRequired[list[float | None]]
    systems: NotRequired[dict[str, list[float | None]]]
    gaps: NotRequired[list[SystemGap]]


class JudgeRecord(JudgeCost):
    """One judge of the run (Track B), how much it left unjudged, and how far it agrees with people."""

    spec: str
    fingerprint: str
    prompt_hash: str
    style: str
    rubric: str
    coverage: dict[str, list[int]]
    position_consistency: float | None
    notices: list[str]
    agreement: dict[str, JudgeAgreement]
    admissible: bool
    useless: NotRequired[dict[str, str]]
    audit: NotRequired[JudgeCost]
    contradictions: NotRequired[list[int]]
    """Criteria of which it said both when it was asked twice, and all of which it said something twice."""


class HumanPart(TypedDict):
    """A dimension on the cases that were drawn by chance."""

    n: int
    difference: float | None
    ci95: Sequence[float] | None


@final
class HumanGrade(TypedDict):
    """A dimension as people graded it, paired by case."""

    candidate: float | None
    baseline: float | None
    n: int
    difference: float | None
    ci95: Sequence[float] | None
    p_value: float | None
    p_corrected: float | None
    test: NotRequired[str | None]
    effect_size: NotRequired[float | None]
    effect: NotRequired[str | None]
    reason: NotRequired[str]
    random: NotRequired[HumanPart]


class HumanPreference(TypedDict):
    """Which reply people prefer: votes, and cases won by more of them."""

    votes: dict[str, int]
    cases: dict[str, int]
    n: int
    difference: float | None
    ci95: Sequence[float] | None
    p_value: float | None
    test: str


class HumanHarm(TypedDict):
    """Cases in which a rater flagged a reply as harmful."""

    candidate: int
    baseline: int
    both: int
    n: int
    p_value: float | None
    test: str
    flagged: dict[str, list[str]]


class RaterAgreement(TypedDict):
    """Krippendorff's alpha."""

    value: float | None
    low: float | None
    high: float | None
    reason: str


class HumanComment(TypedDict):
    """What a rater wrote; ``replies``: the roles of Reply 1 and Reply 2."""

    case: str
    rater: str
    comment: str
    replies: list[str]


class HumanSuite(TypedDict):
    """One suite as people rated it."""

    cases: int
    ratings: int
    strata: dict[str, int]
    dimensions: dict[str, HumanGrade]
    preference: HumanPreference
    harm: HumanHarm
    agreement: dict[str, RaterAgreement]
    comments: list[HumanComment]


class HumanRecord(TypedDict):
    """What people said (Track C); empty where nobody rated."""

    raters: NotRequired[list[str]]
    suites: NotRequired[dict[str, HumanSuite]]


class Repository(TypedDict):
    """The commit of the user's repository, and whether tracked files differ from it."""

    commit: str
    dirty: bool | None


class Environment(TypedDict):
    """What the numbers may depend on."""

    python: NotRequired[str]
    platform: NotRequired[str]
    machine: NotRequired[str]
    cores: NotRequired[int | None]
    packages: NotRequired[dict[str, str]]
    repository: NotRequired[Repository | None]


class TrackMetric(TypedDict):
    """One metric or dimension as a track sees it."""

    n: int
    difference: float
    p_corrected: float | None
    direction: Tendency
    significant: bool
    detectable: float | None


class Composite(TypedDict):
    """What a track says as one number: the mean of a case's changes over its metrics, each of the same weight.

    Grades in points; measured scores each in standard deviations of its change, and their mean in its own. Better is
    above 0.
    """

    value: float
    ci95: list[float]
    n: int
    units: int
    of: list[str]
    corrected: NotRequired[bool]


class TrackRecord(TypedDict):
    """One track of evidence on a suite."""

    name: str
    n: int
    direction: Tendency
    significant: bool
    underpowered: bool
    composite: NotRequired[Composite | None]
    detectable: float | None
    relevant: float
    unit: str
    cases_needed: int | None
    useless: NotRequired[str]
    metrics: dict[str, TrackMetric]


class PeopleVerdict(TypedDict):
    """What the ratings of people add to two tracks."""

    sides_with: list[TwoTracks]
    settled: Literal["better", "worse"] | None
    harm: dict[str, int]


class MetricCorrelation(TypedDict):
    """Kendall's tau between a metric and a judged dimension over replies."""

    metric: str
    dimension: str
    tau: float | None
    low: float | None
    high: float | None
    replies: int
    reason: str


class OppositeCases(TypedDict):
    """Cases on which the tracks point in opposite directions."""

    count: int
    n: int
    share: float | None


class DivergentCase(TypedDict):
    """A case on which the tracks differ most."""

    nodeid: str
    id: str
    a: float | None
    b: float | None


class DivergenceRecord(TypedDict):
    """One suite: what its tracks say, together and case by case. What was not measured is null or absent."""

    verdict: Divergence
    words: str
    review: bool
    advisory: bool
    complete: bool
    reason: str
    track_a: TrackRecord | None
    track_b: TrackRecord | None
    track_c: TrackRecord | None
    people: PeopleVerdict | None
    correlation: list[MetricCorrelation]
    opposite: OppositeCases
    most_divergent: NotRequired[list[DivergentCase]]


class GateRecord(TypedDict):
    """One gate: its verdict, and what it rests on."""

    suite: str
    expression: str
    verdict: Verdict
    observed: float | None
    interval: Sequence[float] | None
    threshold: float | None
    n: int
    cases_needed: int | None
    reason: str
    waits: NotRequired[bool]
    """It asks for a reference in a run that may be the first release: let through."""
    within_noise: NotRequired[bool]
    """The value passes a threshold that its interval reaches across."""
    remark: NotRequired[str]
    """What its pass does not show."""
    outcome: NotRequired[GateOutcome]


class TunedFor(TypedDict):
    """What is to be retained of a suite: a metric; or who says that the candidate was tuned for the suite."""

    metric: str
    gate: NotRequired[str]
    """The condition, where the suite is judged."""
    tuned: NotRequired[str]
    """What says that the candidate was tuned for it, where something does."""
    known: bool
    """Whether anything says what the candidate was tuned for."""


@final
class RetainedSuite(TunedFor):
    """A suite of which the candidate must not have lost what its base knew; ``difference`` is candidate less base."""

    verdict: Retention
    candidate: float | None
    baseline: float | None
    difference: float | None
    interval: Sequence[float] | None
    n: int
    reason: str


class RetentionRecord(TypedDict):
    """Whether the candidate keeps what its base knew, by suite; no suite may be worse by ``margin`` or more."""

    margin: float
    suites: dict[str, RetainedSuite]


class UsageRecord(TypedDict):
    """What the run cost."""

    prompt_tokens: int
    reply_tokens: int
    judge_tokens: int
    seconds: float
    cache_hits: int
    asked_again: NotRequired[int]
    """Requests that were asked once more because a replica died over them."""


class ReferenceRun(TypedDict):
    """The stored run that this one was compared with."""

    run: str
    created: str
    version: str
    sha256: str | None
    repository: Repository | None
    model: ModelRecord
    absent: list[str]


class AttemptRecord(TypedDict):
    """Which attempt of a candidate on a suite a run is; other cases each time, not the same ones again."""

    candidate: str
    reference: str | None
    count: int
    looks: int | None
    alpha: float


class RunRecord(TypedDict):
    """One evaluation: models, suites, cases, gates. Written by --medeval-json."""

    schema: Literal["medeval-run/1"]
    created: str
    version: str
    command: list[str]
    environment: Environment
    seed: int
    models: dict[str, ModelRecord]
    judges: list[JudgeRecord]
    suites: dict[str, SuiteRecord]
    cases: list[CaseEntry]
    divergence: dict[str, DivergenceRecord]
    gates: list[GateRecord]
    usage: UsageRecord
    attempts: NotRequired[dict[str, AttemptRecord]]
    """Suite -> its attempt, where it ran as a whole."""
    retention: NotRequired[RetentionRecord]
    """Whether suites that the candidate was not tuned for are as good as with its base, where that was asked."""
    reference: NotRequired[ReferenceRun]
    sha256: NotRequired[str]
    """Of the stored run: over the canonical JSON of all other keys."""
    human: NotRequired[HumanRecord]
    thoughts: NotRequired[list[str]]
    """What encloses thoughts, which are no part of a reply."""
    awaited: NotRequired[str]
    """Why there is no reference yet, in a run that may be the first release."""
