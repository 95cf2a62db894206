"""Exam questions with four options, scored by the likelihood of the option texts (in the shape of MedQA, S2)."""

import pytest

from pytest_medeval import Suite

suite = Suite(
    task="mcq",
    cases="mcq.jsonl",
    scoring="texts",
    cluster="disease",
    gates=["accuracy.low >= 0.80", "accuracy better than baseline"],
)


@pytest.mark.medeval(suite)
def test_mcq(evaluation):
    """Every question gets an option."""
    assert evaluation.outcome == "answered", evaluation.reply
