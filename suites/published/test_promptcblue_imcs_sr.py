"""PromptCBLUE, IMCS-V2-SR: find symptoms in the current turn, with polarity; of dev.json and test.json."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="polarity", cases="data:promptcblue_imcs_sr/[dt]e*[vt].json", format="promptcblue")


@pytest.mark.medeval(suite)
def test_promptcblue_imcs_sr(evaluation):
    """The model could be reached; how good its replies are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
