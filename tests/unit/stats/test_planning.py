"""How many ratings are enough: the planned error is that of the correction, and the power is what was asked."""

import numpy as np
import pytest
from scipy.stats import norm

from pytest_medeval.stats.planning import FEWEST, Cases, Pilot, cases_for, cases_needed, planned_error, ratings_needed
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
    [
        (600, 100, 0.6, 0),
        (600, 100, 0.0, 0),
        (600, 100, 1.9, 0),
        (600, 100, 0.2, 0),
        (300, 200, 0.9, 0),
        (200, 200, 0.6, 0),
        (600, 100, 0.6, 200),
    ],
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


def test_the_middle_is_what_the_pilot_itself_says():
    """With a true difference taken for granted the range is that of the error alone, and holds the plain formula."""
    values = np.repeat([1.0, -1.0, 0.0], [22, 18, 160])
    found = cases_for(values, None, 0.05, truth=0.0)
    plain = cases_needed(values.std(ddof=1) / np.sqrt(200), 200, 0.05)
    assert found.low < plain < found.high
    assert found.middle == pytest.approx(plain, rel=0.03)


def test_a_pilot_of_100_says_little_of_where_the_truth_is():
    """Its own difference as the truth: the 90 % end is many times the 10 % end, or no number."""
    rng = np.random.default_rng(2)
    values = rng.choice([1.0, -1.0, 0.0], 100, p=[0.14, 0.06, 0.8])
    found = cases_for(values, None, 0.0)
    assert found.high is None or found.high > 8 * found.low
    assert found.low < found.middle


def test_cases_of_clusters_are_worth_less():
    """Ten cases that change alike are one: ten times as many are needed."""
    values = np.repeat(np.random.default_rng(3).choice([1.0, -1.0, 0.0], 60, p=[0.1, 0.1, 0.8]), 10)
    apart = cases_for(values, None, 0.05, truth=0.0)
    together = cases_for(values, np.repeat(np.arange(60), 10), 0.05, truth=0.0)
    assert together.middle == pytest.approx(10 * apart.middle, rel=0.15)


def test_more_power_needs_more_cases_by_the_normal_quantiles():
    """(z of 0.975 + z of the power) squared over the room squared, of a known truth; on the wrong side none do."""
    values = np.random.default_rng(4).normal(0, 1, 4000)
    for power in (0.5, 0.8, 0.95):
        wanted = ((norm.ppf(0.975) + norm.ppf(power)) / 0.1) ** 2 * values.var()
        assert cases_for(values, None, 0.1, truth=0.0, power=power).middle == pytest.approx(wanted, rel=0.02)
    assert cases_for(values, None, 0.1, truth=-0.2) == Cases(None, None, None)
    assert cases_for(values, None, 0.0, truth=50.0) == Cases(20, 20, 20)  # fewer are never told
