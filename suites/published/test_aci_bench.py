"""ACI-Bench: clinical notes of visits (tag ``dataset``); a short context refuses their dialogues."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="note", cases="data:aci_bench/clinicalnlp_taskB_test1.csv", format="aci")


@pytest.mark.medeval(suite)
def test_aci_bench(evaluation):
    """The model could be reached, and its context holds the visit; how good its notes are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
