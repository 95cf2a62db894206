"""oneDNN under linear layers: the product of torch in every case, or not taken at all."""

import copy
import pickle
from collections import Counter
from dataclasses import replace

import pytest
import torch

from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.models.local import kernels, weights
from pytest_medeval.models.local.kernels import FastLinear, Kernels, choose, pack

BOTH = Kernels(onednn=True, packed=True)
SHAPES = frozenset({((96, 64), 3), ((64, 96), 3)})


def _layer(width=72, out=40, *, bias=True, packed=False, dtype=torch.float32):
    torch.manual_seed(0)
    layer = torch.nn.Linear(width, out, bias=bias).to(dtype)
    layer.__class__ = FastLinear
    layer.__dict__["kernels"] = BOTH
    if packed:
        layer.pack()
        assert layer._pack
    return layer


def _right(layer, rows):
    found = rows.double() @ layer.weight.double().T
    return found if layer.bias is None else found + layer.bias.double()


def _close(layer, rows, slack=1e-5):
    with torch.inference_mode():
        found = layer(rows)
        return (found.double() - _right(layer, rows)).abs().max() <= slack * max(1.0, _right(layer, rows).abs().max())


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_products_are_those_of_float64(packed, bias):
    """Rows of any number, in three dimensions, strided, repeated, none: within rounding of the product in float64."""
    layer = _layer(bias=bias, packed=packed)
    for rows in (
        torch.randn(2, 72),
        torch.randn(1, 72),
        torch.randn(129, 72),
        torch.randn(3, 5, 72),
        torch.randn(72, 7).T,
        torch.randn(4, 1, 72).expand(4, 6, 72),
        torch.randn(9, 144)[:, ::2],
    ):
        assert _close(layer, rows)
    assert layer(torch.empty(0, 72)).shape == (0, 40)
    with torch.inference_mode():
        assert layer(torch.full((3, 72), torch.nan)).isnan().all()


def test_sixteen_bits(monkeypatch):
    """Weights in bfloat16 are packed too; rows of another type than the weights' are an error, as ever."""
    layer = _layer(packed=True, dtype=torch.bfloat16)
    monkeypatch.setattr(kernels, "linear", None)
    assert _close(layer, torch.randn(24, 72, dtype=torch.bfloat16), 1e-2)
    with torch.inference_mode(), pytest.raises(RuntimeError):
        layer(torch.randn(24, 72))


@pytest.mark.parametrize("packed", [False, True])
def test_training_is_torch_own(packed):
    """With gradients the layer is a plain one: the same output and gradients, of rows, weights and bias."""
    fast = _layer(packed=packed)
    plain = torch.nn.Linear(72, 40)
    plain.load_state_dict(fast.state_dict())
    rows = [torch.randn(8, 72, generator=torch.Generator().manual_seed(1)).requires_grad_() for _ in range(2)]
    for layer, given in zip((fast, plain), rows, strict=True):
        layer(given).square().sum().backward()
    assert torch.equal(rows[0].grad, rows[1].grad)
    assert torch.equal(fast.weight.grad, plain.weight.grad)
    assert torch.equal(fast.bias.grad, plain.bias.grad)


def test_autocast_keeps_its_type():
    """Under autocast the product is bfloat16, as torch's."""
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert _layer()(torch.randn(4, 72)).dtype == torch.bfloat16


@pytest.mark.parametrize("change", ["in place", "new weights", "other tensor"])
def test_packed_weights_that_change_are_not_used(change):
    """Weights changed under a pack: the product is that of the new ones."""
    layer = _layer(packed=True)
    rows = torch.randn(8, 72)
    with torch.no_grad():
        before = layer(rows)
        if change == "in place":
            layer.weight.mul_(-1)
        elif change == "new weights":
            layer.weight = torch.nn.Parameter(-layer.weight)
        else:
            layer.weight.data = -layer.weight.data
    assert _close(layer, rows)
    assert not torch.allclose(before, layer(rows), atol=1e-2)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])  # noqa: S301 - its own
def test_copies_hold_no_packed_weights(copied):
    """A copy has weights of its own, and no pack of the other's."""
    layer = _layer(packed=True)
    other = copied(layer)
    assert other._pack is None
    assert layer._pack is not None
    with torch.no_grad():
        other.weight.zero_()
    rows = torch.randn(8, 72)
    assert _close(layer, rows)
    assert _close(other, rows)
    assert list(other.state_dict()) == ["weight", "bias"]


def _timed_as(monkeypatch, *seconds):
    """Let the kernels take these seconds in turn: torch, oneDNN, and oneDNN packed where it is asked too."""
    real, calls = kernels._product, Counter()

    def product(*given):
        calls["now"] = 2 if given[1].is_mkldnn else 1
        return real(*given)

    def timed(way):
        calls["now"] = 0
        way()
        return seconds[calls["now"]]

    monkeypatch.setattr(kernels, "_product", product)
    monkeypatch.setattr(kernels, "_timed", timed)
    choose.cache_clear()


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ((2, 1, 0.5), Kernels(onednn=True, packed=True)),
        ((2, 1, 1), Kernels(onednn=True)),
        ((1, 1, 0.5), Kernels(packed=True)),
        ((1.3, 1, 0.8), Kernels()),
        ((1, 2, 3), Kernels()),
    ],
)
def test_the_faster_kernel_is_taken(monkeypatch, seconds, chosen):
    """By time, and by more than chance; in bfloat16 torch takes oneDNN itself, so that only packing is a choice."""
    _timed_as(monkeypatch, *seconds)
    assert choose(SHAPES, torch.float32, 1) == chosen
    assert choose(SHAPES, torch.bfloat16, 1) == replace(chosen, onednn=False)
    choose.cache_clear()


@pytest.mark.parametrize("error", [1e-3, float("nan")])
def test_a_kernel_that_does_not_agree_is_not_taken(monkeypatch, error):
    """However fast: products as coarse as TF32 and bfloat16 make them, or no numbers, are another model's."""
    _timed_as(monkeypatch, 2, 1, 0.5)
    fast = kernels._product
    monkeypatch.setattr(kernels, "_product", lambda *given: (found := fast(*given)) + error * found.abs().max())
    assert choose(SHAPES, torch.float32, 1) == Kernels()
    choose.cache_clear()
    layer = _layer()
    layer.pack()
    assert layer._pack is None


def test_a_build_without_the_operator(monkeypatch):
    """Where torch has no such operator everything stays as it is."""

    def product(*_):
        raise AttributeError("'_OpNamespace' 'mkldnn' object has no attribute '_linear_pointwise'")

    monkeypatch.setattr(kernels, "_product", product)
    choose.cache_clear()
    assert choose(SHAPES, torch.float32, 1) == Kernels()
    choose.cache_clear()


def _requests(**fields):
    texts = ("chest pain", "fever and cough and a rash that", "which drug is given first for pain?", "aspirin")
    return [Request((Message("user", text),), **fields) for text in texts * 3]


def _answers(folder):
    weights.forget_bases()
    model = open_model(parse_spec(str(folder), folder), Settings(device="cpu", threads=1)).inner._load()
    replies = [answer.text for answer in model.answer(_requests(max_new_tokens=40))]
    assert not any(layer._pack for layer in kernels._fast(model._base.model)), "nothing is kept behind a stream"
    return model, replies, [answer.logprobs for answer in model.answer(_requests(choices=("a", "fever", "children")))]


@pytest.mark.parametrize("adapted", [False, True])
@pytest.mark.parametrize("shape", ["llama", "gemma", "phi", "gpt2"])
def test_models_answer_alike_by_either(make_model, make_adapter, monkeypatch, shape, adapted):
    """Replies and choices, of a base and through an adapter: tied weights, biases, and layers of another class."""
    folder = make_adapter(make_model(shape)) if adapted else make_model(shape)
    plain, replies, scores = _answers(folder)
    assert plain.kernel == "torch"
    made = []
    monkeypatch.setattr(kernels, "_NARROW", 1)
    monkeypatch.setattr(kernels, "choose", lambda *_: BOTH)
    monkeypatch.setattr(FastLinear, "pack", lambda layer, own=FastLinear.pack: (made.append(layer), own(layer)))
    fast, again, close = _answers(folder)
    assert fast.kernel == "oneDNN, for replies packed"
    assert fast.notices == plain.notices
    assert len(made) == sum(isinstance(layer, FastLinear) for layer in fast._base.model.modules())
    assert again == replies
    assert sum(close, ()) == pytest.approx(sum(scores, ()), abs=1e-3)
    weights.forget_bases()


def test_without_memory_nothing_is_packed(make_model, monkeypatch):
    """Packed weights are a copy: where memory is short they are not made, and the user is told."""
    monkeypatch.setattr(kernels, "_NARROW", 1)
    monkeypatch.setattr(kernels, "choose", lambda *_: BOTH)
    monkeypatch.setattr(kernels, "free_bytes", lambda _: 1000)
    model, _, _ = _answers(make_model("llama"))
    (notice,) = model.notices
    assert "weights are not packed for replies" in notice
    assert pack(model._base.model)
    weights.forget_bases()
