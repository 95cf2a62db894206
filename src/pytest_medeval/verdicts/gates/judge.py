"""The gates of a run, judged together: the verdict of each, with its reason.

A comparison is paired on the same cases and judged by the interval of the difference: ``pass`` when even its
unfavourable end meets the condition, ``fail`` when even its favourable end does not, else ``inconclusive``.

A run goes out when all its gates pass, so no correction is needed between passes: for it to go out wrongly a gate must
pass whose condition does not hold, and each does so with at most half of ``alpha``, however many gates stand beside it
(intersection-union tests: Berger 1982, Technometrics 24, 295-300). What is claimed separately is corrected: any single
fail stops a run, so fails are one family, and so are passes where an inconclusive gate is let through. Holm's
rejective procedure (1979) sets the level of their intervals: of ``m`` comparisons all are first judged at level
``1 - alpha / m``; after ``r`` are decided the others are judged again at ``1 - alpha / (m - r)``, until a round
decides none. ``benchmarks/validity.py`` shows both. Each result carries the interval that decided it.

Where looks at a suite were declared, all its intervals are at the level that this look may spend (``stats.spending``);
what was not declared passes nothing. No gate passes on replies that its metric cannot score.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from pytest_medeval.core.record import ROLES, CaseEntry
from pytest_medeval.core.types import ALPHA, Direction, Verdict, bias_of, rare_class
from pytest_medeval.stats.bootstrap import NORMAL, RESAMPLES, Interval
from pytest_medeval.stats.evidence import Evidence
from pytest_medeval.stats.planning import cases_needed
from pytest_medeval.stats.ppi import Corrected
from pytest_medeval.stats.spending import Spending
from pytest_medeval.verdicts.attempts import nth
from pytest_medeval.verdicts.gates.data import (
    ALONE,
    FEWEST,
    FEWEST_CLUSTERS,
    GRADED,
    PART,
    GateResult,
    Seen,
    SuiteData,
    about,
    looks,
    see,
    undefined_in,
)
from pytest_medeval.verdicts.gates.grammar import Gate, NotWorse, Threshold, check, number_text
from pytest_medeval.verdicts.gates.thresholds import ROUNDING, interval_of, judge_threshold
from pytest_medeval.verdicts.leaning import LABELS, RATINGS, UNKNOWN, Leaning, leaning_of

ADVISORY = "the judge is advisory: its agreement with people was not measured, or is below the floor"


@dataclass(frozen=True)
class Contest:
    """A comparison that can be judged: its interval at any level, and the difference that the condition asks for."""

    direction: Direction
    interval: Callable[[float], Interval | None]
    result: GateResult
    """What is known before the verdict."""
    basis: str = ""
    """What else than the suite's rows the interval rests on."""
    clusters: int | None = None
    """How many clusters its cases are of; None where they are independent."""
    remedy: str = ""
    """What narrows the interval where more cases alone do not."""
    spending: Spending = ALONE

    @property
    def threshold(self) -> float:
        """The difference, candidate less other role, on which the condition turns."""
        assert self.result.threshold is not None  # noqa: S101 - made with one
        return self.result.threshold

    def verdict(self, interval: Interval) -> Verdict:
        """Hold both ends of an interval of the difference against the condition."""
        ends = [self.direction * (end - self.threshold) for end in interval]
        if min(ends) > ROUNDING:
            return "pass"
        return "fail" if max(ends) < -ROUNDING else "inconclusive"


def judge(gate: Gate, suite: SuiteData, *, alpha: float = 0.05, seed: int = 0) -> GateResult:
    """Judge one gate on its own, as a run with no other comparison would."""
    return judge_all([(gate, suite)], alpha=alpha, seed=seed)[0]


def judge_all(
    gates: Sequence[tuple[Gate, SuiteData]],
    *,
    alpha: float = 0.05,
    all_must_pass: bool = True,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[GateResult]:
    """Judge the gates of a run, its comparisons together at level ``alpha``.

    ``all_must_pass``: nothing goes out unless all do; else each pass is a claim of its own, and corrected.
    Results come in the order of ``gates``. The same rows and seed give the same verdicts, in whatever order
    the cases come. Raises ``MedevalError`` for a gate on a metric, tag or value that its suite does not have.
    """
    for gate, suite in gates:
        check(gate, {name: metric.direction for name, metric in suite.metrics.items()}, suite.tags)
    seen = see(gates, seed=seed, resamples=resamples)
    opened = [_looked_at(_open(gate, suite, seen), suite) for gate, suite in gates]
    decided = iter(
        _settle([entry for entry in opened if isinstance(entry, Contest)], alpha, all_must_pass=all_must_pass)
    )
    results = [next(decided) if isinstance(entry, Contest) else entry for entry in opened]
    told = [with_undefined(one, *asked) for one, asked in zip(results, gates, strict=True)]
    return [_within_looks(one, suite.spending) for one, (_, suite) in zip(told, gates, strict=True)]


def _looked_at(opened: GateResult | Contest, suite: SuiteData) -> GateResult | Contest:
    return replace(opened, spending=suite.spending) if isinstance(opened, Contest) else opened


def _within_looks(result: GateResult, spending: Spending) -> GateResult:
    """Let nothing pass at a look that nobody declared, once looks are; where none are, a pass is marked."""
    if result.verdict != "pass" or not (spending.exhausted or (spending.declared is None and spending.number > 1)):
        return result
    if spending.exhausted:
        told = f"{nth(spending.number)}, and the looks before it have spent what {spending.declared} may"
        return replace(result, verdict="inconclusive", reason=f"{told}; {result.reason}")
    told = f"{nth(spending.number)} with other cases, and no looks were declared"
    return replace(result, remark=told, reason=f"{result.reason}; but {told}")


def critical_gate(
    suite: str, missed: Sequence[str], n: int, *, complete: bool = True, reason: str = "", unjudged: str = ""
) -> GateResult:
    """Judge the critical cases of a suite: one miss fails, whatever the mean.

    ``missed``: ids; ``n``: critical cases that ran; ``unjudged``: why nobody knows of some, or of all, whether they are
    right.
    """
    result = GateResult(
        suite=suite,
        expression="critical",
        verdict="pass",
        observed=float(len(missed)),
        threshold=0.0,
        n=n,
        reason=f"all {n} critical cases are right",
    )
    if unjudged:
        return replace(result, verdict="not evaluated", observed=None, reason=unjudged)
    if missed:
        return replace(result, verdict="fail", reason=f"{len(missed)} of {n} critical cases missed: {_listed(missed)}")
    if not complete:
        return replace(result, verdict="not evaluated", reason=reason or PART)
    return result


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _open(gate: Gate, suite: SuiteData, seen: Seen) -> GateResult | Contest:
    """Judge what needs no correction; make a contest of a comparison."""
    blank = GateResult(suite=suite.name, expression=str(gate), verdict="not evaluated", reason="")
    if not suite.complete:
        return replace(blank, reason=suite.reason or PART)
    return _corrected(gate, suite, blank) or _measured(gate, suite, seen, blank)


def _measured(gate: Gate, suite: SuiteData, seen: Seen, blank: GateResult) -> GateResult | Contest:
    """Judge a gate on the suite's own rows."""
    if bias := bias_of(suite.metrics[gate.target.metric]):
        return replace(blank, reason=bias)
    gathered = [seen.get(look, {}).get(gate.target.metric) for look in looks(gate, suite)]
    if isinstance(gate.condition, Threshold):
        advisory = _dimension(gate, suite) and not _admissible(gate, suite)
        unproved = replace(blank, reason=ADVISORY) if advisory else None
        return unproved or _rare(gate, gathered, blank) or judge_threshold(gate, gathered, suite, blank)
    against = gate.condition.against
    if against in suite.awaited:
        return replace(blank, reason=suite.awaited[against], waits=True)
    there = suite.metrics[gate.target.metric].counts in suite.rows.get(against, {})
    missing = None if there else f"there is no {against} to compare {gate.target.metric} with"
    if told := suite.barred.get(against, {}).get(gate.target.metric, missing):
        return replace(blank, reason=told)
    if _dimension(gate, suite):
        return _judged(gate, gathered[0], suite, blank)
    return _rare(gate, gathered, blank) or _contest(gate, gathered[0], suite, blank)


def _dimension(gate: Gate, suite: SuiteData) -> str:
    """Name what a judge was asked for a gate's metric, such as ``accuracy``; empty where none was asked."""
    counts = suite.metrics[gate.target.metric].counts
    return counts.removeprefix(GRADED) if counts.startswith(GRADED) else ""


def _admissible(gate: Gate, suite: SuiteData) -> bool:
    """Say whether all judges of a dimension, and there are some, agree with people on it."""
    found = [one.get(_dimension(gate, suite)) for one in suite.judges]
    return bool(found) and all(one is not None and one["admissible"] for one in found)


def _judged(gate: Gate, evidence: Evidence | None, suite: SuiteData, blank: GateResult) -> GateResult | Contest:
    """Judge a judge's own difference, less what it may be the judge's liking; ``leaning`` says why."""
    condition = gate.condition
    assert not isinstance(condition, Threshold)  # noqa: S101 - thresholds are judged before
    dimension = _dimension(gate, suite)
    leaning = leaning_of([one.get(dimension) for one in suite.judges], condition.against)
    remedy = RATINGS if condition.against == "baseline" and gate.target.tag is None else LABELS
    if leaning is None:
        return replace(blank, reason=f"{UNKNOWN}; {remedy}")
    if isinstance(condition, NotWorse) and not leaning.inside(condition.margin):
        margin = number_text(condition.margin)
        return replace(blank, reason=f"{leaning}, is not shown to lie within the margin of {margin}; {remedy}")
    found = _contest(gate, evidence, suite, blank)
    return _less(found, leaning, remedy) if isinstance(found, Contest) else found


def _less(contest: Contest, leaning: Leaning, remedy: str) -> Contest:
    def interval(level: float) -> Interval | None:
        found = contest.interval(level)
        return found and leaning.off(found, level)

    assert contest.result.observed is not None  # noqa: S101 - made with one
    told = replace(contest.result, observed=contest.result.observed - leaning.value, interval=interval(0.95))
    return replace(contest, interval=interval, result=told, basis=f", less {leaning}", remedy=remedy)


def _rare(gate: Gate, gathered: Sequence[Evidence | None], blank: GateResult) -> GateResult | None:
    """Leave open what rests on an interval of a mean over classes, one of which hardly occurs."""
    if isinstance(gate.condition, Threshold) and gate.condition.end is None:
        return None
    for evidence in filter(None, gathered):
        samples = [one.counts.sum(axis=0) for one in (evidence.candidate, evidence.baseline) if one is not None]
        if told := next(filter(None, (rare_class(evidence.metric, total) for total in samples)), ""):
            seen = evidence.candidate.value if isinstance(gate.condition, Threshold) else evidence.difference
            return replace(blank, verdict="inconclusive", observed=seen, n=evidence.n, reason=told)
    return None


def _contest(gate: Gate, evidence: Evidence | None, suite: SuiteData, blank: GateResult) -> GateResult | Contest:
    condition = gate.condition
    assert not isinstance(condition, Threshold)  # noqa: S101 - thresholds are judged before
    if evidence is None:
        return replace(blank, reason=f"candidate and {condition.against} have no case in common")
    interval_at = interval_of(evidence, suite.largest)
    interval = interval_at(0.95)
    few = evidence.n < FEWEST or (evidence.clustered and evidence.units < FEWEST_CLUSTERS)
    if evidence.difference is None or (interval is None and not few):
        return replace(blank, n=evidence.n, reason=f"{gate.target.metric} is undefined on these cases")
    margin = condition.margin if isinstance(condition, NotWorse) else 0.0
    found = replace(
        blank,
        observed=evidence.difference,
        threshold=-evidence.metric.direction * margin + 0.0,
        n=evidence.n,
        interval=interval,
    )
    if margin >= 1 and _unit_scale(evidence):
        return replace(
            found,
            reason=f"a margin of {number_text(margin)} can never be missed: "
            f"{gate.target.metric} lies between 0 and 1, and two points are written 0.02",
        )
    if few:
        return _too_few(gate, evidence, found)
    clusters = evidence.units if evidence.clustered else None
    basis = ", valid at every batch" if suite.largest is not None else ""
    return Contest(evidence.metric.direction, interval_at, found, basis, clusters=clusters)


def corrected_by(gate: Gate, suite: SuiteData) -> Corrected | None:
    """Give the corrected difference that a comparison rests on; None where people rated too few cases for one."""
    condition = gate.condition
    if isinstance(condition, Threshold) or condition.against != "baseline" or gate.target.tag is not None:
        return None
    found = suite.corrected.get(gate.target.measured)
    return found if found is not None and found.units >= FEWEST else None


def rests_on_ratings(gate: Gate, suite: SuiteData) -> bool:
    """Whether a gate asks for, or has, a difference that people's ratings correct: then no judge need be admissible."""
    return gate.target.metric != gate.target.measured or corrected_by(gate, suite) is not None


def _corrected(gate: Gate, suite: SuiteData, blank: GateResult) -> GateResult | Contest | None:
    """Make a contest of a judge's difference that people's ratings correct; None for all other gates."""
    found = corrected_by(gate, suite)
    if found is not None:
        margin = gate.condition.margin if isinstance(gate.condition, NotWorse) else 0.0
        told = replace(blank, observed=found.value, threshold=-margin + 0.0, n=found.judged, interval=found.interval())
        return Contest(1, found.interval, told, f", corrected by people's ratings of {found.rated} cases")
    if gate.target.metric == gate.target.measured:
        return None
    few = suite.corrected.get(gate.target.measured)
    return replace(
        blank,
        reason=f"people rated both replies of {0 if few is None else few.units} independent cases that were judged and "
        f"drawn by chance, {FEWEST} at least correct a judge: --medeval-review=FILE draws them, --medeval-human=FILE "
        "reads them",
    )


def _unit_scale(evidence: Evidence) -> bool:
    """Whether every score seen lies between 0 and 1."""
    samples = [sample for sample in (evidence.candidate, evidence.baseline) if sample is not None]
    values = [sample.value for sample in samples]
    for sample in samples:
        if sample.scores is not None:
            values.extend(score for score in sample.scores.tolist() if score == score)  # noqa: PLR0124 - NaN
    return all(0 <= value <= 1 for value in values)


def _too_few(gate: Gate, evidence: Evidence, found: GateResult) -> GateResult:
    clusters = evidence.n >= FEWEST
    few, least, kind = (evidence.units, FEWEST_CLUSTERS, "clusters") if clusters else (evidence.n, FEWEST, "cases")
    if gate.target.tag is not None:
        return replace(found, reason=f"{few} {kind}: a subgroup of fewer than {least} is shown, not judged")
    return replace(
        found,
        verdict="inconclusive",
        cases_needed=math.ceil(evidence.n * least / few),
        reason=f"{few} {kind} in both roles are too few to compare; {least} at least",
    )


def _settle(contests: Sequence[Contest], alpha: float, *, all_must_pass: bool) -> list[GateResult]:
    """Judge comparisons: what is claimed separately at the levels of Holm's procedure, until a round decides none."""
    claimed = ("fail",) if all_must_pass else ("pass", "fail")
    results: dict[int, GateResult] = {}
    pending = list(range(len(contests)))
    while pending:
        judged = {index: _at(contests[index], alpha, len(pending), len(contests)) for index in pending}
        decided = {index: result for index, result in judged.items() if result.verdict in claimed}
        results.update(decided or judged)
        pending = [index for index in pending if index not in decided] if decided else []
    for index, result in results.items():
        alone = _at(contests[index], alpha, 1, 1) if result.verdict != "fail" and all_must_pass else result
        results[index] = result if alone.verdict == "fail" else alone
    return [results[index] for index in range(len(contests))]


def _at(contest: Contest, alpha: float, left: int, family: int) -> GateResult:
    """Judge a comparison with its part of alpha; ``left``: of ``family`` comparisons those that share it."""
    level = 1 - contest.spending.alpha(alpha / left)
    interval = contest.interval(level)
    assert interval is not None  # noqa: S101 - the difference is defined
    verdict = contest.verdict(interval)
    needed = None
    if verdict == "inconclusive" and not contest.remedy:
        half = (interval[1] - interval[0]) / 2
        se = half / NORMAL.inv_cdf((1 + level) / 2)
        distance = contest.result.observed - contest.threshold  # type: ignore[operator]  # a contest has both
        needed = cases_needed(se, contest.result.n, distance, alpha=1 - level)
    result = replace(contest.result, verdict=verdict, interval=interval, cases_needed=needed)
    return replace(result, reason=_said(contest, result, level, family))


def _said(contest: Contest, result: GateResult, level: float, family: int) -> str:
    """Tell a release engineer what the interval says about the condition."""
    assert result.observed is not None  # noqa: S101 - a comparison was judged
    assert result.interval is not None  # noqa: S101 - as above
    by = [f"{contest.clusters} clusters"] if contest.clusters else []
    look = str(contest.spending)
    told = ", ".join([*by, *([f"Holm, {family} comparisons"] if family > 1 else []), *([look] if look else [])])
    together = f" ({told})" if told else ""
    turn = f"{contest.threshold:+.4g}" if contest.threshold else "0"
    told = (
        f"difference {result.observed:+.4f}, {100 * level:.4g} % interval "
        f"{result.interval[0]:+.4f} to {result.interval[1]:+.4f}{together}{contest.basis}: "
    )
    if result.verdict == "pass":
        return told + f"even its unfavourable end is on the right side of {turn}"
    if result.verdict == "fail":
        return told + f"even its favourable end is on the wrong side of {turn}"
    if contest.remedy:
        return told + f"{turn} lies inside; {contest.remedy}"
    if result.cases_needed is None:
        return told + f"{turn} lies inside, too near the difference for more cases to settle it"
    of = f" of {math.ceil(result.cases_needed * contest.clusters / result.n)} clusters" if contest.clusters else ""
    return told + f"{turn} lies inside; about {result.cases_needed} cases{of} settle it if the difference stays"


def held_whole(gate: Gate, suite: SuiteData) -> str:
    """Say why a gate cannot be decided before all cases were asked; empty where it can.

    A bounded mean of the whole suite, alone or against the baseline, can.
    """
    metric, target = suite.metrics.get(gate.target.metric), gate.target
    against = None if isinstance(gate.condition, Threshold) else gate.condition.against
    exact = isinstance(gate.condition, Threshold) and gate.condition.op == "=="
    reasons = {
        "judges grade when all cases were asked": gate.target.metric.startswith(GRADED),
        "it rests on a stored run": against == "reference",
        "it asks for one exact value": exact,
        "it judges a subgroup": bool(target.tag or target.by),
        "its metric is not known before": metric is None,
    }
    if told := next((why for why, holds_it in reasons.items() if holds_it), ""):
        return told
    assert metric is not None  # noqa: S101 - told above
    if bias_of(metric):
        return "its metric has no interval"
    if not metric.per_case:
        return f"{metric.name} is no mean over cases"
    return "" if math.isfinite(metric.bounds[1] - metric.bounds[0]) else f"{metric.name} has no bounds"


def decided(gate: Gate, suite: SuiteData, family: int, *, all_must_pass: bool) -> bool:
    """Whether a gate is decided for good; ``family``: comparisons of the run, whose fails are corrected together."""
    for side, alpha in (("pass", ALPHA if all_must_pass else ALPHA / family), ("fail", ALPHA / family)):
        found = judge_all([(gate, suite)], alpha=alpha, resamples=2)[0]
        if found.verdict == side and found.interval is not None and found.threshold is not None:
            low, high = found.interval
            if not low <= found.threshold <= high:
                return True
    return False


def with_undefined(result: GateResult, gate: Gate, suite: SuiteData) -> GateResult:
    """Let no gate pass on cases that its metric cannot score; to fail on the others is still to fail."""
    if result.verdict not in ("pass", "inconclusive"):
        return result
    against = () if isinstance(gate.condition, Threshold) else (gate.condition.against,)
    kind, looked = suite.metrics[gate.target.measured].counts, about(gate, suite)
    for role in ("candidate", *against):
        lost = sorted(looked.intersection(suite.undefined.get(role, {}).get(kind, ())))
        if lost:
            told = (
                f"{gate.target.metric} is undefined for {len(lost)} of {len(looked)} replies of {role}, "
                f"the first of case {lost[0]}; on the others: {result.reason}"
            )
            return replace(result, verdict="not evaluated", reason=told)
    return result


def tracks_with_undefined(result: GateResult, cases: Iterable[CaseEntry]) -> GateResult:
    """Let tracks not hold together on what is left of a suite; ``cases``: the record's, of all suites."""
    own = [case for case in cases if case["suite"] == result.suite]
    for role in ROLES:
        for kind, lost in undefined_in(own, role).items():
            if result.verdict == "pass":
                told = f"{kind} is undefined for {len(lost)} replies of {role}, the first of case {lost[0]}"
                return replace(result, verdict="not evaluated", reason=f"{told}; on the others: {result.reason}")
    return result
