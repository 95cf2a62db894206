"""Whatever peft does to a base when it attaches an adapter, the baseline is the base's files.

The adapters are built by peft itself; the yardsticks are Transformers' and peft's own forward passes on weights that
nobody else has.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers

from pytest_medeval.__main__ import main
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, identity, open_model
from pytest_medeval.models.local import merging as local_merging
from pytest_medeval.models.local import weights as local_base
from pytest_medeval.models.local.merging import probe_logits
from pytest_medeval.models.local.weights import Base, open_base, quiet
from pytest_medeval.models.proof import merged as local_merge
from pytest_medeval.models.spec import AdapterSpec, parse_model

ROOT = Path(__file__).parents[4]
TINY = ROOT / "fixtures" / "tiny-base"
SETTINGS = Settings(device="cpu")
REQUESTS = [
    Request((Message("user", text),), choices=("yes", "no", "perhaps"))
    for text in ("chest pain?", "fever and rash?", "发热？")
]
ATTENTION = ["q_proj", "v_proj"]
KINDS: dict[str, dict[str, Any]] = {
    "LoRA": {},
    "rsLoRA": {"use_rslora": True},
    "DoRA": {"use_dora": True},
    "PiSSA": {"init_lora_weights": "pissa"},
    "PiSSA by iteration": {"init_lora_weights": "pissa_niter_4"},
    "OLoRA": {"init_lora_weights": "olora"},
    "orthogonal": {"init_lora_weights": "orthogonal"},
    "biases": {"bias": "all"},
    "biases of targets": {"bias": "lora_only"},
    "a whole module": {"modules_to_save": ["mlp"]},
    "a whole output layer": {"modules_to_save": ["lm_head"]},
    "tied output layer": {"target_modules": [*ATTENTION, "lm_head"]},
    "tied embedding": {"target_modules": [*ATTENTION, "embed_tokens"]},
    "tied both": {"target_modules": [*ATTENTION, "embed_tokens", "lm_head"]},
    "biases of LoRA": {"lora_bias": True, "target_modules": ["v_proj", "up_proj"]},
    "tokens": {"trainable_token_indices": [3, 5, 40]},
}
TOUCHING = ("PiSSA", "PiSSA by iteration", "OLoRA", "biases", "biases of targets")


@pytest.fixture(autouse=True)
def no_weights():
    """Begin and end with no weights in memory."""
    local_base.forget_bases()
    yield
    local_base.forget_bases()


@pytest.fixture(scope="module")
def biased(tmp_path_factory, make_model):
    """Make a tied base whose projections have biases, not all of them zero."""
    folder = tmp_path_factory.mktemp("biased")
    config = transformers.LlamaConfig(
        vocab_size=320, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=512, attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                parameter.normal_(0, 0.2)
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(make_model("llama")).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, biased) -> Callable[..., Path]:
    """Give a function (kind, size, base) -> folder of an adapter of that kind, moved at random by ``size``."""
    made: dict[tuple[str, float, Path], Path] = {}

    def make(kind: str, size: float = 0.1, base: Path = biased) -> Path:
        if (kind, size, base) not in made:
            folder = tmp_path_factory.mktemp("tuned")
            options = {"r": 4, "target_modules": ATTENTION, "task_type": "CAUSAL_LM", **KINDS[kind]}
            torch.manual_seed(7)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wrapped = peft.get_peft_model(bare(base), peft.LoraConfig(**options))
                with torch.no_grad():
                    for parameter in wrapped.parameters():
                        if parameter.requires_grad:
                            parameter.add_(torch.randn_like(parameter) * size)
                wrapped.save_pretrained(folder)
            made[kind, size, base] = folder
        return made[kind, size, base]

    return make


def bare(folder: Path) -> Any:
    """Load a base as anybody would."""
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def by_peft(base: Path, adapter: Path) -> torch.Tensor:
    """Compute the probe by peft alone."""
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        wrapped = peft.PeftModel.from_pretrained(bare(base), adapter)
    return probe_logits(wrapped.eval().base_model.model)


def opened(folder: Path, **how: Any) -> tuple[Base, str | None]:
    """Open a base or an adapter; give the weights and the adapter's SHA-256."""
    spec = parse_model(str(folder), ROOT)
    who = identity.identify(spec, SETTINGS)
    with quiet():
        return open_base(spec, who, **how), who.adapter


def logits(folder: Path, **how: Any) -> torch.Tensor:
    """Compute the probe the plugin's way."""
    base, adapter = opened(folder, **how)
    with quiet():
        return probe_logits(base.using(adapter))


def logprobs(folder: Path, **how: Any) -> torch.Tensor:
    """Ask a model for the likelihoods of the choices, through everything that lies above the weights."""
    model = open_model(parse_model(str(folder), ROOT), Settings(device="cpu", **how))
    return torch.tensor([answer.logprobs for answer in model.answer(REQUESTS)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", ["base", "adapter"])
def test_off_is_the_base_and_on_is_peft(tuned, biased, kind, first):
    """Base and adapter are exact in either order of opening, and the base alone and another adapter after them."""
    adapter, other = tuned(kind), tuned("LoRA", 0.2)
    order = [biased, other, adapter] if first == "base" else [adapter, biased, other]
    found = {folder: logits(folder) for folder in order}
    assert torch.equal(found[biased], probe_logits(bare(biased)))
    assert torch.equal(found[other], by_peft(biased, other))
    assert torch.allclose(found[adapter], by_peft(biased, adapter), atol=1e-5)
    for folder in order:  # again, now that all have been there
        assert torch.equal(logits(folder), found[folder])


@pytest.mark.parametrize("kind", KINDS)
def test_who_touches_the_base_has_one_alone(tuned, biased, kind):
    """Weights are shared where the bytes stay the same, and only there; what is not shared is said with its size."""
    held, _ = opened(biased)
    base, _ = opened(tuned(kind))
    assert (base is held) == (kind not in TOUCHING)
    assert not held.notice
    if kind in TOUCHING:
        told = open_model(parse_model(str(tuned(kind)), ROOT), SETTINGS)
        told.answer(REQUESTS[:1])
        (notice,) = told.notices
        assert "weights of its base, the first is 'model.layers.0.self_attn." in notice
        assert "also when it is off: it has a copy of the base of its own, 0.1 MB of memory more" in notice


@pytest.mark.parametrize("kind", TOUCHING)
def test_models_that_are_open_stay_what_they_are(tuned, biased, kind):
    """A base and an adapter that are open before the spoiling one comes answer alike after it."""
    models = [open_model(parse_model(str(folder), ROOT), SETTINGS) for folder in (biased, tuned("LoRA"))]
    before = [[answer.logprobs for answer in model.answer(REQUESTS)] for model in models]
    spoiled = logprobs(tuned(kind))
    assert before == [[answer.logprobs for answer in model.answer(REQUESTS)] for model in models]
    assert torch.equal(spoiled, logprobs(tuned(kind)))


def test_an_adapter_that_fails_to_load_spoils_nothing(tuned, biased, monkeypatch):
    """The base that others hold is the base again when peft gave up halfway."""
    before = logprobs(biased)
    load = local_base._load_adapter

    def halfway(*given: Any) -> Any:
        load(*given)
        raise RuntimeError("torn")

    monkeypatch.setattr(local_base, "_load_adapter", halfway)
    with pytest.raises(MedevalError, match="does not go into its base: RuntimeError: torn"):
        logprobs(tuned("PiSSA"))
    monkeypatch.undo()
    assert torch.equal(before, logprobs(biased))


@pytest.mark.parametrize("kind", [kind for kind in TOUCHING if "iteration" not in kind])
def test_next_to_no_change_is_next_to_no_difference(tuned, biased, kind):
    """An adapter that moves its base by a hair is as likely as its base; its baseline was once nats away."""
    adapter = tuned(kind, 1e-5)
    spec = parse_model(str(adapter), ROOT)
    assert isinstance(spec, AdapterSpec)
    one, two = logprobs(adapter), logprobs(spec.base.folder)
    assert torch.allclose(one, two, atol=2e-3)
    assert torch.equal(two, logprobs(biased))


@pytest.mark.parametrize("kind", KINDS)
def test_merged_is_the_same_model_in_logits(tuned, kind):
    """Merged into a copy of its base, every kind computes what it computes beside it, tied embeddings or not."""
    adapter = tuned(kind)
    assert torch.allclose(logits(adapter), logits(adapter, merge=True), atol=1e-3)


def test_a_wrong_merge_is_refused(tuned, monkeypatch):
    """Added into an embedding that stays tied, an output layer's adapter is another model: one line, no weights."""
    monkeypatch.setattr(local_merging, "_untie", lambda _: None)
    with pytest.raises(MedevalError, match=r"the merged weights are another model than the adapter: .* nats off"):
        logits(tuned("tied output layer"), merge=True)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_the_adapter(tuned, biased, tmp_path, kind, capsys):
    """Anybody's loader finds the adapter's model in the folder; ``--check`` finds it there, and not in the base."""
    adapter, out = tuned(kind), tmp_path / "out"
    assert main(["merge", str(adapter), str(out)]) == 0
    assert torch.allclose(probe_logits(bare(out)), by_peft(biased, adapter), atol=1e-3)
    assert main(["merge", "--check", str(adapter), str(out)]) == 0
    assert main(["merge", "--check", str(adapter), str(biased)]) != 0
    assert "nats" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["tied output layer", "PiSSA", "biases of LoRA", "biases"])
def test_the_shipped_base_is_merged_in_half_precision(tuned, tmp_path, kind):
    """Tied and without biases: what is rounded to 16 bits is near the adapter, and read back as it was written."""
    adapter, out = tuned(kind, 0.05, TINY), tmp_path / "out"
    assert main(["merge", str(adapter), str(out), "--dtype=bfloat16"]) == 0
    assert local_merging.divergence(probe_logits(bare(out)), by_peft(TINY, adapter)) < 0.05
    assert local_merging.divergence(probe_logits(bare(TINY)), by_peft(TINY, adapter)) > 0.05


def test_a_merge_that_is_read_back_wrongly_is_not_written(tuned, tmp_path, monkeypatch, capsys):
    """Files that are another model than the one in memory are removed."""
    real = local_merge.load_whole
    monkeypatch.setattr(local_merge, "load_whole", lambda _out, who: real(TINY, who))
    assert main(["merge", str(tuned("LoRA", 0.05, TINY)), str(tmp_path / "out")]) == 2
    assert "not written: read back, the saved model is another one" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("start", ["corda", "lora_ga"])
def test_a_base_that_no_file_holds_is_refused(tuned, tmp_path, start):
    """Adapters begun from gradients or covariances, and saved without conversion, cannot be had again."""
    folder = tmp_path / "adapter"
    shutil.copytree(tuned("LoRA", 0.05, TINY), folder)
    file = folder / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "init_lora_weights": start}))
    with pytest.raises(MedevalError, match=f"init_lora_weights '{start}': it was trained on a base that"):
        open_model(parse_model(str(folder), ROOT), SETTINGS)
