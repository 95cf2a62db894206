"""A judge's differences and people's ratings of the same cases: which are paired, and what they estimate."""

from __future__ import annotations

import pytest

from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.blind import ROLES
from pytest_medeval.judges.ratings.review import PairRating
from pytest_medeval.judges.ratings.types import Scale
from pytest_medeval.verdicts.corrected import correct, corrected_row, difference_of


def case(number, judged, replies=("new reply", "old reply"), **more):
    """Make a case whose judge graded both replies."""
    said = dict(zip(ROLES, ({} if grade is None else {"accuracy": grade} for grade in judged), strict=True))
    return {
        "id": f"c{number}", "suite": "talk", "judge": {**said, **more},
        **{role: {"reply": reply} for role, reply in zip(ROLES, replies, strict=True)},
    }  # fmt: skip


def pair(number, new, old, **changes):
    """Rate a case."""
    grades = dict(zip(ROLES, ({} if grade is None else {"accuracy": grade} for grade in (new, old)), strict=True))
    facts = {
        "suite": "talk", "case": f"c{number}", "rater": "AB", "stratum": "random", "order": ROLES, "grades": grades,
        "preference": None, "harm": dict.fromkeys(ROLES, False), "comment": "", "scale": Scale(1, 5),
        "cluster": f"c{number}", "about": dict.fromkeys(ROLES, ""), "source": Source("r.json", 1),
    }  # fmt: skip
    return PairRating(**{**facts, **changes})


@pytest.mark.parametrize(
    ("one", "accuracy", "preference"),
    [
        ({}, None, None),
        (case(0, (4, 3)), 1, None),
        (case(0, (None, 3)), None, None),
        (case(0, (4, None)), None, None),
        (case(0, (3, 4), preference=1.0), -1, 1.0),
        (case(0, (3, 3), preference=0.25), 0, -0.5),
    ],
)
def test_what_judges_say_of_a_case(one, accuracy, preference):
    """Candidate less baseline; a share of the point from -1 to 1; None where a reply is unjudged."""
    assert (difference_of(one, "accuracy"), difference_of(one, "preference")) == (accuracy, preference)


JUDGED = [case(n, (4, 3)) for n in range(8)]
"""Eight cases in which the judge finds the candidate better by one point."""


def test_people_correct_the_mean():
    """All rated: the mean of the ratings, whatever the judge says; several raters of a case are one."""
    given = [pair(n, 3, 3 + n % 2) for n in range(8)] + [pair(0, 1, 3, rater="CD")]
    found = correct(JUDGED, given, ())
    assert list(found) == ["judge.accuracy"]
    one = found["judge.accuracy"]
    assert one.value == pytest.approx((-1 - 4) / 8)  # c0: (0 - 2) / 2; four of the others: -1
    assert (one.rated, one.judged, one.units) == (8, 8, 8)


def test_only_ratings_by_chance_of_this_suite_count():
    """Cases chosen for standing out, other suites, and half-rated pairs are left out; nothing left is nothing."""
    given = [pair(n, 3, 3) for n in range(4)]
    others = [pair(5, 5, 1, stratum="divergent"), pair(6, 5, 1, suite="other"), pair(7, None, 1), pair(4, 5, None)]
    assert correct(JUDGED, [*given, *others], ())["judge.accuracy"].rated == 4
    assert correct(JUDGED, others[:2], ()) == correct(JUDGED, [], ()) == correct([], given, ()) == {}
    unjudged = [case(n, (None, 3)) for n in range(8)]
    assert correct(unjudged, given, ()) == {}


def test_pairs_that_nobody_reads_are_known():
    """Equal replies differ by nothing; an empty reply against one loses the scale, and gains nothing the other way."""
    known = [case(8, (3, 3), ("same  text", "same text")), case(9, (1, 3), (" ", "old")), case(10, (3, 1), ("new", ""))]
    found = correct([*JUDGED, *known], [pair(n, 3 + n % 2, 3) for n in range(8)], ())["judge.accuracy"]
    assert found.value == pytest.approx((4 * 1 + 0 - 4 + 0) / 11)
    assert (found.rated, found.judged) == (8, 11)


def test_groups_are_the_units():
    """Cases of one dialogue are no independent ratings."""
    given = [pair(n, 3 + n % 3, 3) for n in range(8)]
    assert correct(JUDGED, given, [f"g{n // 2}" for n in range(8)])["judge.accuracy"].units == 4
    assert correct(JUDGED, given, [None] * 8)["judge.accuracy"].units == 8


def test_preferences_are_corrected_as_preferences():
    """From -1 to 1, where people said one."""
    cases = [case(n, (3, 3), preference=0.5) for n in range(8)]
    given = [pair(n, 3, 3, preference=(-1, 0, 1, 1)[n % 4]) for n in range(8)]
    found = correct(cases, given, ())
    assert found["judge.preference"].value == pytest.approx(2 / 8)
    assert "judge.preference" not in correct(cases, [pair(n, 3, 3) for n in range(8)], ())


def test_a_corrected_difference_is_a_row_of_the_record():
    """Its own test and interval; no value of one role."""
    found = correct(JUDGED, [pair(n, 3 + n % 2, 3) for n in range(6)], ())["judge.accuracy"]
    row = corrected_row(found, "judge.accuracy|x")
    assert (row["n"], row["difference"], row["ci95"]) == (8, found.value, list(found.interval()))
    assert (row["p_value"], row["test"], row["direction"]) == (found.p_value, "prediction-powered t", 1)
    assert row["signature"] == "judge.accuracy|x|corrected:ppi++"
    assert row["reason"].startswith(
        "corrected by people's ratings of 6 of 8 judged cases, drawn by chance (6 independent)"
    )
    empty = (
        "candidate",
        "candidate_ci95",
        "baseline",
        "relative",
        "p_corrected",
        "wilcoxon_p",
        "mann_whitney_p",
        "effect_size",
        "effect",
    )
    assert [row[key] for key in empty] == [None] * len(empty)
