"""Gates over the rows of a run, and their verdicts, each with its reason.

A threshold is held against the value (or an end of its 95 % interval). A comparison is paired on the same
cases and judged by the interval of the difference: ``pass`` when even its unfavourable end meets the
condition, ``fail`` when even its favourable end does not, else ``inconclusive``.

The comparisons of a run are one family, and Holm's sequentially rejective procedure (1979) sets the level of
their intervals: of ``m`` comparisons all are first judged at level ``1 - alpha / m``; after ``r`` are decided
the others are judged again at ``1 - alpha / (m - r)``, until a round decides none. That decides just the
comparisons that Holm's ordered p-values reject, so the chance that any verdict of the run is wrong in its
direction is at most ``alpha``; ``benchmarks/validity.py`` shows it. Each result carries the interval of the
round that decided it, or of the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pytest_medeval.stats.bootstrap import NORMAL, RESAMPLES, Interval
from pytest_medeval.stats.evidence import Evidence
from pytest_medeval.stats.intervals import difference_interval
from pytest_medeval.stats.power import cases_needed
from pytest_medeval.types import Verdict
from pytest_medeval.verdicts.grammar import (
    Gate,
    NotWorse,
    Threshold,
    check,
    number_text,
    parse_gate,
)
from pytest_medeval.verdicts.looks import Seen, looks, see
from pytest_medeval.verdicts.result import FEWEST, GateResult, SuiteData
from pytest_medeval.verdicts.thresholds import judge_threshold
from pytest_medeval.verdicts.undefined import with_undefined

__all__ = ["Gate", "GateResult", "SuiteData", "check", "critical_gate", "judge", "judge_all", "parse_gate"]

ROUNDING = 1e-9
"""Differences this small are rounding: an interval that only touches the threshold decides nothing."""


@dataclass(frozen=True)
class Contest:
    """A comparison that can be judged: the evidence, and the difference that the condition asks for."""

    gate: Gate
    evidence: Evidence
    result: GateResult
    """What is known before the verdict."""

    @property
    def threshold(self) -> float:
        """The difference, candidate less other role, on which the condition turns."""
        assert self.result.threshold is not None  # noqa: S101 - made with one
        return self.result.threshold

    def verdict(self, interval: Interval) -> Verdict:
        """Hold both ends of an interval of the difference against the condition."""
        ends = [self.evidence.metric.direction * (end - self.threshold) for end in interval]
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
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[GateResult]:
    """Judge the gates of a run, its comparisons together at family-wise level ``alpha``.

    Results come in the order of ``gates``. The same rows and seed give the same verdicts, in whatever order
    the cases come. Raises ``MedevalError`` for a gate on a metric, tag or value that its suite does not have.
    """
    for gate, suite in gates:
        check(gate, {name: metric.direction for name, metric in suite.metrics.items()}, suite.tags)
    seen = see(gates, seed=seed, resamples=resamples)
    opened = [_open(gate, suite, seen) for gate, suite in gates]
    decided = iter(_settle([entry for entry in opened if isinstance(entry, Contest)], alpha))
    results = [next(decided) if isinstance(entry, Contest) else entry for entry in opened]
    return [with_undefined(one, *asked) for one, asked in zip(results, gates, strict=True)]


def critical_gate(
    suite: str, missed: Sequence[str], n: int, *, complete: bool = True, reason: str = ""
) -> GateResult:
    """Judge the critical cases of a suite: one miss fails, whatever the mean.

    ``missed``: ids; ``n``: critical cases that ran.
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
    if missed:
        return replace(
            result, verdict="fail", reason=f"{len(missed)} of {n} critical cases missed: {_listed(missed)}"
        )
    if not complete:
        return replace(result, verdict="not evaluated", reason=_partial(reason))
    return result


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _partial(reason: str) -> str:
    return f"only a part of the suite ran{f': {reason}' if reason else ''}"


def _open(gate: Gate, suite: SuiteData, seen: Seen) -> GateResult | Contest:
    """Judge what needs no correction; make a contest of a comparison."""
    blank = GateResult(suite=suite.name, expression=str(gate), verdict="not evaluated", reason="")
    if not suite.complete:
        return replace(blank, reason=_partial(suite.reason))
    gathered = [seen.get(look, {}).get(gate.target.metric) for look in looks(gate, suite)]
    if isinstance(gate.condition, Threshold):
        return judge_threshold(gate, gathered, suite, blank)
    against = gate.condition.against
    if against in suite.awaited:
        return replace(blank, reason=suite.awaited[against], waits=True)
    barred = suite.barred.get(against, {}).get(gate.target.metric)
    if barred is not None:
        return replace(blank, reason=barred)
    if suite.metrics[gate.target.metric].counts not in suite.rows.get(against, {}):
        return replace(blank, reason=f"there is no {against} to compare {gate.target.metric} with")
    return _contest(gate, gathered[0], blank)


def _contest(gate: Gate, evidence: Evidence | None, blank: GateResult) -> GateResult | Contest:
    condition = gate.condition
    assert not isinstance(condition, Threshold)  # noqa: S101 - thresholds are judged before
    if evidence is None:
        return replace(blank, reason=f"candidate and {condition.against} have no case in common")
    interval = difference_interval(evidence)
    if evidence.difference is None or interval is None:
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
    if min(evidence.n, evidence.units) < FEWEST:
        return _too_few(gate, evidence, found)
    return Contest(gate, evidence, found)


def _unit_scale(evidence: Evidence) -> bool:
    """Whether every score seen lies between 0 and 1."""
    samples = [sample for sample in (evidence.candidate, evidence.baseline) if sample is not None]
    values = [sample.value for sample in samples]
    for sample in samples:
        if sample.scores is not None:
            values.extend(score for score in sample.scores.tolist() if score == score)  # noqa: PLR0124 - NaN
    return all(0 <= value <= 1 for value in values)


def _too_few(gate: Gate, evidence: Evidence, found: GateResult) -> GateResult:
    few = min(evidence.n, evidence.units)
    kind = "independent groups" if evidence.clustered else "cases"
    if gate.target.tag is not None:
        return replace(found, reason=f"{few} {kind}: a subgroup of fewer than {FEWEST} is shown, not judged")
    return replace(
        found,
        verdict="inconclusive",
        cases_needed=FEWEST,
        reason=f"{few} {kind} in both roles are too few to compare; {FEWEST} at least",
    )


def _settle(contests: Sequence[Contest], alpha: float) -> list[GateResult]:
    """Judge comparisons at the levels of Holm's procedure until a round decides none."""
    results: dict[int, GateResult] = {}
    pending = list(range(len(contests)))
    while pending:
        level = 1 - alpha / len(pending)
        judged = {index: _at(contests[index], level, len(contests)) for index in pending}
        decided = {index: result for index, result in judged.items() if result.verdict != "inconclusive"}
        if not decided:
            results.update(judged)
            break
        results.update(decided)
        pending = [index for index in pending if index not in decided]
    return [results[index] for index in range(len(contests))]


def _at(contest: Contest, level: float, family: int) -> GateResult:
    interval = difference_interval(contest.evidence, level)
    assert interval is not None  # noqa: S101 - the difference is defined
    verdict = contest.verdict(interval)
    needed = None
    if verdict == "inconclusive":
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
    together = f" (Holm, {family} comparisons)" if family > 1 else ""
    turn = f"{contest.threshold:+.4g}" if contest.threshold else "0"
    told = (
        f"difference {result.observed:+.4f}, {100 * level:.4g} % interval "
        f"{result.interval[0]:+.4f} to {result.interval[1]:+.4f}{together}: "
    )
    if result.verdict == "pass":
        return told + f"even its unfavourable end is on the right side of {turn}"
    if result.verdict == "fail":
        return told + f"even its favourable end is on the wrong side of {turn}"
    if result.cases_needed is None:
        return told + f"{turn} lies inside, too near the difference for more cases to settle it"
    return told + f"{turn} lies inside; about {result.cases_needed} cases settle it if the difference stays"
