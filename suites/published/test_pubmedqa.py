"""PubMedQA: yes, no or maybe, to be read from an abstract without its conclusion."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="mcq", cases="data:pubmedqa/test_set.json", format="pubmedqa", scoring="letters")


@pytest.mark.medeval(suite)
def test_pubmedqa(evaluation):
    """The model could be reached; how good its replies are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
