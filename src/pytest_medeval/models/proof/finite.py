"""Weights that are numbers: NaN and infinities in safetensors files are found before a case is asked. No torch here."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_text, remembered
from pytest_medeval.models.proof.tensors import StoredTensor, read_tensors

_AT_ONCE = 1 << 24
"""Bytes that are looked over at once: a tensor of any size takes little memory."""

_ALL_ONES = {
    "F64": (np.uint64, 0x7FF << 52),
    "F32": (np.uint32, 0xFF << 23),
    "F16": (np.uint16, 0x1F << 10),
    "BF16": (np.uint16, 0xFF << 7),
    "F8_E5M2": (np.uint8, 0x1F << 2),
    "F8_E4M3": (np.uint8, 0x7F),
}
"""The bits that are all set in what is not finite: those of the exponent; F8_E4M3 has no infinity, and one NaN."""

_LOOKED_OVER = fingerprint_text("finite")


def prove_finite(files: Iterable[Path], *, memory: Path | None = None) -> None:
    """Look over every floating-point value of safetensors files, once; ``MedevalError`` names the first bad tensor.

    ``memory`` is a cache folder, in which it is remembered that a large file was sound.
    """
    for file in files:
        remembered(file, memory, "finite", _look_over)


def told(name: str, wrong: int, count: int) -> str:
    """Say which tensor holds what is no number.

    >>> told("lm_head.weight", 1, 64)
    "tensor 'lm_head.weight': 1 of 64 values is not finite (NaN or infinity)"
    """
    return f"tensor {name!r}: {wrong} of {count} values {'is' if wrong == 1 else 'are'} not finite (NaN or infinity)"


def _look_over(file: Path) -> str:
    for name, stored in read_tensors([file]).items():
        wrong = _count(stored)
        if wrong:
            raise MedevalError(f"{file}: {told(name, wrong, math.prod(stored.shape))}")
    return _LOOKED_OVER


def _count(stored: StoredTensor) -> int:
    """Count the values that are not finite; whole numbers, as quantised weights are, always are."""
    if stored.dtype not in _ALL_ONES:
        return 0
    kind, ones = _ALL_ONES[stored.dtype]
    mask, wrong = kind(ones), 0
    with stored.file.open("rb") as stream:
        stream.seek(stored.start)
        for start in range(stored.start, stored.stop, _AT_ONCE):
            bits = np.frombuffer(stream.read(min(_AT_ONCE, stored.stop - start)), kind)
            wrong += int(np.count_nonzero((bits & mask) == mask))
    return wrong
