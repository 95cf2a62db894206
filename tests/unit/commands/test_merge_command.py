"""``python -m pytest_medeval merge``: one folder of adapter and base, and the proof that the adapter is in it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pytest_medeval.__main__ import main
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, open_model
from pytest_medeval.models.proof.shipped import folder_rows, measure
from pytest_medeval.models.spec import parse_model
from pytest_medeval.tasks.cases.trained import read_sketch

pytest.importorskip("peft", reason="peft is not installed (extra: local)")
ROOT = Path(__file__).parents[3]
ADAPTER, BASE = ROOT / "adapters" / "tiny-mcq", ROOT / "fixtures" / "tiny-base"
ASKED = [
    Request((Message("user", "Which drug is given for asthma?"),), choices=("salbutamol", "insulin")),
    Request((Message("user", "患者咳嗽、发热三天。"),), max_new_tokens=12),
]


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    """Merge the shipped adapter once."""
    folder = tmp_path_factory.mktemp("merged") / "model"
    assert main(["merge", str(ADAPTER), str(folder)]) == 0
    return folder


def change(folder: Path, to: Path, name: str, values) -> Path:
    """Copy a merged model and replace one weight by what a function makes of it; nothing says it was merged."""
    from safetensors.numpy import load_file, save_file

    shutil.copytree(folder, to)
    (to / "provenance.json").unlink()
    tensors = load_file(folder / "model.safetensors")
    tensors[name] = values(tensors[name])
    save_file(tensors, to / "model.safetensors")
    return to


def test_the_libraries_below_say_nothing(tmp_path):
    """One line on standard output, and nothing beside it, whatever peft imports."""
    command = [sys.executable, "-m", "pytest_medeval", "merge", str(ADAPTER), str(tmp_path / "model")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1


def test_merged_answers_as_the_adapter(merged):
    """Likelihoods equal those of the unmerged adapter but for rounding, prompts and replies are the same."""
    settings = Settings(device="cpu", threads=1)
    one, two = (open_model(parse_model(str(folder), ROOT), settings).answer(ASKED) for folder in (ADAPTER, merged))
    assert np.allclose(one[0].logprobs, two[0].logprobs, atol=1e-3)
    assert [answer.prompt_hash for answer in one] == [answer.prompt_hash for answer in two]
    assert one[1].text == two[1].text


def test_check_tells_merged_from_base(merged, capsys):
    """The measure is 100 % for the adapter that was merged, and an error for the bare base and another adapter."""
    assert main(["merge", "--check", str(ADAPTER), str(merged)]) == 0
    assert "holds 100.00% of the adapter's change" in capsys.readouterr().out
    assert main(["merge", "--check", str(ADAPTER), str(BASE)]) == 1
    assert "the adapter is not in these weights: they hold 0% of its change" in capsys.readouterr().out
    assert main(["merge", "--check", str(ROOT / "adapters" / "tiny-polarity"), str(merged)]) == 1


def test_one_weight_left_out_is_found(merged, tmp_path, capsys):
    """A merge that forgot one layer is named by that layer."""
    from safetensors.numpy import load_file

    name = "model.layers.2.self_attn.q_proj.weight"
    plain = load_file(BASE / "model.safetensors")[name]
    broken = change(merged, tmp_path / "broken", name, lambda _: plain)
    assert main(["merge", "--check", str(ADAPTER), str(broken)]) == 1
    assert f"'{name}' holds 0% of the adapter's change" in capsys.readouterr().out


def test_another_base_is_found(merged, tmp_path, capsys):
    """Weights that are further from the base than rounding explains come from another base."""
    noise = np.random.default_rng(0).normal(0, 0.05, (192, 192)).astype(np.float32)
    other = change(merged, tmp_path / "other", "model.layers.0.self_attn.o_proj.weight", lambda old: old + noise)
    assert main(["merge", "--check", str(ADAPTER), str(other)]) == 1
    assert "the weights come from another base" in capsys.readouterr().out


def test_half_precision_keeps_the_adapter(tmp_path):
    """Rounding to bfloat16 leaves the adapter's share at 100 % within a tenth."""
    assert main(["merge", str(ADAPTER), str(tmp_path / "half"), "--dtype=bfloat16"]) == 0
    held = measure(ADAPTER, BASE, folder_rows(tmp_path / "half"))
    assert abs(held.share - 1) < 0.1
    assert 0 < held.distance < 0.01
    assert json.loads((tmp_path / "half" / "provenance.json").read_text())["dtype"] == "bfloat16"
    assert read_sketch(tmp_path / "half") == read_sketch(ADAPTER) is not None


def test_weights_changed_after_the_merge_are_refused(merged, tmp_path):
    """A merged folder whose weights are not those that were measured is an error when it is opened."""
    changed = tmp_path / "changed"
    shutil.copytree(merged, changed)
    shutil.copyfile(BASE / "model.safetensors", changed / "model.safetensors")
    with pytest.raises(MedevalError, match="changed since it was merged"):
        open_model(parse_model(str(changed), ROOT), Settings(device="cpu"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([str(BASE), "out"], "is no LoRA folder; accepted: one with adapter_config.json"),
        ([str(ADAPTER), str(BASE)], "is there already; accepted: a new or empty folder"),
        (["--check", str(ADAPTER), "gpt2"], "model 'gpt2' has no weights to compare"),
        ([str(ADAPTER), "out", "--dtype=int3"], "invalid choice: 'int3'"),
    ],
)
def test_mistakes_are_one_line(arguments, told, capsys):
    """What cannot be merged or measured is said in one line, with exit code 2."""
    assert main(["merge", *arguments]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
