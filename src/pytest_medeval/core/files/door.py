"""The one door for what a user gives: bounded in size, depth, digits and time, and a line that says what is wrong."""

from __future__ import annotations

import codecs
import contextlib
import math
import re
import signal
import stat
import threading
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from errno import ENOENT, ENOTDIR
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, NoReturn, TypeAlias

from pytest_medeval.core.errors import MedevalError, NoFileError

LARGEST = 1 << 30
"""Bytes of a file of cases, replies or ratings."""
SETTINGS = 1 << 22
"""Bytes of a file that people write by hand: TOML, YAML, chat templates."""
DEEPEST = 64
"""Levels of lists and tables in each other."""
DIGITS = 18
"""Of a whole number: what computes with it may take 64 bits."""
SECONDS = 10.0
"""Computing time that a user's template or pattern may take at once."""
MEMORY = 1 << 31
"""Bytes that it may ask for."""

Place: TypeAlias = tuple[str | int, ...]
"""Keys and numbers that lead to a value in a file."""
_NO_FILES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def place(text: str | Path, root: Path = Path()) -> Path:
    """Make a path of what a user wrote, relative to ``root``; ``MedevalError`` for one that no system takes."""
    try:
        path = root / Path(text).expanduser()
        path.stat()
    except (RuntimeError, ValueError) as error:  # no such user; a NUL, or what the file system cannot encode
        raise _no_path(text, str(error).rstrip(".")) from None
    except OSError as error:
        if error.errno not in (ENOENT, ENOTDIR):
            raise _no_path(text, error.strerror or str(error)) from None
    return path


def _no_path(text: str | Path, reason: str) -> MedevalError:
    return MedevalError(f"{str(text)!r} is no path ({reason}); accepted: the path of a file or folder")


def no_file(path: Path) -> str | None:
    """Say what stands where a file should: a folder, or a pipe, socket or device, which may never end."""
    return _NO_FILES.get(stat.S_IFMT(path.stat().st_mode))


def check_files(folder: Path) -> None:
    """Refuse a model's folder in which something is neither file nor folder: libraries would wait for it."""
    for path in sorted(folder.iterdir()):
        found = no_file(path) if path.exists() and not path.is_dir() else None
        if found:
            raise MedevalError(f"{path}: cannot be read: it is {found}; accepted: files in a model's folder")


@contextlib.contextmanager
def opened(path: Path, wanted: str = "a file") -> Iterator[BinaryIO]:
    """Open a file to be read; ``MedevalError`` says why it cannot be."""
    try:
        found = no_file(path)
        if found:
            raise MedevalError(f"{path}: cannot be read: it is {found}; accepted: {wanted}")
        with path.open("rb") as file:
            yield file
    except (FileNotFoundError, NotADirectoryError):
        raise NoFileError(f"{path}: cannot be read: no such file; accepted: {wanted}") from None
    except (OSError, ValueError) as error:
        raise MedevalError(
            f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}; accepted: {wanted}"
        ) from None


def read_bytes(path: Path, *, most: int = LARGEST, wanted: str = "a file") -> bytes:
    """Read a file of at most ``most`` bytes."""
    with opened(path, wanted) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise MedevalError(f"{path}: is too large; accepted: {wanted} of at most {most} bytes")
    return data


def read_text(path: Path, *, most: int = LARGEST, wanted: str = "a file of UTF-8 text") -> str:
    r"""Read a UTF-8 file, with or without byte order mark, newlines as they are.

    Newlines are kept because ``\r\n`` and ``\n`` inside quoted fields belong to the data.
    Raises ``MedevalError`` for a file that cannot be opened, is not UTF-8, or holds nothing.
    """
    raw = read_bytes(path, most=most, wanted=wanted)
    start = len(codecs.BOM_UTF8) if raw.startswith(codecs.BOM_UTF8) else 0
    try:
        text = raw[start:].decode()
    except UnicodeDecodeError as error:
        offset = start + error.start
        line = raw.count(b"\n", 0, offset) + 1
        raise MedevalError(
            f"{path}:{line}: byte 0x{raw[offset]:02x} at offset {offset} is not UTF-8; accepted: UTF-8"
        ) from error
    if not text.strip():
        raise MedevalError(f"{path}:1: the file is empty; accepted: {wanted}")
    return text


@dataclass(frozen=True)
class Lines:
    r"""A text and its file; tells the line of a position. Only ``\n`` ends a line, as in an editor."""

    file: str
    text: str

    @cached_property
    def _newlines(self) -> list[int]:
        return [found.start() for found in re.finditer("\n", self.text)]

    def line(self, at: int) -> int:
        """Give the 1-based line of a position."""
        return bisect_left(self._newlines, at) + 1

    def mistake(self, at: int, what: str) -> MedevalError:
        """Make the error that names file and line."""
        return MedevalError(f"{self.file}:{self.line(at)}: {what}")


def too_long(digits: int = DIGITS) -> str:
    """Say that a whole number is beyond its bound."""
    return f"a whole number of too many digits; accepted: up to {digits}"


def beyond(value: object, digits: int = DIGITS) -> tuple[Place, str] | None:
    """Find what in a value of JSON or TOML is beyond the bounds: where it stands, and what is accepted."""
    most = 10**digits
    level: list[tuple[Place, dict[str, object] | list[object]]] = [((), [value])]
    for _ in range(DEEPEST + 1):
        below: list[tuple[Place, dict[str, object] | list[object]]] = []
        for path, outer in level:
            for key, inner in outer.items() if isinstance(outer, dict) else enumerate(outer):
                if isinstance(inner, dict | list):
                    below.append(((*path, key), inner))
                elif type(inner) is int and not -most < inner < most:
                    return (*path, key)[1:], too_long(digits)
                elif type(inner) is float and not math.isfinite(inner):
                    return (*path, key)[1:], f"{inner} is no number; accepted: finite numbers"
        if not below:
            return None
        level = below
    return level[0][0][1:], f"nested too deeply; accepted: up to {DEEPEST} levels"


@contextlib.contextmanager
def bounded(what: str, seconds: float = SECONDS) -> Iterator[None]:
    """Bound the time and memory of what a user's template or pattern computes; ``what`` begins the mistake.

    The clock is that of the processor, so that a busy machine changes nothing. It ticks on POSIX systems, in the main
    thread; memory is bounded on Linux.
    """
    try:
        with _memory(), _time(seconds):
            yield
    except _OverTimeError:
        raise MedevalError(f"{what}: takes more than {seconds:.0f} s; accepted: one that ends") from None
    except MemoryError:
        raise MedevalError(
            f"{what}: takes more than {MEMORY >> 30} GiB of memory; accepted: one that is bounded"
        ) from None


class _OverTimeError(BaseException):
    """The time is over; no ``except Exception`` of a template engine may swallow it."""


def _over(*_: object) -> NoReturn:
    raise _OverTimeError


@contextlib.contextmanager
def _time(seconds: float) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "ITIMER_VIRTUAL"):
        yield
        return
    handler = signal.signal(signal.SIGVTALRM, _over)
    left, _ = signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, left)
        signal.signal(signal.SIGVTALRM, handler)


@contextlib.contextmanager
def _memory() -> Iterator[None]:
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (ImportError, OSError):
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    wanted = pages * resource.getpagesize() + MEMORY
    if before[0] not in (resource.RLIM_INFINITY, -1) and before[0] < wanted:
        yield
        return
    resource.setrlimit(resource.RLIMIT_AS, (wanted, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
