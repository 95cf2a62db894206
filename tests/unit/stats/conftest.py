"""Metrics small enough to check by hand."""

from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class MeanOf:
    """A mean of per-case scores; stored rows (score,), counts (score, 1)."""

    name: str = "mean"
    counts: str = "mean"
    direction: int = 1
    per_case: bool = True
    signature: str = "test"
    bounds: tuple[float, float] = (0.0, 1.0)

    def expand(self, rows):
        """Add the column that counts cases; a score of -1 stands for none."""
        scored = rows[:, :1] >= 0
        return np.concatenate([np.where(scored, rows[:, :1], 0), scored], axis=1).astype(float)

    def score(self, total):
        """Divide the sum by the number."""
        return total[..., 0] / total[..., 1]


@dataclass(frozen=True)
class MicroF1(MeanOf):
    """Micro-F1 of rows (tp, fp, fn)."""

    name: str = "micro_f1"
    counts: str = "findings"
    per_case: bool = False

    def expand(self, rows):
        """Give the rows as they are."""
        return rows

    def score(self, total):
        """Give 2 TP / (2 TP + FP + FN)."""
        return 2 * total[..., 0] / (2 * total[..., 0] + total[..., 1] + total[..., 2])


@pytest.fixture
def mean_of():
    """Give the class of means of per-case scores."""
    return MeanOf


@pytest.fixture(scope="session")
def micro_f1():
    """Give the class of micro-F1."""
    return MicroF1
