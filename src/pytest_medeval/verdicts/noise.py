"""The noise floor: by how much a metric moves when nothing moved but the way of computing.

The same model answers a seeded sentinel sample of a suite again in another way (another batch size, another
dtype, the adapter merged into its base), and a judge grades the same replies again. Single replies change either way,
and the interval of a difference holds that already; what it does not hold is a drift, a change of the mean. The largest
change whose 95 % interval, by the suite's clusters, leaves 0 out is the metric's floor: a difference below it says
nothing about the weights, and a margin below it cannot be held. A larger sentinel sees a finer drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pytest_medeval.core.record import NoiseChanges, NoiseMeasured, NoiseRecord
from pytest_medeval.core.types import Metric
from pytest_medeval.stats.evidence import gather
from pytest_medeval.stats.intervals import difference_interval
from pytest_medeval.verdicts.gates.grammar import Gate, NotWorse, number_text

ROUNDING = 1e-9
"""Numbers that differ by less are equal: 1 - 0.95 is no more than 0.05."""

Rows = Sequence[Mapping[str, Sequence[float | None]]]
"""Stored rows by ``Metric.counts``, one mapping a case."""


def changes(
    metrics: Sequence[Metric], before: Rows, after: Rows, clusters: Sequence[str | None] | None = None
) -> NoiseChanges:
    """Give each metric's absolute change between two passes over the same cases, and the interval of the change.

    ``clusters``: the cluster of each case. Cases without a row in one of the passes are left out.
    """
    found: dict[str, float] = {}
    intervals: dict[str, list[float]] = {}
    for metric in metrics:
        kind = metric.counts
        both = [at for at, (old, new) in enumerate(zip(before, after, strict=True)) if kind in old and kind in new]
        sides = [{kind: np.array([rows[at][kind] for at in both], dtype=np.float64)} for rows in (after, before)]
        own = None if clusters is None else [clusters[at] for at in both]
        seen = gather([metric], sides[0], sides[1], clusters=own, permute=False) if both else {}
        for evidence in seen.values():
            if evidence.difference is not None:
                found[metric.name] = abs(evidence.difference)
                if (ends := difference_interval(evidence)) is not None:
                    intervals[metric.name] = list(ends)
    return {"changes": found, "intervals": intervals}


def floors(section: NoiseMeasured | None) -> dict[str, float]:
    """Give metric -> noise floor from a suite's section, the largest change that is shown over its variants."""
    found: dict[str, float] = {}
    for variant in section["variants"] if section else ():
        for name, change in variant.get("changes", {}).items():
            low, high = variant.get("intervals", {}).get(name, (0.0, 0.0))
            found[name] = max(found.get(name, 0.0), change if low > 0 or high < 0 else 0.0)
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
        f"{floor:.4f}: so far the mean of {section['n']} cases is shown to move when the same weights only "
        "compute in another way"
    )


def noise_section(section: NoiseMeasured, differences: Sequence[tuple[str, float | None]]) -> NoiseRecord:
    """Complete a suite's section for the record: the floor, and the metrics with a difference below it."""
    floor = floors(section)
    below = [name for name, value in differences if value and abs(value) < floor.get(name, 0.0) - ROUNDING]
    return {**section, "floor": floor, "below": list(dict.fromkeys(below))}
