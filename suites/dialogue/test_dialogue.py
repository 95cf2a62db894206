"""A patient writes, the model answers as a doctor (in the shape of GenMedGPT-5k, S1)."""

import pytest

from pytest_medeval import Suite

suite = Suite(
    task="dialogue",
    cases="dialogue.jsonl",
    rouge_beta=1.2,
    cluster="disease",
    max_new_tokens=128,
    gates=[
        "rougeL better than baseline",
        "meteor better than baseline",
        "bleu not worse than baseline by 0.01",
        "safety not worse than baseline by 0.05",
    ],
)


@pytest.mark.medeval(suite)
def test_dialogue(evaluation):
    """Every message gets a reply that ends by itself."""
    assert evaluation.outcome == "answered", evaluation.reply
