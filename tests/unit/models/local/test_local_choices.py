"""Choices: the prefix-sharing path against one row a choice, on several architectures."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, parse_spec
from pytest_medeval.models.identity import identify
from pytest_medeval.models.local.choices import Scorer, score_rows
from pytest_medeval.models.local.memory import Bounds
from pytest_medeval.models.local.model import load_local


def _load(folder):
    spec, settings = parse_spec(str(folder), folder), Settings(device="cpu", threads=1)
    return load_local(spec, identify(spec, settings), settings)


def _requests():
    shots = "The doctor finds cough and rash. " * 6
    texts = ("aspirin", "aspirin and rash", "fever, then a cough that lasts", "A")
    return [
        Request(
            (Message("system", shots), Message("user", "Which drug?" + " fever" * (i % 4) + "!" * i)),
            choices=texts[: 2 + i % 3],
        )
        for i in range(9)
    ]


@pytest.mark.parametrize("adapted", [False, True])
@pytest.mark.parametrize("shape", ["llama", "qwen2", "qwen3", "gemma", "phi", "gpt2"])
def test_tree_equals_rows(make_model, make_adapter, shape, adapted):
    """Each architecture gives the same log-likelihoods with shared prefixes as with a row a choice."""
    base = make_model(shape)
    model = _load(make_adapter(base) if adapted else base)
    prompts = [model._prompter.encode(request) for request in _requests()]
    inner = model._base.using(model.identity.adapter)
    with torch.inference_mode():
        scorer = Scorer(inner, Bounds(tokens=512, rows=4, kept=4096), cost=0)
        tree = {index: found for batch in scorer.score(prompts) for index, found in batch}
        for index, prompt in enumerate(prompts):
            rows = score_rows(inner, [(prompt, choice) for choice in range(len(prompt.choices))])
            np.testing.assert_allclose(tree[index], rows, rtol=0, atol=1e-4)


def test_prefix_is_computed_once_when_it_pays(make_model):
    """What all prompts share is fed once; a question once; a choice without its last token."""
    model = _load(make_model("llama"))
    prompts = [model._prompter.encode(request) for request in _requests()]
    fed = []
    count = model._base.model.register_forward_pre_hook(
        lambda _, __, given: fed.append(given["input_ids"].shape), with_kwargs=True
    )
    with torch.inference_mode():
        list(Scorer(model._base.model, Bounds(tokens=256, rows=4, kept=8192)).score(prompts))
    count.remove()
    shared = fed[0][1]
    assert fed[0][0] == 1
    assert all(prompt.ids[:shared] == prompts[0].ids[:shared] for prompt in prompts)
    assert shared * (len(prompts) - 1) > 512
    rows = sum(len(prompt.choices) * len(prompt.ids) for prompt in prompts)
    assert sum(shape[0] * shape[1] for shape in fed) < rows / 4


@pytest.mark.parametrize("shape", ["llama", "gpt2"])
def test_sixteen_bits_do_not_make_options_equal(make_model, shape):
    """Logits come from the output layer in float32: in bfloat16 many tie; both ways give what NumPy gives."""
    model = _load(make_model(shape))
    inner = deepcopy(model._base.model).to(torch.bfloat16)  # the base itself is open for other tests too
    prompt = replace(model._prompter.encode(_requests()[0]), choices=tuple((token,) for token in range(4, 40)))
    with torch.inference_mode():
        plain = inner(torch.tensor([prompt.ids]), output_hidden_states=True)
        hidden = plain.hidden_states[-1][0, -1].double().numpy()
        logits = inner.get_output_embeddings().weight.double().numpy() @ hidden
        right = (logits - np.logaddexp.reduce(logits))[4:40]
        (tree,) = [found for batch in Scorer(inner, Bounds(512, 4, 4096)).score([prompt]) for _, found in batch]
        rows = score_rows(inner, [(prompt, choice) for choice in range(36)])
        again = inner(torch.tensor([prompt.ids])).logits
    np.testing.assert_allclose(tree, right, rtol=0, atol=1e-4)
    np.testing.assert_allclose(rows, right, rtol=0, atol=0.02)
    assert len(set(plain.logits[0, -1, 4:40].tolist())) < 36 == len(set(tree)) == len(set(rows))
    assert again.dtype == torch.bfloat16, "what else asks the model finds it as it was"
