"""MedMCQA: Indian entrance exams, 20 subjects, four options."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="mcq", cases="data:medmcqa/dev.json", format="medmcqa", scoring="letters")


@pytest.mark.medeval(suite)
def test_medmcqa(evaluation):
    """The model could be reached; how good its replies are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
