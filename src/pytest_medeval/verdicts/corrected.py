"""A judge's differences, corrected by people's ratings of a random part of the same cases.

A judge that likes the candidate's style finds it better where it is not, and no agreement with people can show
that. Where people rated both replies of cases that the review page drew by chance, the paired difference is
estimated from both (``stats.ppi``): the judge's bias, whatever it is, goes out of it.

Two kinds of cases are on no review page, and what people would say of them is not in question: equal replies
differ by nothing, and an empty reply of the candidate against one of the baseline loses the whole scale, while
the candidate gains nothing where the baseline's is empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import NamedTuple

import numpy as np

from pytest_medeval.core.record import ROLES, CaseEntry, MetricRow
from pytest_medeval.judges.ratings.review import PairRating
from pytest_medeval.judges.rubric import PREFERENCE
from pytest_medeval.stats.bootstrap import cluster_codes
from pytest_medeval.stats.planning import Pilot
from pytest_medeval.stats.ppi import Corrected, corrected_mean
from pytest_medeval.verdicts.human import OVERALL

JUDGE = "judge."


class _Reader(NamedTuple):
    """What is read of judge and people: dimensions, what a rater said of them, and the range of the scale."""

    of: Sequence[str]
    said: Callable[[PairRating], float | None]
    span: float


def correct(
    cases: Sequence[CaseEntry], ratings: Sequence[PairRating], clusters: Sequence[str | None]
) -> dict[str, Corrected]:
    """Correct every judged dimension of a suite: metric name -> difference, candidate less baseline.

    ``cases``: the suite's; ``clusters`` (n,): their independent units; ``ratings``: people's, of any suites. What
    nobody rated by chance is not there. ``judge.overall``, the mean of all dimensions, is what Track B speaks by.
    """
    found = {
        name: corrected_mean(one.judged, one.people, one.units, known=one.known)
        for name, one in pilots(cases, ratings, clusters).items()
    }
    return {name: one for name, one in found.items() if one is not None}


def pilots(
    cases: Sequence[CaseEntry], ratings: Sequence[PairRating], clusters: Sequence[str | None]
) -> dict[str, Pilot]:
    """Put side by side what a judge and people say of the same cases: metric name -> differences; see ``correct``."""
    drawn: dict[str, list[PairRating]] = {}
    for pair in ratings:
        if pair.stratum == "random" and cases and pair.suite == cases[0]["suite"]:
            drawn.setdefault(pair.case, []).append(pair)
    scales = [pair.scale for pairs in drawn.values() for pair in pairs]
    if not scales:
        return {}
    span = float(scales[0].high - scales[0].low)
    names = dict.fromkeys(name for raters in drawn.values() for pair in raters for name in pair.grades["candidate"])
    parts = {name: [name] for name in names} | ({OVERALL: list(names)} if len(names) > 1 else {})
    readers = {name: _Reader(of, partial(_graded, of), span) for name, of in parts.items()}
    readers[PREFERENCE] = _Reader([PREFERENCE], _preferred, 1.0)
    found = {name: _pilot(cases, clusters, drawn, reader) for name, reader in readers.items()}
    return {JUDGE + name: one for name, one in found.items() if one is not None}


def corrected_row(found: Corrected, signature: str) -> MetricRow:
    """Write a corrected difference as a row of the record's metrics; a value of one role alone is not corrected."""
    return {
        "candidate": None,
        "candidate_ci95": None,
        "baseline": None,
        "n": found.judged,
        "difference": found.value,
        "relative": None,
        "ci95": list(found.interval()),
        "p_value": found.p_value,
        "test": "prediction-powered t",
        "p_corrected": None,
        "wilcoxon_p": None,
        "mann_whitney_p": None,
        "effect_size": None,
        "effect": None,
        "direction": 1,
        "rated": found.units,
        "signature": f"{signature}|corrected:ppi++",
        "reason": f"corrected by people's ratings of {found.rated} of {found.judged} judged cases, drawn by chance "
        f"({found.units} independent); weight of the judge {found.weight:.2f}",
    }


def difference_of(case: CaseEntry, name: str) -> float | None:
    """Give what the judges say of a case, candidate less baseline; None where a reply is unjudged."""
    said = case.get("judge")
    if said is None:
        return None
    if name == PREFERENCE:
        share = said.get("preference")
        return None if share is None else 2 * share - 1
    new, old = said.get("candidate", {}).get(name), said.get("baseline", {}).get(name)
    return None if new is None or old is None else new - old


def _pilot(
    cases: Sequence[CaseEntry],
    clusters: Sequence[str | None],
    drawn: Mapping[str, Sequence[PairRating]],
    reader: _Reader,
) -> Pilot | None:
    judged = [_whole([difference_of(case, name) for name in reader.of]) for case in cases]
    kept = [index for index, one in enumerate(judged) if one is not None]
    if not kept:
        return None
    people = [_mean([reader.said(pair) for pair in drawn.get(cases[index]["id"], ())]) for index in kept]
    codes = cluster_codes([clusters[index] for index in kept], len(kept)) if clusters else None
    return Pilot(
        np.array([judged[index] for index in kept], dtype=np.float64),
        np.array(people, dtype=np.float64),
        codes,
        np.array([_known(cases[index], reader.span) for index in kept], dtype=np.float64),
    )


def _known(case: CaseEntry, span: float) -> float:
    """Give the difference of a pair that is on no review page; NaN for all others."""
    new, old = case["candidate"]["reply"].split(), case["baseline"]["reply"].split()
    if new == old:
        return 0.0
    return np.nan if new and old else 0.0 if new else -span


def _graded(names: Sequence[str], pair: PairRating) -> float | None:
    given = [[pair.grades[role].get(name) for role in ROLES] for name in names]
    return _whole([None if new is None or old is None else float(new - old) for new, old in given])


def _whole(differences: Sequence[float | None]) -> float | None:
    """Average over dimensions; None where one of them is missing."""
    known = [one for one in differences if one is not None]
    return fmean(known) if known and len(known) == len(differences) else None


def _preferred(pair: PairRating) -> float | None:
    return None if pair.preference is None else float(pair.preference)


def _mean(given: Sequence[float | None]) -> float:
    """Average over raters: several raters of a case do not make it several cases."""
    known = [one for one in given if one is not None]
    return fmean(known) if known else np.nan
