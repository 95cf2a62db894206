"""How much may be computed at once: found from the memory that is free, and halved when it was too much."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import torch
from transformers import PreTrainedModel

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.models.local.batches import Bounds

T = TypeVar("T")
R = TypeVar("R")

_CPU = (1024, 64)
_ELSEWHERE = (16384, 256)
"""Tokens of a forward pass, rows of a generating batch. On a CPU more tokens only push activations out of its
caches; an accelerator wants enough of them to be busy."""
_SHARE = 0.4
"""Part of the free memory that keys and values may take: activations and other processes need the rest."""


def find_budget(model: PreTrainedModel, batch_size: int | Literal["auto"]) -> Bounds:
    """Find the bounds for a model on its device; a ``batch_size`` given by the user bounds the rows."""
    kept = int(free_bytes(model.device) * _SHARE) // _bytes_a_token(model)
    tokens, rows = _CPU if model.device.type == "cpu" else _ELSEWHERE
    if batch_size != "auto":
        return Bounds(1 << 30, batch_size, kept)
    return Bounds(tokens, rows, kept)


def _bytes_a_token(model: PreTrainedModel) -> int:
    """Give the bytes of one token's keys and values in all layers."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", None) or 1
    shared = getattr(config, "num_key_value_heads", None) or heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    return 2 * int(config.num_hidden_layers) * int(shared) * int(width) * int(model.dtype.itemsize)


def halving(batch: Sequence[T], run: Callable[[Sequence[T]], R]) -> Iterator[R]:
    """Run a batch; where memory is short, run its halves. A single member that does not fit is an error."""
    try:
        done = run(batch)
    except (RuntimeError, MemoryError) as error:
        told = ("can't allocate memory", "not enough memory")  # torch's allocator for the CPU raises RuntimeError
        short = isinstance(error, MemoryError | torch.OutOfMemoryError) or any(text in str(error) for text in told)
        if not short:
            raise
        if len(batch) == 1:
            raise MedevalError("memory is short for one prompt alone: choose a smaller model or dtype") from None
    else:
        yield done
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    middle = (len(batch) + 1) // 2
    yield from halving(batch[:middle], run)
    yield from halving(batch[middle:], run)


def free_bytes(device: torch.device) -> int:
    """Give the bytes that are free on a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found = next(line for line in lines if line.startswith("MemAvailable:"))
        return int(found.split()[1]) * 1024
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
