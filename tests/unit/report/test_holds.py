"""What a candidate holds of its baseline, in a sentence of the summary, the Markdown and the page."""

import pytest
from tests.page_record import whole_record

from pytest_medeval.report import INKS
from pytest_medeval.report.lines import sentences
from pytest_medeval.report.outline import outline_of
from pytest_medeval.report.terminal import summary

MEASURED = {"of": "adapters/a", "share": 0.99931, "least": 0.9972, "weight": "q_proj.weight", "distance": 0.0056}


@pytest.mark.parametrize(
    ("facts", "said", "well"),
    [
        (MEASURED, "holds 99.93% of the change of adapters/a (least 99.72%), rounded by 0.56%", True),
        ({**MEASURED, "share": 0.01}, "holds 1.00% of the change of adapters/a: this adapter is not in it", False),
        ({"of": "b", "same": True}, "its weights are those of b, to 8 bits: nothing was merged into them", False),
        ({"of": "b", "reason": "weight 'w' is missing"}, "not measured against b: weight 'w' is missing", False),
    ],
)
def test_each_finding_has_its_sentence(facts, said, well):
    """What is in order is told plainly, what is not stands out."""
    assert list(sentences({"holds": facts})) == [(said, well)]


def test_nothing_is_said_of_nothing():
    """A model of which nothing was measured has no sentence; tasks of their own have one each."""
    assert list(sentences({"holds": None})) == list(sentences({})) == []
    parts = {"mcq": {"holds": MEASURED}, "polarity": {}}
    assert [said[:16] for said, _ in sentences({"tasks": parts})] == ["mcq: holds 99.93"]


def test_it_stands_in_every_report():
    """Terminal, Markdown and page say it; the terminal in yellow where it is not in order."""
    record = whole_record(3)
    record["models"]["candidate"]["holds"] = {**MEASURED, "share": 0.01}
    outline = outline_of(record)
    told = next(line for line in summary(outline, "glance") if "this adapter is not in it" in line.text)
    assert told.markup == {"yellow": True}
    assert all("this adapter is not in it" in INKS.resolve(ink)(outline) for ink in INKS)
