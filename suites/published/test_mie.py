"""MIE: the polarity of normalised symptoms in whole cardiology dialogues, of dev.json and test.json."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="polarity", cases="data:mie/[dt]e*[vt].json", format="mie")


@pytest.mark.medeval(suite)
def test_mie(evaluation):
    """The model could be reached; how good its replies are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
