"""PromptCBLUE, CHIP-MDCFNPC: the polarity of the findings that the prompt names; of dev.json and test.json."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="polarity", cases="data:promptcblue_mdcfnpc/[dt]e*[vt].json", format="promptcblue")


@pytest.mark.medeval(suite)
def test_promptcblue_mdcfnpc(evaluation):
    """The model could be reached; how good its replies are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
