"""Is what ships what it is compared with? Merged folders and GGUF files beside an adapter, and beside a base."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pytest_medeval.__main__ import main
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.models import Settings
from pytest_medeval.models.proof.forms import holds, inspect
from pytest_medeval.models.roles import Roles
from pytest_medeval.models.spec import parse_model

ROOT = Path(__file__).parents[4]
BASE = ROOT / "fixtures" / "tiny-base"
ADAPTER, OTHER = "adapters/tiny-mcq", "adapters/tiny-polarity"
KINDS = ("F32", "F16", "Q8_0", "Q4_0")


def spec(text: object):
    """Read a SPEC."""
    return parse_model(str(text), ROOT)


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    """Add the shipped adapter to its base by hand, W + (alpha / r) B A, so that no library judges itself."""
    from safetensors.numpy import load_file, save_file

    folder = tmp_path_factory.mktemp("forms") / "merged"
    shutil.copytree(BASE, folder)
    weights = load_file(folder / "model.safetensors")
    change = load_file(ROOT / ADAPTER / "adapter_model.safetensors")
    for key, a in change.items():
        if ".lora_A" in key:
            name = key.removeprefix("base_model.model.").replace(".lora_A", "")
            weights[name] = weights[name] + (32 / 16) * change[key.replace("lora_A", "lora_B")] @ a
    save_file(weights, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def files(merged):
    """Write the merged model and the bare base as GGUF, in several types."""
    pytest.importorskip("gguf", reason="gguf is not installed (extra: gguf)")
    from tests.write_gguf import convert

    return {
        (folder.name, kind): f"gguf:{convert(folder, merged.parent / f'{folder.name}-{kind}.gguf', kind)}"
        for folder in (merged, BASE)
        for kind in KINDS
    }


def test_merged_weights_hold_their_adapter(merged):
    """The whole change is found in a folder, in few bits too, and hardly any of another adapter's."""
    for text in (merged, f"int8:{merged}"):
        facts = holds(spec(text), spec(ADAPTER))
        assert facts["share"] == pytest.approx(1, abs=1e-4)
        assert facts["least"] == pytest.approx(1, abs=1e-4)
        assert facts["distance"] < 1e-4
    assert abs(holds(spec(merged), spec(OTHER))["share"]) < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_gguf_files_hold_their_adapter(merged, files, kind, capsys):
    """Rounding does not follow the adapter: its share is near 1 in 4 bits too, and ``merge --check`` says so."""
    facts = holds(spec(files[merged.name, kind]), spec(ADAPTER))
    assert facts["share"] == pytest.approx(1, abs=0.01)
    assert main(["merge", "--check", str(ROOT / ADAPTER), files[merged.name, kind]]) == 0
    assert "of the adapter's change" in capsys.readouterr().out
    assert main(["merge", "--check", str(ROOT / OTHER), files[merged.name, kind]]) == 1
    assert "the adapter is not in these weights" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["F32", "F16", "Q8_0"])
def test_a_bare_base_under_another_name_is_refused(files, kind):
    """Weights of the base, to 8 bits, beside the adapter that should be in them: one line, not a score."""
    with pytest.raises(MedevalError, match="to 8 bits they are the bare base of 'adapters/tiny-mcq'"):
        holds(spec(files[BASE.name, kind]), spec(ADAPTER))
    assert holds(spec(files[BASE.name, kind]), spec(BASE)) == {"of": str(BASE), "same": True}


def test_in_four_bits_it_is_said_and_not_refused(files):
    """Rounding to 4 bits hides what moved, so that only the share is told: none of the adapter is there."""
    assert abs(holds(spec(files[BASE.name, "Q4_0"]), spec(ADAPTER))["share"]) < 0.01
    assert holds(spec(files[BASE.name, "Q4_0"]), spec(BASE)) is None


def test_what_is_no_question(merged):
    """The base itself, another adapter, a server and no baseline at all: nothing is measured."""
    for candidate, baseline in [
        (BASE, ADAPTER),
        (merged, BASE),
        (OTHER, ADAPTER),
        ("http://localhost/v1#name", ADAPTER),
    ]:
        assert holds(spec(candidate), spec(baseline)) is None
    assert holds(spec(merged), None) is None


def test_another_shape_is_a_reason(merged, tmp_path):
    """A model of other widths may well be compared with an adapter; why nothing is measured is recorded."""
    from safetensors.numpy import load_file, save_file

    wide = tmp_path / "wide"
    shutil.copytree(merged, wide)
    weights = load_file(wide / "model.safetensors")
    name = "model.layers.0.self_attn.q_proj.weight"
    save_file({**weights, name: np.zeros((192, 200), np.float32)}, wide / "model.safetensors")
    facts = holds(spec(wide), spec(ADAPTER))
    assert facts["of"] == ADAPTER
    assert "of another width (200)" in facts["reason"]


def test_only_weights_can_be_inspected():
    """A server has none to compare."""
    with pytest.raises(MedevalError, match="has no weights to compare; accepted: a model folder, gguf:FILE"):
        inspect(spec(ADAPTER), spec("http://localhost/v1#name"))


def test_unknown_architecture_is_one_line(files, tmp_path):
    """Where llama.cpp stores weights in a way that is not known here, nothing is guessed."""
    data = bytearray(Path(files[BASE.name, "F32"].removeprefix("gguf:")).read_bytes())
    place = data.find(b"llama", data.find(b"general.architecture"))
    data[place : place + 5] = b"other"
    (tmp_path / "other.gguf").write_bytes(data)
    facts = holds(spec(f"gguf:{tmp_path / 'other.gguf'}"), spec(ADAPTER))
    assert "an adapter cannot be measured in architecture 'other'; accepted: llama, qwen2, qwen3" in facts["reason"]
    assert holds(spec(f"gguf:{tmp_path / 'other.gguf'}"), spec(BASE))["reason"] == facts["reason"]


def test_it_is_measured_before_anything_is_asked(merged):
    """The run's candidate carries what it holds; the baseline's identity carries nothing."""
    pytest.importorskip("peft", reason="peft is not installed (extra: local)")
    roles = Roles([str(merged)], [ADAPTER], ROOT, replace(Settings(), device="cpu"))
    found = roles.identities("mcq")
    assert found["candidate"]["mcq"]["holds"]["of"] == ADAPTER
    assert "holds" not in found["baseline"]["mcq"]
