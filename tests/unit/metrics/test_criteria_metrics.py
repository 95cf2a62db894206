"""Points of criteria: by hand, what is unjudged, and the published grades of two systems by another computation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_medeval.metrics import metrics_for
from pytest_medeval.metrics.criteria import row_of
from pytest_medeval.tasks.criteria import Criteria

GIVEN = [
    {"text": "a", "points": 6.0, "tags": {"axis": "accuracy"}, "critical": True},
    {"text": "b", "points": 4.0, "tags": {"axis": "tone"}},
    {"text": "c", "points": -5.0, "tags": {"axis": "tone"}},
    {"text": "d", "points": 0.0, "statement": True},
]
PARTS = ("axis=accuracy", "axis=tone")
TASK = Criteria(holds=("critical", "faults", "statements", *PARTS))


def scores(*verdicts, given=GIVEN):
    """Score replies by name of metric, those with an unjudged criterion left out."""
    rows = np.array([row_of(given, one, PARTS) for one in verdicts])
    rows = rows[np.isfinite(rows).all(axis=1)]
    return {metric.name: float(metric.score(metric.expand(rows).sum(axis=0))) for metric in metrics_for(TASK)}


def test_by_hand():
    """Faults take points off, also of their axis; the clipped mean is no mean of clipped scores."""
    found = scores([1, 0, 1, -1], [0, 0, 1, 0], [1, 1, 0, 1])
    assert found == {
        "criteria": pytest.approx((0.1 - 0.5 + 1) / 3),
        "criteria_clipped": pytest.approx((0.1 - 0.5 + 1) / 3),
        "faults": pytest.approx(2 / 3),
        "critical_criteria": pytest.approx(2 / 3),
        "comprehensiveness": pytest.approx(math.nan, nan_ok=True),
        "hallucinations": pytest.approx(1 / 3),
        "criteria[axis=accuracy]": pytest.approx(2 / 3),
        "criteria[axis=tone]": pytest.approx((-5 / 4 - 5 / 4 + 1) / 3),
    }
    assert scores([0, 0, 1, 0])["criteria"] == -0.5
    assert scores([0, 0, 1, 0])["criteria_clipped"] == 0


def test_unjudged_is_not_unmet():
    """A reply with an unjudged criterion has no score at all; so does one of which nothing was said."""
    assert scores([1, 1, 0, 0], [None, 0, 0, 0], None) == pytest.approx(scores([1, 1, 0, 0]), nan_ok=True)
    assert all(map(math.isnan, row_of(GIVEN, [1, 1, None, 0], PARTS)))
    (metric,) = metrics_for(TASK, ["criteria"])
    assert np.isnan(metric.expand(np.array([row_of(GIVEN, None, PARTS)]))).all()


def test_statements():
    """Entailed must-haves over all of them; contradictions of nice-to-haves count too."""
    given = [
        {"text": name, "points": points, "statement": True} for name, points in (("a", 1.0), ("b", 1.0), ("c", 0.0))
    ]
    found = scores([1, 0, -1], [1, -1, -1], given=given)
    assert (found["comprehensiveness"], found["hallucinations"], found["criteria"]) == (0.5, 1.5, 0.5)


def test_a_tag_without_points_to_earn_leaves_its_replies_out():
    """As HealthBench does: a mean over the replies that could earn some."""
    given = [{"text": "a", "points": 2.0}, {"text": "c", "points": -5.0, "tags": {"axis": "tone"}}]
    found = scores([1, 0], given=given)
    assert found["criteria"] == 1
    assert math.isnan(found["criteria[axis=tone]"])
