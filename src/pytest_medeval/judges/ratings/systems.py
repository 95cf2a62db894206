"""Does a judge like one system's replies more than people do? Its bias by who wrote the reply, and the gaps between.

Agreement is pooled over all systems and cannot show it: what a judge adds to every reply goes out of a comparison, what
it adds to one system's alone does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pytest_medeval.judges.ratings.join import Pairs
from pytest_medeval.stats.agreement import Estimate, difference, estimate, mean

FEWEST = 20
"""Of fewer independent replies of a system no gap is measured: the interval of equal ones would have no width."""
MISS = 0.05
"""What the intervals of all gaps may miss together (Bonferroni)."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Bias of a judge on one system's replies less that on another's, in the unit of the scale."""

    first: str
    second: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Systems:
    """A judge's bias on each system's replies, and the gaps of every two systems that have enough of them."""

    biases: dict[str, Estimate]
    gaps: tuple[Gap, ...]


def by_system(pairs: Pairs, *, seed: int, resamples: int) -> Systems:
    """Measure bias and gaps; replies of which nobody says who wrote them take no part.

    Labels have a bias where one of them is what replies are compared by: its share, judge less people.

    The candidate comes first in its gaps. The intervals of all gaps hold together, so that the largest may be read off.
    """
    count = pairs.cluster_count
    scale, judge, human = pairs.scale, pairs.score, pairs.human
    named = () if scale.names and not scale.counted else pairs.systems
    if scale.counted:
        label = scale.names.index(scale.counted)
        judge, human = judge == label, human == label
    bias_of = judge.astype(np.float64) - human.astype(np.float64)
    own = {name: np.array(pairs.systems) == name for name in named if name}
    bias = {name: mean(bias_of, pairs.clusters, within) for name, within in sorted(own.items())}
    large = sorted(
        (name for name, within in own.items() if len(np.unique(pairs.clusters[within])) >= FEWEST),
        key=lambda name: (name != "candidate", name),
    )
    both = list(combinations(large, 2))
    level = 1 - MISS / max(1, len(both))
    return Systems(
        {name: estimate(one, count, seed=seed, resamples=resamples) for name, one in bias.items()},
        tuple(
            Gap(
                *pair,
                estimate(difference(bias[pair[0]], bias[pair[1]]), count, seed=seed, resamples=resamples, level=level),
            )
            for pair in both
        ),
    )
