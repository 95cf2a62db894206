"""Do the tracks agree case by case? Rank correlation, opposite changes, and the cases to read first.

What each track says of a suite: direction, significance, and the smallest difference it could have seen.

Track A: measured metrics. Track B: the judges' grades. Track C: people's grades. All differences are
candidate less baseline on the same cases.

Metrics of one track follow each other, so that counting them is counting one vote several times. Tracks A and B
speak by their composite: of each case the mean of its changes, over cases (independent units of them) with
Student's interval. Grades are averaged in points; the metrics that compare words with those of a reference (where
there is none, all that score single cases) in standard deviations of their change. Safety is no lexical score, and
does not vote as one. Where people's ratings correct the judges, Track B's composite is the corrected one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import stdev
from typing import TypeAlias

import numpy as np

from pytest_medeval.core.record import (
    ROLES,
    CaseEntry,
    Composite,
    DivergentCase,
    HumanGrade,
    HumanPreference,
    HumanSuite,
    MetricCorrelation,
    MetricRow,
    OppositeCases,
    Role,
    SuiteRecord,
    Tendency,
    TrackMetric,
    TrackRecord,
)
from pytest_medeval.core.types import ALPHA, Direction, FloatArray
from pytest_medeval.judges.ratings.types import Scale
from pytest_medeval.judges.rubric import PREFERENCE
from pytest_medeval.stats.agreement import Estimate, estimate, kendall_tau_b, numbered
from pytest_medeval.stats.bootstrap import NORMAL
from pytest_medeval.stats.correct import holm
from pytest_medeval.stats.planning import detectable_paired
from pytest_medeval.stats.ppi import corrected_mean
from pytest_medeval.verdicts.corrected import difference_of
from pytest_medeval.verdicts.gates.data import FEWEST
from pytest_medeval.verdicts.gates.grammar import CORRECTED
from pytest_medeval.verdicts.human import OVERALL
from pytest_medeval.verdicts.leaning import Leaning

Changed: TypeAlias = tuple[CaseEntry, float, float]
"""A case with its improvement on Track A (signed rank) and on Track B (grade points)."""

JUDGE = "judge."
HARM = "harm"
POINTS = 0.75
"""A track that shows nothing leans where at least this share of its changed metrics does."""
ENOUGH_TO_POINT = 6
"""Below six pairs no sign test reaches 0.05 (2 / 2**5 = 0.0625): so few cases show nothing and lean nowhere."""
RELEVANT_EFFECT = 0.3
"""A relevant change of a measured metric, in standard deviations of its per-case change (Cohen's d_z).

Between what Cohen (1988) calls small (0.2) and medium (0.5). Measured metrics have no unit that a physician
could set a margin in, hence a convention. It asks for 88 cases.
"""
RELEVANT_SHARE = 0.125
"""A relevant change of grades, as a share of the scale: 0.5 points from 1 to 5."""
RELEVANT_PREFERENCE = 0.2
"""A relevant lead in preferences, won less lost: 60 to 40."""
PEOPLE = "people"
OVERLAP = "word overlap"
"""Name of a track whose metrics all compare words with those of a reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """One comparison of the record, and how far its per-case changes spread."""

    n: int
    difference: float
    p_value: float | None
    effect_size: float | None = None
    direction: Direction
    spread: float | None = None
    """Standard deviation of the difference of one unit."""
    units: int


def track_a(suite: SuiteRecord, cases: Sequence[CaseEntry]) -> TrackRecord | None:
    """Read Track A, the headline metric first; None where no metric with a direction was compared."""
    headline = suite["headline"]
    found = {}
    for name, facts in sorted(suite["metrics"].items(), key=lambda item: item[0] != headline):
        if not name.startswith(JUDGE):
            changed = {case["id"]: change_of(case, name) for case in cases}
            found[name] = _measured(facts, changed, cases, facts["direction"], facts.get("effect_size"))
    usable = {name: one for name, one in found.items() if one is not None}
    if not usable:
        return None
    lexical = [one for one in usable if suite["metrics"][one].get("lexical")]
    told = {one: [usable[one].direction * _number(change_of(case, one)) for case in cases] for one in lexical or usable}
    whole = _composite(_in_deviations(told), cases)
    if whole is not None and whole.se:
        whole = whole.over(whole.se * math.sqrt(whole.units))
    name = OVERLAP if len(lexical) == len(usable) else "measured scores"
    unit = "standard deviations of the change"
    return _track(name, usable, whole, powered=lexical or list(usable), relevant=RELEVANT_EFFECT, unit=unit)


def track_b(
    suite: SuiteRecord,
    cases: Sequence[CaseEntry],
    judges: int,
    scale: Scale,
    leanings: Mapping[str, Leaning] | None = None,
) -> TrackRecord | None:
    """Read Track B, on its dimensions without ``judge.``; None where nothing was judged for both models.

    ``leanings``: dimension -> the judges' bias between the two models, where labels tell it; known of all dimensions
    it goes off a composite that no ratings correct.
    """
    rows = {key.removeprefix(JUDGE): facts for key, facts in suite["metrics"].items() if key.startswith(JUDGE)}
    overall = rows.pop(OVERALL + CORRECTED, None)
    found = {}
    for name, facts in rows.items():
        if name.endswith(CORRECTED):  # goes before the judge's own, which stands above it
            found[name.removesuffix(CORRECTED)] = _measured(facts, {}, (), facts["direction"])
        else:
            graded = {case["id"]: difference_of(case, name) for case in cases}
            found[name] = _measured(facts, graded, cases, facts["direction"], facts.get("effect_size"))
    usable = {name: one for name, one in found.items() if one is not None}
    if not usable:
        return None
    grades = [name for name in usable if name != PREFERENCE] or [PREFERENCE]
    whole = _by_people(rows, overall, grades)
    if whole is None:
        changed = {name: [_number(difference_of(case, name)) for case in cases] for name in grades}
        whole = _without(_composite(changed, cases), leanings or {})
    return _graded("judges" if judges > 1 else "judge", usable, scale, whole)


def track_c(people: HumanSuite | None, scale: Scale) -> TrackRecord | None:
    """Read Track C from what people said of a suite; None where nobody graded both replies.

    The mean of all dimensions is left out, since it holds nothing that they do not; a harm flag counts
    against.
    """
    if people is None:
        return None
    graded = {**people["dimensions"]}
    if len(graded) > 1:
        graded.pop(OVERALL, None)
    found = {name: _measured(facts, {}, (), effect_size=facts.get("effect_size")) for name, facts in graded.items()}
    found[PREFERENCE] = _measured(people["preference"], {}, ())
    harm = people["harm"]
    if harm["n"] and any(found.values()):
        difference = (harm["candidate"] - harm["baseline"]) / harm["n"]
        found[HARM] = _Measured(
            n=harm["n"], difference=difference, p_value=harm["p_value"], direction=-1, units=harm["n"]
        )
    usable = {name: one for name, one in found.items() if one is not None}
    return _graded(PEOPLE, usable, scale) if usable else None


def score_of(case: CaseEntry, role: Role, metric: str) -> float | None:
    """Give the score of one reply; None where there is none."""
    return case[role]["scores"].get(metric) if role in case else None


def change_of(case: CaseEntry, metric: str) -> float | None:
    """Give a case's change of a measured metric, candidate less baseline."""
    return _less(*(score_of(case, role, metric) for role in ROLES))


def grade_change(case: CaseEntry, dimension: str) -> float | None:
    """Give a case's change of a judge's grade, candidate less baseline; None where one of them is missing."""
    return _less(*(grade_of(case, role, dimension) for role in ROLES))


def grade_of(case: CaseEntry, role: Role, dimension: str) -> float | None:
    """Give a judge's grade of one reply; None where it is unjudged."""
    return case["judge"].get(role, {}).get(dimension) if "judge" in case else None


def unit_of(case: CaseEntry) -> str:
    """Name what is resampled together: the case's cluster, or the case alone."""
    return f"case {case['id']}" if case["cluster"] is None else f"cluster {case['cluster']}"


def _less(new: float | None, old: float | None) -> float | None:
    return None if new is None or old is None else new - old


def _measured(
    facts: MetricRow | HumanGrade | HumanPreference,
    changed: Mapping[str, float | None],
    cases: Sequence[CaseEntry],
    direction: Direction = 1,
    effect_size: float | None = None,
) -> _Measured | None:
    """Take the spread from the cases where they are independent and all there, else from the interval.

    None where nothing was compared, or the metric has no direction.
    """
    n, difference, ends = facts["n"], facts["difference"], facts["ci95"]
    if not n or difference is None or not direction:
        return None
    changes = {name: change for name, change in changed.items() if change is not None}
    units = {unit_of(case) for case in cases if case["id"] in changes}
    clustered = 0 < len(units) < len(changes)
    own = len(units) if clustered else n
    spread = None if ends is None else (ends[1] - ends[0]) / (2 * NORMAL.inv_cdf(0.975)) * math.sqrt(own)
    if len(changes) > 1 and len(changes) == n and not clustered:
        spread = stdev(changes.values())
    return _Measured(
        n=n,
        difference=difference,
        p_value=facts["p_value"],
        effect_size=effect_size,
        direction=direction,
        spread=spread,
        units=own,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whole:
    """A composite, better above 0, and its standard error."""

    value: float
    ends: tuple[float, float]
    se: float
    n: int
    units: int
    of: Sequence[str]
    corrected: bool = False

    @property
    def shown(self) -> bool:
        """Whether the interval leaves 0 out, over units enough for any test to."""
        return self.units >= ENOUGH_TO_POINT and (self.ends[0] > 0 or self.ends[1] < 0)

    def over(self, unit: float) -> _Whole:
        """Give the composite in another unit."""
        ends = (self.ends[0] / unit, self.ends[1] / unit)
        return replace(self, value=self.value / unit, ends=ends, se=self.se / unit)

    def record(self) -> Composite:
        """Write the composite as the record holds it."""
        return {
            "value": self.value,
            "ci95": list(self.ends),
            "n": self.n,
            "units": self.units,
            "of": list(self.of),
            "corrected": self.corrected,
        }


def _composite(changed: Mapping[str, Sequence[float] | FloatArray], cases: Sequence[CaseEntry]) -> _Whole | None:
    """Average the changes (NaN where there is none) of each case, over the cases that have them all.

    None with fewer than two independent cases, or where no metric scores single cases.
    """
    rows = {name: np.asarray(one, dtype=np.float64) for name, one in changed.items()}
    rows = {name: one for name, one in rows.items() if np.isfinite(one).any()}
    if not rows:
        return None
    table = np.stack(list(rows.values()))
    whole = np.asarray(np.isfinite(table).all(axis=0))
    means = table[:, whole].mean(axis=0).round(DIGITS)
    units = numbered([unit_of(case) for case, kept in zip(cases, whole.tolist(), strict=True) if kept])
    found = corrected_mean(np.zeros(len(means)), means, units)
    if found is None:
        return None
    se = found.se * math.sqrt(found.units / (found.units - 1))
    return _Whole(value=found.value, ends=found.interval(), se=se, n=found.rated, units=found.units, of=list(rows))


def _in_deviations(changed: Mapping[str, Sequence[float]]) -> dict[str, FloatArray]:
    """Divide every metric's changes by their standard deviation; those that are all the same by their size."""
    rows = {name: np.asarray(one, dtype=np.float64) for name, one in changed.items()}
    return {name: one / _unit(one[np.isfinite(one)]) for name, one in rows.items()}


def _unit(values: FloatArray) -> float:
    spread = float(np.std(values, ddof=1).round(DIGITS)) if len(values) > 1 else 0.0
    return spread or (float(np.abs(values).max()) if len(values) else 0.0) or 1.0


def _without(whole: _Whole | None, leanings: Mapping[str, Leaning]) -> _Whole | None:
    """Take the mean of the judges' biases off a composite, where they are known of all it is made of."""
    if whole is None or not all(name in leanings for name in whole.of):
        return whole
    value, low, high = (_mean([getattr(leanings[name], end) for name in whole.of]) for end in ("value", "low", "high"))
    ends = (whole.ends[0] - high, whole.ends[1] - low)
    spread = (high - low) / (2 * NORMAL.inv_cdf(0.975))
    return replace(whole, value=whole.value - value, ends=ends, se=whole.se + spread)


def _by_people(rows: Mapping[str, MetricRow], overall: MetricRow | None, grades: Sequence[str]) -> _Whole | None:
    """Give the composite that people's ratings correct: of all that they rated, else of each dimension that they did.

    None where they rated too few. Means of several dimensions have an interval as wide as their intervals are on
    average: however they depend on each other, it is no narrower.
    """
    rated = {name: row for name in grades if (row := rows.get(name + CORRECTED))}
    if found := _of_row(overall, list(rated) or grades):
        return found
    parts = [found for name, row in rated.items() if (found := _of_row(row, [name]))]
    if not parts:
        return None
    low, high = (_mean([one.ends[side] for one in parts]) for side in (0, 1))
    return replace(
        min(parts, key=lambda one: one.units),
        value=_mean([one.value for one in parts]),
        ends=(low, high),
        se=_mean([one.se for one in parts]),
        of=[name for one in parts for name in one.of],
    )


def _of_row(row: MetricRow | None, of: Sequence[str]) -> _Whole | None:
    """Read a composite that people's ratings corrected; None where they were too few."""
    if row is None or row["difference"] is None or row["ci95"] is None or row.get("rated", 0) < FEWEST:
        return None
    low, high = row["ci95"]
    units = row.get("rated", 0)
    se = (high - low) / (2 * NORMAL.inv_cdf(0.975))
    return _Whole(value=row["difference"], ends=(low, high), se=se, n=row["n"], units=units, of=of, corrected=True)


def _graded(name: str, found: Mapping[str, _Measured], scale: Scale, whole: _Whole | None = None) -> TrackRecord:
    grades = [one for one in found if one not in (PREFERENCE, HARM)]
    span = scale.high - scale.low if grades else 2.0  # a preference lies between -1 and 1
    relevant, unit = (RELEVANT_SHARE * span, "points") if grades else (RELEVANT_PREFERENCE, "share of preferences")
    return _track(name, found, whole, powered=grades or [PREFERENCE], relevant=relevant, unit=unit, span=span)


def _detectable(one: _Measured, span: float | None = None) -> float | None:
    """Give the smallest detectable difference.

    Where changes do not vary, their spread is unknown rather than zero: by the rule of three up to 3 / n of
    the cases may differ, and by as much as the scale (``span``) allows. None where there is no scale.
    """
    if one.spread:
        return detectable_paired(one.spread, one.units)
    if one.spread is None or span is None:
        return None
    return detectable_paired(span * math.sqrt(min(1.0, 3 / one.units)), one.units)


def _track(
    name: str,
    found: Mapping[str, _Measured],
    whole: _Whole | None,
    *,
    powered: Sequence[str],
    relevant: float,
    unit: str,
    span: float | None = None,
) -> TrackRecord:
    corrected = dict(zip(found, holm([one.p_value for one in found.values()]), strict=True))
    spans = dict.fromkeys(powered, span)
    metrics = {key: _metric(one, corrected[key], spans.get(key)) for key, one in found.items()}
    n = whole.units if whole else min(found[key].units for key in powered)
    direction, significant = _spoken(metrics, whole, n, people=name == PEOPLE)
    detectable = _seen(whole, span) if name != PEOPLE else _least([_detectable(found[one], span) for one in powered])
    missed = detectable is None or detectable > relevant or n < ENOUGH_TO_POINT
    underpowered = missed and not significant
    needed = None if detectable is None else math.ceil(n * (detectable / relevant) ** 2)
    return {
        "name": name,
        "n": n,
        "direction": direction,
        "significant": significant,
        "underpowered": underpowered,
        "composite": None if whole is None else whole.record(),
        "detectable": detectable,
        "relevant": relevant,
        "unit": unit,
        "cases_needed": max(needed, ENOUGH_TO_POINT) if needed is not None and underpowered else None,
        "metrics": metrics,
    }


def _spoken(metrics: Mapping[str, TrackMetric], whole: _Whole | None, n: int, *, people: bool) -> tuple[Tendency, bool]:
    """Say which way a track goes, and whether that is shown.

    People's grades speak metric by metric. Other tracks speak by their composite, unless single metrics are shown to go
    both ways, for then no mean says what the track says.
    """
    shown = {one["direction"] for one in metrics.values() if one["significant"]}
    if len(shown) > 1:
        return "mixed", True
    if people and shown:
        return shown.pop(), True
    if not people and whole is not None and whole.shown:
        return "better" if whole.value > 0 else "worse", True
    return _leaning(metrics, n), False


def _seen(whole: _Whole | None, span: float | None) -> float | None:
    """Give the smallest composite that could have been shown; see ``_detectable`` for changes that do not vary."""
    if whole is None:
        return None
    if whole.se:
        return detectable_paired(whole.se * math.sqrt(whole.units), whole.units)
    return None if span is None else detectable_paired(span * math.sqrt(min(1.0, 3 / whole.units)), whole.units)


def _least(smallest: Sequence[float | None]) -> float | None:
    """Give what every metric could have shown; None where one of them does not tell."""
    known = [one for one in smallest if one is not None]
    return max(known) if len(known) == len(smallest) else None


def _metric(one: _Measured, p_corrected: float | None, span: float | None) -> TrackMetric:
    gain = one.direction * one.difference
    against = one.effect_size is not None and one.effect_size * one.difference < 0
    return {
        "n": one.n,
        "difference": one.difference,
        "p_corrected": p_corrected,
        "direction": "better" if gain > 0 else "worse" if gain < 0 else "none",
        # a few large changes can move the mean one way and the ranks another: that shows no direction
        "significant": p_corrected is not None and p_corrected < ALPHA and gain != 0 and not against,
        "detectable": _detectable(one, span),
    }


def count(track: TrackRecord, direction: Tendency, *, significant: bool = False) -> int:
    """Count the metrics of a track that go one way, or the significant ones among them."""
    counted = [one for one in track["metrics"].values() if one["significant"] or not significant]
    return sum(one["direction"] == direction for one in counted)


def _leaning(metrics: Mapping[str, TrackMetric], n: int) -> Tendency:
    """Say where a track leans that shows nothing: three quarters of the metrics that changed decide."""
    changed = list(_changed(metrics))
    if not changed or n < ENOUGH_TO_POINT:
        return "none"
    better = changed.count("better") / len(changed)
    return "better" if better >= POINTS else "worse" if 1 - better >= POINTS else "mixed"


def _changed(metrics: Mapping[str, TrackMetric]) -> Iterator[Tendency]:
    return (one["direction"] for one in metrics.values() if one["direction"] != "none")


READ_FIRST = 5
MOST = 400
"""Judged cases that are correlated, since the work grows with their square; of more, the seed draws these."""
DIGITS = 9
"""Changes are rounded to this many digits, so that a mean of grades that should be zero is zero."""


def correlations(
    cases: Sequence[CaseEntry], directions: Mapping[str, int], dimensions: Sequence[str], seed: int
) -> list[MetricCorrelation]:
    """Correlate every measured metric with every dimension over the judged replies of both models.

    Kendall's tau-b of score and grade, positive where better scores go with better grades, with a 95 %
    bootstrap interval that draws whole cases (or clusters of cases). Rows: metric, dimension, tau, low, high,
    replies, reason. At most 400 judged cases take part, drawn by ``seed``. Metrics without a score per case
    have no row.
    """
    judged = [case for case in cases if any(_graded_cases(case, role, dimensions) for role in ROLES)]
    if len(judged) > MOST:
        kept = set(random.Random(f"correlation:{seed}").sample(range(len(judged)), MOST))
        judged = [case for index, case in enumerate(judged) if index in kept]
    pairs = [(metric, dimension) for metric in directions for dimension in dimensions]
    rows = [(metric, dimension, _points(judged, metric, dimension)) for metric, dimension in pairs]
    return [_row(metric, one, directions[metric], points, seed) for metric, one, points in rows if points]


def _graded_cases(case: CaseEntry, role: Role, dimensions: Sequence[str]) -> bool:
    return any(grade_of(case, role, dimension) is not None for dimension in dimensions)


def _points(cases: Sequence[CaseEntry], metric: str, dimension: str) -> list[tuple[float, float, str]]:
    """Give (score, grade, unit) of every reply that has both."""
    found = [
        (score_of(case, role, metric), grade_of(case, role, dimension), unit_of(case))
        for case in cases
        for role in ROLES
    ]
    return [(score, grade, unit) for score, grade, unit in found if score is not None and grade is not None]


def _row(
    metric: str, dimension: str, direction: int, points: Sequence[tuple[float, float, str]], seed: int
) -> MetricCorrelation:
    scores, grades, units = zip(*points, strict=True)
    clusters = numbered(units)
    oriented = direction * np.asarray(scores, dtype=np.float64)
    found: Estimate = estimate(kendall_tau_b(oriented, grades, clusters), int(clusters.max()) + 1, seed=seed)
    return {
        "metric": metric, "dimension": dimension, "tau": found.value, "low": found.low, "high": found.high,
        "replies": len(points), "reason": found.reason,
    }  # fmt: skip


def changes(cases: Sequence[CaseEntry], directions: Mapping[str, int], dimensions: Sequence[str]) -> list[Changed]:
    """Give (case, a, b) of every case that both tracks scored for both models.

    ``a``: a case's improvement from -1 to 1, the mean over the measured metrics of its signed rank among all
    changes of the metric: metrics have different units, and single replies may score far off. ``b``: mean
    change in grade points over the dimensions that both replies have.
    """
    if not dimensions:  # most runs have no judge, and ranking every case takes a while
        return []
    measured = {
        metric: _signed_ranks([direction * _number(change_of(case, metric)) for case in cases])
        for metric, direction in directions.items()
    }
    found = []
    for place, case in enumerate(cases):
        ranks = [float(ranked[place]) for ranked in measured.values() if np.isfinite(ranked[place])]
        grades = [change for one in dimensions if (change := grade_change(case, one)) is not None]
        if ranks and grades:
            found.append((case, _mean(ranks), _mean(grades)))
    return found


def opposite(changed: Sequence[Changed]) -> OppositeCases:
    """Count the cases whose changes have opposite signs, among those that changed on both tracks."""
    both = [(a, b) for _, a, b in changed if a and b]
    count = sum((a > 0) != (b > 0) for a, b in both)
    return {"count": count, "n": len(both), "share": count / len(both) if both else None}


def most_divergent(changed: Sequence[Changed], k: int = READ_FIRST) -> list[DivergentCase]:
    """Name the ``k`` cases whose changes differ most between the tracks, by signed rank; ties by id.

    Cases whose two changes rank alike do not diverge, and are not named.
    """
    first, second = _signed_ranks([a for _, a, _ in changed]), _signed_ranks([b for _, _, b in changed])
    distances = [round(float(one), DIGITS) for one in np.abs(first - second)]
    order = sorted(range(len(changed)), key=lambda i: (-distances[i], changed[i][0]["id"]))
    return [
        {"nodeid": changed[i][0]["nodeid"], "id": changed[i][0]["id"], "a": changed[i][1], "b": changed[i][2]}
        for i in order[:k]
        if distances[i] > 0
    ]


def _signed_ranks(values: Sequence[float]) -> FloatArray:
    """Rank changes by size, from 0 (none) to 1 (the largest), and give them their sign; NaN stays NaN."""
    found = np.asarray(values, dtype=np.float64).round(DIGITS)
    sizes = np.sort(np.abs(found[np.isfinite(found)]))
    middle = np.searchsorted(sizes, np.abs(found), "left") + np.searchsorted(sizes, np.abs(found), "right")
    return np.asarray(np.sign(found) * middle / 2 / max(len(sizes), 1), dtype=np.float64)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), DIGITS)
