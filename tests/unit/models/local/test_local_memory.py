"""Batches that do not fit are halved."""

import pytest
import torch

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.models.local.memory import Bounds, halving


def _room_for(limit, error):
    def run(batch):
        if len(batch) > limit:
            raise error
        return list(batch)

    return run


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_shortage_halves_and_loses_nothing(error):
    """Seven members with room for two are computed in order, in pieces that fit."""
    parts = list(halving(range(7), _room_for(2, error)))
    assert [member for part in parts for member in part] == list(range(7))
    assert max(map(len, parts)) <= 2


def test_one_that_does_not_fit_is_an_error():
    """When a single prompt is too much, the user is told."""
    with pytest.raises(MedevalError, match="memory is short for one prompt alone"):
        list(halving([1, 2], _room_for(0, MemoryError())))


def test_other_errors_pass():
    """A defect is not taken for a shortage."""
    with pytest.raises(RuntimeError, match="shapes"):
        list(halving([1, 2], _room_for(0, RuntimeError("shapes do not match"))))


def test_rows_of_a_budget():
    """Kept tokens bound the rows; one row is always tried."""
    assert Bounds(tokens=10, rows=8, kept=100).rows_of(20) == 5
    assert Bounds(tokens=10, rows=8, kept=100).rows_of(1000) == 1
    assert Bounds(tokens=10, rows=8, kept=100).rows_of(1) == 8
