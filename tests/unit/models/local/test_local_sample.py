"""Drawn replies of local models: distribution, independence of the batch, agreement of both paths."""

import json
import os
import random
import subprocess
import sys

import pytest
import torch
from scipy.stats import chisquare

from pytest_medeval.core.settings import read_settings
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.models.local.generate import Draws, draw, next_tokens
from pytest_medeval.models.local.weights import forget_bases
from pytest_medeval.runs.suite import Suite, resolve

WORDS = ["chest", "pain", "fever", "cough", "rash", "aspirin", "throat", "children", "drug", "first"]

OPTIONS = {"metrics": ["length_ratio"], "max_new_tokens": 8, "temperature": 1, "top_p": 0.95}
SUITE = f"""
import pytest
from pytest_medeval import Suite

suite = Suite(task="dialogue", cases="chats.jsonl", **{OPTIONS})

@pytest.mark.medeval(suite)
def test_chat(evaluation):
    assert evaluation.outcome != "error"
"""


@pytest.fixture(autouse=True)
def _forget():
    yield
    forget_bases()


def _requests(count, **fields):
    fields = {"temperature": 1.0, "max_new_tokens": 10} | fields
    return [
        Request(
            (Message("user", " ".join(WORDS[: 1 + place % 10])),),
            seed=fields.get("seed", place),
            **{name: value for name, value in fields.items() if name != "seed"},
        )
        for place in range(count)
    ]


def _loaded(folder, **fields):
    return open_model(parse_spec(str(folder), folder), Settings(device="cpu", threads=1, **fields)).inner._load()


def _column(value, rows):
    return torch.full((rows,), value, dtype=torch.float64)


@pytest.mark.parametrize("shape", ["llama", "gpt2", "mistral"])
def test_replies_do_not_depend_on_the_batch(make_model, shape):
    """Alone, in batches of any size and in any order, a request gets the same reply."""
    folder = make_model(shape)
    requests = [*_requests(12), *_requests(6, temperature=0.7, top_p=0.8), *_requests(4, temperature=0.0)]
    alone = [_loaded(folder).answer([request])[0] for request in requests]
    assert len({answer.text for answer in alone}) > len(requests) // 2
    order = list(range(len(requests)))
    random.Random(5).shuffle(order)
    for size in (1, 3, 8):
        model = _loaded(folder, batch_size=size)
        assert model.answer(requests) == alone
        assert model.answer([requests[place] for place in order]) == [alone[place] for place in order]


@pytest.mark.parametrize("shape", ["llama", "mistral"])
def test_another_seed_is_another_reply(make_model, shape):
    """The seed decides the draws: the same one repeats them, another one does not."""
    model = _loaded(make_model(shape))
    first, again, other = (model.answer(_requests(8, seed=seed)) for seed in (3, 3, 4))
    assert first == again
    assert sum(one.text != two.text for one, two in zip(first, other, strict=True)) >= 7


@pytest.mark.parametrize("shape", ["llama", "mistral"])
def test_no_temperature_is_greedy(make_model, shape):
    """Temperature 0 gives the greedy reply whatever the seed, and so does the smallest temperature above it."""
    model = _loaded(make_model(shape))
    greedy = model.answer(_requests(8, temperature=0.0, seed=0))
    assert model.answer(_requests(8, temperature=0.0, seed=9)) == greedy
    assert model.answer(_requests(8, temperature=5e-324)) == greedy
    assert model.answer(_requests(8, top_p=1e-9)) == greedy


def test_both_paths_draw_the_same(make_model, monkeypatch):
    """Transformers' generate, which takes any architecture, is made to draw what the lean loop draws."""
    model = _loaded(make_model("llama"))
    requests = _requests(9, temperature=1.3, top_p=0.95)
    lean = model.answer(requests)
    monkeypatch.setattr(model._ways, "reply", lambda *_: "padded")
    assert model.answer(requests) == lean


def _run(place, folder, *more):
    """Evaluate the suite in ``place`` by a pytest of its own; give the reply to each case."""
    command = [
        *(sys.executable, "-m", "pytest", str(place), f"--rootdir={place}", "-p", "no:cacheprovider", "-q"),
        *(f"--medeval-model={folder}", "--medeval-device=cpu", "--medeval-cache=off", *more),
        f"--medeval-json={place / 'run.json'}",
    ]
    given = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"} | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=place, env=given, capture_output=True, text=True, check=False, timeout=300)
    assert (place / "run.json").is_file(), done.stdout + done.stderr
    record = json.loads((place / "run.json").read_text(encoding="utf-8"))
    return {case["id"]: case["candidate"]["reply"] for case in record["cases"]}


def test_workers_and_batches_change_no_reply(make_model, tmp_path):
    """One process, or two workers with other batches: each case keeps its drawn reply."""
    cases = [{"id": f"c{place}", "input": " ".join(WORDS[: 1 + place]), "reference": "rest"} for place in range(10)]
    cases.append(cases[0] | {"id": "again"})
    (tmp_path / "chats.jsonl").write_text("".join(f"{json.dumps(case)}\n" for case in cases))
    (tmp_path / "test_chats.py").write_text(SUITE)
    folder = make_model("llama")
    found = _run(tmp_path, folder, "-n", "2", "--medeval-batch-size=3")
    settings = read_settings(lambda _: None, tmp_path)
    suite = resolve(Suite("dialogue", str(tmp_path / "chats.jsonl"), **OPTIONS), settings)
    requests = [request for some in suite.requests(suite.cases) for request in some]
    texts = [answer.text.strip() for answer in _loaded(folder).answer(requests)]
    assert found == {case.id: text for case, text in zip(suite.cases, texts, strict=True)}
    assert found["again"] != found["c0"], "equal prompts of two cases are drawn apart"


def test_first_tokens_follow_the_softmax(make_model):
    """Over 4,000 seeds the first tokens of a reply are as frequent as softmax(logits / T) says (chi-square)."""
    model = _loaded(make_model("llama"))
    (prompt,) = model.encode(_requests(1))
    with torch.inference_mode():
        logits = model._base.model(torch.tensor([prompt.ids])).logits[:, -1]
    count, temperature = 4000, 0.7
    draws = [Draws(temperature, 1.0, prompt.hash, seed) for seed in range(count)]
    found = next_tokens(logits.expand(count, -1), draws, [0] * count).bincount(minlength=logits.shape[-1])
    expected = count * torch.softmax(logits[0].double() / temperature, -1)
    often = expected >= 5
    assert int(often.sum()) > 10
    observed = [*found[often].tolist(), int(found[~often].sum())]
    wanted = [*expected[often].tolist(), float(expected[~often].sum())]
    assert chisquare(observed, wanted, sum_check=False).pvalue > 0.01
    flat = torch.softmax(logits[0].double() / (2 * temperature), -1) * count
    assert chisquare(observed, [*flat[often].tolist(), float(flat[~often].sum())], sum_check=False).pvalue < 1e-6


def test_inverse_of_the_distribution_by_hand():
    """Numbers below, at and above the cumulative shares 0.5 and 0.8 choose the tokens that lie there."""
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log().double().repeat(5, 1)
    uniform = torch.tensor([0.0, 0.499999, 0.500001, 0.799999, 1 - 2.0**-52], dtype=torch.float64)
    assert draw(logits, _column(1.0, 5), _column(1.0, 5), uniform).tolist() == [0, 0, 1, 1, 2]


@pytest.mark.parametrize(("top_p", "kept"), [(0.4, {0}), (0.6, {0, 1}), (0.9, {0, 1, 2, 3}), (1.0, {0, 1, 2, 3, 4})])
def test_top_p_cuts_the_tail(top_p, kept):
    """Only the smallest set of likeliest tokens that holds the share is drawn; a tie at its end stays whole."""
    logits = torch.tensor([[0.5, 0.2, 0.125, 0.125, 0.05]]).log().repeat(400, 1)
    uniform = torch.arange(400, dtype=torch.float64) / 400
    found = draw(logits, _column(1.0, 400), _column(top_p, 400), uniform)
    assert set(found.tolist()) == kept


@pytest.mark.parametrize("width", [1.0, 0.001])
def test_top_p_of_a_large_vocabulary_equals_sorting_it(width):
    """Peaked and flat distributions over 3,000 tokens keep what a full sort keeps, rows with other shares beside."""
    logits = torch.randn(4, 3000, generator=torch.Generator().manual_seed(1)) * 3 * width
    top_p = torch.tensor([0.3, 0.9, 0.999, 1.0], dtype=torch.float64)
    for row, share in enumerate(top_p.tolist()):
        shares, order = torch.softmax(logits[row].double(), -1).sort(descending=True)
        kept = set(order[: int((shares.cumsum(0) < share).sum()) + 1].tolist()) if share < 1 else set(range(3000))
        for uniform in torch.linspace(0, 1 - 2.0**-52, 64, dtype=torch.float64).tolist():
            found = draw(logits, _column(1.0, 4), top_p, _column(uniform, 4))
            assert found[row].item() in kept


def test_logits_that_are_no_numbers_stay_inside_the_vocabulary():
    """A broken row gives some token and no index beyond the last one; what cannot follow is never drawn."""
    logits = torch.tensor([[float("nan")] * 4, [float("-inf"), 0.0, float("-inf"), float("-inf")]])
    found = draw(logits, _column(0.5, 2), _column(0.9, 2), torch.tensor([0.3, 0.999], dtype=torch.float64))
    assert 0 <= found[0].item() < 4
    assert found[1].item() == 1
