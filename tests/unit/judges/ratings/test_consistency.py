"""A judge against itself: repeats, order."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.consistency import (
    count_agreement,
    follows_order,
    hardly_vary,
    position_audit,
    settle,
    share,
)
from pytest_medeval.judges.ratings.types import Decision, Scale

GRADES = Scale(1, 5)


def decision(first, second, *, label=1, longer=1, cluster="q"):
    """Make a decision; ``second`` is flipped back already."""
    return Decision("p", "j", label, first, second, longer, cluster, Source("j.jsonl", 1))


def test_repeats_with_gaps():
    """Replies with one grade take no part; two of the three others were graded alike every time."""
    counts = np.array([[0, 0, 3, 0, 0], [0, 0, 0, 2, 0], [2, 1, 0, 0, 0], [0, 0, 0, 0, 1]], dtype=float)
    found = count_agreement(counts, np.arange(4), resamples=100)
    assert found.items == 3
    assert found.identical.value == pytest.approx(2 / 3)
    # krippendorff 0.9.0, value_counts=[[0,0,3,0,0],[0,0,0,2,0],[2,1,0,0,0]], level_of_measurement="ordinal"
    assert found.alpha.value == pytest.approx(0.9495192307692307, abs=1e-12)


def test_a_judge_that_always_says_the_same_has_no_alpha():
    """With one grade for everything alpha is undefined and says so, while all repeats are identical."""
    counts = np.zeros((20, 5))
    counts[:, 3] = 3
    found = count_agreement(counts, np.arange(20), resamples=100)
    assert found.alpha.value is None
    assert found.alpha.reason
    assert found.identical.value == 1


@pytest.mark.parametrize(
    ("first", "second", "final"), [(1, 1, 1), (-1, -1, -1), (1, -1, 0), (-1, 1, 0), (0, 0, 0), (1, 0, 1), (0, -1, -1)]
)
def test_a_preference_that_flips_is_a_tie(first, second, final):
    """Opposite decisions are a tie; a tie and a preference leave the preference."""
    assert settle(first, second) == final


def test_position_audit_by_hand():
    """Five pairs: right twice over, flipped, tied, wrong, half a tie."""
    pairs = [decision(1, 1), decision(1, -1), decision(0, 0), decision(-1, -1), decision(1, 0)]
    found = position_audit([replace_cluster(pair, str(index)) for index, pair in enumerate(pairs)])
    counts = {
        name: (getattr(found, name).count, getattr(found, name).of)
        for name in ("accuracy", "consistent", "flipped", "first_place", "longer")
    }
    assert counts == {
        "accuracy": (2, 5),
        "consistent": (3, 5),
        "flipped": (1, 5),
        "first_place": (5, 7),
        "longer": (2, 3),
    }


def replace_cluster(pair, cluster):
    """Put a decision into a cluster."""
    return decision(pair.first, pair.second, cluster=cluster)


def test_a_judge_that_only_sees_the_place():
    """First place preferred in both orders: never consistent, always flipped, never right."""
    found = position_audit([decision(1, -1, cluster=str(index)) for index in range(8)])
    assert (found.flipped.count, found.consistent.count, found.accuracy.count) == (8, 0, 0)
    assert found.first_place.count == found.first_place.of == 16
    assert found.longer.estimate.value is None


def test_share_of_all_still_has_an_interval():
    """17 of 17 is not certainty: the lower end of Wilson's interval is n / (n + z2), 0.816."""
    found = share([True] * 17, [str(index) for index in range(17)])
    assert found.estimate.low == pytest.approx(17 / (17 + 1.959963984540054**2))
    assert found.estimate.high == pytest.approx(1)
    assert share([True] * 17, ["one"] * 17).estimate.low < 0.3


def test_grades_that_hardly_vary_say_nothing():
    """Below a sixteenth of the scale in every dimension, over ten replies or more; the scale's width counts."""
    flat, varied = [1.3, 1.4] * 10, [1, 5] * 10
    told = "its grades hardly vary (standard deviation 0.05 points over 20 replies, bound 0.25)"
    assert hardly_vary({"accuracy": flat, "tone": [1] * 20}, GRADES) == told
    assert hardly_vary({"accuracy": flat}, Scale(0, 100)).endswith("bound 6.2)")
    for grades in ({"accuracy": flat, "tone": varied}, {"accuracy": flat[:9]}, {}, {"accuracy": [2.5, 3.0] * 5}):
        assert hardly_vary(grades, GRADES) == ""


@pytest.mark.parametrize(
    ("same", "n", "told"),
    [
        (0, 20, "its preference depends on the order of the replies (the same in both orders 0 of 20 times)"),
        (5, 20, "its preference depends on the order of the replies (the same in both orders 5 of 20 times)"),
        (6, 20, ""),  # statsmodels 0.14's proportion_confint(6, 20, method="wilson")[1] is 0.519
        (0, 9, ""),
    ],
)
def test_a_preference_that_depends_on_the_order_says_nothing(same, n, told):
    """Shown to be the same in both orders less often than a coin's two tosses; a tie beside a preference is not."""
    assert follows_order([(1, 1), (0, 0)] * (same // 2) + [(-1, -1)] * (same % 2) + [(1, -1)] * (n - same)) == told
    assert follows_order([(1, 0)] * 20) != ""
