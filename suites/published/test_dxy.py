"""DXY: the polarity of symptoms in paediatric dialogues, both splits (tag ``split``)."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="polarity", cases="data:dxy_symptom/dxy_dialog_data_dialog_v2.txt", format="dxy")


@pytest.mark.medeval(suite)
def test_dxy(evaluation):
    """The model could be reached; how good its replies are, the metrics say."""
    assert evaluation.outcome != "error", evaluation.detail
