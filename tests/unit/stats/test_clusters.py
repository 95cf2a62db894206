"""What cases of one cluster share, against numbers of pingouin, statsmodels and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.stats.clusters import PRIOR_ICC, cautious_size, dependence, effective_size, jackknife_error
from pytest_medeval.stats.evidence import contributions, gather
from pytest_medeval.stats.intervals import difference_interval, effective_wilson, student, value_interval
from pytest_medeval.stats.proportions import tango, wilson

RATINGS = [9, 2, 5, 8, 6, 1, 3, 2, 8, 4, 6, 8, 7, 1, 2, 6, 10, 5, 6, 9, 6, 2, 4, 7]
"""Six targets of four ratings each (Shrout and Fleiss, 1979, table 2)."""
UNEVEN = [0.1, 0.4, -0.2, 0.5, 0.6, 0.3, -0.1, 0, 0.2, -0.3, 0.1, 0.9, 0.7, 0.5, 0.8, 0.6, 0.4, 0.9, 1, -0.4, -0.2,
          -0.5, 0.1]  # fmt: skip
SIZES = [1, 2, 3, 5, 8, 4]


def named(sizes):
    """Name the cluster of each case."""
    return [f"k{i}" for i, size in enumerate(sizes) for _ in range(size)]


def paired(changes):
    """Make rows of two roles whose differences of scores are ``changes``, from -1 to 1."""
    changes = np.asarray(changes, dtype=float)[:, None]
    return {"mean": 0.5 + changes / 2}, {"mean": 0.5 - changes / 2}


def test_correlation_is_that_of_pingouin():
    """ICC(1,1) of pingouin 0.7.0, 0.165742; its two-sided 95 % interval starts at -0.13 (one-sided 97.5 %)."""
    found = dependence(np.array(RATINGS, dtype=float), named([4] * 6))
    assert (found.clusters, round(found.icc, 6)) == (6, 0.165742)
    assert found.design_effect == pytest.approx(1 + 3 * found.icc)
    wider = dependence(np.array(RATINGS, dtype=float), named([4] * 6), level=0.975)
    assert [round((end - 1) / 3, 2) for end in (wider.low, wider.high)] == [-0.13, 0.72]


def test_clusters_of_any_size():
    """Mean squares of statsmodels 0.15.0 (anova_lm: 0.671893 and 0.052922) and the F quantile of scipy 1.17.1."""
    found = dependence(np.array(UNEVEN), named(SIZES))
    assert found.icc == pytest.approx(0.766387240819649, abs=1e-12)
    assert found.design_effect == pytest.approx(4.1988337008124486, abs=1e-12)
    assert found.low == pytest.approx(3.073091862342747, abs=1e-9)


@pytest.mark.parametrize(
    ("values", "clusters"),
    [([1.0, 2.0], ["a", "b"]), ([1.0, 2.0], ["a", "a"]), ([1.0, 1.0, 1.0], ["a", "a", "b"])],
    ids=["all alone", "one cluster", "no spread"],
)
def test_undefined_dependence_is_none(values, clusters):
    """Nothing to compare within clusters, between them, or at all."""
    assert dependence(np.array(values), clusters) is None


def test_equal_replies_within_clusters_count_once():
    """Copies: correlation 1, and a design effect of the number of copies."""
    found = dependence(np.repeat([0.1, 0.5, 0.9, 0.3], 4), named([4] * 4))
    assert (found.icc, found.design_effect, found.low) == (1, 4, 4)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(-1, 1)), min_size=3, max_size=30), st.randoms())
def test_order_and_names_say_nothing(cases, random):
    """Shuffled cases under other names have the same dependence, whose bound is not above the estimate."""
    found = dependence(np.array([value for _, value in cases]), [name for name, _ in cases])
    random.shuffle(cases)
    again = dependence(np.array([value for _, value in cases]), [f"other {name}" for name, _ in cases])
    if found is None:
        assert again is None
    else:
        assert again.icc == pytest.approx(found.icc, abs=1e-6)
        assert found.low <= found.design_effect + 1e-9
        assert found.icc <= 1 + 1e-9


def test_few_clusters_have_the_t_interval_of_scipy(mean_of):
    """Equal sizes: scipy.stats.ttest_1samp of the six cluster means; the interval is never narrower."""
    changes = np.array(RATINGS) / 10
    new, old = paired(changes)
    found = gather([mean_of()], new, old, clusters=named([4] * 6), permute=False)["mean"]
    exact = student(jackknife_error(found.jackknife, found.difference), found.difference, found.units)
    assert exact == pytest.approx((0.35323615517603973, 0.7050971781572937), abs=1e-12)
    low, high = difference_interval(found)
    assert low <= exact[0]
    assert high >= exact[1]


def test_the_error_of_uneven_clusters_is_that_of_statsmodels():
    """GEE with independent working correlation and cov_type="bias_reduced" (statsmodels 0.15.0), times (k - 1) / k."""
    values, names = np.array(UNEVEN), np.array(named(SIZES))
    left_out = np.array([values[names != name].mean() for name in dict.fromkeys(names)])
    assert jackknife_error(left_out, values.mean()) == pytest.approx(0.27776474 * (5 / 6) ** 0.5, abs=1e-8)


def test_what_never_changed_may_change_in_another_cluster(mean_of):
    """All 60 cases of 12 clusters right in both roles, or in one alone: Tango's and Wilson's intervals of 12 units."""
    right, wrong, clusters = {"mean": np.ones((60, 1))}, {"mean": np.zeros((60, 1))}, named([5] * 12)
    same = gather([mean_of()], right, right, clusters=clusters, permute=False)["mean"]
    assert difference_interval(same) == tango(0, 0, 12)
    assert value_interval(same) == wilson(12, 12)
    assert difference_interval(gather([mean_of()], right, wrong, clusters=clusters)["mean"]) == tango(12, 0, 12)


def test_a_change_too_rare_to_show_what_clusters_share_borrows_it():
    """The correlation is the upper bound of that of the outcomes, 0.5 at least; copies count once."""
    codes = np.repeat(np.arange(20), 5)
    apart, copies = np.tile([1.0, 1, 1, 1, 0], 20), np.repeat(np.arange(20) % 2.0, 5)
    assert cautious_size([apart, apart], codes) == pytest.approx(100 / (1 + 4 * PRIOR_ICC))
    assert cautious_size([apart, copies], codes) == 20
    assert cautious_size([np.ones(100), np.ones(100)], codes) == 20
    alike = np.where(np.arange(100) % 10 > 0, copies, 1 - copies)
    bound = dependence(alike, named([5] * 20)).high
    assert bound > 1 + 4 * PRIOR_ICC
    assert cautious_size([apart, alike], codes) == pytest.approx(max(20, 100 / bound))


def test_an_identical_release_of_53_clusters_is_not_worse_by_five_points(mean_of):
    """240 cases: Tango's interval of 86 independent ones, for scores as for right and wrong; of 53 it is 0.068."""
    right, clusters = {"mean": (np.arange(240.0) % 10 > 0)[:, None]}, [str(i % 53) for i in range(240)]
    same = gather([mean_of()], right, right, clusters=clusters, permute=False)["mean"]
    assert same.rare_size == pytest.approx(86.0, abs=0.1)
    assert difference_interval(same) == tango(0, 0, same.rare_size)
    assert difference_interval(same)[0] > -0.05
    graded = {"mean": (np.arange(240.0) % 10 / 9)[:, None]}
    found = gather([mean_of()], graded, graded, clusters=clusters, permute=False)["mean"]
    assert difference_interval(found) == pytest.approx(tango(0, 0, found.rare_size))


def test_one_cluster_alone_has_no_interval(mean_of):
    """How clusters differ cannot be seen in one."""
    new, old = paired(UNEVEN)
    found = gather([mean_of()], new, old, clusters=["a"] * len(UNEVEN), permute=False)["mean"]
    assert value_interval(found) is None
    assert difference_interval(found) is None


def test_a_proportion_of_clusters_has_wilsons_interval_at_its_effective_size():
    """A standard error of 0.05 at 0.8 is that of 64 cases; none is that of all."""
    assert effective_wilson(0.8, 0.05, 200) == pytest.approx(wilson(0.8 * 64, 64))
    assert effective_wilson(1.0, 0.0, 200) == wilson(200, 200)


def test_the_effective_size_lies_between_clusters_and_cases():
    """Copies count once, independent cases each; where nothing varies nothing is known of it, and clusters count."""
    assert effective_size(np.repeat([0.1, 0.5, 0.9], 4), named([4] * 3)) == 3
    assert effective_size(np.tile([0.0, 1.0], 6), named([4] * 3)) == 12
    assert effective_size(np.ones(12), named([4] * 3)) == 3
    assert effective_size(np.array([0.1, 0.2]), [None, None]) == 2


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_found_clusters_never_narrow_an_interval(mean_of, shared):
    """Where they were found and not declared, both intervals and both tests are looked at."""
    generator = np.random.default_rng(4)
    own = generator.uniform(-1, 1, 60) * (1 - shared) + np.repeat(generator.uniform(-1, 1, 15), 4) * shared + 0.1
    new, old = paired(np.clip(own, -1, 1))
    alone, by, both = (
        gather([mean_of()], new, old, clusters=clusters, wider=wider, resamples=500)["mean"]
        for clusters, wider in ((None, False), (named([4] * 15), False), (named([4] * 15), True))
    )
    for interval in (value_interval, difference_interval):
        ends = [interval(one) for one in (alone, by)]
        assert interval(both) == (min(low for low, _ in ends), max(high for _, high in ends))


def test_contributions_are_scores_of_a_mean_and_pseudo_values_of_the_rest(mean_of, micro_f1):
    """Cases without a row in one role have none; their mean is the difference."""
    new, old = paired([0.5, -0.5, 0.25])
    new["mean"][1] = np.nan
    present, values = contributions(mean_of(), new, old)
    assert present.tolist() == [True, False, True]
    assert values == pytest.approx([0.5, 0.25])
    rows = np.random.default_rng(1).poisson(3.0, (40, 3)).astype(float)
    _, shares = contributions(micro_f1(), {"findings": rows}, None)
    assert shares.mean() == pytest.approx(micro_f1().score(rows.sum(axis=0)), abs=0.01)
