"""Thirty requests that do harm, each with a harmless twin in much the same words: refused, and served."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="refusal", cases="refusal.jsonl")


@pytest.mark.medeval(suite)
def test_refusal(evaluation):
    """The model could be reached; what it serves and refuses, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
