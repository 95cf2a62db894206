"""How much of a judge's difference between two models may be its own liking.

A judge whose bias on the candidate's replies is another than on the baseline's finds a difference where there is none.
Labels that name who wrote each reply measure that gap (``judges.ratings.systems``), and a comparison that no ratings
of people correct rests on the difference less the gap: its interval is that of both, end to end, which is wider than
that of two independent errors and so errs on the careful side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from pytest_medeval.core.record import JudgeAgreement
from pytest_medeval.stats.bootstrap import NORMAL, Interval

RATINGS = "people's ratings of both replies of 20 cases settle it (--medeval-review=FILE, --medeval-human=FILE)"
LABELS = "more labels that name who wrote each reply narrow it (key `system`)"
UNKNOWN = (
    "whether the judge favours one of the two models is not known: no two systems are named by the labels of 20 "
    "independent replies each"
)


@dataclass(frozen=True, slots=True)
class Leaning:
    """Bias on the candidate's replies less that on the other role's, points, with its 95 % interval.

    ``named``: the labels are of these two; else it is the largest gap of any two systems, to either side.
    """

    value: float
    low: float
    high: float
    named: bool

    def __str__(self) -> str:
        of = "between the two" if self.named else "between any two systems"
        return f"the judge's bias {of} on the labels, {self.low:+.4f} to {self.high:+.4f}"

    def inside(self, margin: float) -> bool:
        """Say whether the whole interval is smaller than a margin."""
        return max(-self.low, self.high) <= margin

    def off(self, difference: Interval, level: float) -> Interval:
        """Take the gap off an interval of a difference; both at one level."""
        wider = NORMAL.inv_cdf((1 + level) / 2) / NORMAL.inv_cdf(0.975)
        low, high = (self.value + wider * (end - self.value) for end in (self.low, self.high))
        return difference[0] - high, difference[1] - low


def leaning_of(judges: Sequence[JudgeAgreement | None], against: str) -> Leaning | None:
    """Give the leaning of a panel's mean grade on one dimension; None where it is not known of every judge.

    ``judges``: the agreement of each, None where there is none. The interval is the mean of theirs, as if their errors
    were one. Of a judge that may carry no gate it is not known.
    """
    found = [_ends(one, against) if one and one["admissible"] else None for one in judges]
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return None
    value, low, high = (fmean(ends) for ends in zip(*(ends for ends, _ in known), strict=True))
    return Leaning(value, low, high, all(named for _, named in known))


def _ends(judge: JudgeAgreement, against: str) -> tuple[tuple[float, float, float], bool] | None:
    """Give value and ends of the gap between candidate and ``against``, or the largest of any two to either side."""
    gaps = {(one["first"], one["second"]): one["gap"] for one in judge.get("gaps", ())}
    if any(end is None for gap in gaps.values() for end in gap):
        return None
    known = {pair: (gap[0] or 0.0, gap[1] or 0.0, gap[2] or 0.0) for pair, gap in gaps.items()}
    if own := known.get(("candidate", against)):
        return own, True
    largest = max((abs(end) for gap in known.values() for end in gap), default=None)
    return None if largest is None else ((0.0, -largest, largest), False)
