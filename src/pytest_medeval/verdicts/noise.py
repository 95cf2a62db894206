"""The noise floor: by how much a metric moves when nothing moved but the way of computing.

The same model answers a seeded sentinel sample of a suite again in another way (another batch size, another
dtype, the adapter merged into its base), and a judge grades the same replies again. The largest absolute
change of a metric on the sentinel is its floor. A difference below the floor says nothing about the weights,
and a margin below it cannot be held. The floor is that of the sentinel's few cases, of which one reply moves
a mean more than it does in the whole suite: a larger sentinel gives a finer floor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pytest_medeval.core.record import NoiseMeasured, NoiseRecord
from pytest_medeval.core.types import FloatArray, Metric
from pytest_medeval.verdicts.grammar import Gate, NotWorse, number_text

ROUNDING = 1e-9
"""Numbers that differ by less are equal: 1 - 0.95 is no more than 0.05."""

Rows = Sequence[Mapping[str, Sequence[float | None]]]
"""Stored rows by ``Metric.counts``, one mapping a case."""


def changes(metrics: Sequence[Metric], before: Rows, after: Rows) -> dict[str, float]:
    """Give each metric's absolute change between two passes, on the cases that both have rows for."""
    found: dict[str, float] = {}
    for metric in metrics:
        kind = metric.counts
        both = [(old[kind], new[kind]) for old, new in zip(before, after, strict=True) if kind in old and kind in new]
        if both:
            old, new = (_score(metric, [pair[side] for pair in both]) for side in (0, 1))
            found[metric.name] = abs(old - new)
    return {name: change for name, change in found.items() if np.isfinite(change)}


def _score(metric: Metric, cases: Sequence[Sequence[float | None]]) -> float:
    rows: FloatArray = np.array(cases, dtype=np.float64)
    return float(metric.score(metric.expand(rows).sum(axis=0)))


def floors(section: NoiseMeasured | None) -> dict[str, float]:
    """Give metric -> noise floor from a suite's section, the largest change over its variants."""
    found: dict[str, float] = {}
    for variant in section["variants"] if section else ():
        for name, change in variant.get("changes", {}).items():
            found[name] = max(found.get(name, 0.0), change)
    return found


def margin_below(gate: Gate, section: NoiseMeasured | None) -> str:
    """Say why a gate's margin cannot be held; empty where it can, and where no floor was measured."""
    floor = floors(section).get(gate.target.metric)
    if section is None or floor is None or not isinstance(gate.condition, NotWorse):
        return ""
    if gate.condition.margin >= floor - ROUNDING:
        return ""
    return (
        f"the margin {number_text(gate.condition.margin)} is below the noise floor of {gate.target.metric}, "
        f"{floor:.4f}: so much it moves on {section['n']} cases when the same weights only "
        "compute in another way"
    )


def noise_section(section: NoiseMeasured, differences: Sequence[tuple[str, float | None]]) -> NoiseRecord:
    """Complete a suite's section for the record: the floor, and the metrics with a difference below it."""
    floor = floors(section)
    below = [name for name, value in differences if value and abs(value) < floor.get(name, 0.0) - ROUNDING]
    return {**section, "floor": floor, "below": list(dict.fromkeys(below))}
