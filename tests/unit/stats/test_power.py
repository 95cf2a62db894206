"""How many cases are enough: against statsmodels' power solvers."""

import pytest

from pytest_medeval.stats.planning import cases_needed, detectable_paired


def test_detectable_differences_are_statsmodels():
    """Reference: statsmodels 0.15.0, NormalIndPower().solve_power(nobs1=240, ...), ratio=0."""
    assert detectable_paired(1.0, 240) == pytest.approx(0.18084134340794591, abs=1e-6)


def test_cases_needed_is_statsmodels():
    """Reference: statsmodels 0.15.0, an effect of 0.1 standard deviations needs 784.886 pairs."""
    assert cases_needed(se=1 / 100**0.5, n=100, distance=0.1) == 785


def test_no_number_of_cases_settles_a_difference_on_the_threshold():
    """On the threshold, or so near that over a million cases would be needed, there is no advice."""
    assert cases_needed(0.01, 300, 0.0) is None
    assert cases_needed(0.01, 300, 1e-6) is None
