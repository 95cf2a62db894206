"""The shape that all metrics share: division, means over what is there, signatures."""

import math
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np

from pytest_medeval.core.types import Reply
from pytest_medeval.metrics.base import SHARE, Drawn, Measure, mean, mean_of, ratio, signed, unchanged
from pytest_medeval.metrics.details import known


def test_division_by_nothing_is_what_is_asked_for():
    """NaN unless something else stands for it; negative denominators divide; shapes are broadcast."""
    found = ratio(np.array([1.0, 2.0, 0.0]), np.array([2.0, 0.0, -4.0]))
    assert found.tolist()[::2] == [0.5, 0.0]
    assert math.isnan(found[1])
    assert ratio(np.array([[1.0], [2.0]]), np.array([2.0, 0.0]), -1.0).tolist() == [[0.5, -1.0], [1.0, -1.0]]


def test_a_mean_leaves_out_what_is_none():
    """A negative value stands for none; zero is a value; a mean of nothing is NaN."""
    rows = np.array([[9.0, 0.0], [9.0, 1.0], [9.0, -1.0]])
    counts = mean_of(1)(rows)
    assert counts.tolist() == [[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    assert float(mean(counts.sum(axis=0))) == 0.5
    assert math.isnan(float(mean(counts[2])))


def test_a_measure_is_made_of_its_functions():
    """Rows are made, spread and folded as it says; what it does not say has its default."""
    made = Measure(
        name="m", counts="c", signature="s", make=lambda case, reply: [case, reply], fold=lambda total: total + 1
    )
    assert made.row(1, 2) == [1, 2]
    assert made.expand([[1, 2]]).tolist() == [[1.0, 2.0]]
    assert made.expand([[1, 2]]).dtype == made.score([1]).dtype == np.float64
    assert made.score([1, 2]).tolist() == [2.0, 3.0]
    assert (made.direction, made.per_case, made.lexical, made.bounds) == (1, True, False, (-math.inf, math.inf))
    assert (unchanged("x"), SHARE) == ("x", (0.0, 1.0))


def test_a_signature_ends_with_what_defines_the_number():
    """The library and its version, the package itself unless another is named."""
    assert signed("m", "a:1", library="numpy") == f"m|a:1|version:numpy-{np.__version__}"
    assert signed("m") == f"m|version:pytest-medeval-{version('pytest-medeval')}"


def test_rows_of_lost_replies_are_left_out():
    """A row with anything undefined is none."""
    rows = known({"a": np.array([[1.0, 2.0], [np.nan, 1.0], [3.0, 4.0]]), "b": np.array([[np.nan]])})
    assert (rows["a"].tolist(), rows["b"].shape) == ([[1.0, 2.0], [3.0, 4.0]], (0, 1))


def test_draws_of_a_case_are_averaged_before_anything_is_summed():
    """A row holds that of each draw; a reply that could not be had is a row of NaN for all; facts are the metric's."""
    one = Measure(
        name="m", counts="c", signature="m|a:1|version:x-1", make=lambda case, reply: [float(len(reply.text)), case],
        direction=-1, per_case=False, lexical=True, bounds=(0.0, 9.0), biased="why", classes=dict,
    )  # fmt: skip
    drawn = Drawn(one, 2)
    reply = Reply("", "answered", draws=(Reply("abc", "answered"), Reply("a", "answered")))
    assert drawn.row(1.0, reply) == [3.0, 1.0, 1.0, 1.0]
    assert drawn.expand(np.array([[3.0, 1.0, 1.0, 1.0], [0.0, 1.0, 5.0, 0.0]])).tolist() == [[2.0, 1.0], [2.5, 0.5]]
    lost = drawn.expand(np.array([[np.nan]]))
    assert lost.shape == (1, 1)
    assert np.isnan(lost).all()
    assert drawn.score(np.array([3.0, 2.0])) == 1.5
    facts = ("name", "counts", "direction", "per_case", "lexical", "bounds", "biased", "classes")
    assert [getattr(drawn, fact) for fact in facts] == [getattr(one, fact) for fact in facts]
    assert drawn.signature == "m|a:1|draws:2|version:x-1"


def test_a_vote_reads_all_draws_together():
    """What is no mean over draws gets the whole row."""
    one = Measure(name="m", counts="c", signature="m", make=len, spread=lambda rows: rows[:, ::2], over_draws=True)
    assert Drawn(one, 2).expand(np.array([[1.0, 2.0, 3.0, 4.0]])).tolist() == [[1.0, 3.0]]


def test_a_metric_of_others_need_not_say_all_to_be_drawn():
    """It is no word overlap, not biased, has no classes, and is a mean over draws."""
    said = {"name": "m", "counts": "c", "direction": 1, "per_case": True, "bounds": SHARE, "signature": "m"}
    drawn = Drawn(SimpleNamespace(**said, expand=unchanged), 2)
    assert (drawn.lexical, drawn.biased, drawn.classes, drawn.signature) == (False, "", None, "m|draws:2")
    assert drawn.expand(np.array([[1.0, 1.0, 3.0, 1.0]])).tolist() == [[2.0, 1.0]]
