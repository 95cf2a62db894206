"""A run in 16 bits or fewer says that a batch size may change replies, unless it measured how many."""

import pytest
from tests.page_record import whole_record

from pytest_medeval.report import INKS
from pytest_medeval.report.outline import coarse, outline_of

TOLD = "in bfloat16 another batch size may change replies; --medeval-noise=N counts how many"


@pytest.fixture
def record():
    """Make a run in bfloat16 of which no noise floor was measured."""
    record = whole_record(3)
    for model in record["models"].values():
        model["dtype"] = "bfloat16"
    for suite in record["suites"].values():
        suite.pop("noise", None)
    return record


def test_it_stands_in_every_report(record):
    """Once, in each."""
    assert list(coarse(record)) == [TOLD]
    for ink in INKS:
        assert INKS.resolve(ink)(outline_of(record)).count(TOLD) == 1


def test_two_types_are_named_together(record):
    """A candidate in few bits beside a baseline in 16."""
    record["models"]["candidate"] = {**record["models"]["candidate"], "dtype": "nf4"}
    assert next(coarse(record)).startswith("in bfloat16 and nf4 another")


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "float32"},
        {"dtype": None},
        {"dtype": "f16"},  # of a GGUF file, whose requests are answered one by one
        {"spec": "replay:run"},
    ],
)
def test_nothing_is_said_where_nothing_is_open(record, change):
    """Full precision, servers, one request at a time, stored replies."""
    for model in record["models"].values():
        model.update(change)
    assert list(coarse(record)) == []


def test_what_was_measured_is_not_asked_for(record):
    """The noise floor stands with its suite."""
    next(iter(record["suites"].values()))["noise"] = {"n": 3, "variants": [], "floor": {}, "below": []}
    assert list(coarse(record)) == []
