"""The local backend against Transformers' own calls, one request at a time."""

import json
import random
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.models.local.weights import _BASES, forget_bases

WORDS = ["chest", "pain", "fever", "cough", "rash", "aspirin", "throat", "children", "drug", "first"]


@pytest.fixture(autouse=True)
def _forget():
    yield
    forget_bases()


def _requests(count, **fields):
    return [
        Request(
            (Message("system", "Be brief."), Message("user", " ".join(WORDS[: 1 + i % 10]) + "?" * (i % 4))), **fields
        )
        for i in range(count)
    ]


def _open(folder, **fields):
    return open_model(parse_spec(str(folder), folder), Settings(device="cpu", threads=1, **fields))


def _loaded(folder, **fields):
    return _open(folder, **fields).inner._load()


def _alone(model, request):
    """Ask Transformers' generate for one reply."""
    ids = torch.tensor([model._prompter.encode(request).ids])
    inner = model._base.using(model.identity.adapter)
    with torch.inference_mode():
        reply = inner.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=request.max_new_tokens,
            do_sample=False,
            eos_token_id=sorted(model._ends),
            pad_token_id=1,
        )[0, ids.shape[1] :].tolist()
    said = reply[:-1] if reply[-1] in model._ends else reply
    return model._prompter.decode(said), len(reply)


@pytest.mark.parametrize("adapted", [False, True])
@pytest.mark.parametrize("shape", ["llama", "qwen2", "gemma", "gpt2"])
def test_replies_equal_generate_alone(make_model, make_adapter, shape, adapted):
    """Batched replies in a preallocated cache equal Transformers' generate with one prompt at a time."""
    base = make_model(shape)
    model = _loaded(make_adapter(base) if adapted else base)
    assert model.notices == []
    requests = _requests(11, max_new_tokens=12) + _requests(3, max_new_tokens=5)
    for request, answer in zip(requests, model.answer(requests), strict=True):
        assert (answer.text, answer.reply_tokens) == _alone(model, request)


def test_order_and_batch_size_change_nothing(make_model):
    """The same requests in another order and other batches give the same replies and choices."""
    folder = make_model("llama")
    requests = [*_requests(8, max_new_tokens=9), *_requests(8, choices=("aspirin", "rash and cough"))]
    first = _loaded(folder).answer(requests)
    shuffled = list(range(len(requests)))
    random.Random(3).shuffle(shuffled)
    again = _loaded(folder, batch_size=3).answer([requests[index] for index in shuffled])
    for place, index in enumerate(shuffled):
        assert replace(again[place], logprobs=()) == replace(first[index], logprobs=())
        assert again[place].logprobs == pytest.approx(first[index].logprobs, abs=1e-4)


def test_stop_string_ends_a_reply(make_model):
    """A reply ends before its stop string, and no more tokens are made than that takes."""
    model = _loaded(make_model("llama"))
    (whole,) = model.answer(_requests(1, max_new_tokens=20))
    stop = whole.text[4:6]
    (cut,) = model.answer(_requests(1, max_new_tokens=20, stop=("never there", stop)))
    assert cut.text == whole.text[: whole.text.index(stop)]
    assert cut.finish == "stop"
    assert cut.reply_tokens < whole.reply_tokens


def test_long_prompts_are_errors(make_model):
    """A prompt that leaves no room is refused with its length, never cut; the others are answered."""
    model = _loaded(make_model("llama"))
    long = Request((Message("user", "rash " * 600),), max_new_tokens=4)
    short, refused, scored = model.answer([*_requests(1, max_new_tokens=4), long, replace(long, choices=("A", "B"))])
    assert short.finish in {"stop", "length"}
    assert refused.finish == scored.finish == "error"
    assert "max_new_tokens 4, together more than the model's context of 512" in refused.error


def test_one_copy_of_the_base(make_model, make_adapter):
    """Three adapters and the baseline share one base's tensors, and each gives its own answers."""
    base = make_model("llama")
    models = [_loaded(base), *(_loaded(make_adapter(base, seed=seed)) for seed in (1, 2, 3))]
    assert len(_BASES) == 1
    assert len({id(model._base.model) for model in models}) == 1
    requests = _requests(2, choices=("aspirin", "rash"))
    before = models[0].answer(requests)
    answers = [tuple(model.answer(requests)[0].logprobs) for model in models]
    assert len(set(answers)) == 4
    assert models[0].answer(requests) == before


def test_adapter_is_proved_at_loading(make_model, make_adapter):
    """An adapter that records another base's fingerprint is refused before anything is loaded."""
    base = make_model("llama")
    with pytest.raises(MedevalError, match="trained on another base"):
        _open(make_adapter(base, provenance="0" * 64))
    good = make_adapter(base, provenance=fingerprint_weights(base))
    assert _loaded(good).identity.base == fingerprint_weights(base)


def test_adapter_without_effect_is_refused(make_model, make_adapter):
    """An adapter whose matrices cancel to nothing passes the proof from files and fails the probe."""
    from safetensors.numpy import load_file, save_file

    folder = make_adapter(make_model("llama"))
    tensors = load_file(folder / "adapter_model.safetensors")
    save_file(
        {key: value * (0 if "lora_A" in key else 1) for key, value in tensors.items()},
        folder / "adapter_model.safetensors",
    )
    for _ in range(2):  # a second try must not find it half loaded
        with pytest.raises(MedevalError, match="adapter changes nothing: its logits on a probe equal its base's"):
            _loaded(folder)


def test_missing_weights_are_refused(make_model, tmp_path):
    """A base with a weight that is not in its files would be partly random."""
    import shutil

    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(make_model("llama"), tmp_path / "torn")
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.layers.1.mlp.up_proj.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(MedevalError, match=r"1 weights are missing .* 'model.layers.1.mlp.up_proj.weight'"):
        _loaded(folder)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [("mistral", "not all full attention"), ("gemma2", "not all full attention"), ("mamba", "linear_attention")],
)
def test_other_architectures_take_the_plain_path(make_model, shape, reason):
    """Sliding windows and recurrent states are noticed, said once, and answered right."""
    model = _loaded(make_model(shape))
    assert len(model.notices) == 1
    assert reason in model.notices[0]
    requests = _requests(3, max_new_tokens=6)
    for request, answer in zip(requests, model.answer(requests), strict=True):
        assert answer.text == _alone(model, request)[0]
    (answer,) = model.answer(_requests(1, choices=("aspirin", "rash")))
    ids = model._prompter.encode(_requests(1, choices=("aspirin", "rash"))[0])
    for choice, found in zip(ids.choices, answer.logprobs, strict=True):
        whole = torch.tensor([ids.ids + choice])
        with torch.inference_mode():
            logits = model._base.model(whole).logits[0, len(ids.ids) - 1 : -1].log_softmax(-1)
        assert found == pytest.approx(float(logits.gather(1, torch.tensor(choice)[:, None]).sum()), abs=1e-4)


def test_warm_run_imports_no_torch(make_model, tmp_path):
    """A second process answers from the cache: no torch, no transformers, nothing on stdout or stderr."""
    folder = make_model("llama")
    _open(folder, cache=tmp_path).answer([Request((Message("user", "rash?"),), max_new_tokens=3)])
    code = f"""
import sys
from pathlib import Path
from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.core.types import Message, Request
settings = Settings(device="cpu", threads=1, cache=Path({str(tmp_path)!r}))
model = open_model(parse_spec({str(folder)!r}, Path(".")), settings)
model.answer([Request((Message("user", "rash?"),), max_new_tokens=3)])
assert model.inner.hits == 1 and not model.inner.loaded
assert not {{"torch", "transformers", "peft"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_loading_is_quiet(make_model, make_adapter, capfd):
    """Progress bars, warnings and log lines of the libraries stay off the terminal."""
    folder = make_adapter(make_model("qwen2"))
    capfd.readouterr()
    _open(folder).answer(_requests(2, max_new_tokens=3))
    assert capfd.readouterr() == ("", "")


def test_other_end_tokens_miss_the_cache(make_model, tmp_path):
    """What generation_config.json says of decoding is part of the key: a changed end token asks the model again."""
    folder = shutil.copytree(make_model("llama"), tmp_path / "m")
    requests = _requests(3, max_new_tokens=5)
    _open(folder, cache=tmp_path / "cache").answer(requests)
    same = _open(folder, cache=tmp_path / "cache")
    same.answer(requests)
    config = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**config, "eos_token_id": [1, 7]}))
    other = _open(folder, cache=tmp_path / "cache")
    other.answer(requests)
    assert (same.inner.misses, other.inner.misses) == (0, 3)
