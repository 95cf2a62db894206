"""Architectures whose long or unequal prompts go wrong in batches: each answer is what the request alone would get.

The yardsticks are plain forward passes without padding or cache and Transformers' ``generate``, one request at a time
on a model that has computed nothing before.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import transformers

from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, parse_spec
from pytest_medeval.models.identity import identify
from pytest_medeval.models.local.memory import find_budget
from pytest_medeval.models.local.model import LocalModel, load_local
from pytest_medeval.models.local.tree import Ids
from pytest_medeval.models.local.ways import Ways, score_choices
from pytest_medeval.models.local.weights import forget_bases

WORDS = ["chest", "pain", "fever", "cough", "rash", "aspirin", "throat", "children", "drug", "first"]
SLOWER = {
    "llama": "",
    "gpt_neo": "choices computed in batches of equal length: at",
    "phi3": "choices computed in batches of equal length: at",
    "dynamic": "replies computed in batches of equal length: at",
    "mpt": "replies computed without shared prefixes: at",
    "rwkv": "replies computed one request at a time: at",  # Transformers 5.23 mixes the states of a batch's rows
    "recurrent_gemma": "replies computed in batches of equal length: at",
    "mamba": "computed without shared prefixes: its layers are not all full attention",
}
"""Architecture -> what is said of the way in which its long prompts are computed; nothing for the fastest."""


def _loaded(folder: Any, **fields: Any) -> LocalModel:
    forget_bases()
    spec, settings = parse_spec(str(folder), folder), Settings(device="cpu", threads=1, **fields)
    return load_local(spec, identify(spec, settings), settings)


def _requests(**fields: Any) -> list[Request]:
    """Ask in 5 to 60 words; some prompts are as long as others."""
    sizes = (5, 60, 20, 20, 40, 8, 30)
    texts = [" ".join(WORDS[(start + at) % 10] for at in range(size)) for start, size in enumerate(sizes)]
    return [Request((Message("user", text),), **fields) for text in texts]


def _alone(fresh: Any, ids: Ids, ends: set[int]) -> list[int]:
    """Let a model that has computed nothing reply to one prompt."""
    prompt = torch.tensor([ids])
    asked = {"max_new_tokens": 9, "do_sample": False, "eos_token_id": sorted(ends), "pad_token_id": 1}
    with torch.inference_mode():
        found = copy.deepcopy(fresh).generate(prompt, attention_mask=torch.ones_like(prompt), **asked)[0]
    return [token for token in found[len(ids) :].tolist() if token not in ends]


def _likelihood(fresh: Any, ids: Ids, choice: Ids) -> float:
    """Let a model that has computed nothing read prompt and choice, whose last token need not be read."""
    with torch.inference_mode():
        logits = copy.deepcopy(fresh)(torch.tensor([(ids + choice)[:-1]])).logits[0, len(ids) - 1 :].double()
    return float(logits.log_softmax(-1).gather(1, torch.tensor(choice)[:, None]).sum())


@pytest.mark.parametrize("shape", SLOWER)
def test_each_answer_is_that_of_the_request_alone(make_model, shape):
    """Choices within 1e-4 nats and equal replies beyond windows and the lengths that rotations are made for."""
    folder = make_model(shape)
    model = _loaded(folder)
    choices, replies = _requests(choices=("aspirin", "rash and cough", "A")), _requests(max_new_tokens=9)
    fresh = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    for request, answer in zip(choices, model.answer(choices), strict=True):
        prompt = model._prompter.encode(request)
        own = [_likelihood(fresh, prompt.ids, choice) for choice in prompt.choices]
        assert answer.logprobs == pytest.approx(own, abs=1e-4)
    for request, answer in zip(replies, model.answer(replies), strict=True):
        alone = _alone(fresh, model._prompter.encode(request).ids, model._ends)
        assert answer.text == model._prompter.decode(alone)
    told = "\n".join(model.notices)
    assert SLOWER[shape] in told if SLOWER[shape] else not told


def test_short_prompts_keep_the_fast_path(make_model):
    """What goes wrong beyond a window is right within it: nothing is slower than it must be."""
    model = _loaded(make_model("gpt_neo", template=None))
    model.answer([Request((Message("user", word),), choices=("A", "B")) for word in WORDS])
    assert model.notices == []


def test_a_length_is_proved_once(make_model):
    """Requests as long as those before, or shorter, need no further probe; longer ones do."""
    model, ways = _loaded(make_model("llama")), Ways(_loaded(make_model("llama"))._base.model)
    budget, fed = find_budget(model._base.model, "auto"), []
    hook = model._base.model.register_forward_pre_hook(lambda *_: fed.append(1))
    prompts = model.encode(_requests(choices=("A", "B")))
    order = sorted(prompts, key=lambda prompt: len(prompt.ids))
    counts = []
    with torch.inference_mode():
        for some in (order[:4], order[:3], order, order):
            fed.clear()
            assert ways.score(model._base.model, some, budget) == "shared"
            counts.append(bool(fed))
    hook.remove()
    assert counts == [True, False, True, False]


def test_few_lone_requests_are_computed_alone(make_model):
    """One request is cheaper than a proof; many that come one by one are not."""
    model = _loaded(make_model("llama"))
    ways, budget = Ways(model._base.model), find_budget(model._base.model, "auto")
    prompts = model.encode(_requests(choices=("A", "B")))
    with torch.inference_mode():
        found = [ways.score(model._base.model, [prompt], budget) for prompt in (prompts[1],) * 5]
    assert found == ["single"] * 3 + ["shared"] * 2


@pytest.mark.parametrize(
    ("quantised", "off", "way"), [(False, 0.02, "single"), (True, 0.02, "shared"), (True, 0.3, "single")]
)
def test_quantised_models_are_held_to_their_own_rounding(make_model, monkeypatch, quantised, off, way):
    """What 8 bits make of sums in another order is no wrong mask; float32 and larger differences get the plain path."""
    model = _loaded(make_model("llama"))
    inner = model._base.model
    monkeypatch.setattr(inner, "is_quantized", quantised, raising=False)

    def shifted(*given, **more):
        for index, values in score_choices(*given, **more):
            yield index, tuple(value * (1 + off) - off for value in values)

    monkeypatch.setattr("pytest_medeval.models.local.ways.score_choices", shifted)
    (prompt,) = model.encode([Request((Message("user", " ".join(WORDS)),), choices=("a", "b"))])
    with torch.inference_mode():
        assert Ways(inner).score(inner, [prompt] * 2, model.limits.budget) == way
    forget_bases()
