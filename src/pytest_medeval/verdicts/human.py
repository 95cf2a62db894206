"""Track C: what people said of the replies, un-blinded: differences, preferences, harm, agreement of raters.

Several raters of a case do not make it several cases: their grades are averaged before anything is tested,
and the number of cases is n.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import nan
from statistics import fmean
from typing import TypeAlias

import numpy as np

from pytest_medeval.core.record import (
    ROLES,
    HumanGrade,
    HumanHarm,
    HumanPart,
    HumanPreference,
    HumanRecord,
    HumanSuite,
    RaterAgreement,
    Role,
    RunRecord,
)
from pytest_medeval.core.types import FloatArray
from pytest_medeval.judges.ratings.blind import STRATA
from pytest_medeval.judges.ratings.join import value_counts
from pytest_medeval.judges.ratings.review import PairRating, flat
from pytest_medeval.judges.ratings.types import Rating, Scale
from pytest_medeval.metrics.base import Measure, mean, mean_of
from pytest_medeval.stats.agreement import Estimate, Level, estimate, krippendorff_alpha
from pytest_medeval.stats.compare import Comparison, compare_all
from pytest_medeval.stats.evidence import Evidence, gather
from pytest_medeval.stats.intervals import difference_interval
from pytest_medeval.stats.paired import MCNEMAR
from pytest_medeval.verdicts.gates.data import correct_together

OVERALL = "overall"
"""The mean of all dimensions of a reply; a rubric's own dimension of that name goes before it."""
PREFERENCES = Scale(-1, 1)
FLAGS = Scale(0, 1)

Pair: TypeAlias = tuple[float, float]
"""A case's value for candidate and baseline; NaN where nobody gave it to both."""


def human(record: RunRecord, ratings: Sequence[PairRating]) -> HumanRecord:
    """Give Track C for the record; ``{}`` where nobody rated.

    A difference is candidate less baseline on cases graded for both; ``test`` is paired, its interval the
    bootstrap's (``stats.compare``). ``random`` is the part drawn by chance alone: the others were chosen
    because they stood out, so only this part speaks for all cases with two different replies. The
    ``overall`` dimension is the mean of the rubric's. ``p_corrected``: Holm over the dimensions of all
    suites, ``overall`` left out.
    """
    if not ratings:
        return {}
    seed = record["seed"]
    names = [name for name in record["suites"] if any(pair.suite == name for pair in ratings)]
    suites = {name: _suite([pair for pair in ratings if pair.suite == name], seed) for name in names}
    correct_together(one for suite in suites.values() for name, one in suite["dimensions"].items() if name != OVERALL)
    return {"raters": sorted({pair.rater for pair in ratings}), "suites": suites}


def _suite(ratings: Sequence[PairRating], seed: int) -> HumanSuite:
    cases: dict[str, list[PairRating]] = {}
    for pair in ratings:
        cases.setdefault(pair.case, []).append(pair)
    strata = [raters[0].stratum for raters in cases.values()]
    return {
        "cases": len(cases),
        "ratings": len(ratings),
        "strata": {stratum: strata.count(stratum) for stratum in STRATA},
        "dimensions": _dimensions(cases, seed),
        "preference": _preference(cases, seed),
        "harm": _harm(cases, seed),
        "agreement": _agreement(ratings, seed),
        "comments": [
            {"case": pair.case, "rater": pair.rater, "comment": pair.comment, "replies": list(pair.order)}
            for pair in ratings
            if pair.comment
        ],
    }


def _dimensions(cases: Mapping[str, Sequence[PairRating]], seed: int) -> dict[str, HumanGrade]:
    pairs = [pair for raters in cases.values() for pair in raters]
    names = list(dict.fromkeys(name for pair in pairs for role in ROLES for name in pair.grades[role]))
    readers = {name: _grade_of(name) for name in names}
    if len(names) > 1:
        readers.setdefault(OVERALL, _mean_of(names))
    chosen = list(cases.values())
    measures = [_measure(name) for name in readers]
    found = compare_all(measures, *_rows(readers, chosen), clusters=_clusters(chosen), seed=seed)
    by_chance = [raters for raters in chosen if raters[0].stratum == "random"]
    rows, clusters = _rows(readers, by_chance), _clusters(by_chance)
    part = gather(measures, *rows, clusters=clusters, seed=seed, permute=False)
    return {name: _grade(found[name], part.get(name)) for name in readers}


Reader: TypeAlias = Callable[[PairRating, Role], float | None]
"""What one rater gave one reply."""


def _grade_of(name: str) -> Reader:
    return lambda pair, role: pair.grades[role].get(name)


def _mean_of(names: Sequence[str]) -> Reader:
    def read(pair: PairRating, role: Role) -> float | None:
        grades = [pair.grades[role].get(name) for name in names]
        known = [grade for grade in grades if grade is not None]
        return fmean(known) if len(known) == len(names) else None

    return read


def _rows(
    readers: Mapping[str, Reader], cases: Sequence[Sequence[PairRating]]
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Arrange values as rows of both roles by dimension; a case without both is NaN, and left out."""
    values = {
        name: np.array([_averaged(raters, reader) for raters in cases], dtype=np.float64).reshape(-1, 2)
        for name, reader in readers.items()
    }
    candidate, baseline = ({name: pairs[:, [side]] for name, pairs in values.items()} for side in (0, 1))
    return candidate, baseline


def _clusters(cases: Sequence[Sequence[PairRating]]) -> list[str]:
    return [raters[0].cluster for raters in cases]


def _measure(name: str) -> Measure:
    return Measure(name=name, counts=name, signature=name, make=_no_row, fold=mean, spread=mean_of(0))


def _no_row(case: object, reply: object) -> Sequence[float]:
    raise NotImplementedError("people's grades come as rows")


def _averaged(raters: Sequence[PairRating], reader: Reader) -> Pair:
    """Average over the raters who gave both replies a value, so that no rater weighs on one side only."""
    both = [(reader(pair, "candidate"), reader(pair, "baseline")) for pair in raters]
    known = [(new, old) for new, old in both if new is not None and old is not None]
    return (fmean(new for new, _ in known), fmean(old for _, old in known)) if known else (nan, nan)


def _grade(found: Comparison, by_chance: Evidence | None) -> HumanGrade:
    return {
        "candidate": found.candidate,
        "baseline": found.baseline,
        "n": found.n,
        "difference": found.difference,
        "p_value": found.p_value,
        "test": found.test,
        "effect_size": found.effect_size,
        "effect": found.effect,
        "reason": found.reason,
        "ci95": found.ci95 and list(found.ci95),
        "p_corrected": None,
        "random": _part(by_chance),
    }


def _part(evidence: Evidence | None) -> HumanPart:
    if evidence is None:
        return {"n": 0, "difference": None, "ci95": None}
    ends = difference_interval(evidence)
    return {"n": evidence.n, "difference": evidence.difference, "ci95": None if ends is None else list(ends)}


def _more(pairs: Sequence[tuple[bool, bool]], cases: Sequence[Sequence[PairRating]], seed: int) -> Comparison:
    """Compare how many cases each role is named in: McNemar's (sign) test, of clustered cases a permutation test."""
    rows = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    candidate, baseline = ({"named": rows[:, [side]]} for side in (0, 1))
    return compare_all([_measure("named")], candidate, baseline, clusters=_clusters(cases), seed=seed)["named"]


def _preference(cases: Mapping[str, Sequence[PairRating]], seed: int) -> HumanPreference:
    """Count votes; a case is won by the side with more of them. Test: sign test of won against lost cases."""
    said = [[pair.preference for pair in raters if pair.preference is not None] for raters in cases.values()]
    votes = [vote for given in said for vote in given]
    chosen = [raters for raters, given in zip(cases.values(), said, strict=True) if given]
    sums = [sum(given) for given in said if given]
    wins, losses = sum(one > 0 for one in sums), sum(one < 0 for one in sums)
    found = _more([(one > 0, one < 0) for one in sums], chosen, seed)
    return {
        "votes": {"candidate": votes.count(1), "same": votes.count(0), "baseline": votes.count(-1)},
        "cases": {"wins": wins, "ties": len(sums) - wins - losses, "losses": losses},
        "n": len(sums),
        "difference": found.difference,
        "ci95": None if found.ci95 is None else list(found.ci95),
        "p_value": found.p_value,
        "test": "sign test" if found.test is None or found.test == MCNEMAR else found.test,
    }


def _harm(cases: Mapping[str, Sequence[PairRating]], seed: int) -> HumanHarm:
    """Count the cases in which at least one rater flagged a reply; one flag is enough to look at it again."""
    flags = [(_flagged(raters, "candidate"), _flagged(raters, "baseline")) for raters in cases.values()]
    test = _more(flags, list(cases.values()), seed)
    return {
        "candidate": sum(new for new, _ in flags),
        "baseline": sum(old for _, old in flags),
        "both": flags.count((True, True)),
        "n": len(flags),
        "p_value": test.p_value,
        "test": test.test or MCNEMAR,
        "flagged": {
            role: [case for case, one in zip(cases, flags, strict=True) if one[place]]
            for place, role in enumerate(ROLES)
        },
    }


def _flagged(raters: Sequence[PairRating], role: Role) -> bool:
    return any(pair.harm[role] for pair in raters)


def _agreement(ratings: Sequence[PairRating], seed: int) -> dict[str, RaterAgreement]:
    """Krippendorff's alpha of replies (of pairs, for the preference) that two or more raters rated."""
    grades: dict[str, list[Rating]] = {}
    for rating in flat(ratings):
        grades.setdefault(rating.dimension, []).append(rating)
    scale = ratings[0].scale
    found = {name: _alpha(given, scale, "ordinal", seed) for name, given in grades.items()}
    found["preference"] = _alpha(_votes(ratings), PREFERENCES, "ordinal", seed)
    found["harm"] = _alpha(_flags(ratings), FLAGS, "nominal", seed)
    return {
        name: {"value": one.value, "low": one.low, "high": one.high, "reason": one.reason}
        for name, one in found.items()
    }


def _alpha(given: Sequence[Rating], scale: Scale, level: Level, seed: int) -> Estimate:
    if not given:
        return Estimate(None, reason="undefined: nothing was rated")
    counts, clusters = value_counts(given, scale)
    return estimate(krippendorff_alpha(counts, clusters, level=level), int(clusters.max()) + 1, seed=seed)


def _votes(ratings: Iterable[PairRating]) -> list[Rating]:
    return [
        Rating(pair.case, pair.rater, "preference", float(pair.preference), pair.cluster, pair.source)
        for pair in ratings
        if pair.preference is not None
    ]


def _flags(ratings: Iterable[PairRating]) -> list[Rating]:
    return [
        Rating(f"{pair.case}/{role}", pair.rater, "harm", float(pair.harm[role]), pair.cluster, pair.source)
        for pair in ratings
        for role in ROLES
    ]
