"""The counts behind the metrics of polarity: the row of a case, and what is wrong with a reply, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.tasks.aligned import Aligned, align, align_raw
from pytest_medeval.tasks.findings import Parsed
from pytest_medeval.tasks.labels import LABELS, Label, canonical_label
from pytest_medeval.tasks.synonyms import SHIPPED, load_synonyms
from pytest_medeval.types import FloatArray, Reply

if TYPE_CHECKING:
    from pytest_medeval.tasks.polarity import PolarityCase

_SIZE: Final = len(LABELS)
STATES: Final = _SIZE - 1
"""Labels but for the last, "none"."""
_CELLS: Final = _SIZE * _SIZE
_TAIL: Final = (
    "invented", "raw_invented", "pair_right", "pair_said", "pair_gold", "formed", "lines",
    "conflicts", "duplicates", "hallucinations", "missing", "cases",
)  # fmt: skip
AT: Final = {name: 2 * _CELLS + at for at, name in enumerate(_TAIL)}
WIDTH: Final = 2 * _CELLS + len(_TAIL)
"""Columns of a row: the confusion (gold x predicted, row by row) after and before canonicalisation, then
``_TAIL``."""


class Rows:
    """Makes the row that all metrics of polarity share."""

    def __init__(self, synonyms: str | None) -> None:
        self.synonyms = synonyms

    def __call__(self, case: PolarityCase, reply: Reply) -> Sequence[float]:
        """Give the row of one case."""
        parsed = _parsed(reply)
        gold = case.findings
        aligned = align(list(gold), parsed, load_synonyms(self.synonyms or SHIPPED))
        raw = align_raw(list(gold), parsed)
        pairs = {(finding, canonical_label(label)) for finding, label in parsed.pairs}
        twice = {finding for finding, _ in pairs if sum(name == finding for name, _ in pairs) > 1}
        right = sum(gold.get(finding) == label and finding not in twice for finding, label in pairs)
        tail = (
            _states(aligned), _states(raw), right, len(pairs), len(gold), parsed.lines - len(parsed.drift),
            max(parsed.lines, 1), len(aligned.conflicts), len(aligned.duplicates), len(aligned.invented),
            len(aligned.missing), 1,
        )  # fmt: skip
        return [*_cells(gold, aligned.labels), *_cells(gold, raw.labels), *tail]


def _parsed(reply: Reply) -> Parsed:
    return reply.prediction if isinstance(reply.prediction, Parsed) else Parsed()


def _states(aligned: Aligned) -> int:
    """Count invented findings that are given a state."""
    return sum(label != "none" for label in aligned.invented.values())


def _cells(gold: Mapping[str, Label], said: Mapping[str, Label]) -> list[float]:
    cells = [0.0] * _CELLS
    for finding, label in gold.items():
        cells[_SIZE * LABELS.index(label) + LABELS.index(said[finding])] += 1
    return cells


def trace(case: PolarityCase, reply: Reply, synonyms: str | None = None) -> dict[str, list[str]]:
    """List by name what is wrong with a reply: for the record and for whoever has to mend the model.

    ``wrong`` holds ``finding: gold -> predicted`` for gold findings that the reply names with one other
    label.
    """
    parsed = _parsed(reply)
    aligned = align(list(case.findings), parsed, load_synonyms(synonyms or SHIPPED))
    unsaid = {*aligned.missing, *aligned.conflicts}
    return {
        "conflicts": list(aligned.conflicts),
        "duplicates": list(aligned.duplicates),
        "drift": list(parsed.drift),
        "hallucinations": list(aligned.invented),
        "missing": list(aligned.missing),
        "wrong": [
            f"{finding}: {label} -> {aligned.labels[finding]}"
            for finding, label in case.findings.items()
            if finding not in unsaid and aligned.labels[finding] != label
        ],
    }


def confusion(rows: FloatArray, *, raw: bool = False) -> NDArray[np.int64]:
    """Sum the confusion of rows (n, WIDTH): gold (down) against predicted (across)."""
    total = np.asarray(rows, dtype=np.float64).reshape(-1, WIDTH).sum(axis=0)
    return matrix(total, raw=raw).astype(np.int64)


def matrix(total: FloatArray, *, raw: bool) -> FloatArray:
    """Give the confusion (..., 4, 4) of summed rows (..., WIDTH): gold (rows) against predicted (columns)."""
    start = _CELLS if raw else 0
    cells: FloatArray = total[..., start : start + _CELLS]
    return cells.reshape(*total.shape[:-1], _SIZE, _SIZE)
