"""Is the adapter in what ships? Measured from the files of a merged or exported model, without loading one.

A merge that failed leaves a model that works and scores like the base. For each weight W that a LoRA adapter
changes by D = s B A, the file's weight W' is compared with both: the share <W' - W, D> / <D, D> is 1 where the
adapter is in, 0 where it is not, and stays so under rounding, because rounding does not follow D. What is left,
|W' - W - D| / |W|, is rounding; where it is more, the weights come from another base.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.jsontext import read_object
from pytest_medeval.models.proof.adapter import changed_weights
from pytest_medeval.models.proof.tensors import StoredTensor, read_tensors

Matrix: TypeAlias = NDArray[np.float32]
Rows: TypeAlias = Callable[[str, int], Matrix | None]
"""Name of a weight of the base, n -> its first n rows in what ships; ``None`` where it is not there."""

ROWS = 64
"""Rows read of each weight: enough for the share, and a model of any size is measured in seconds."""

APPLIED = 0.5
"""Share from which an adapter counts as applied: it is 1 or 0, and rounding may blur it."""

ROUNDED, QUANTISED = 0.01, 0.35
"""Largest distance that rounding explains: to 16 bits (2 to the -8), and to the few bits of a quantised file."""

EIGHT_BITS = 1 / 200
"""Largest step that rounding to 8 bits explains, as a share of the largest of 32 neighbours: half of 1 / 127 for the
value, and 2 to the -11 for the block's scale in q8_0. 16 bits are finer."""

_ADDING = frozenset({"True", "False", "None", "gaussian", "eva", "orthogonal", "mica"})
"""Values of ``init_lora_weights`` that leave the base as it is."""

_BLOCK, _MATRIX = 32, 2


@dataclass(frozen=True, slots=True)
class Held:
    """How much of an adapter a file's weights hold: over all weights, and where it is least.

    ``distance`` is |W' - W - D| / |W| over the rows that were read; ``moved`` the largest step from W to W',
    as a share of the largest of the 32 neighbours in W.
    """

    share: float
    least: float
    weight: str
    distance: float
    moved: float

    @property
    def bare(self) -> bool:
        """Say whether these are the base's weights, but for rounding to 8 bits or more, without the adapter."""
        return not self.share > APPLIED and self.moved <= EIGHT_BITS

    def complaint(self, limit: float) -> str:
        """Say what is wrong with the weights; an empty text where nothing is. ``limit``: of the distance."""
        if not self.share > APPLIED:
            return f"the adapter is not in these weights: they hold {self.share:.0%} of its change"
        if not APPLIED < self.least < 2 - APPLIED:
            return f"{self.weight!r} holds {self.least:.0%} of the adapter's change"
        if not self.distance < limit:
            return f"the weights come from another base: they differ from it by {self.distance:.0%} of its size"
        return ""


def measure(adapter: Path, base: Path, shipped: Rows) -> Held:
    """Measure how much of a LoRA adapter (folder) on its base (folder) the shipped weights hold.

    ``MedevalError`` where a weight is missing or has another shape, and where the change is no sum of matrices.
    """
    config = read_object(adapter / "adapter_config.json").data
    if reason := why_unmeasured(adapter):
        raise MedevalError(f"{adapter}: {reason} cannot be measured in merged weights; accepted: LoRA")
    sums: dict[str, tuple[float, float]] = {}
    rest = size = step = 0.0
    for name, (weight, one, two) in changed_weights(adapter, base).items():
        kept, change = _first(weight), _change(weight, one, two) * _scale(config, name, min(one.shape))
        found = shipped(name, ROWS)
        if found is None or found.shape != kept.shape:
            shape = "missing" if found is None else f"of another width ({found.shape[-1]})"
            raise MedevalError(f"weight {name!r}, which the adapter {adapter} changes, is {shape}")
        gap = (found - kept).ravel()
        sums[name] = (float(gap @ change.ravel()), float(change.ravel() @ change.ravel()))
        rest += float(np.square(gap - change.ravel()).sum())
        size += float(np.square(kept).sum())
        step = max(step, _step(found - kept, kept))
    return _held(adapter, sums, math.sqrt(rest / size) if size else math.inf, step)


def why_unmeasured(adapter: Path) -> str:
    """Say what kind of adapter does not change W by s B A, so that its share of merged weights means nothing.

    DoRA scales the sum; PiSSA, OLoRA and LoftQ add to a base that peft has changed before.
    """
    config = read_object(adapter / "adapter_config.json").data
    start = config.get("init_lora_weights", True)
    if config.get("use_dora"):
        return "a DoRA adapter"
    return "" if str(start) in _ADDING else f"an adapter begun by {start!r}"


def unmoved(base: Path, shipped: Rows) -> bool:
    """Say whether shipped weights are those of a base folder to 8 bits: every matrix that both have is compared."""
    pairs = (
        (_first(stored), shipped(name, ROWS))
        for name, stored in read_tensors(sorted(base.glob("*.safetensors"))).items()
        if len(stored.shape) == _MATRIX
    )
    found = [
        other is not None and other.shape == kept.shape and _step(other - kept, kept) <= EIGHT_BITS
        for kept, other in pairs
    ]
    return bool(found) and all(found)


def folder_rows(folder: Path) -> Rows:
    """Read rows from the safetensors files of a model folder."""
    tensors = read_tensors(sorted(folder.glob("*.safetensors")))

    def rows(name: str, _count: int) -> Matrix | None:
        return _first(tensors[name]) if name in tensors else None

    return rows


def _held(adapter: Path, sums: Mapping[str, tuple[float, float]], distance: float, step: float) -> Held:
    """Sum up; weights that the adapter leaves as they are say nothing."""
    shares = {name: along / own for name, (along, own) in sums.items() if own > 0}
    if not shares:
        raise MedevalError(f"{adapter}: the adapter changes nothing in the rows that are compared")
    whole = sum(along for along, _ in sums.values()) / sum(own for _, own in sums.values())
    worst = max(shares, key=lambda name: abs(shares[name] - 1))
    return Held(whole, shares[worst], worst, distance, step)


def _step(gap: Matrix, kept: Matrix) -> float:
    """Give the largest change of a weight (rows, width), as a share of the largest of its neighbours in a block."""
    width = kept.shape[1]
    block = _BLOCK if width % _BLOCK == 0 else width
    steps, sizes = (np.abs(side).reshape(-1, block).max(axis=1) for side in (gap, kept))
    return float((steps / np.maximum(sizes, np.finfo(np.float32).tiny)).max())


def _first(stored: StoredTensor) -> Matrix:
    rows = min(ROWS, stored.shape[0])
    width = stored.shape[1]
    return stored.values(rows * width).astype(np.float32).reshape(rows, width)


def _change(weight: StoredTensor, one: StoredTensor, two: StoredTensor) -> Matrix:
    """Multiply B (out, r) by A (r, in), or their transposes where the weight is stored as (in, out)."""
    a, b = (side.values().astype(np.float32).reshape(side.shape) for side in (one, two))
    left, right = (b, a) if (b.shape[0], a.shape[1]) == weight.shape else (a.T, b.T)
    product: Matrix = left[:ROWS] @ right
    return product


def _scale(config: Mapping[str, Any], name: str, rank: int) -> float:
    """Give the factor of B A: alpha / r, or alpha / sqrt(r) with rsLoRA; a module may have its own alpha."""
    module = name.removesuffix(".weight")
    own = (
        alpha for key, alpha in (config.get("alpha_pattern") or {}).items() if re.fullmatch(rf"(.*\.)?({key})", module)
    )
    alpha = float(next(own, config.get("lora_alpha", 8)))
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
