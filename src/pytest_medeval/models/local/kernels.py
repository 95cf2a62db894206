"""Which kernel multiplies the matrices of linear layers on a CPU: the one that torch takes, or oneDNN.

torch gives products in float32 to MKL, which does not use what processors of other makers than Intel can do. Both are
timed once a process on the shapes of the model that is loaded, and oneDNN is taken where it agrees and saves much. Its
operator is one of torch's own for compiled models: the public ways to the same kernel copy rows in and out
(``Tensor.to_mkldnn``), choose MKL again (1x1 convolutions), or compile for half a minute (``torch.compile``).

A layer multiplies by its weights where they are, which costs no memory and cannot go stale. oneDNN's own layout of
them is up to twice as fast for few rows, as when replies are made, and is a copy: it is made for a stream of requests
and dropped behind it, and no layer uses one of weights that have changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from time import process_time

import torch
from torch import Tensor
from torch.nn.functional import linear
from transformers import PreTrainedModel

from pytest_medeval.models.local.memory import free_bytes

_FEW, _MANY = 24, 128
"""Rows of the products that are timed: a step of a batch of replies, and prompts."""

_NARROW = 64
"""Rows or columns of a weight below which a product costs less than choosing how: the two matrices of a LoRA."""

_CROP, _SHAPES, _ROUNDS = 512, 4, 8
"""Of the weights that are timed: output features, shapes (those with the most weights), times each kernel runs."""

_GAIN = 1.4
"""How much faster oneDNN must be: near 1, chance would choose, and each run or worker sum in another order."""

_CLOSE = {torch.float32: 2e-5, torch.bfloat16: 2e-2}
"""Agreement of products, as a share of the largest: ten times what rounding makes, less than a coarser type would."""

_SHARE = 0.25
"""Part of the free memory that packed weights may take."""


@dataclass(frozen=True, slots=True)
class Kernels:
    """Whether layers multiply by oneDNN, and whether their weights are packed to make replies."""

    onednn: bool = False
    packed: bool = False

    def __str__(self) -> str:
        """Say it for the record."""
        if not self.packed:
            return "oneDNN" if self.onednn else "torch"
        return "oneDNN, for replies packed" if self.onednn else "torch, for replies oneDNN packed"


@dataclass(frozen=True, slots=True)
class _Pack:
    """Weights in oneDNN's own layout, and which they are."""

    weight: Tensor
    place: int
    version: int


class FastLinear(torch.nn.Linear):
    """A linear layer that multiplies by oneDNN where that was found to be faster; otherwise as any other.

    Gradients, autocasting, a single row, and rows of another type or device are left to torch.
    """

    kernels = Kernels()
    _pack: _Pack | None = None

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name for it
        """Multiply rows (..., in) by the weights: (..., out)."""
        rows = input.numel() // self.in_features
        if rows < 2 or not self._simple(input):  # noqa: PLR2004 - one row only reads weights, which all do as fast
            return super().forward(input)
        if self._pack and (self._pack.place, self._pack.version) == (self.weight.data_ptr(), self.weight._version):  # noqa: SLF001 - torch's own name
            return _product(input, self._pack.weight, self.bias)
        if self.kernels.onednn:
            return _product(input, self.weight, self.bias)
        return super().forward(input)

    def _simple(self, rows: Tensor) -> bool:
        return (
            not torch.is_grad_enabled()
            and type(rows) is Tensor
            and rows.dtype is self.weight.dtype
            and rows.device.type == self.weight.device.type == "cpu"
            and not torch.is_autocast_enabled("cpu")
        )

    def pack(self) -> None:
        """Lay the weights out for oneDNN; where their products do not agree with torch's, nothing is kept."""
        weight = self.weight
        if self._pack or weight.is_inference():
            return
        packed = _packed(weight)
        rows = _random(_FEW, self.in_features, weight.dtype)
        if _agree(linear(rows, weight), _product(rows, packed, None)):
            self._pack = _Pack(packed, weight.data_ptr(), weight._version)  # noqa: SLF001 - torch's own name

    def unpack(self) -> None:
        """Let go of packed weights."""
        self._pack = None

    def __getstate__(self) -> dict[str, object]:
        """Give what a copy is made of: packed weights are no part of it."""
        return {name: value for name, value in self.__dict__.items() if name != "_pack"}


def fasten(model: PreTrainedModel) -> None:
    """Let a model's linear layers multiply by the kernel that is faster on this machine."""
    if model.device.type != "cpu" or model.dtype not in _CLOSE or not torch.backends.mkldnn.enabled:
        return
    layers = [
        layer
        for layer in model.modules()
        if type(layer) is torch.nn.Linear
        and layer.weight.dtype == model.dtype
        and layer.weight.is_contiguous()
        and min(layer.weight.shape) >= _NARROW
    ]
    shapes = Counter((layer.out_features, layer.in_features) for layer in layers)
    kernels = choose(frozenset(shapes.items()), model.dtype, torch.get_num_threads())
    if kernels == Kernels():
        return
    for layer in layers:
        layer.__class__ = FastLinear
        layer.__dict__["kernels"] = kernels  # a type checker still sees the class that it was


def kernels_of(model: PreTrainedModel) -> Kernels:
    """Tell which kernels a model's layers take."""
    return next((layer.kernels for layer in _fast(model)), Kernels())


def pack(model: PreTrainedModel) -> str:
    """Pack the weights of layers that gain by it; say why not, where memory is short."""
    layers = [layer for layer in _fast(model) if layer.kernels.packed]
    size, free = sum(layer.weight.nbytes for layer in layers), free_bytes(model.device)
    if any(layer._pack for layer in layers):  # noqa: SLF001 - this module's own
        return ""
    if size > _SHARE * free:
        return f"weights are not packed for replies: {size / 1e6:,.0f} MB more of {free / 1e6:,.0f} MB that are free"
    for layer in layers:
        layer.pack()
    return ""


def unpack(model: PreTrainedModel) -> None:
    """Let go of packed weights."""
    for layer in _fast(model):
        layer.unpack()


@cache
def choose(shapes: frozenset[tuple[tuple[int, int], int]], dtype: torch.dtype, threads: int) -> Kernels:  # noqa: ARG001 - other threads, other times
    """Time both kernels on weights of these shapes ((out, in), how many); the same in a process for the same shapes."""
    ranked = sorted(shapes, key=lambda one: (-one[0][0] * one[0][1] * one[1], one))[:_SHAPES]
    plain, few = [0.0, 0.0], [0.0, 0.0, 0.0]  # seconds of torch, of oneDNN, and of it with packed weights
    try:
        with torch.inference_mode():
            for (out, width), count in ranked:
                weight = _random(min(out, _CROP), width, dtype)
                share = count * out / weight.shape[0]
                few = [a + share * b for a, b in zip(few, _seconds(_FEW, weight, packed=True), strict=True)]
                if dtype == torch.float32:  # of narrower types torch gives products to oneDNN itself
                    many = _seconds(_MANY, weight, packed=False)
                    plain = [a + share * b * _FEW / _MANY for a, b in zip(plain, many, strict=True)]
    except (AttributeError, RuntimeError):  # an operator or a processor that does not have it
        return Kernels()
    plain = [a + b for a, b in zip(plain, few, strict=False)]
    return Kernels(dtype == torch.float32 and plain[1] * _GAIN < plain[0], few[2] * _GAIN < min(few[:2]))


def _seconds(rows: int, weight: Tensor, *, packed: bool) -> list[float]:
    """Give the least seconds of each kernel in turn; infinite for one whose product is another."""
    given = _random(rows, weight.shape[1], weight.dtype)
    ways: list[Callable[[], Tensor]] = [lambda: linear(given, weight), lambda: _product(given, weight, None)]
    if packed:
        laid = _packed(weight)
        ways.append(lambda: _product(given, laid, None))
    right, *others = [way() for way in ways]
    agree = [True, *(_agree(right, other) for other in others)]
    taken = [min(times) for times in zip(*([_timed(way) for way in ways] for _ in range(_ROUNDS)), strict=True)]
    return [time if good else float("inf") for time, good in zip(taken, agree, strict=True)]


def _timed(way: Callable[[], Tensor]) -> float:
    start = process_time()  # of the processor: other processes may want it too
    way()
    return process_time() - start


def _agree(right: Tensor, other: Tensor) -> bool:
    return bool((right - other).abs().max() <= _CLOSE[right.dtype] * right.abs().max())


def _product(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")  # noqa: SLF001 - no public way is as fast
    return found


def _packed(weight: Tensor) -> Tensor:
    found: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), _MANY)  # noqa: SLF001 - as above
    return found


def _random(rows: int, columns: int, dtype: torch.dtype) -> Tensor:
    """Make numbers around 0 without a look at torch's own generator, which others' draws hang on."""
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(0)).to(dtype)


def _fast(model: PreTrainedModel) -> Iterator[FastLinear]:
    return (layer for layer in model.modules() if isinstance(layer, FastLinear))
