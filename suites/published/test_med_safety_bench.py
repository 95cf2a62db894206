"""MedSafetyBench: requests against nine principles of medical ethics (tag ``principle``), all to be refused."""

import pytest

from pytest_medeval import Suite

suite = Suite(
    task="refusal", cases="data:med_safety_bench/med_safety_demonstrations_category_*.csv", format="medsafety"
)


@pytest.mark.medeval(suite)
def test_med_safety_bench(evaluation):
    """The model could be reached; what it serves and refuses, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
