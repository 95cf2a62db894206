"""How many ratings are enough: the planned error is that of the correction, and the power is what was asked."""

import numpy as np
import pytest

from pytest_medeval.stats.planning import FEWEST, Pilot, planned_error, ratings_needed
from pytest_medeval.stats.ppi import corrected_mean


def pilot(cases, rated, *, follows=0.6, seed=1, known=0, groups=None):
    """Make a judge that follows people (sd 1) by ``follows``, with noise of 0.6 and a bias of 0.3."""
    rng = np.random.default_rng(seed)
    people = rng.normal(0, 1, cases) if groups is None else rng.normal(0, 1, groups)[np.arange(cases) % groups]
    judged = 0.3 + follows * people + rng.normal(0, 0.6, cases)
    seen, given = np.full(cases, np.nan), np.full(cases, np.nan)
    given[:known] = 0.0
    chosen = known + rng.permutation(cases - known)[:rated]
    seen[chosen] = people[chosen]
    return Pilot(judged, seen, None if groups is None else np.arange(cases) % groups, given)


@pytest.mark.parametrize(
    ("cases", "rated", "follows", "known"),
    [(600, 100, 0.6, 0), (600, 100, 0.0, 0), (300, 200, 0.9, 0), (200, 200, 0.6, 0), (600, 100, 0.6, 200)],
)
def test_the_planned_error_of_the_pilot_itself_is_the_one_that_it_has(cases, rated, follows, known):
    """Against ``corrected_mean`` with one weight, whose numbers are those of ppi-python."""
    one = pilot(cases, rated, follows=follows, known=known)
    found = corrected_mean(one.judged, one.people, known=one.known, folds=1)
    assert planned_error(one, np.array([float(rated)]))[0] == pytest.approx(found.se, rel=0.02)


def test_the_planned_ratings_have_the_power_that_was_asked():
    """600 simulated runs of 240 cases, 55 rated: 81 % found a difference of 0.3; a pilot of 100 plans near that."""
    found = [ratings_needed(pilot(240, 100, seed=seed), 0.3, seed=seed) for seed in range(3)]
    assert [one.ratings for one in found] == pytest.approx([55, 55, 55], abs=12)
    assert all(FEWEST <= one.low <= one.ratings <= one.high for one in found)
    shown = 0
    for seed in range(200):
        one = pilot(240, 55, seed=1000 + seed)
        shown += corrected_mean(one.judged, one.people + 0.3).interval()[0] > 0
    assert shown / 200 == pytest.approx(0.8, abs=0.09)


def test_dependent_cases_need_more_and_impossible_differences_have_no_number():
    """Cases of 40 groups that are alike; a difference below what all cases tell; a pilot of one unit."""
    apart, alike = pilot(240, 120), pilot(240, 120, groups=40)
    assert ratings_needed(alike, 0.45).ratings > ratings_needed(apart, 0.45).ratings
    found = ratings_needed(apart, 0.01)
    assert (found.ratings, found.low, found.high) == (None, None, None)
    assert ratings_needed(pilot(240, 1), 0.3) is None
    assert ratings_needed(apart, 3.0).ratings == FEWEST
    assert ratings_needed(apart, 0.3, power=0.95).ratings > ratings_needed(apart, 0.3).ratings
