"""The torch-free proof that an adapter belongs to its base."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.models.proof.adapter import prove_adapter

PREFIX = "base_model.model.model.layers."


def _write(folder: Path, tensors: dict[str, np.ndarray], name: str, **config) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / f"{name}.safetensors")
    file = "config.json" if name == "model" else "adapter_config.json"
    (folder / file).write_text(json.dumps(config))
    return folder


@pytest.fixture
def base(tmp_path):
    """Write a base of two layers with (out 6, in 4) and (out 2, in 4) projections."""
    tensors = {}
    for layer in range(2):
        tensors[f"model.layers.{layer}.self_attn.q_proj.weight"] = np.ones((6, 4), np.float32)
        tensors[f"model.layers.{layer}.self_attn.v_proj.weight"] = np.ones((2, 4), np.float32)
        tensors[f"model.layers.{layer}.norm.weight"] = np.ones(4, np.float32)
    return _write(tmp_path / "base", tensors, "model", model_type="llama")


@pytest.fixture
def adapter(tmp_path):
    """Write a whole adapter of rank 3 on q_proj and v_proj of both layers."""
    tensors = {}
    for layer in range(2):
        for name, out in (("q_proj", 6), ("v_proj", 2)):
            tensors[f"{PREFIX}{layer}.self_attn.{name}.lora_A.weight"] = np.ones((3, 4), np.float32)
            tensors[f"{PREFIX}{layer}.self_attn.{name}.lora_B.weight"] = np.ones((out, 3), np.float32)
    return _write(tmp_path / "adapter", tensors, "adapter_model", target_modules=["q_proj", "v_proj"])


def _change(adapter: Path, change) -> None:
    tensors = load_file(adapter / "adapter_model.safetensors")
    change(tensors)
    save_file(tensors, adapter / "adapter_model.safetensors")


def test_whole_adapter_passes(adapter, base):
    """An adapter with all keys, right shapes and values is accepted, with the right fingerprint too."""
    prove_adapter(adapter, base)
    (adapter / "provenance.json").write_text(json.dumps({"base_fingerprint": fingerprint_weights(base)}))
    prove_adapter(adapter, base)


def test_wrong_base_is_named(adapter, base):
    """A fingerprint other than the recorded one names both."""
    (adapter / "provenance.json").write_text(json.dumps({"base_fingerprint": "a" * 64}))
    with pytest.raises(MedevalError, match=f"trained on another base: .*{'a' * 64}.* has {fingerprint_weights(base)}"):
        prove_adapter(adapter, base)


KEY = f"{PREFIX}1.self_attn.q_proj.lora_A.weight"
CHANGES = {
    "all zero": (
        lambda t: t.update({key: np.zeros_like(value) for key, value in t.items() if "lora_B" in key}),
        "every lora_B of the adapter is zero",
    ),
    "not finite": (
        lambda t: t.update({KEY: np.full((3, 4), np.nan, np.float32)}),
        "q_proj.lora_A.weight': 12 of 12 values are not finite",
    ),
    "no LoRA key": (
        lambda t: [t.pop(key) for key in list(t)] and t.update({"other": np.ones(2, np.float32)}),
        "holds no LoRA key",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_adapter_is_refused(adapter, base, change):
    """What is wrong with an adapter is named by its key."""
    alter, message = CHANGES[change]
    _change(adapter, alter)
    with pytest.raises(MedevalError, match=message):
        prove_adapter(adapter, base)


def test_zero_may_be_negative(adapter, base):
    """Minus zero adds nothing either."""
    _change(adapter, lambda t: t.update({key: -np.zeros_like(value) for key, value in t.items() if "lora_B" in key}))
    with pytest.raises(MedevalError, match="every lora_B"):
        prove_adapter(adapter, base)


def test_torn_file_is_one_line(adapter, base):
    """A file that was cut short is named, not a traceback."""
    file = adapter / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(MedevalError, match=r"not a whole safetensors file: tensor .* ends behind the end"):
        prove_adapter(adapter, base)
    file.write_bytes(b"no header")
    with pytest.raises(MedevalError, match="not a whole safetensors file"):
        prove_adapter(adapter, base)


def test_what_is_not_supported_is_said(adapter, base):
    """An aLoRA adapter seems to change nothing, since it is on behind its invocation tokens alone."""
    (adapter / "adapter_config.json").write_text(json.dumps({"alora_invocation_tokens": [3, 4]}))
    with pytest.raises(MedevalError, match="on behind these tokens alone, which is not supported; accepted: LoRA"):
        prove_adapter(adapter, base)


def test_bfloat16_is_read(adapter):
    """bfloat16, which numpy does not know, is widened from its bytes: 1.0 is 0x3f80."""
    from pytest_medeval.models.proof.tensors import read_tensors

    header = {"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}
    text = json.dumps(header).encode()
    file = adapter / "bf16.safetensors"
    file.write_bytes(len(text).to_bytes(8, "little") + text + b"\x80\x3f\x00\xc0")
    assert read_tensors([file])["x"].values().tolist() == [1.0, -2.0]
