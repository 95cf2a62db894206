"""What a GGUF file says of itself: its shards, type, tokenizer, chat template, and rows of its weights."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.errors import MedevalError, whole
from pytest_medeval.core.fingerprint import fingerprint_text
from pytest_medeval.models.proof.shipped import Matrix, Rows

_SHARD = re.compile(r"(.+-)(\d{5})-of-(\d{5})\.gguf")
_TEMPLATE = "tokenizer.chat_template"

MEASURED = ("llama", "qwen2", "qwen3")
"""Architectures whose weights llama.cpp stores as they are, but for the order of llama's query and key rows."""


def library() -> ModuleType:
    """Give the package that reads GGUF files."""
    try:
        import gguf
    except ImportError:
        raise MedevalError("a GGUF file cannot be read without gguf: pip install 'pytest-medeval[gguf]'") from None
    return gguf


def shards(file: Path) -> list[Path]:
    """List the files of a model: one, or all parts of one that ``gguf-split`` has cut; the first must be named."""
    match = _SHARD.fullmatch(file.name)
    if match is None:
        return [file]
    if int(match[2]) != 1:
        raise MedevalError(f"{file}: is part {int(match[2])} of {int(match[3])}; accepted: the first part")
    parts = [file.with_name(f"{match[1]}{part:05}-of-{match[3]}.gguf") for part in range(1, int(match[3]) + 1)]
    for part in parts:
        if not part.is_file():
            raise MedevalError(f"{part}: this part of the model is missing")
    return parts


class Header:
    """The metadata of a GGUF file and where its tensors are; tensors stay on the disk until they are asked for."""

    def __init__(self, file: Path) -> None:
        gguf = library()
        try:
            self.readers = [gguf.GGUFReader(part) for part in shards(file)]
        except (ValueError, OSError, IndexError) as error:
            raise MedevalError(f"{file}: not a whole GGUF file, cut off or broken ({whole(error)})") from None
        self.file = file

    def get(self, key: str) -> Any:
        """Give the value of a key of the metadata; ``None`` where it is not there."""
        field = self.readers[0].get_field(key)
        return None if field is None else field.contents()

    @property
    def template(self) -> str | None:
        """The chat template's text."""
        text = self.get(_TEMPLATE)
        return None if text is None else str(text)

    @property
    def dtype(self) -> str:
        """How most weights are stored, in llama.cpp's words: ``f16``, ``q8_0``, ``q4_k_m``."""
        known: dict[object, str] = {kind.value: kind.name for kind in library().LlamaFileType}
        told = known.get(self.get("general.file_type"), "gguf")
        return told.removeprefix("MOSTLY_").removeprefix("ALL_").lower()

    def tokenizer(self) -> str:
        """Give the SHA-256 of all that the file says of its tokenizer, but for the chat template."""
        keys = sorted(key for key in self.readers[0].fields if key.startswith("tokenizer.") and key != _TEMPLATE)
        digests = (b"".join(part.tobytes() for part in self.readers[0].fields[key].parts).hex() for key in keys)
        return fingerprint_text(*digests)


def gguf_rows(file: Path) -> Rows:
    """Read rows of a file's weights by their names in the model's folder, in the order that they have there."""
    header, gguf = Header(file), library()
    kind = str(header.get("general.architecture"))
    if kind not in MEASURED:
        raise MedevalError(
            f"{file}: an adapter cannot be measured in architecture {kind!r}; accepted: {', '.join(MEASURED)}"
        )
    architecture = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == kind)
    names = gguf.get_tensor_name_map(architecture, int(header.get(f"{kind}.block_count")))
    tensors = {tensor.name: tensor for reader in header.readers for tensor in reader.tensors}

    def rows(name: str, count: int) -> Matrix | None:
        found = names.get_name(name, try_suffixes=(".weight",))
        if found not in tensors:
            return None
        tensor = tensors[found]
        stored = tensor.data.reshape(int(tensor.shape[1]), -1)
        wanted = _order(header, kind, name, len(stored))[:count]
        try:
            values: Matrix = gguf.dequantize(stored[wanted], tensor.tensor_type).astype(np.float32)
        except NotImplementedError:
            told = tensor.tensor_type.name
            raise MedevalError(f"{file}: weights of type {told} cannot be read back and measured") from None
        return values

    return rows


def _order(header: Header, kind: str, name: str, rows: int) -> NDArray[np.int64]:
    """Say where each row of a folder's weight stands in the file.

    llama.cpp rotates neighbouring pairs where Transformers rotates halves of a head, so its converter interleaves
    the halves of llama's query and key rows (``LlamaModel.permute`` in ``convert_hf_to_gguf.py``).
    """
    order = np.arange(rows)
    if kind != "llama" or not name.endswith(("q_proj.weight", "k_proj.weight")):
        return order
    key = "head_count" if name.endswith("q_proj.weight") else "head_count_kv"
    heads = int(header.get(f"{kind}.attention.{key}") or header.get(f"{kind}.attention.head_count"))
    stored = order.reshape(heads, 2, rows // heads // 2).swapaxes(1, 2).reshape(rows)
    return np.argsort(stored)
