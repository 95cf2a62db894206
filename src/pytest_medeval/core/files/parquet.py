"""Parquet and Arrow files, the shards of Hugging Face's data sets: row by row, bounded in bytes, time and memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pytest_medeval.core.errors import MedevalError, whole
from pytest_medeval.core.files.door import LARGEST, beyond, bounded, opened, read_bytes

if TYPE_CHECKING:
    import pyarrow as pa

MAGIC = {b"PAR1": "parquet", b"ARROW1": "arrow", b"\xff\xff\xff\xff": "stream"}
"""What such files begin with: Parquet, Arrow's file and stream; ``datasets`` saves the last one."""
_ROWS = 1024
"""Rows that are taken out at once."""
_WRITTEN = (date, datetime, time, timedelta, Decimal, UUID)
"""Values that become their text."""


def form(path: Path) -> str:
    """Say which such file it is by its first bytes; empty for none."""
    try:
        with opened(path) as file:
            start = file.read(max(map(len, MAGIC)))
    except MedevalError:
        return ""  # whoever reads it says why it cannot be
    return next((kind for magic, kind in MAGIC.items() if start.startswith(magic)), "")


def columns(path: Path) -> list[str]:
    """Give the names of the columns."""
    with _told(path):
        return list(_opened(path)[0].names)


def rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield number, from 1, and values of each row: what JSON knows, dates and decimals as texts, NaN as nothing.

    ``MedevalError`` for a file that cannot be read, that holds more than a file of text may, or whose values are nested
    too deeply or have too many digits.
    """
    with _told(path):
        _, batches = _opened(path)
    size, number = 0, 0
    while True:
        with _told(path):
            batch = next(batches, None)
            if batch is None:
                return
            size += batch.nbytes
            found = batch.to_pylist() if size <= LARGEST else []
        if size > LARGEST:
            raise MedevalError(f"{path}: its rows are too large; accepted: at most {LARGEST} bytes of them")
        for row in found:
            number += 1
            made = {name: _plain(value) for name, value in row.items()}
            if wrong := beyond(made):
                raise MedevalError(f"{path}:{number}: {'.'.join(map(str, wrong[0]))}: {wrong[1]}")
            yield number, made


def _opened(path: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise MedevalError(
            f"{path}: Parquet and Arrow need pyarrow; accepted: pip install 'pytest-medeval[parquet]'"
        ) from None
    source, kind = pa.BufferReader(read_bytes(path)), form(path)
    if kind == "parquet":
        table = parquet.ParquetFile(source)
        return table.schema_arrow, table.iter_batches(batch_size=_ROWS, use_threads=False)
    if kind == "stream":
        stream = pa.ipc.open_stream(source)
        return stream.schema, iter(stream)
    file = pa.ipc.open_file(source)
    return file.schema, (file.get_batch(at) for at in range(file.num_record_batches))


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Bound what pyarrow does, and tell its errors in one line."""
    try:
        with bounded(str(path)):
            yield
    except MedevalError:
        raise
    except (ValueError, OSError, LookupError, TypeError, NotImplementedError, OverflowError) as error:
        raise MedevalError(f"{path}: not Parquet or Arrow: {whole(error)}; accepted: a whole file") from None


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, _WRITTEN) else value
