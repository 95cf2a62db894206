"""Is a judge consistent? Repeats, order of answers, a panel.

Works on stored grades and decisions; nothing here asks a judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev

import numpy as np

from pytest_medeval.core.types import FloatArray
from pytest_medeval.judges.ratings.types import Choice, Decision, Scale
from pytest_medeval.stats.agreement import RESAMPLES, Estimate, IntArray, Level, estimate, krippendorff_alpha, mean
from pytest_medeval.stats.proportions import wilson


@dataclass(frozen=True, slots=True)
class Repeats:
    """Agreement of several grades of the same replies: a judge with itself, or the judges of a panel."""

    items: int
    alpha: Estimate
    """Krippendorff's alpha over all grades, ordinal or, of labels, nominal."""
    identical: Estimate
    """Share of replies whose grades are all the same, of those with at least two."""


def count_agreement(
    counts: FloatArray, clusters: IntArray, *, level: Level = "ordinal", seed: int = 0, resamples: int = RESAMPLES
) -> Repeats:
    """Compare grades by how often each reply got each, (items, levels); replies with fewer than two take no part."""
    pairable = counts.sum(axis=1) >= 2  # noqa: PLR2004 - a pair
    counts, clusters = counts[pairable], np.unique(clusters[pairable], return_inverse=True)[1]
    same = (counts > 0).sum(axis=1) == 1
    units = len(np.unique(clusters))
    return Repeats(
        items=len(counts),
        alpha=estimate(krippendorff_alpha(counts, clusters, level=level), units, seed=seed, resamples=resamples),
        identical=estimate(mean(same, clusters), units, seed=seed, resamples=resamples),
    )


LEAST_SPREAD = 1 / 16
"""Least standard deviation of a useful judge's grades, as a share of the scale: 0.25 points from 1 to 5.

Half of the difference that matters (``verdicts.tracks.RELEVANT_SHARE``). The judges of Medieval and MentalAlign spread
by 0.096 to 0.288 of their scales, people there by 0.15 to 0.32, and SmolLM2 (135 M) as judge by 0.038.
"""
FEWEST_JUDGED = 10
"""Of fewer replies, or pairs, nothing is said."""


def hardly_vary(grades: Mapping[str, Sequence[float]], scale: Scale) -> str:
    """Say that a judge's grades (dimension -> of all replies) hardly vary; empty where they do, or are few.

    Such grades show no difference because they show none between any replies: their small spread is no sensitivity.
    The dimension that varies most counts.
    """
    spreads = [(stdev(given), len(given)) for given in grades.values() if len(given) >= FEWEST_JUDGED]
    least = LEAST_SPREAD * (scale.high - scale.low)
    if not spreads or max(spreads)[0] >= least:
        return ""
    spread, n = max(spreads)
    return f"its grades hardly vary (standard deviation {spread:.2f} points over {n} replies, bound {least:.2g})"


def follows_order(decisions: Sequence[tuple[int, int]]) -> str:
    """Say that preferences, in both orders, depend on the order more than a coin's would; empty where they do not.

    The upper end of Wilson's interval of the share that is the same in both orders lies below one half.
    """
    same, n = sum(first == second for first, second in decisions), len(decisions)
    if n < FEWEST_JUDGED or wilson(same, n)[1] >= 0.5:  # noqa: PLR2004 - a coin's share
        return ""
    return f"its preference depends on the order of the replies (the same in both orders {same} of {n} times)"


@dataclass(frozen=True, slots=True)
class Share:
    """``count`` of ``of``, with Wilson's interval when there is one."""

    count: int
    of: int
    estimate: Estimate


def share(hits: Sequence[bool], clusters: Sequence[str]) -> Share:
    """Give a share with Wilson's interval, which unlike the bootstrap has width at 0 and 1.

    The interval takes each cluster as one observation: exact when each pair stands for itself, wide
    otherwise.
    """
    count, of = sum(hits), len(hits)
    if of == 0:
        return Share(0, 0, Estimate(None, reason="undefined: nothing to compare"))
    units = len(set(clusters))
    low, high = wilson(count / of * units, units)
    return Share(count, of, Estimate(count / of, low, high))


@dataclass(frozen=True, slots=True)
class PositionAudit:
    """Decisions of one judge on pairs of answers asked in both orders."""

    pairs: int
    accuracy: Share
    """Right in the end: a preference that flips with the order is a tie, and neither a tie nor silence is right."""
    consistent: Share
    """The same decision in both orders, ties included."""
    flipped: Share
    """The same place preferred in both orders: the answer in it did not matter."""
    first_place: Share
    """Of all single decisions that preferred an answer, those that preferred the one shown first."""
    longer: Share
    """Of all pairs with a preference in the end and unequal answers, those that preferred the longer."""
    unread: Share
    """Of all single decisions, those that could not be read: they prefer no answer, and agree with none."""


def settle(first: Choice | None, second: Choice | None) -> Choice:
    """Make one decision of two in the same terms: opposites are a tie, a tie or silence leaves the other standing."""
    total = (first or 0) + (second or 0)
    return 1 if total > 0 else -1 if total < 0 else 0


def position_audit(decisions: Sequence[Decision]) -> PositionAudit:
    """Audit one judge's decisions; ``second`` is flipped back, so a consistent judge says the same twice."""
    clusters = [one.cluster for one in decisions]
    final = [settle(one.first, one.second) for one in decisions]
    # shown first: answer one in the first order, answer two in the second
    places = [(one.cluster, place) for one in decisions for place in (one.first, -(one.second or 0)) if place]
    single = [(one.cluster, said) for one in decisions for said in (one.first, one.second)]
    decided = [(one, end) for one, end in zip(decisions, final, strict=True) if end and one.longer]
    return PositionAudit(
        pairs=len(decisions),
        accuracy=share([end == one.label for one, end in zip(decisions, final, strict=True)], clusters),
        consistent=share([one.first == one.second is not None for one in decisions], clusters),
        flipped=share([(one.first or 0) * (one.second or 0) < 0 for one in decisions], clusters),
        first_place=share([place > 0 for _, place in places], [cluster for cluster, _ in places]),
        longer=share([end == one.longer for one, end in decided], [one.cluster for one, _ in decided]),
        unread=share([said is None for _, said in single], [cluster for cluster, _ in single]),
    )
