"""May a judge be believed? Its agreement with people, dimension by dimension, against a floor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.judges.ratings.consistency import PositionAudit, Repeats, count_agreement, position_audit
from pytest_medeval.judges.ratings.join import Pairs, by_dimension, join, rater_pairs, value_counts
from pytest_medeval.judges.ratings.systems import Systems, by_system
from pytest_medeval.judges.ratings.types import Decision, Left, Rating, RatingSet, Scale
from pytest_medeval.stats.agreement import (
    RESAMPLES,
    Estimate,
    Level,
    Statistic,
    balanced_accuracy,
    cohen_kappa,
    estimate,
    kendall_tau_b,
    krippendorff_alpha,
    macro_f1,
    mean,
    numbered,
    spearman,
)
from pytest_medeval.stats.bootstrap import NORMAL

FLOOR = 0.4
MIN_CLUSTERS = 10
"""Below this no interval is trusted to admit a judge: three perfect cases would give [1, 1]."""

WANTED_CLUSTERS = 60
"""Fewer refuse good judges: of true kappa 0.58 they admit 25 % with 30 labels, 42 % with 60, 72 % with 120."""

UNGIVEN = "undefined: people gave it to no reply"

MAX_PAIRED = 4
"""Of more raters than this, alpha tells more than a table of all pairs."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a judge's scores may carry a gate (``admissible``) or are only shown (``advisory``), and why.

    ``low`` is the lower end that was held against the floor; ``None`` when there is none to hold. ``refused``: how
    likely a judge whose true agreement is the measured one misses the floor with as many labels.
    """

    admissible: bool
    reason: str
    low: float | None = None
    refused: float | None = None


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far one judge agrees with people on one dimension."""

    judge: str
    dimension: str
    n: int
    clusters: int
    estimates: Mapping[str, Estimate]
    nominal: bool
    """Whether labels without an order were given, and no grades."""
    standing: Standing
    systems: Systems


@dataclass(frozen=True, kw_only=True)
class Among:
    """How far the raters of one dimension agree among themselves."""

    dimension: str
    raters: tuple[str, ...]
    scores: int
    repeats: Repeats
    macro_f1: Estimate | None = None
    """Of labels: each person's against every other's of the same reply; None of grades."""


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All that stored scores and decisions tell about judges."""

    human: RatingSet | None
    judges: tuple[RatingSet, ...]
    agreements: tuple[Agreement, ...] = ()
    rater_pairs: tuple[Agreement, ...] = ()
    """Every two people against each other, where there are few and no judge is asked about."""
    people: tuple[Among, ...] = ()
    panel: tuple[Among, ...] = ()
    positions: Mapping[str, PositionAudit]
    left: tuple[Left, ...] = ()


def agreement(pairs: Pairs, *, floor: float = FLOOR, seed: int = 0, resamples: int = RESAMPLES) -> Agreement:
    """Measure one judge's agreement on one dimension.

    Kappa and alpha compare grades, so scores between two steps (a mean of several people, 8.8 in steps of
    0.5) go to the nearest step, half-way up. Rank correlations and the bias (judge minus people) take the
    scores as they are. Labels without an order have kappa without weights, nominal alpha, and recall of each.
    """
    count, nominal = pairs.cluster_count, bool(pairs.scale.names)
    found = {
        name: estimate(statistic, count, seed=seed, resamples=resamples)
        for name, statistic in _statistics(pairs).items()
    }
    if len(pairs.each):  # over every person's label, as HealthBench has it, and not over the label of most
        people, said, of = pairs.each.T
        pooled = macro_f1(people, said, of, levels=pairs.scale.levels)
        found["macro_f1_each"] = estimate(pooled, len(np.unique(of)), seed=seed, resamples=resamples)
    return Agreement(
        judge=pairs.judge,
        dimension=pairs.dimension,
        n=len(pairs.items),
        clusters=count,
        estimates=found,
        nominal=nominal,
        standing=standing(
            found["kappa" if nominal else "kappa_quadratic"],
            found["alpha"],
            count,
            floor,
            weighted="" if nominal else "quadratic ",
        ),
        systems=by_system(pairs, seed=seed, resamples=resamples),
    )


def _statistics(pairs: Pairs) -> dict[str, Statistic]:
    levels, clusters = pairs.scale.levels, pairs.clusters
    human, judge = pairs.scale.codes(pairs.human), pairs.scale.codes(pairs.score)
    grades = np.eye(levels)
    kappa = cohen_kappa(human, judge, clusters, levels=levels, weighting="none")
    if pairs.scale.names:
        return {
            "kappa": kappa,
            "alpha": krippendorff_alpha(grades[human] + grades[judge], clusters, level="nominal"),
            "percent_agreement": mean(human == judge, clusters),
            "balanced_accuracy": balanced_accuracy(human, judge, clusters, levels=levels),
            "macro_f1": macro_f1(human, judge, clusters, levels=levels),
            **{
                f"recall of {name}": replace(mean(human == judge, clusters, human == code), undefined=UNGIVEN)
                for code, name in enumerate(pairs.scale.names)
            },
        }
    return {
        "kappa": kappa,
        "kappa_linear": cohen_kappa(human, judge, clusters, levels=levels, weighting="linear"),
        "kappa_quadratic": cohen_kappa(human, judge, clusters, levels=levels, weighting="quadratic"),
        "alpha": krippendorff_alpha(grades[human] + grades[judge], clusters),
        "spearman": spearman(pairs.human, pairs.score, clusters),
        "tau_b": kendall_tau_b(pairs.human, pairs.score, clusters),
        "bias": mean(pairs.score - pairs.human, clusters),
        "percent_agreement": mean(human == judge, clusters),
    }


def _level(scale: Scale) -> Level:
    return "nominal" if scale.names else "ordinal"


def standing(
    kappa: Estimate, alpha: Estimate, clusters: int, floor: float = FLOOR, *, weighted: str = "quadratic "
) -> Standing:
    """Admit a judge when the lower end of kappa (quadratic; of labels unweighted) or of alpha reaches the floor."""
    wanted = f"{WANTED_CLUSTERS} are asked for"
    if clusters < MIN_CLUSTERS:
        told = f"{clusters} clusters; at least {MIN_CLUSTERS} are needed, {wanted}"
        return Standing(False, told, refused=1.0)
    ends = [(name, one) for name, one in ((f"{weighted}kappa", kappa), ("alpha", alpha)) if one.low is not None]
    if not ends:
        return Standing(False, kappa.reason or alpha.reason)
    best, found = max(ends, key=lambda entry: entry[1].low or 0.0)
    value, low = found.value or 0.0, found.low or 0.0
    told = f"lower end of {best} {low:.2f} {'reaches' if low >= floor else 'is below'} {floor:.2f}"
    told += f"; {clusters} clusters, {wanted}" if clusters < WANTED_CLUSTERS else ""
    return Standing(low >= floor, told, low, refusal(value, low, floor))


def refusal(value: float, low: float, floor: float, level: float = 0.95) -> float:
    """Give the chance that the lower end of a judge of agreement ``value`` misses the floor, by the normal law.

    Its standard error is what lies between value and lower end, in quantiles of the level: P(value + se Z - z se <
    floor) = Phi((floor - low) / se). A half is a judge whose lower end is the floor itself.
    """
    se = (value - low) / NORMAL.inv_cdf((1 + level) / 2)
    return NORMAL.cdf((floor - low) / se) if se > 0 else float(low < floor)


def among(
    ratings: Iterable[Rating], scales: Mapping[str, Scale], *, seed: int = 0, resamples: int = RESAMPLES
) -> tuple[Among, ...]:
    """Measure the raters' agreement with each other, a dimension at a time; one rater alone gives nothing."""
    found = []
    for dimension, given in by_dimension(ratings).items():
        raters = tuple(sorted({rating.rater for rating in given}))
        if len(raters) > 1:
            counts, clusters = value_counts(given, scales[dimension])
            level = _level(scales[dimension])
            repeats = count_agreement(counts, clusters, level=level, seed=seed, resamples=resamples)
            f1 = _f1_among(given, scales[dimension], seed, resamples) if level == "nominal" else None
            made = Among(dimension=dimension, raters=raters, scores=len(given), repeats=repeats, macro_f1=f1)
            found.append(made)
    return tuple(found)


def _f1_among(given: Sequence[Rating], scale: Scale, seed: int, resamples: int) -> Estimate:
    """Hold every person's label against every other's of the same reply, in both directions."""
    items: dict[str, list[Rating]] = {}
    for rating in given:
        items.setdefault(rating.item, []).append(rating)
    both = [(a.score, b.score, a.cluster) for own in items.values() for a, b in permutations(own, 2)]
    if not both:
        return Estimate(None, reason="undefined: no item has two scores")
    one, other, of = zip(*both, strict=True)
    statistic = macro_f1(scale.codes(one), scale.codes(other), numbered(of), levels=scale.levels)
    return estimate(statistic, len(set(of)), seed=seed, resamples=resamples)


def audit(
    human: RatingSet | None,
    judges: Sequence[RatingSet],
    *,
    floor: float = FLOOR,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Audit:
    """Do the whole audit: judges against people, people and judges among themselves, decisions."""
    people = human.ratings if human else ()
    scores = [rating for judge in judges for rating in judge.ratings]
    sources = (*((human,) if human else ()), *judges)
    scales = _scales(sources)
    joined = join(people, scores, scales) if human else None
    sampling = {"seed": seed, "resamples": resamples}
    few = not judges and len({rating.rater for rating in people}) <= MAX_PAIRED
    paired = rater_pairs(people, scales) if few else ()
    read = [entry for source in sources for entry in source.left]
    return Audit(
        human=human,
        judges=tuple(judges),
        agreements=tuple(agreement(pairs, floor=floor, **sampling) for pairs in joined.pairs) if joined else (),
        rater_pairs=tuple(agreement(pairs, floor=floor, **sampling) for pairs in paired),
        people=among(people, scales, **sampling),
        panel=among(scores, scales, **sampling),
        positions=_positions(decision for judge in judges for decision in judge.decisions),
        left=(*read, *(joined.left if joined else ())),
    )


def _scales(sources: Iterable[RatingSet]) -> dict[str, Scale]:
    """Take each dimension's scale; two files must mean the same by a grade."""
    scales: dict[str, Scale] = {}
    for source in sources:
        for name, scale in source.scales.items():
            if scales.setdefault(name, scale) != scale:
                raise MedevalError(f"{source.file}: {name!r} is graded {scale}, elsewhere {scales[name]}")
    return scales


def _positions(decisions: Iterable[Decision]) -> dict[str, PositionAudit]:
    groups: dict[str, list[Decision]] = {}
    for decision in decisions:
        groups.setdefault(decision.judge, []).append(decision)
    return {judge: position_audit(given) for judge, given in groups.items()}
