"""Bootstrap: the digits of scipy, clusters, and bounded memory."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.stats import bootstrap
from pytest_medeval.stats.bootstrap import (
    bca,
    cluster_codes,
    cluster_sums,
    expanded_tail,
    leave_one_out,
    percentile,
    resample,
    resampling_weights,
)


def mean(total):
    """Score (sum, number)."""
    return total[..., 0] / total[..., 1]


def pairs():
    """Make 60 skewed, correlated scores for each role, as counts (score, 1)."""
    rng = np.random.default_rng(5)
    new = rng.gamma(2, 1, 60)
    old = new * 0.7 + rng.normal(0, 0.3, 60)
    return [np.column_stack([scores, np.ones(60)]) for scores in (new, old)]


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_intervals_of_a_paired_difference_have_scipys_digits(level):
    """Percentile and BCa equal scipy.stats.bootstrap's for the same generator."""
    new, old = pairs()
    draws = resample([(mean, new), (mean, old)], resamples=2000, seed=9)
    gaps, jackknife = draws[0] - draws[1], leave_one_out(mean, new) - leave_one_out(mean, old)
    ours = {
        "percentile": percentile(gaps, level),
        "BCa": bca(gaps, float(mean(new.sum(axis=0)) - mean(old.sum(axis=0))), jackknife, level),
    }
    for method, found in ours.items():
        theirs = scipy.stats.bootstrap(
            (new[:, 0], old[:, 0]),
            lambda x, y, axis: x.mean(axis) - y.mean(axis),
            paired=True,
            vectorized=True,
            n_resamples=2000,
            rng=np.random.default_rng(9),
            method=method,
            confidence_level=level,
        ).confidence_interval
        assert found == pytest.approx(tuple(theirs), abs=1e-12)


def test_a_ratio_of_sums_has_scipys_bca_interval():
    """A metric that is no mean, too: BCa of a ratio of sums equals scipy's."""
    counts = np.column_stack([sample[:, 0] for sample in pairs()])
    (draws,) = resample([(mean, counts)], resamples=2000, seed=9)
    theirs = scipy.stats.bootstrap(
        (counts[:, 0], counts[:, 1]),
        lambda x, y, axis: x.sum(axis) / y.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=2000,
        rng=np.random.default_rng(9),
        method="BCa",
    ).confidence_interval
    found = bca(draws, float(mean(counts.sum(axis=0))), leave_one_out(mean, counts))
    assert found == pytest.approx(tuple(theirs), abs=1e-12)


def test_chunks_change_no_digit(monkeypatch):
    """Small chunks of weights draw the same resamples as one large one."""
    whole = np.concatenate(list(resampling_weights(30, 101, 3)))
    monkeypatch.setattr(bootstrap, "CHUNK_BYTES", 8 * 30 * 7)
    chunks = list(resampling_weights(30, 101, 3))
    assert max(len(chunk) for chunk in chunks) == 7
    assert np.array_equal(np.concatenate(chunks), whole)
    assert (whole.sum(axis=1) == 30).all()


def test_clusters_are_drawn_whole():
    """Resampling dialogues equals resampling their summed counts; cases without a group stand alone."""
    codes = cluster_codes(["a", "a", None, "b", None, "b"], 6)
    assert codes.tolist() == [0, 0, 1, 2, 3, 2]
    counts = np.arange(12.0).reshape(6, 2)
    assert cluster_sums(counts, codes).tolist() == [[2, 4], [4, 5], [16, 18], [8, 9]]
    assert cluster_codes(["a", "b"], 2) is None
    assert cluster_codes(None, 2) is None


def test_a_group_named_like_a_case_number_stays_apart():
    """A group called "c1" is not the case with number 1."""
    assert cluster_codes(["c1", None, "c1"], 3).tolist() == [0, 1, 0]


def test_wrong_number_of_groups_is_refused():
    """Labels and cases must match one to one."""
    with pytest.raises(ValueError, match="1 cluster labels for 2 cases"):
        cluster_codes(["a"], 2)


def test_expanded_percentile_is_as_wide_as_the_t_interval():
    """For a normal sample's mean it has the width of Student's (scipy.stats.t)."""
    sample = np.random.default_rng(2).normal(size=15)
    counts = np.column_stack([sample, np.ones(15)])
    (draws,) = resample([(mean, counts)], resamples=20_000, seed=1)
    low, high = percentile(draws, units=15)
    student = scipy.stats.t.interval(0.95, 14, scale=sample.std(ddof=1) / 15**0.5)
    assert high - low == pytest.approx(student[1] - student[0], rel=0.04)
    assert expanded_tail(0.95, 10**6) == pytest.approx(0.025, rel=1e-4)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.5, 0.999))
@settings(max_examples=50, deadline=None)
def test_intervals_are_ordered_and_inside_the_scores(scores, level):
    """Whatever the scores, both intervals are finite, ordered, and within the range of the scores."""
    counts = np.column_stack([scores, np.ones(len(scores))])
    (draws,) = resample([(mean, counts)], resamples=200, seed=0)
    jackknife = leave_one_out(mean, counts)
    jackknife = jackknife[np.isfinite(jackknife)]
    for low, high in (
        percentile(draws, level, units=len(scores)),
        bca(draws, float(np.mean(scores)), jackknife, level),
    ):
        assert min(scores) - 1e-9 <= low <= high <= max(scores) + 1e-9
