"""Put people's and judges' scores of the same replies side by side; what does not join is listed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from pytest_medeval.core.types import FloatArray
from pytest_medeval.judges.ratings.types import Left, Rating, Scale
from pytest_medeval.stats.agreement import IntArray, numbered


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """One judge and one dimension: people's mean score and the judge's score of each reply, both (n,)."""

    judge: str
    dimension: str
    scale: Scale
    items: tuple[str, ...]
    human: FloatArray
    score: FloatArray
    clusters: IntArray
    """Number of each reply's cluster, 0 to ``cluster_count - 1``."""
    systems: tuple[str, ...]
    """What wrote each reply; empty where neither file says."""
    each: IntArray = field(default_factory=lambda: np.zeros((0, 3), dtype=np.int64))
    """Of labels, every person's beside the judge's (m, 3), tied ones too: label, judge's label, cluster's number."""

    @property
    def cluster_count(self) -> int:
        """How many independent clusters the replies come from."""
        return len(np.unique(self.clusters))


@dataclass(frozen=True, kw_only=True)
class Joined:
    """All judges' pairs, and what fell out on the way."""

    pairs: tuple[Pairs, ...]
    left: tuple[Left, ...]


def by_dimension(ratings: Iterable[Rating]) -> dict[str, list[Rating]]:
    """Group ratings by what was rated, in order of appearance."""
    groups: dict[str, list[Rating]] = {}
    for rating in ratings:
        groups.setdefault(rating.dimension, []).append(rating)
    return groups


def join(people: Sequence[Rating], judges: Sequence[Rating], scales: Mapping[str, Scale]) -> Joined:
    """Join on item and dimension, for each judge; several people's scores of a reply become a mean.

    Of labels without an order it is the one that most people gave; a reply without one is left out.
    A reply whose two files disagree about what was rated (``about``) or who wrote it (``system``) is left out: ids
    alone are not to be trusted.
    """
    theirs = by_dimension(people)
    pairs, left = [], []
    for dimension, given in by_dimension(judges).items():
        if dimension not in theirs:
            left.append(Left(given[0].source, f"people gave no {dimension}", f"{len(given)} judge scores"))
            continue
        known = _by_item(theirs[dimension])
        for judge, scores in _by_rater(given).items():
            each = [] if not scales[dimension].names else _each(known, scores)
            found = list(_matched(known, scores, scales[dimension]))
            left.extend(entry for entry in found if isinstance(entry, Left))
            left.extend(_unjudged(known, scores, judge))
            both = [entry for entry in found if not isinstance(entry, Left)]
            if both:
                pairs.append(_pairs(judge, dimension, scales[dimension], both, each))
    return Joined(pairs=tuple(pairs), left=tuple(left))


def rater_pairs(ratings: Iterable[Rating], scales: Mapping[str, Scale]) -> tuple[Pairs, ...]:
    """Put every two raters side by side on the replies that both rated, a dimension at a time."""
    found = []
    for dimension, given in by_dimension(ratings).items():
        raters = _by_rater(given)
        for first, second in combinations(sorted(raters), 2):
            known = _by_item(raters[first])
            both = [match for match in _matched(known, raters[second], scales[dimension]) if isinstance(match, _Match)]
            if both:
                found.append(_pairs(f"{second} against {first}", dimension, scales[dimension], both))
    return tuple(found)


def value_counts(ratings: Iterable[Rating], scale: Scale) -> tuple[FloatArray, IntArray]:
    """Count the grades of each reply over raters: (items, levels), and each reply's cluster number."""
    items = _by_item(ratings)
    counts = np.zeros((len(items), scale.levels))
    for row, given in enumerate(items.values()):
        np.add.at(counts[row], scale.codes([rating.score for rating in given]), 1.0)
    return counts, numbered([given[0].cluster for given in items.values()])


def _by_item(ratings: Iterable[Rating]) -> dict[str, list[Rating]]:
    groups: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        groups[rating.item].append(rating)
    return groups


def _by_rater(ratings: Iterable[Rating]) -> dict[str, list[Rating]]:
    groups: dict[str, list[Rating]] = defaultdict(list)
    for rating in ratings:
        groups[rating.rater].append(rating)
    return groups


@dataclass(frozen=True, slots=True)
class _Match:
    """People's mean score, or their label, and a judge's score of the same reply."""

    item: str
    human: float
    judge: float
    cluster: str
    system: str


def _matched(known: Mapping[str, list[Rating]], scores: Iterable[Rating], scale: Scale) -> Iterator[_Match | Left]:
    for score in scores:
        people = known.get(score.item)
        if people is None:
            yield Left(score.source, "people gave no score for this reply", score.item)
        elif any(score.about and person.about and person.about != score.about for person in people):
            yield Left(score.source, "the two files differ in what was rated", score.item)
        elif len(wrote := {one.system for one in (*people, score)} - {""}) > 1:
            yield Left(
                score.source, "who wrote the reply is named differently", f"{score.item}: {', '.join(sorted(wrote))}"
            )
        elif (human := _together([person.score for person in people], scale)) is None:
            yield Left(score.source, "as many people gave one label as another", score.item)
        else:
            # either file may leave the cluster out, which makes the item its own
            cluster = people[0].cluster if people[0].cluster != score.item else score.cluster
            yield _Match(score.item, human, score.score, cluster, next(iter(wrote), ""))


def _unjudged(known: Mapping[str, list[Rating]], scores: Iterable[Rating], judge: str) -> Iterator[Left]:
    judged = {score.item for score in scores}
    for item, people in known.items():
        if item not in judged:
            yield Left(people[0].source, f"{judge} gave no score for this reply", item)


def _together(scores: Sequence[float], scale: Scale) -> float | None:
    """Give people's mean; of labels the one that most gave, None where there is none."""
    if not scale.names:
        return float(np.mean(scores))
    (best, most), *others = Counter(scores).most_common(2)
    return None if others and others[0][1] == most else best


def _each(known: Mapping[str, list[Rating]], scores: Iterable[Rating]) -> list[tuple[float, float, str]]:
    """Put every person's label beside the judge's, whether people agree or not."""
    return [(one.score, score.score, one.cluster) for score in scores for one in known.get(score.item, ())]


def _pairs(
    judge: str, dimension: str, scale: Scale, both: Sequence[_Match], each: Sequence[tuple[float, float, str]] = ()
) -> Pairs:
    people, said, of = zip(*each, strict=True) if each else ((), (), ())
    return Pairs(
        judge=judge,
        dimension=dimension,
        scale=scale,
        items=tuple(match.item for match in both),
        human=np.array([match.human for match in both]),
        score=np.array([match.judge for match in both]),
        clusters=numbered([match.cluster for match in both]),
        systems=tuple(match.system for match in both),
        each=np.stack([scale.codes(people), scale.codes(said), numbered(of)], axis=1),
    )
