"""The costs of wrong polarity labels, as a user sets them: a TOML file with a table for each gold label.

::

    [positive]          # the finding is present, and the reply says:
    negative = 4
    uncertain = 2
    none = 3

    [negative]
    positive = 2
    uncertain = 1
    none = 1

    [uncertain]
    positive = 1
    negative = 2
    none = 1

    [none]
    positive = 1
    negative = 1
    uncertain = 1

These are the costs without a file (``pytest_medeval.metrics.polarity.COSTS``). A right label costs nothing.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pytest_medeval.errors import MedevalError, accepted
from pytest_medeval.tasks.labels import LABELS
from pytest_medeval.types import FloatArray


def load_costs(path: str | Path) -> FloatArray:
    """Read a cost matrix, gold (down) against predicted (across), in the order of ``LABELS``: shape (4, 4).

    Every table names the cost of each other label, a finite number, 0 or more; not all may be 0. What it
    says of its own label must be 0. ``MedevalError`` names the file and what in it is wrong.
    """
    file = Path(path)
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise MedevalError(f"{file}: costs cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MedevalError(f"{file}: not TOML in UTF-8 ({error})") from error
    for gold in data:
        if gold not in LABELS:
            raise MedevalError(f"{file}: {accepted('gold label', gold, LABELS)}")
    costs = np.array([_row(file, gold, data.get(gold)) for gold in LABELS])
    if not costs.any():
        raise MedevalError(
            f"{file}: every cost is 0; accepted: at least one wrong label that costs something"
        )
    return costs


def _row(file: Path, gold: str, row: Any) -> list[float]:
    """Check what the gold label ``gold`` costs when it is taken for each label."""
    others = [label for label in LABELS if label != gold]
    if not isinstance(row, Mapping):
        raise MedevalError(f"{file}: no table [{gold}]; accepted: one with {', '.join(others)}")
    for label in row:
        if label not in LABELS:
            raise MedevalError(f"{file}: [{gold}]: {accepted('label', label, LABELS)}")
    return [_cost(file, gold, label, row.get(label, 0 if label == gold else None)) for label in LABELS]


def _cost(file: Path, gold: str, label: str, cost: Any) -> float:
    if cost is None:
        raise MedevalError(f"{file}: [{gold}] does not say what {label} costs; accepted: a number, 0 or more")
    number = isinstance(cost, int | float) and not isinstance(cost, bool)
    if not number or not math.isfinite(cost) or cost < 0 or (label == gold and cost != 0):
        accepts = "0, for the label is right" if label == gold else "a number, 0 or more"
        raise MedevalError(f"{file}: [{gold}] {label} = {cost!r}; accepted: {accepts}")
    return float(cost)
