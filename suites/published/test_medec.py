"""MEDEC-MS: clinical texts of which one sentence may be wrong, by type of error (tag ``error_type``)."""

import pytest

from pytest_medeval import Suite

suite = Suite(
    task="error_detection", cases="data:medec/MEDEC-MS-TestSet-with-GroundTruth-and-ErrorType.csv", format="medec"
)


@pytest.mark.medeval(suite)
def test_medec(evaluation):
    """The model could be reached; how good its replies are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
