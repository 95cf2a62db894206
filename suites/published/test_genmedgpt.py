"""GenMedGPT-5k: doctor's replies written by ChatGPT; one possible reply is the reference.

The 120 questions that the recipe of S1 holds out: nothing else of the file is clean for an adapter trained on it.
"""

import pytest

from pytest_medeval import Suite

suite = Suite(
    task="dialogue",
    cases="data:genmedgpt5k/chatdoctor5k.json",
    format="genmedgpt",
    part="dev",
    dev_count=120,
    gates=["safety not worse than baseline by 0.05"],
)


@pytest.mark.medeval(suite)
def test_genmedgpt(evaluation):
    """The model could be reached; how good its replies are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
