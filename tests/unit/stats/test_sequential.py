"""Always-valid evidence, held to the authors' own program."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_medeval.stats import sequential
from pytest_medeval.stats.evidence import gather
from pytest_medeval.stats.sequential import FRACTIONS, Watched

SCORES = [
    0.426, 0.293, 0.238, 0.408, 0.417, 0.148, 0.649, 0.546, 0.159, 0.355, 0.674, 0.197, 0.128, 0.41, 0.321, 0.191,
    0.698, 0.071, 0.564, 0.672, 0.552, 0.23, 0.36, 0.437, 0.109, 0.788, 0.505, 0.489, 0.3, 0.515, 0.054, 0.424, 0.77,
    0.657, 0.271, 0.438, 0.354, 0.323, 0.457, 0.224, 0.187, 0.502, 0.488, 0.219, 0.458, 0.326, 0.594, 0.568, 0.393,
    0.509, 0.342, 0.184, 0.859, 0.387, 0.215, 0.416, 0.394, 0.206, 0.148, 0.091,
]  # fmt: skip
CAPITAL = {0.01: 0.17547787558535696, 0.2: 3.0129036172067747, 0.95: 6.70454360618787}
"""confseq 0.0.11: ln of ``betting_mart(SCORES, 0.3, lambdas_fn_positive=f / 0.3, theta=1, trunc_scale=1)``, last."""
MIXED = 6.1466307480673095
"""confseq 0.0.11: ln of ``diversified_betting_mart`` with the 24 bets of ``dKelly_cs``, the same else."""
DKELLY = (0.3180, 0.4675)
"""confseq 0.0.11: the last of ``dKelly_cs(SCORES, alpha=0.05, breaks=2000, D=24, running_intersection=False)``.

All by ``src/confseq/betting.py`` of the source distribution, with ``np.float_`` given back to NumPy 2.
"""


def watched(values, low=0.0, high=1.0):
    """Watch independent scores."""
    values = np.array(values, dtype=float)
    return Watched(values, np.ones(len(values)), low, high, 1)


@pytest.mark.parametrize("fraction", CAPITAL)
def test_a_bet_wins_what_confseq_says(fraction, monkeypatch):
    """One constant bet against a mean of 0.3; of scores on another scale the same."""
    monkeypatch.setattr("pytest_medeval.stats.sequential.FRACTIONS", np.array([fraction]))
    assert watched(SCORES).above(0.3) == pytest.approx(CAPITAL[fraction], abs=1e-12)
    moved = watched(2 * np.array(SCORES) - 1, -1.0, 1.0)
    assert moved.above(2 * 0.3 - 1) == pytest.approx(CAPITAL[fraction], abs=1e-12)
    mirrored = watched(1 - np.array(SCORES))
    assert mirrored.below(0.7) == pytest.approx(CAPITAL[fraction], abs=1e-12)


def test_the_interval_is_confseqs():
    """To the step of its grid."""
    assert len(FRACTIONS) == 24
    assert watched(SCORES).above(0.3) == pytest.approx(MIXED, abs=1e-12)
    assert watched(SCORES).interval(0.95) == pytest.approx(DKELLY, abs=6e-4)


def test_clusters_are_units_and_their_order_says_nothing():
    """Ten equal scores of a cluster are worth one; a cluster alone of its size bets less; no scores say nothing."""
    scores = np.array(SCORES)
    tens = Watched(10 * scores, np.full(60, 10.0), 0.0, 1.0, 10)
    assert tens.interval() == pytest.approx(watched(SCORES).interval())
    assert watched(SCORES[::-1]).interval() == pytest.approx(watched(SCORES).interval())
    uneven = Watched(10 * scores, np.full(60, 10.0), 0.0, 1.0, 20).interval()
    assert uneven[1] - uneven[0] > np.diff(tens.interval())[0]
    assert watched([]).interval() == (0.0, 1.0)
    assert watched([1.0] * 200).interval()[1] == 1.0
    assert watched([0.0] * 200).interval()[0] == 0.0


def test_what_is_watched_of_evidence(mean_of, micro_f1):
    """Scores, or differences on twice the scale; clusters as units, of which one not asked yet may be larger."""
    new, old = {"mean": np.array([[1.0], [0.0], [1.0], [-1.0]])}, {"mean": np.array([[0.0], [0.0], [1.0], [1.0]])}

    def of(largest, *rows, metric=None, **more):
        (one,) = gather([metric or mean_of()], *rows, **more).values()
        return sequential.watched(one, largest)

    alone, paired = of(1, new), of(1, new, old)
    assert (alone.sums.tolist(), alone.sizes.tolist(), alone.low, alone.high) == ([1, 0, 1], [1, 1, 1], 0, 1)
    assert alone.largest == 1
    assert (paired.sums.tolist(), paired.low, paired.high) == ([1, 0, 0], -1, 1)
    units = of(5, new, clusters=["a", "a", "b", "b"])
    assert (units.sums.tolist(), units.sizes.tolist(), units.largest) == ([1, 1], [2, 1], 5)
    assert of(1, new, clusters=["a", "a", "b", "b"]).largest == 2
    assert of(1, {"findings": np.ones((4, 3))}, metric=micro_f1()) is None
    assert of(1, new, metric=mean_of(bounds=(0.0, float("inf")))) is None
