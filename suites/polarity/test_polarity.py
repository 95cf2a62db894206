"""Is each finding of a Chinese dialogue present, absent or uncertain? (in the shape of CHIP-MDCFNPC, S3)."""

import pytest

from pytest_medeval import Suite

suite = Suite(
    task="polarity",
    cases="polarity.jsonl",
    max_new_tokens=128,
    cluster="disease",
    gates=["micro_f1.low >= 0.80", "micro_f1 better than baseline"],
)


@pytest.mark.medeval(suite)
def test_polarity(evaluation):
    """Every dialogue gets at least one readable line."""
    assert evaluation.outcome == "answered", evaluation.reply
