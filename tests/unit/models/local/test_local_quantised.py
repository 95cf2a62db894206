"""``int8:SPEC`` and ``nf4:SPEC``: few bits, the same questions, and what is said where they cannot be loaded."""

import importlib.util
import logging
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, baseline_of, open_model
from pytest_medeval.models.local import weights as local_base
from pytest_medeval.models.spec import AdapterSpec, FolderSpec, QuantisedSpec, parse_model

ROOT = Path(__file__).parents[4]
REQUESTS = [
    Request((Message("user", text),), choices=("yes", "no", "perhaps"))
    for text in ("chest pain?", "fever and rash?", "发热？")
]


@pytest.fixture
def adapter(make_model, make_adapter):
    """Make a random adapter on a random base, with no other weights in memory."""
    local_base.forget_bases()
    yield make_adapter(make_model("llama"))
    local_base.forget_bases()


def test_the_baseline_has_as_few_bits(adapter):
    """An adapter in 4 bits is compared with its base in 4 bits; a model folder has no baseline of its own."""
    spec = parse_model(f"nf4:{adapter}", adapter)
    assert isinstance(spec, QuantisedSpec)
    assert isinstance(spec.inner, AdapterSpec)
    base = baseline_of(spec)
    assert isinstance(base, QuantisedSpec)
    assert (base.dtype, base.inner) == ("nf4", spec.inner.base)
    assert isinstance(base.inner, FolderSpec)
    assert baseline_of(base) is None


@pytest.mark.parametrize("bits", ["int8", "nf4"])
def test_missing_package_is_one_line(adapter, bits, monkeypatch):
    """Without bitsandbytes the line names the extra to install."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "bitsandbytes" else real(name, *more)
    )
    with pytest.raises(MedevalError, match=r"needs bitsandbytes: pip install 'pytest-medeval\[quantised\]'"):
        open_model(parse_model(f"{bits}:{adapter}", adapter), Settings(device="cpu"))


def test_only_local_models_have_bits(tmp_path):
    """A server's weights cannot be loaded in fewer bits from here."""
    with pytest.raises(MedevalError, match="accepted behind nf4: a LoRA folder, a model folder or a hub name"):
        parse_model("nf4:https://host/v1#name", tmp_path)


@pytest.fixture
def shipped():
    """Name the shipped adapter: 4-bit kernels ask for layers wider than those of the random models."""
    local_base.forget_bases()
    yield ROOT / "adapters" / "tiny-mcq"
    local_base.forget_bases()


@pytest.mark.parametrize(("bits", "layer"), [("int8", "Linear8bitLt"), ("nf4", "Linear4bit")])
def test_quantised_answers_nearly_alike(shipped, bits, layer):
    """Layers are in few bits, likelihoods are near those in float32 but not equal, and nothing is logged."""
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (extra: quantised)")
    found = {}
    heard: list[logging.LogRecord] = []
    listener = logging.Handler()
    listener.emit = heard.append
    logging.getLogger("bitsandbytes").addHandler(listener)
    for name in (str(shipped), f"{bits}:{shipped}"):
        model = open_model(parse_model(name, ROOT), Settings(device="cpu", threads=1))
        found[name] = [answer.logprobs for answer in model.answer(REQUESTS)]
        assert model.identity.spec == name
    logging.getLogger("bitsandbytes").removeHandler(listener)
    (whole, few) = found.values()
    gaps = [abs(a - b) for one, two in zip(whole, few, strict=True) for a, b in zip(one, two, strict=True)]
    assert 0 < max(gaps) < 0.25 * max(abs(value) for row in whole for value in row)
    assert not heard
    base = next(base for key, base in local_base._BASES.items() if key[1] == bits)
    assert layer in {type(module).__name__ for module in base.model.modules()}
    assert base.adapters


@pytest.mark.parametrize("bits", ["int8", "nf4"])
def test_an_adapter_is_proved_in_few_bits(shipped, make_model, make_adapter, bits):
    """The proof from files and the probe of the logits hold for quantised bases: an empty adapter is refused."""
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (extra: quantised)")
    from safetensors.numpy import load_file, save_file

    empty = make_adapter(make_model("llama"), seed=3)
    tensors = load_file(empty / "adapter_model.safetensors")
    save_file(
        {key: value * ("lora_B" not in key) for key, value in tensors.items()}, empty / "adapter_model.safetensors"
    )
    with pytest.raises(MedevalError, match="changes nothing"):
        open_model(parse_model(f"{bits}:{empty}", empty), Settings(device="cpu"))
    model = open_model(parse_model(f"{bits}:{shipped}", ROOT), Settings(device="cpu"))
    base = open_model(baseline_of(parse_model(f"{bits}:{shipped}", ROOT)), Settings(device="cpu"))
    assert model.answer(REQUESTS)[0].logprobs != base.answer(REQUESTS)[0].logprobs
    assert model.identity.base == base.identity.base


@pytest.mark.parametrize("bits", ["int8", "nf4"])
def test_a_base_in_few_bits_stays_the_base(shipped, bits):
    """Adapters that come one after another change nothing of the base, and share its weights."""
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (extra: quantised)")
    settings = Settings(device="cpu", threads=1)

    def ask(text: str) -> list[tuple[float, ...]]:
        return [answer.logprobs for answer in open_model(parse_model(text, ROOT), settings).answer(REQUESTS)]

    alone = ask(f"{bits}:{ROOT / 'fixtures' / 'tiny-base'}")
    tuned = [ask(f"{bits}:{ROOT / 'adapters' / name}") for name in ("tiny-mcq", "tiny-polarity")]
    assert ask(f"{bits}:{ROOT / 'fixtures' / 'tiny-base'}") == alone
    assert ask(f"{bits}:{shipped}") == tuned[0]
    assert len(local_base._BASES) == 1
    local_base.forget_bases()
    assert ask(f"{bits}:{shipped}") == tuned[0]
