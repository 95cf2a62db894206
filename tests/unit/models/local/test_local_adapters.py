"""Adapters that peft takes are taken, and compute what peft computes; what is wrong with others is seen when they load.

And who is asked how: candidate and baseline get the same prompt, whoever of them brings tokenizer and template.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import peft
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, baseline_of, open_model
from pytest_medeval.models.local import weights
from pytest_medeval.models.local.merging import probe_logits
from pytest_medeval.models.roles import Roles
from pytest_medeval.models.spec import parse_model

SIZES = {
    "vocab_size": 320, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 512, "bos_token_id": 0, "eos_token_id": 1,
}  # fmt: skip
BASES = {
    "llama": transformers.LlamaConfig(**SIZES),
    "mixtral": transformers.MixtralConfig(**SIZES, num_local_experts=4, sliding_window=None),
}
EXPERTS = ["mlp.experts.gate_up_proj", "mlp.experts.down_proj"]
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "excluded by a pattern": ("llama", {"target_modules": "all-linear", "exclude_modules": r".*layers\.1\..*"}),
    "excluded by name": ("llama", {"target_modules": "all-linear", "exclude_modules": ["down_proj"]}),
    "layers by pattern": (
        "llama",
        {"target_modules": ["q_proj"], "layers_to_transform": 1, "layers_pattern": "layers"},
    ),
    "replicated layers": ("llama", {"target_modules": ["q_proj", "v_proj"], "layer_replication": [(0, 2), (1, 2)]}),
    "ranks by pattern": ("llama", {"target_modules": ["q_proj", "v_proj"], "rank_pattern": {"v_proj": 2}}),
    "no rank but by pattern": (
        "llama",
        {"target_modules": ["q_proj", "v_proj"], "r": 64, "rank_pattern": {"v_proj": 2, "q_proj": 4}},
    ),
    "fused experts, all linear": ("mixtral", {"target_modules": "all-linear"}),
    "fused experts, parameters": ("mixtral", {"target_modules": [], "target_parameters": EXPERTS}),
    "more words": ("llama", {"target_modules": ["q_proj", "v_proj"]}),
    "more words, tuned": ("llama", {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]}),
}
ASKED = [Request((Message("user", "chest pain?"),), choices=("yes", "no"))]


@pytest.fixture(autouse=True)
def no_weights():
    """Begin and end with no weights in memory."""
    weights.forget_bases()
    yield
    weights.forget_bases()


@pytest.fixture(scope="module")
def bases(tmp_path_factory, make_model) -> dict[str, Path]:
    """Write the bases, with a tokenizer and its chat template."""
    made = {}
    for name, config in BASES.items():
        made[name] = tmp_path_factory.mktemp(name)
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    parameter.normal_(0, 0.3)
        model.save_pretrained(made[name])
        transformers.AutoTokenizer.from_pretrained(make_model("llama")).save_pretrained(made[name])
    return made


def bare(folder: Path, words: int = 0) -> Any:
    """Load a base as anybody would, perhaps with more words."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    if words:
        model.resize_token_embeddings(words, mean_resizing=False)
    return model


def tune(base: Path, folder: Path, words: int = 0, **options: Any) -> Path:
    """Write an adapter that moves its base at random, as peft saves it."""
    torch.manual_seed(7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = peft.get_peft_model(bare(base, words), peft.LoraConfig(**{"r": 4, **options}, task_type="CAUSAL_LM"))
        with torch.no_grad():
            for parameter in wrapped.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn_like(parameter) * 0.1)
        wrapped.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_what_peft_takes_is_taken(bases, tmp_path, kind):
    """The adapter's logits are peft's own, and its base's those of its files."""
    name, options = KINDS[kind]
    words = 330 if kind.startswith("more words") else 0
    adapter = tune(bases[name], tmp_path / "adapter", words, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapped = peft.PeftModel.from_pretrained(bare(bases[name], words), adapter).eval()
    model = open_model(parse_model(str(adapter), tmp_path), Settings(device="cpu"))
    baseline = open_model(baseline_of(parse_model(str(adapter), tmp_path)), Settings(device="cpu"))
    (answer,), (plain,) = model.answer(ASKED), baseline.answer(ASKED)
    assert (answer.finish, plain.finish) == ("choice", "choice"), answer.error + plain.error
    ours = model.inner._model._base.using(model.identity.adapter)
    assert torch.allclose(probe_logits(ours), probe_logits(wrapped.base_model.model), atol=1e-5)
    assert torch.equal(probe_logits(baseline.inner._model._base.using(None)), probe_logits(bare(bases[name])))


KEY = "base_model.model.model.layers.1.self_attn.q_proj.lora_A.weight"
BROKEN = {
    "foreign key": (lambda t: t.update({KEY.replace("q_proj", "z_proj"): t[KEY]}), "1 LoRA keys are unexpected"),
    "foreign layer": (lambda t: t.update({KEY.replace("1", "7"): t[KEY]}), "1 LoRA keys are unexpected"),
    "missing side": (lambda t: t.pop(KEY), "1 LoRA keys are missing, the first is 'base_model.model.model.layers.1"),
    "wrong width": (
        lambda t: t.update({KEY: np.ones((4, 5), np.float32)}),
        r"does not go into its base: RuntimeError: .*size mismatch for .*q_proj.lora_A.*\[4, 5\]",
    ),
}


@pytest.mark.parametrize("change", BROKEN)
def test_what_does_not_fit_is_named_when_it_is_loaded(bases, tmp_path, change):
    """Keys without a place, places without a key and other shapes: one line with the key, in full."""
    adapter = tune(bases["llama"], tmp_path / "adapter", target_modules=["q_proj"])
    tensors = load_file(adapter / "adapter_model.safetensors")
    BROKEN[change][0](tensors)
    save_file(tensors, adapter / "adapter_model.safetensors")
    with pytest.raises(MedevalError, match=BROKEN[change][1]):
        open_model(parse_model(str(adapter), tmp_path), Settings(device="cpu")).answer(ASKED)


@pytest.mark.parametrize("kind", ["BertConfig", "RobertaConfig"])
def test_who_looks_ahead_is_no_causal_model(bases, tmp_path, kind):
    """Transformers opens BERT as a causal model; what it gives is no likelihood of what follows."""
    sizes = {name: SIZES[name] for name in list(SIZES)[:5]} | {"max_position_embeddings": 512, "pad_token_id": 1}
    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(getattr(transformers, kind)(**sizes)).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(bases["llama"]).save_pretrained(tmp_path)
    with pytest.raises(MedevalError, match="is no causal model: what it says of a token hangs on those behind it"):
        open_model(parse_model(str(tmp_path), tmp_path), Settings(device="cpu")).answer(ASKED)


def _roles(adapter: Path, baselines: tuple[str, ...] = ()) -> Roles:
    return Roles([str(adapter)], list(baselines), adapter, Settings(device="cpu"))


@pytest.mark.parametrize("bring", ["tokenizer", "template"])
def test_the_baseline_is_asked_as_the_adapter_is(bases, tmp_path, bring):
    """What only the adapter's folder brings is used for both; another baseline that is asked otherwise is named."""
    base, adapter = shutil.copytree(bases["llama"], tmp_path / "base"), tmp_path / "adapter"
    tune(base, adapter, target_modules=["q_proj"])
    (base / "chat_template.jinja").unlink()
    if bring == "tokenizer":
        transformers.AutoTokenizer.from_pretrained(bases["llama"]).save_pretrained(adapter)
        for file in base.glob("*token*"):
            file.unlink()
    else:
        shutil.copyfile(bases["llama"] / "chat_template.jinja", adapter / "chat_template.jinja")
    roles = _roles(adapter)
    one, two = (roles.model(role, "mcq") for role in ("candidate", "baseline"))
    (first,), (second,) = one.answer(ASKED), two.answer(ASKED)
    assert first.prompt_hash == second.prompt_hash
    assert first.logprobs != second.logprobs
    assert (one.identity.chat_template, roles.notices) == (two.identity.chat_template, [])
    if bring == "template":
        others = _roles(adapter, (str(base),))
        for role in ("candidate", "baseline"):
            others.model(role, "mcq")
        assert others.notices == [f"{adapter} and {base} are asked by different chat templates"]


def test_the_day_of_a_template_is_the_runs(make_model, tmp_path):
    """A template that asks the clock is told the run's day, which is part of key and record; others have none."""
    template = "Today is {{ strftime_now('%d %b %Y') }}. {{ messages[0]['content'] }}"
    dated = make_model(template=template)
    asked = [Request((Message("user", "Rash?"),), max_new_tokens=2)]
    models = [
        open_model(
            parse_model(str(dated), tmp_path), Settings(device="cpu", cache=tmp_path / "c", date=dt.date(2026, 3, day))
        )
        for day in (4, 5, 4)
    ]
    hashes = [model.answer(asked)[0].prompt_hash for model in models]
    prompter = models[0].inner._model._prompter
    assert prompter.tokenizer.decode(prompter.encode(asked[0]).ids) == "Today is 04 Mar 2026. Rash?"
    assert (hashes[0] == hashes[1], hashes[0] == hashes[2]) == (False, True)
    assert [model.inner.misses for model in models] == [1, 1, 0]
    assert [model.identity.date for model in models] == ["2026-03-04", "2026-03-05", "2026-03-04"]
    assert len({model.identity.fingerprint for model in models}) == 1
    assert open_model(parse_model(str(make_model()), tmp_path), Settings(device="cpu")).identity.date is None


def test_models_below_the_folder_are_suggested(tmp_path):
    """A trainer's output folder holds its checkpoints; the newest is meant most likely."""
    for name in ("checkpoint-20", "checkpoint-100", "runs"):
        (tmp_path / "out" / name).mkdir(parents=True)
    for name in ("checkpoint-20", "checkpoint-100"):
        (tmp_path / "out" / name / "adapter_config.json").write_text(json.dumps({}))
    with pytest.raises(
        MedevalError, match="below it are checkpoint-20, checkpoint-100: did you mean out/checkpoint-100"
    ):
        parse_model("out", tmp_path)
