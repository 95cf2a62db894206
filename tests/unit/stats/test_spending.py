"""Alpha over several looks, held to published boundaries and to the normal distribution of all looks together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from pytest_medeval.stats.spending import Spending, boundaries, spent

PUBLISHED = {
    2: (2.9626, 1.9686),
    3: (3.7103, 2.5114, 1.9930),
    4: (4.3326, 2.9631, 2.3590, 2.0141),
    5: (4.8769, 3.3569, 2.6803, 2.2898, 2.0310),
}
"""Two-sided 5 %, equal looks: what R's gsDesign (``sfLDOF``) and ldbounds print (DeMets and Lan 1994, table 1)."""


def equal(looks, alpha=0.05):
    """Give the boundaries of equal looks."""
    return boundaries(range(1, looks + 1), np.diff([spent(k / looks, alpha) for k in range(looks + 1)]))


@pytest.mark.parametrize("looks", PUBLISHED)
def test_equal_looks_have_the_published_boundaries(looks):
    """O'Brien-Fleming by Lan and DeMets."""
    assert equal(looks) == pytest.approx(PUBLISHED[looks], abs=2e-4)


def test_uneven_looks_keep_alpha_by_another_computation():
    """The chance that three uneven looks all stay inside, by scipy's multivariate normal distribution."""
    sizes = np.array([100.0, 240.0, 300.0])
    ends = np.array(boundaries(sizes, np.diff([spent(k / 3, 0.04) for k in range(4)])))
    together = np.sqrt(np.minimum.outer(sizes, sizes) / np.maximum.outer(sizes, sizes))
    inside = multivariate_normal(np.zeros(3), together).cdf(ends, lower_limit=-ends)
    assert 1 - inside == pytest.approx(0.04, abs=2e-5)


def test_a_look_spends_what_is_new_of_alpha():
    """Growing cases by the boundary, other cases by the increment; a lone look, or none declared, all of it."""
    shares = (0.2, 0.4, 0.6, 0.8)
    grown = Spending(5, 5, shares, (200, 400, 600, 800, 1000))
    assert grown.alpha(0.05) == pytest.approx(2 * norm.sf(2.0310), abs=2e-5)
    assert Spending(5, 5, shares).alpha(0.05) == pytest.approx(0.05 - spent(0.8))
    for alone in (Spending(), Spending(1, 1), Spending(4)):
        assert alone.alpha(0.05) == pytest.approx(0.05)
    assert sum(Spending(k, 5, shares[: k - 1]).alpha(0.05) for k in range(1, 6)) == pytest.approx(0.05)


def test_what_was_spent_is_gone():
    """One look more than declared has nothing left, and so has a declared one after one that nobody declared."""
    assert Spending(3, 2, (0.5, 1.0)).exhausted
    assert Spending(2, 5, (1.0,)).exhausted
    assert not Spending(2, 2, (0.5,)).exhausted
    assert not Spending(9).exhausted
    assert not Spending(2, None, (1.0,)).exhausted
    assert Spending(2, 4, (0.25, 0.25)).alpha(0.05) == pytest.approx(spent(0.5) - spent(0.25))


def test_the_first_of_many_looks_has_an_interval():
    """What it may spend is next to nothing, and no program can compute an interval of level 1."""
    for sizes in ((), (50,)):
        assert Spending(1, 40, (), sizes).alpha(0.05) == 1e-9
