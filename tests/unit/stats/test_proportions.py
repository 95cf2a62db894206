"""Score intervals of one proportion and of a paired difference."""

import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.stats.proportions import tango, tango_statistic, wilson


def test_wilson_is_the_published_interval():
    """81 of 263: 0.2553 to 0.3662 (Newcombe, 1998, Statistics in Medicine 17, 857-872, table I, method 3)."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@pytest.mark.parametrize(("right", "n", "level"), [(81, 263, 0.95), (20, 20, 0.95), (0, 30, 0.99), (1, 2, 0.9)])
def test_wilson_is_scipys(right, n, level):
    """The digits of scipy.stats.binomtest(...).proportion_ci(method="wilson")."""
    theirs = scipy.stats.binomtest(right, n).proportion_ci(level, method="wilson")
    assert wilson(right, n, level) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_tango_is_the_published_interval():
    """Airway hyper-responsiveness before and after transplantation: 1 win, 7 losses of 21.

    -0.517 to -0.026 in Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33, 2850-2875.
    """
    assert tango(1, 7, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize(("wins", "losses", "n", "difference"), [(1, 7, 21, -0.1), (6, 16, 161, 0.05), (0, 3, 50, 0.1)])
def test_tango_statistic_uses_the_restricted_maximum_likelihood(wins, losses, n, difference):
    """The closed form equals a numerical maximum of the likelihood (scipy.optimize)."""

    def unlikely(loss_rate):
        cells = [
            (wins, loss_rate + difference),
            (losses, loss_rate),
            (n - wins - losses, 1 - 2 * loss_rate - difference),
        ]
        return -sum(count * np.log(rate) for count, rate in cells if count)

    bounds = (max(0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12)
    best = scipy.optimize.minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
    expected = (wins - losses - n * difference) / np.sqrt(n * (2 * best + difference * (1 - difference)))
    found = tango_statistic(*(np.array(float(number)) for number in (wins, losses, n, difference)))
    assert float(found) == pytest.approx(expected, abs=1e-5)


def test_without_a_change_the_interval_still_has_width():
    """No change among 100 cases leaves z^2 / (n + z^2) open on both sides."""
    low, high = tango(0, 0, 100)
    assert high == pytest.approx(1.959964**2 / (100 + 1.959964**2), abs=1e-6)
    assert low == pytest.approx(-high, abs=1e-12)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 200), st.floats(0.5, 0.9999))
@settings(max_examples=100, deadline=None)
def test_tango_holds_the_estimate_and_mirrors(wins, losses, same, level):
    """The interval holds the estimate, stays in [-1, 1], and swapping the roles mirrors it."""
    n = wins + losses + same
    if n == 0:
        return
    low, high = tango(wins, losses, n, level)
    assert -1 <= low <= (wins - losses) / n + 1e-9
    assert (wins - losses) / n - 1e-9 <= high <= 1
    mirrored = tango(losses, wins, n, level)
    assert (low, high) == pytest.approx((-mirrored[1], -mirrored[0]), abs=1e-9)
