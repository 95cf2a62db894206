"""Safetensors files without torch: which tensors are there, in which shape, with which values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.errors import MedevalError

_FLOATS = {"F64": np.float64, "F32": np.float32, "F16": np.float16}


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor in a file: its dtype in safetensors' words, its shape, and where its bytes are."""

    file: Path
    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int

    def values(self, count: int | None = None) -> NDArray[np.float32 | np.float64 | np.float16]:
        """Read the numbers, or the first ``count``, flat; bfloat16 is widened to float32."""
        size = self.stop - self.start
        if count is not None:
            size = size // max(1, math.prod(self.shape)) * count
        with self.file.open("rb") as stream:
            stream.seek(self.start)
            data = stream.read(size)
        if self.dtype == "BF16":
            return (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32)
        if self.dtype not in _FLOATS:
            raise MedevalError(f"{self.file}: unknown dtype {self.dtype}; accepted: BF16, {', '.join(_FLOATS)}")
        return np.frombuffer(data, _FLOATS[self.dtype])


def read_tensors(files: Iterable[Path]) -> dict[str, StoredTensor]:
    """Read the headers of safetensors files: tensor name -> where it is."""
    found: dict[str, StoredTensor] = {}
    for file in files:
        try:
            found.update(_header(file))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MedevalError(f"{file}: not a whole safetensors file: {error}") from None
    return found


def _header(file: Path) -> dict[str, StoredTensor]:
    """Read one header: eight bytes of length, then JSON with offsets that count from the header's end."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= size - 8:
            raise ValueError(f"its header claims {length} bytes of {size}")
        header = json.loads(stream.read(length))
    start = 8 + length
    found = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        if start + last > size:
            raise ValueError(f"tensor {name!r} ends behind the end of the file")
        found[name] = StoredTensor(file, entry["dtype"], tuple(entry["shape"]), start + first, start + last)
    return found
