"""K-QA: questions of patients with statements that a good answer entails, and that none contradicts."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="criteria", cases="data:kqa/questions_w_answers.jsonl", format="kqa")


@pytest.mark.medeval(suite)
def test_kqa(evaluation):
    """The model could be reached; how good its replies are, the metrics say where a judge was asked."""
    assert evaluation.outcome != "error", evaluation.detail
