"""Safetensors files without torch: which tensors are there, in which shape, with which values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.jsontext import Document

_MOST = 100_000_000
"""Bytes of a header: the limit of the safetensors library."""
_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E5M2": 1, "F8_E4M3": 1}
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
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise MedevalError(
                f"{file}: not a whole safetensors file: {reason}; accepted: weights as safetensors writes them"
            ) from None
    return found


def _header(file: Path) -> dict[str, StoredTensor]:
    """Read one header: eight bytes of length, then JSON with offsets that count from the header's end."""
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if not 0 < length <= min(size - 8, _MOST):
            raise ValueError(f"its header claims {length} bytes of {size}")
        document = Document(f"{file}: header", stream.read(length).decode())
    header = dict(document.data if isinstance(document.data, dict) else {"header": document.data})
    start = 8 + length
    return {name: _stored(file, name, entry, start, size) for name, entry in header.items() if name != "__metadata__"}


def _stored(file: Path, name: str, entry: object, start: int, size: int) -> StoredTensor:
    told = entry if isinstance(entry, dict) else {}
    dtype, shape, offsets = str(told.get("dtype")), told.get("shape"), told.get("data_offsets")
    if not (_counts(shape) and _counts(offsets) and len(offsets) == 2):  # noqa: PLR2004 - begin and end
        raise ValueError(f"tensor {name!r} is {entry!r}; expected are dtype, shape and data_offsets")
    first, last = offsets
    if not first <= last <= size - start:
        raise ValueError(f"tensor {name!r} ends behind the end of the file")
    if dtype in _WIDTHS and math.prod(shape) * _WIDTHS[dtype] != last - first:
        raise ValueError(f"tensor {name!r} of shape {shape} in {dtype} has {last - first} bytes")
    return StoredTensor(file, dtype, tuple(shape), start + first, start + last)


def _counts(value: object) -> TypeGuard[list[int]]:
    return isinstance(value, list) and all(type(one) is int and one >= 0 for one in value)
