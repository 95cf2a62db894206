"""Prediction-powered inference: numbers of ppi-python, and the properties that make it worth having."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.stats.bootstrap import NORMAL
from pytest_medeval.stats.ppi import corrected_mean

# ppi-python 0.2.3, ppi_mean_pointestimate and ppi_mean_ci(alpha=0.05), the first 24 cases rated:
# judge's values of 100 cases, people's of the first 24, point estimate, interval
JUDGED = (
    (
        "3 1 1 3 1 2 2 -2 -3 -1 -2 3 3 -3 0 2 -3 2 -3 0 2 -1 -1 -2 2 -2 3 0 0 0 1 0 0 3 2 2 1 1 -1 3 0 -2 "
        "2 -2 3 1 -3 -3 0 -3 -3 0 3 0 2 3 2 1 0 0 -2 0 -1 -2 3 -3 -3 -2 3 1 3 -2 2 -1 0 -3 1 2 1 -2 0 -2 "
        "3 3 -2 0 3 2 1 1 -3 2 0 -3 -2 0 2 0 1 3"
    ),
    (
        "2 -2 2 2 1 1 -1 2 -3 1 3 3 -1 -1 1 -1 2 -2 -2 -3 0 -2 -1 3 2 2 1 -3 2 1 3 0 -2 1 0 1 -1 -1 -3 3 "
        "2 0 -2 1 -1 1 -3 -2 2 -3 1 -1 -3 2 1 2 3 2 2 -3 3 3 1 2 2 3 3 0 2 3 -1 -3 -2 -3 0 -3 -2 -2 1 -2 "
        "3 -2 3 0 -2 -3 -1 1 -3 -2 -3 1 -3 -3 0 -1 0 3 3 0"
    ),
)
PEOPLE = (
    "4 1 -1 2 1 1 2 -2 -2 0 -2 2 1 -2 -1 1 -3 2 -1 -2 0 0 -3 -2",
    "2 -2 3 0 1 1 0 3 -1 -1 0 3 -2 -1 1 -3 -1 -1 -2 -3 0 -3 -3 2",
)
FOUND = (
    (-0.1070506794643446, -0.5959920117962, 0.3818906528675108),
    (-0.35573070311955585, -0.9364724676537959, 0.22501106141468424),
)


def numbers(text):
    """Read a row of numbers."""
    return np.array([float(word) for word in text.split()])


def rated_first(judged, people):
    """People's values padded to the cases that the judge graded."""
    return np.concatenate([people, np.full(len(judged) - len(people), np.nan)])


@pytest.mark.parametrize("which", [0, 1])
def test_one_weight_for_all_gives_the_numbers_of_ppi_python(which):
    """Point estimate and half width to 1e-9."""
    judged, people = numbers(JUDGED[which]), numbers(PEOPLE[which])
    found = corrected_mean(judged, rated_first(judged, people), folds=1)
    value, low, high = FOUND[which]
    assert found.value == pytest.approx(value, abs=1e-9)
    assert found.se * NORMAL.inv_cdf(0.975) == pytest.approx((high - low) / 2, abs=1e-9)
    assert (found.rated, found.judged, found.units) == (24, 100, 24)


def test_the_order_of_the_cases_does_not_matter_to_one_weight():
    """Cases turned round give the same mean."""
    judged = numbers(JUDGED[0])
    people = rated_first(judged, numbers(PEOPLE[0]))
    turned = corrected_mean(judged[::-1], people[::-1], folds=1)
    assert turned.value == pytest.approx(FOUND[0][0], abs=1e-9)


@settings(deadline=None)
@given(bias=st.floats(-5, 5), seed=st.integers(0, 99))
def test_a_constant_bias_of_the_judge_moves_nothing(bias, seed):
    """A judge that likes everything more by as much is corrected whole."""
    rng = np.random.default_rng(seed)
    judged = rng.normal(size=80)
    people = np.where(np.arange(80) < 20, judged + rng.normal(size=80), np.nan)
    plain, biased = corrected_mean(judged, people), corrected_mean(judged + bias, people)
    assert biased.value == pytest.approx(plain.value, abs=1e-9)
    assert biased.interval() == pytest.approx(plain.interval(), abs=1e-9)


def test_a_judge_that_says_nothing_leaves_what_people_said_alone():
    """Equal grades weigh nothing; the interval is that of scipy.stats.t with its sem."""
    people = np.array([1.0, 2.0, 4.0, 1.0, np.nan, np.nan])
    found = corrected_mean(np.full(6, 3.0), people)
    assert (found.value, found.weight) == (2.0, 0.0)
    assert found.interval() == pytest.approx((-0.2503294, 4.2503294), abs=1e-6)


def test_a_judge_that_is_right_narrows_the_interval_as_if_people_had_rated_all():
    """A right judge is worth more than half of the width."""
    rng = np.random.default_rng(3)
    truth = rng.normal(size=400)
    people = np.where(np.arange(400) < 40, truth, np.nan)
    found = corrected_mean(truth, people)
    alone = corrected_mean(np.zeros(400), people)
    low, high = found.interval()
    assert found.weight > 0.7
    assert high - low < 0.5 * (alone.interval()[1] - alone.interval()[0])


def test_all_rated_is_the_mean_of_the_ratings():
    """Where people rated all, the judge has nothing to add."""
    people = np.array([1.0, 2.0, 3.0, 6.0])
    found = corrected_mean(np.array([9.0, 1.0, 0.0, 4.0]), people)
    assert (found.value, found.weight) == (3.0, 0.0)


def test_cases_of_one_unit_are_no_independent_ratings():
    """Ten units of eight equal cases: the interval is that of ten cases."""
    rng = np.random.default_rng(5)
    each = rng.normal(size=10)
    people, units = np.repeat(each, 8), np.repeat(np.arange(10), 8)
    found = corrected_mean(np.zeros(80), people, units)
    few = corrected_mean(np.zeros(10), each)
    assert found.units == 10
    assert found.interval() == pytest.approx(few.interval(), abs=1e-9)


def test_unrated_cases_of_a_rated_unit_count_with_it():
    """One influence a unit, by hand: units of one rated and one unrated case each."""
    judged = np.array([1.0, 2.0, 3.0, 5.0, 2.0, 2.0, 4.0, 8.0])
    people = np.array([1.0, 2.0, 4.0, 5.0, *[np.nan] * 4])
    found = corrected_mean(judged, people, np.array([0, 1, 2, 3] * 2), folds=1)
    residual, used = people[:4] - found.weight * judged[:4], found.weight * judged[4:]
    influence = (residual - residual.mean()) / 4 + (used - used.mean()) / 4
    assert found.se == pytest.approx(np.sqrt(np.sum(influence**2)))
    assert found.value == pytest.approx(residual.mean() + used.mean())


def test_p_and_interval_answer_the_same_question():
    """An end of the interval at level 1 - p is zero."""
    judged = numbers(JUDGED[0])
    found = corrected_mean(judged, rated_first(judged, numbers(PEOPLE[0])))
    ends = found.interval(1 - found.p_value)
    assert min(abs(end) for end in ends) < 1e-6
    nothing = corrected_mean(np.zeros(4), np.zeros(4))
    assert nothing.p_value == 1.0
    assert corrected_mean(np.zeros(4), np.ones(4)).p_value == 0.0


@pytest.mark.parametrize("people", [[np.nan] * 3, [1.0, np.nan, np.nan]])
def test_one_rating_has_no_interval(people):
    """Fewer than two rated units are no estimate."""
    assert corrected_mean(np.zeros(3), np.array(people)) is None


def test_rows_that_are_not_of_the_same_cases_are_refused():
    """Rows of different length are a mistake of the caller."""
    with pytest.raises(ValueError, match="3 judged values against 2"):
        corrected_mean(np.zeros(3), np.zeros(2))


def test_cases_that_nobody_needs_to_read_are_part_of_the_mean():
    """Half of the cases have equal replies: the difference is half, and so is the width, but for the draw of cases."""
    rng = np.random.default_rng(2)
    judged = np.concatenate([rng.normal(size=50), np.zeros(50)])
    people = np.concatenate([judged[:20] + rng.normal(size=20) + 1, np.full(80, np.nan)])
    known = np.concatenate([np.full(50, np.nan), np.zeros(50)])
    read, whole = corrected_mean(judged[:50], people[:50]), corrected_mean(judged, people, known=known)
    assert whole.value == pytest.approx(read.value / 2)
    # variance of a mixture: of the read half's mean, and of how many cases are of which kind
    assert whole.se == pytest.approx(np.sqrt(read.se**2 / 4 + read.value**2 / 4 / 100))
    assert (whole.rated, whole.judged) == (20, 100)
