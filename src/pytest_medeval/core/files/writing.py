"""Files that are there whole or not at all: written aside, forced to the disk, then renamed.

What is no regular file (a device, a pipe, ``/dev/stdout``) is never replaced by one: it is written to.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import operator
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar, cast

from pytest_medeval.core.errors import MedevalError

PART = ".part"
"""Ending of a file that is still being written, or whose writer was killed."""

NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


Data = TypeVar("Data")


def finite(value: Data) -> Data:
    """Make a value fit for JSON: NaN and infinities become null, tuples lists; what is fit already is not copied."""
    found: object = value
    if isinstance(value, float):
        found = value if math.isfinite(value) else None
    elif isinstance(value, dict):
        changed = {key: new for key, inner in value.items() if (new := finite(inner)) is not inner}
        found = {**value, **changed} if changed else value
    elif isinstance(value, list | tuple):
        inside = [finite(inner) for inner in value]
        kept = isinstance(value, list) and all(map(operator.is_, inside, value))
        found = value if kept else inside
    elif not isinstance(value, str) and isinstance(value, Mapping):
        found = finite(dict(value))
    return cast(Data, found)


def json_bytes(value: object, *, indent: int | None = 1) -> bytes:
    """Write JSON as UTF-8; a text that UTF-8 cannot hold (a lone surrogate) is escaped instead."""
    try:
        return f"{json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)}\n".encode()
    except UnicodeEncodeError:
        return f"{json.dumps(value, indent=indent, allow_nan=False)}\n".encode()


_COMPACT = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def json_lines(value: Mapping[str, object]) -> Iterator[bytes]:
    """Write a JSON object piece by piece, each value on a line, and each element of a list on a line of its own.

    A large record is then never in memory as one text, and Python's quick encoder does the work, which cannot
    indent. NaN and infinities become null; a text that UTF-8 cannot hold is escaped.
    """
    yield b"{\n"
    for number, (key, inner) in enumerate(value.items()):
        yield (b",\n" if number else b"") + _encoded(key) + b": "
        if not isinstance(inner, list) or not inner:
            yield _encoded(inner)
            continue
        for place, element in enumerate(inner):
            yield (b",\n" if place else b"[\n") + _encoded(element)
        yield b"\n]"
    yield b"\n}\n"


def _encoded(value: object) -> bytes:
    try:
        return _COMPACT.encode(value).encode()
    except UnicodeEncodeError:
        return json.dumps(finite(value), allow_nan=False).encode()
    except ValueError:  # NaN is rare, and looking for it in everything takes longer than writing
        return json_bytes(finite(value), indent=None).rstrip()


_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")
"""A file that this process has open: writing there goes on where the last text ended."""
_LINKS = 40
"""Links that lead to one another, as many as Linux follows."""


def check_folder(folder: Path, flag: str) -> None:
    """Make a folder, and refuse at once one that could not be written after hours of work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe", suffix=PART):
            pass
    except OSError as error:
        told = f"{flag}: {folder} cannot be written: {error.strerror}"
        raise MedevalError(f"{told}; accepted: a folder that can be") from None


def write_whole(path: Path, data: bytes | Iterable[bytes], what: str) -> None:
    """Write a file, replacing an older one; ``MedevalError`` names ``what`` when the disk refuses.

    A link stays, and the file that it leads to is replaced; what is no regular file is written to as it stands.
    """
    with _refusals(path, what):
        place = _followed(path)
        descriptor = _DESCRIPTOR.fullmatch(str(place))
        if not descriptor and (place.is_file() or place.is_dir() or not place.exists()):
            with _aside(place, data) as partial:
                partial.replace(place)
            return
        with open(os.dup(int(descriptor[1])) if descriptor else place, "wb") as stream:  # noqa: PTH123 - a number too
            stream.writelines([data] if isinstance(data, bytes) else data)


def _followed(path: Path) -> Path:
    """Follow links, but not those of descriptors: they may lead to a pipe, which has no name."""
    for _ in range(_LINKS):
        if _DESCRIPTOR.fullmatch(str(path)) or not path.is_symlink():
            break
        path = path.absolute().parent / path.readlink()
    return path


def write_new(path: Path, data: bytes, what: str) -> bool:
    """Write a file that must not exist yet; False when another process was first."""
    try:
        with _refusals(path, what), _aside(path, data) as partial:
            try:
                os.link(partial, path)
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                if path.exists():
                    return False
                partial.rename(path)
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def _aside(path: Path, data: bytes | Iterable[bytes]) -> Iterator[Path]:
    partial = path.with_name(f".{path.name}.{os.getpid()}{PART}")
    try:
        with partial.open("wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            file.flush()
            os.fsync(file.fileno())
        yield partial
        _sync(path.parent)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def _refusals(path: Path, what: str) -> Iterator[None]:
    """Say in one line that the disk refuses."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise MedevalError(f"{path}: {what} cannot be written: {error.strerror or error}") from None


def _sync(folder: Path) -> None:
    """Force the new name to the disk, where a folder can be opened for that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
