"""MMLU: the six medical and biological subjects, four options."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="mcq", cases="data:mmlu_med/*_test.csv", format="mmlu", scoring="letters")


@pytest.mark.medeval(suite)
def test_mmlu_medical(evaluation):
    """The model could be reached; how good its replies are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
