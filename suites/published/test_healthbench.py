"""HealthBench: conversations with physicians' criteria, by theme (tag ``theme``) and, where the file has it, axis."""

import pytest

from pytest_medeval import Suite

suite = Suite(
    task="criteria",
    cases="data:healthbench/healthbench.jsonl",
    format="healthbench",
    cluster=None,
    cluster_reason="conversations were written one by one; themes are strata, of which none was left out",
)


@pytest.mark.medeval(suite)
def test_healthbench(evaluation):
    """The model could be reached; how good its replies are, the metrics say where a judge was asked."""
    assert evaluation.outcome != "error", evaluation.detail
