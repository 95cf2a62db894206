"""Real pairs to score, and the one way in which all tests here score."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pytest_medeval.core.types import Metric

DIALOGUES = Path(__file__).parents[3] / "../shared/data/genmedgpt5k/chatdoctor5k.json"


@pytest.fixture(scope="session")
def real_pairs() -> list[tuple[str, str]]:
    """Pair 200 references with another, themselves, their halves; 20 with a cut word, capitals, silence."""
    if not DIALOGUES.is_file():
        pytest.skip(f"{DIALOGUES.parent} is missing")
    texts = [entry["output"] for entry in json.loads(DIALOGUES.read_text(encoding="utf-8"))[:201]]
    pairs = []
    for reference, other in pairwise(texts):
        pairs += [(reply, reference) for reply in (other, reference, reference[: len(reference) // 2])]
    for reference, other in pairwise(texts[:21]):
        pairs += [(reply, reference) for reply in (reference[:3], other.upper(), "")]
    return pairs


@pytest.fixture(scope="session")
def total() -> Callable[[Metric, list[list[float]]], float]:
    """Score the sum of stored rows."""

    def score(metric: Metric, rows: list[list[float]]) -> float:
        return float(metric.score(metric.expand(np.array(rows, dtype=np.float64)).sum(axis=0)))

    return score
