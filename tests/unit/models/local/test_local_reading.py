"""Prompts are read in few passes, what they share once, and the replies are those of each alone."""

import random
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, parse_spec
from pytest_medeval.models.identity import identify
from pytest_medeval.models.local.attention import plan_prefills
from pytest_medeval.models.local.generate import Generation, generate_lean, generate_plain
from pytest_medeval.models.local.model import load_local
from pytest_medeval.models.local.weights import forget_bases

SHARED = tuple(3 + index * 7919 % 300 for index in range(200))
PROMPTS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9).map(tuple), min_size=1, max_size=30)


@pytest.fixture(autouse=True)
def _forget():
    yield
    forget_bases()


def _load(folder, **fields):
    spec, settings = parse_spec(str(folder), folder), Settings(device="cpu", threads=1, **fields)
    return load_local(spec, identify(spec, settings), settings)


@given(PROMPTS, st.integers(1, 40), st.booleans())
def test_every_prompt_is_read_once(prompts, tokens, shared):
    """Each prompt is in one pass, fits in it, and begins with what is said to be shared."""
    prompts = [SHARED * shared + prompt for prompt in prompts]
    readings = plan_prefills(prompts, tokens)
    assert sorted(index for reading in readings for index in reading.members) == list(range(len(prompts)))
    for reading in readings:
        chosen = [prompts[index] for index in reading.members]
        assert reading.longest == max(map(len, chosen))
        assert len({prompt[: reading.shared] for prompt in chosen}) == 1
        assert all(len(prompt) > reading.shared for prompt in chosen)
        assert len(chosen) == 1 or len(chosen) * (reading.longest - reading.shared) <= tokens


@pytest.mark.parametrize("shape", ["llama", "qwen3", "gemma", "phi", "gpt2"])
def test_shared_beginnings_are_read_once(make_model, shape):
    """Two beginnings shared by many prompts are fed once each; replies equal those made alone by generate."""
    model = _load(make_model(shape))._base.model
    other = SHARED[::-1]
    prompts = [
        (SHARED if index % 2 else other)[: 190 + index % 3] + (5 + index,) * (1 + index % 7) for index in range(14)
    ]
    prompts.append((9, 8, 7))
    tasks = [Generation(index, prompt, 6 + index % 3, lambda _: False) for index, prompt in enumerate(prompts)]
    fed = []
    hook = model.get_input_embeddings().register_forward_pre_hook(lambda _, inputs: fed.append(inputs[0].numel()))
    with torch.inference_mode():
        generate_lean(model, tasks, set(), tokens=1024)
    hook.remove()
    assert sum(fed) < 2 * 200 + 15 * 20 + sum(task.limit for task in tasks)
    for task in tasks:
        alone = Generation(0, task.prompt, task.limit, lambda _: False)
        with torch.inference_mode():
            generate_plain(model, [alone], set())
        assert task.found == alone.found


def test_shipped_model_replies_alike_in_any_batch():
    """The shipped model's float32 replies are the same alone, three or 64 at a time, and in any order."""
    folder = Path(__file__).parents[4] / "adapters" / "tiny-dialogue"
    words = ["cough", "fever", "rash", "chest", "pain", "since", "three", "days", "after", "food", "at", "night"]
    chance = random.Random(7)
    requests = [
        Request((Message("user", " ".join(chance.choices(words, k=chance.randint(1, 30)))),), max_new_tokens=24)
        for _ in range(40)
    ]
    first = _load(folder, dtype="float32").answer(requests)
    assert len({answer.text for answer in first}) > 10
    for rows in (1, 3, 64):
        order = chance.sample(range(len(requests)), len(requests))
        again = _load(folder, dtype="float32", batch_size=rows).answer([requests[index] for index in order])
        assert again == [first[index] for index in order]
