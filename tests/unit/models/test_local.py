"""The local backend against Transformers' own calls, one request at a time."""

import pytest

from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.types import Message, Request

torch = pytest.importorskip("torch", reason="torch is not installed (extra: local)")


def _requests(n, **fields):
    words = "chest pain fever cough rash aspirin throat children drug first".split()
    return [
        Request((Message("system", "Be brief."), Message("user", " ".join(words[: 1 + i % 10]) + "?" * i)), **fields)
        for i in range(n)
    ]


def _open(folder, **fields):
    model = open_model(parse_spec(str(folder), folder), Settings(threads=1, **fields))
    return model._load()


def test_replies_equal_generate_alone(make_model):
    """Batched greedy replies equal Transformers' generate with one prompt at a time."""
    model = _open(make_model("llama"))
    requests = _requests(9, max_new_tokens=12)
    answers = model.answer(requests)
    for request, answer in zip(requests, answers, strict=True):
        ids = torch.tensor([model._prompter.encode(request).ids])
        out = model._base.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False,
                                         eos_token_id=sorted(model._ends), pad_token_id=1)
        assert answer.text == model._prompter.decode(out[0, ids.shape[1] :].tolist())
        assert answer.prompt_tokens == ids.shape[1]
        assert answer.finish in {"stop", "length"}


def test_choices(make_model, make_adapter):
    """Log-likelihoods are finite, in order, and change with the adapter."""
    base = make_model("llama")
    adapter = make_adapter(base)
    requests = _requests(5, choices=("aspirin", "rash and cough", "fever"))
    one = _open(adapter).answer(requests)
    two = _open(base).answer(requests)
    assert [a.logprobs for a in one] != [a.logprobs for a in two]
    assert two == _open(base).answer(requests)
