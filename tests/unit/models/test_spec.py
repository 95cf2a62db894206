"""Specs: what is accepted, and one line for each mistake."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.models.spec import (
    MODEL_KINDS,
    AdapterSpec,
    EndpointSpec,
    FolderSpec,
    HubSpec,
    PluginSpec,
    Release,
    ReplaySpec,
    baseline_of,
    model_for,
    parse_spec,
    parse_specs,
)


def _base(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    save_file({"w": np.ones(2, np.float32)}, folder / "model.safetensors")
    return folder


def _adapter(folder: Path, base: str, **config) -> Path:
    folder.mkdir(parents=True)
    config = {"peft_type": "LORA", "base_model_name_or_path": base, **config}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    save_file({"w": np.ones(2, np.float32)}, folder / "adapter_model.safetensors")
    return folder


@pytest.fixture
def root(tmp_path):
    """Give a folder with a base, an adapter beside it and a manifest."""
    _base(tmp_path / "base")
    _adapter(tmp_path / "adapters" / "mcq", "../../base")
    (tmp_path / "adapters" / "release.toml").write_text('[models]\nmcq = "mcq"\ndialogue = "../base"\n')
    return tmp_path


def test_adapter_folder(root):
    """A LoRA folder brings its base, found from the adapter's own folder, which is also its baseline."""
    spec = parse_spec("adapters/mcq", root)
    assert isinstance(spec, AdapterSpec)
    assert spec.folder == root / "adapters" / "mcq"
    assert baseline_of(spec) == spec.base
    assert isinstance(spec.base, FolderSpec)
    assert spec.base.folder == root / "base"


def test_base_may_be_named_from_the_root_or_the_hub(root):
    """A base that is not beside the adapter is looked for under the root, then it is a hub name."""
    near = parse_spec(str(_adapter(root / "a", "base")), root)
    far = parse_spec(str(_adapter(root / "b", "org/name")), root)
    assert near.base.folder == root / "base"
    assert far.base == HubSpec("org/name", "org/name")


def test_other_kinds(root):
    """Model folders, hub names, servers and stored runs are told apart."""
    assert parse_spec("base", root) == FolderSpec("base", root / "base")
    assert parse_spec("gpt2", root) == HubSpec("gpt2", "gpt2")
    url = "https://host:8000/v1/#org/name"
    assert parse_spec(url, root) == EndpointSpec(url, "https://host:8000/v1", "org/name")
    assert parse_spec("replay:nightly", root) == ReplaySpec("replay:nightly", "nightly")
    assert baseline_of(parse_spec("base", root)) is None


def test_kinds_of_other_packages(root, monkeypatch):
    """What stands behind the colon is the backend's; one that is misspelt is told the kinds that there are."""
    monkeypatch.setattr(MODEL_KINDS, "_given", dict(MODEL_KINDS))
    MODEL_KINDS.add({"theirs": "their_models:open_theirs"})
    assert parse_spec("theirs:a/b?c=d", root) == PluginSpec("theirs:a/b?c=d", "theirs", "a/b?c=d")
    told = r"model 'thiers:a': unknown model kind 'thiers' \(did you mean 'theirs'\?\); accepted: .*, theirs$"
    with pytest.raises(MedevalError, match=told):
        parse_spec("thiers:a", root)
    (root / "thiers:a").mkdir()
    with pytest.raises(MedevalError, match="holds neither"):
        parse_spec("thiers:a", root)


def test_manifest_and_tasks(root):
    """A manifest's paths start at the manifest; TASK=SPEC names the model of one task."""
    release = parse_spec("adapters/release.toml", root)
    assert isinstance(release, Release)
    assert release.models["mcq"].folder == root / "adapters" / "mcq"
    specs = parse_specs(["base", "mcq=adapters/mcq"], root)
    assert model_for(specs, "mcq").folder == root / "adapters" / "mcq"
    assert model_for(specs, "polarity").folder == root / "base"
    assert model_for({}, "mcq") is None


def test_two_ways_to_one_folder_are_equal(root):
    """The base that two adapters share is one spec, so its replies are asked for once."""
    one = parse_spec(str(_adapter(root / "x" / "one", "../../base")), root)
    two = parse_spec(str(_adapter(root / "x" / "two", "../../base")), root)
    assert one.base == two.base


MISTAKES = {
    "": "model '' is empty; accepted: a LoRA folder",
    "./nowhere": "no such folder: .*nowhere; accepted: a LoRA folder",
    "adapters/mqc": "no such folder",
    "a/b/c": "no such folder",
    "adapters/release.txt": "is a file; accepted",
    "empty": r"holds neither adapter_config.json \(a LoRA adapter\) nor config.json",
    "mqc=base": r"unknown task 'mqc' \(did you mean 'mcq'\?\); accepted: .*dialogue, .*mcq, .*polarity",
    "repaly:nightly": r"unknown model kind 'repaly' \(did you mean 'replay'\?\); accepted: gguf, http, https, int8, ",
    "local:base": r"unknown model kind 'local'; accepted: ",
    "https://host/v1": "accepted for a server: https://host/v1#name",
    "ftp://host/v1#name": "accepted for a server",
    "replay:": "names no run; accepted: replay:RUN",
    "none.toml": "none.toml: cannot be read: no such file; accepted: a release manifest",
    "broken": r"config.json:2: not JSON",
    "listed": "config.json:1: found an array; accepted: a JSON object",
    "weightless": r"holds no weights: expected \*.safetensors",
    "pickled": r"pytorch_model.bin is a pickle and may run code; accepted: safetensors only; .*save_file",
    "tuned": "peft_type is IA3; accepted: LORA",
    "nameless": "base_model_name_or_path is None; accepted: a folder or hub name",
    "orphan": "base '../gone' is missing",
    "double": "its base 'adapters/mcq' is an adapter too; accepted: a full model",
    "pickled_adapter": "adapter_model.bin is a pickle",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes(root, text):
    """Each mistake is one line that names what was found and what is accepted."""
    (root / "adapters" / "release.txt").write_text("")
    (root / "empty").mkdir()
    for name, config in {"broken": '{\n"a": }', "listed": "[]", "weightless": "{}", "pickled": "{}"}.items():
        (root / name).mkdir()
        (root / name / "config.json").write_text(config)
    (root / "pickled" / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    _adapter(root / "tuned", "../base", peft_type="IA3")
    _adapter(root / "nameless", "../base", base_model_name_or_path=None)
    _adapter(root / "orphan", "../gone")
    _adapter(root / "double", "adapters/mcq")
    pickled = _adapter(root / "pickled_adapter", "../base")
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    with pytest.raises(MedevalError, match=MISTAKES[text]) as caught:
        parse_spec(text, root)
    assert "\n" not in str(caught.value)


MANIFESTS = {
    '[models]\nmcq = "mcq"\nmqc = "mcq"\n': r"m.toml:3: unknown task 'mqc'",
    "[models]\nmcq = 3\n": r"m.toml:2: mcq is 3; accepted: a text",
    '[models]\nmcq = "./gone"\n': r"m.toml:2: model './gone': no such folder",
    '[models]\nmcq = "release.toml"\n': r"m.toml:2: .*cannot stand here",
    'name = "x"\n[models]\nmcq = "mcq"\n': r"m.toml:1: unknown key 'name'; accepted: models",
    "[models]\n": r"m.toml:1: names no model; accepted: a table \[models\]",
    "[models\n": "m.toml:1: not TOML",
}


@pytest.mark.parametrize("text", MANIFESTS)
def test_manifest_mistakes(root, text):
    """A manifest's mistakes are told with its line."""
    (root / "adapters" / "m.toml").write_text(text)
    with pytest.raises(MedevalError, match=MANIFESTS[text]):
        parse_spec("adapters/m.toml", root)


def test_one_model_a_task(root):
    """Two models for the same task are refused rather than the last one taken."""
    with pytest.raises(MedevalError, match="mcq already has 'mcq'; accepted: one model a task"):
        parse_specs(["adapters/release.toml", "mcq=base"], root)
