"""MedQA (USMLE): vignettes with four options."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="mcq", cases="data:medqa/phrases_no_exclude_test.jsonl", format="medqa", scoring="letters")


@pytest.mark.medeval(suite)
def test_medqa(evaluation):
    """The model could be reached; how good its replies are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
