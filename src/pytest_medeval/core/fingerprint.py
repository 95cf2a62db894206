"""Which weights are these? SHA-256 over bytes, never over a name.

One model's replies can then never pass as another's: the cache, the run record and an adapter's
``provenance.json`` hold the same fingerprints. Large files are hashed once and remembered by path, size, inode, the
times of the last change of content and of anything, and a sample of their bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import read_text

REMEMBERED = "fingerprints.json"
"""Name of the file, in the cache folder, that remembers the digests of large files."""

_DIGITS = 64
"""Hexadecimal digits of a SHA-256."""

_LARGE = 1 << 20
"""Files under this many bytes are hashed each time: looking them up costs as much."""
_BLOCK, _BLOCKS = 4096, 64
"""Bytes of a block, and blocks between the first and the last, that are read of a remembered file each time."""


def fingerprint_weights(folder: Path, *, memory: Path | None = None) -> str:
    """Give the SHA-256 (hex) over names and contents of a folder's ``*.safetensors`` files, sorted by name.

    ``memory`` is a cache folder in which digests of large files are remembered. A folder without such a file
    is a ``MedevalError``.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise MedevalError(f"{folder}: no weights: expected at least one *.safetensors file")
    return fingerprint_files(files, memory=memory)


def fingerprint_files(files: Iterable[Path], *, memory: Path | None = None) -> str:
    """Give the SHA-256 (hex) over the name and the content digest of each file, in the order given."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{_content(file, memory)}\n".encode())
    return digest.hexdigest()


def fingerprint_file(file: Path, *, memory: Path | None = None) -> str:
    """Give the SHA-256 (hex) of a file's content, whatever its name."""
    return _content(file, memory)


def fingerprint_text(*parts: str) -> str:
    """Give the SHA-256 (hex) over texts, each with its length, so that no two lists of texts share one."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(data)}:".encode() + data)
    return digest.hexdigest()


def _content(file: Path, memory: Path | None) -> str:
    """Digest one file, or recall its digest when it is large and has not changed since."""
    return remembered(file, memory, "", _digest)


def remembered(file: Path, memory: Path | None, what: str, find: Callable[[Path], str]) -> str:
    """Find a digest that follows from a file, or recall it when the file is large and has not changed since.

    ``what`` names the kind of digest where it is not that of the content.
    """
    state = file.stat()
    if memory is None or state.st_size < _LARGE:
        return find(file)
    times = f"{state.st_mtime_ns}|{state.st_ctime_ns}"
    key = f"{what}{file.resolve()}|{state.st_size}|{times}|{state.st_ino}|{_sample(file, state.st_size)}"
    known = _recall(memory)
    if key not in known:
        known[key] = find(file)
        _remember(memory, known)
    return known[key]


def _sample(file: Path, size: int) -> str:
    """Digest head, tail and blocks at even distances: times and inode can be those of other bytes, as after a copy."""
    digest = hashlib.sha256()
    with file.open("rb", buffering=0) as stream:
        for number in range(_BLOCKS + 2):
            stream.seek((size - _BLOCK) * number // (_BLOCKS + 1))
            digest.update(stream.read(_BLOCK))
    return digest.hexdigest()


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _recall(memory: Path) -> dict[str, str]:
    """Read what was remembered; a file that cannot be read is as good as none: the digests are made again."""
    try:
        known = json.loads(read_text(memory / REMEMBERED))
    except (MedevalError, ValueError, RecursionError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: value for key, value in known.items() if isinstance(value, str) and len(value) == _DIGITS}


def _remember(memory: Path, known: dict[str, str]) -> None:
    """Write in one step, so nobody reads half a file; a read-only folder costs time, not the run."""
    draft = memory / f"{REMEMBERED}.{os.getpid()}"
    with contextlib.suppress(OSError):
        memory.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(known, indent=0), encoding="utf-8")
        draft.replace(memory / REMEMBERED)
