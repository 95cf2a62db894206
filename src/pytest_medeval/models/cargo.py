"""The files of a model in pieces, for machines that do not have them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pytest_medeval.models.fingerprint import fingerprint_files
from pytest_medeval.models.hub import FILES, model_folder
from pytest_medeval.models.spec import AdapterSpec, LocalSpec

PIECE = 64 << 20
"""Bytes of a piece: far more than what sending one costs, far less than the memory of a machine."""


@dataclass(frozen=True, slots=True)
class Part:
    """One folder of a model: its files and the SHA-256 over their names and contents."""

    digest: str
    files: tuple[Path, ...]

    def pieces(self) -> Iterator[tuple[str, int, bytes]]:
        """Read name of a file, offset and bytes, piece by piece; an empty file is one empty piece."""
        for file in self.files:
            with file.open("rb") as stream:
                offset = 0
                while (data := stream.read(PIECE)) or not offset:
                    yield file.name, offset, data
                    offset += max(1, len(data))


def parts(spec: LocalSpec, memory: Path | None) -> dict[str, Part]:
    """List what a model consists of: ``base``, and ``adapter`` where it has one."""
    folders = {"base": model_folder(spec)}
    if isinstance(spec, AdapterSpec):
        folders["adapter"] = spec.folder
    return {name: _part(folder, memory) for name, folder in folders.items()}


def _part(folder: Path, memory: Path | None) -> Part:
    files = tuple(sorted(file for file in folder.iterdir() if any(file.match(kind) for kind in FILES)))
    return Part(fingerprint_files(files, memory=memory), files)
