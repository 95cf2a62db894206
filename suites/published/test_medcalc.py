"""MedCalc-Bench: scores, doses and laboratory values to compute from a note, by 55 calculators (tag ``calculator``)."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="number", cases="data:medcalc/test_data.csv", format="medcalc")


@pytest.mark.medeval(suite)
def test_medcalc(evaluation):
    """The model could be reached; how good its replies are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
