"""Are a model's weights still the same bytes? SHA-256 of each tensor, before and after peft has been at work.

peft rewrites base weights when it attaches some adapters (PiSSA, OLoRA, LoftQ) and overwrites biases with others
(``bias="all"``), and switching the adapter off brings nothing back. Which ones do so changes with its versions, so
no list of them is kept: the bytes decide.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeAlias

import torch
from torch import Tensor
from transformers import PreTrainedModel

Bytes: TypeAlias = Mapping[str, str]
"""Name of a parameter or buffer -> SHA-256 of its dtype, shape and bytes."""

_WRAPPERS = frozenset({"base_layer", "original_module", "token_adapter"})
"""Names that peft puts into the path of a tensor that it wraps."""


def weight_bytes(model: PreTrainedModel) -> Bytes:
    """Digest every parameter and buffer, under the name that it has without peft's wrappers."""
    named = [*model.named_parameters(remove_duplicate=False), *model.named_buffers(remove_duplicate=False)]
    tensors = {".".join(part for part in name.split(".") if part not in _WRAPPERS): tensor for name, tensor in named}
    unique = {id(tensor): tensor for tensor in tensors.values()}
    with ThreadPoolExecutor() as pool:  # hashing lets go of Python's lock
        digests = dict(zip(unique, pool.map(_digest, unique.values()), strict=True))
    return {name: digests[id(tensor)] for name, tensor in tensors.items()}


def touched(before: Bytes, after: Bytes) -> list[str]:
    """Name the tensors that are gone or no longer the same bytes."""
    return [name for name, digest in before.items() if after.get(name) != digest]


def size_of(model: PreTrainedModel) -> int:
    """Count the bytes of a model's parameters and buffers in memory."""
    return sum(tensor.nbytes for tensor in {*model.parameters(), *model.buffers()})


def _digest(tensor: Tensor) -> str:
    data = tensor.detach().contiguous().flatten().view(torch.uint8).cpu()
    digest = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    digest.update(data.numpy().data)
    return digest.hexdigest()
