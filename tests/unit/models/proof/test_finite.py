"""Weights, logits and answers that are no numbers: each is found, and said in one line."""

from __future__ import annotations

import json
import math
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from tools.fake_model import FakeModel
from tools.fake_server import FakeServer

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Identity, Traffic
from pytest_medeval.core.types import Answer, Message, Request, Source, plain
from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.models.cache import CachedModel, Store, _checksum
from pytest_medeval.models.local.batches import NO_NUMBERS
from pytest_medeval.models.proof.finite import prove_finite
from pytest_medeval.tasks.mcq import MCQ, MCQCase

ASKED = (Message("user", "Which drug?"),)
CHOICES = Request(ASKED, choices=("A", "B"))
CASE = MCQCase(id="1", source=Source("f"), question="Which?", options={"A": "aspirin", "B": "heparin"}, answer="A")
VALUES = {"F64": "<f8", "F32": "<f4", "F16": "<f2"}
BYTES = {
    "BF16": {"nan": 0x7FC0, "inf": 0xFF80, "largest": 0x7F7F},
    "F8_E5M2": {"nan": 0x7E, "inf": 0xFC, "largest": 0x7B},
    "F8_E4M3": {"nan": 0xFF, "largest": 0x7E},
}


def write(file: Path, dtype: str, data: bytes, count: int) -> None:
    """Write a safetensors file of one tensor ``w``."""
    header = json.dumps({"w": {"dtype": dtype, "shape": [count], "data_offsets": [0, len(data)]}}).encode()
    file.write_bytes(len(header).to_bytes(8, "little") + header + data)


def spoil(folder: Path, value: float, name: str | None = None) -> str:
    """Put a value into a floating-point tensor of a folder's weights; give its name."""
    from safetensors.torch import load_file, save_file

    (file,) = folder.glob("*.safetensors")
    tensors = load_file(file)
    name = name or max(tensors)
    tensors[name] = tensors[name].clone()
    tensors[name].view(-1)[0] = value
    save_file(tensors, file, metadata={"format": "pt"})
    return name


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.7])
def test_there_is_no_answer_with_such_numbers(value):
    """Whoever makes one has made an error, which also survives processes and the cache's JSON."""
    answer = Answer("", "choice", (-1.0, value), (1, 1), prompt_hash="x")
    assert (answer.finish, answer.logprobs, answer.choice_tokens) == ("error", (), ())
    assert answer.error == f"1 of 2 log-likelihoods are no finite numbers up to 0, the first is {value}"
    assert pickle.loads(pickle.dumps(answer)) == answer  # noqa: S301 - what Ray does
    reply = MCQ().read(CASE, answer)
    assert (reply.outcome, reply.prediction, reply.confidence, reply.detail) == ("error", None, None, answer.error)


def test_rounding_is_no_error():
    """The log-probability of what is certain may come out a little above 0."""
    assert Answer("", "choice", (1e-4, -9.0), (1, 1)).finish == "choice"


def test_a_tie_is_no_answer():
    """The detail says which options tie; their probabilities stay; a hair's breadth decides."""
    tied = MCQ().read(CASE, Answer("", "choice", (-1.5, -1.5), (1, 1)))
    assert (tied.outcome, tied.prediction, tied.text) == ("no_answer", None, "")
    assert (tied.detail, tied.confidence) == ("equally likely: A, B", {"A": 0.5, "B": 0.5})
    assert not MCQ().correct(CASE, tied)
    assert MCQ().read(CASE, Answer("", "choice", (-1.5, math.nextafter(-1.5, 0)), (1, 1))).prediction == "B"


def test_a_tie_after_normalising():
    """What ties is the score that decides: -7 over 7 characters as -7 over 7."""
    by_characters, by_tokens = MCQ(scoring="texts"), MCQ(scoring="texts", normalize="tokens")
    assert by_characters.read(CASE, Answer("", "choice", (-7.0, -7.0), (1, 2))).detail == "equally likely: A, B"
    assert by_tokens.read(CASE, Answer("", "choice", (-2.0, -4.0), (1, 2))).detail == "equally likely: A, B"


def test_more_or_fewer_numbers_than_options():
    """Nobody knows whose they are."""
    reply = MCQ().read(CASE, Answer("", "choice", (-1.0,), (1,)))
    assert (reply.outcome, reply.detail) == ("error", "the model gave 1 log-likelihoods for 2 options")


def test_a_stored_answer_with_such_numbers_is_asked_again(tmp_path):
    """A cache that an older version, or somebody, filled with NaN gives no answer."""
    store, who = Store(tmp_path), Identity("fake", "f")
    model = FakeModel(lambda _: Answer("", "choice", (-1.0, -2.0), (1, 1)))
    cached = CachedModel(who, lambda: model, store)
    good = plain(Answer("", "choice", (-1.0, -2.0), (1, 1)))

    key = cached._key(CHOICES, "")
    text = json.dumps({**good, "logprobs": [math.nan, -2.0]})
    with store._open() as base:
        base.execute("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", (key, "f", text, _checksum(key, text), 1))
    assert cached.answer([CHOICES])[0].logprobs == (-1.0, -2.0)
    assert len(model.asked) == 1
    assert "1 corrupt replies" in cached.notices[0]


@pytest.mark.parametrize(
    ("value", "written"),
    [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity"), (None, "null"), (0.5, "0.5"), ("x", '"x"')],
)
@pytest.mark.parametrize("tokenize", [True, False])
def test_a_server_with_such_numbers(value, written, tokenize):
    """It does offer likelihoods, so no reply is read instead, whether it is its first answer or a later one."""
    pytest.importorskip("openai", reason="pip install 'pytest-medeval[endpoint]' brings openai")
    with FakeServer(
        reply=lambda _: "A", logprob=lambda _, token: value if token == ord("B") else -1.0, tokenize=tokenize
    ) as server:
        settings = Settings(traffic=Traffic(concurrency=1, timeout=2, retries=0))
        model = open_model(parse_spec(f"{server.url}#fake", Path()), settings)
        wrong, fine = model.answer([CHOICES, Request(ASKED, choices=("A", "C"))])
    assert (wrong.finish, fine.finish) == ("error", "choice")
    assert f"the server gave {written} as the log-probability of a token of choice 2" in wrong.error
    assert model.notices == []


@pytest.mark.parametrize("dtype", [*VALUES, *BYTES])
def test_values_of_every_width(tmp_path, dtype):
    """NaN and both infinities are found; the largest number, minus zero and whole numbers are none of them."""
    file = tmp_path / "w.safetensors"
    if dtype in VALUES:
        kind = np.dtype(VALUES[dtype])
        sound = np.array([0, -0.0, 1.5, np.finfo(kind).max, np.finfo(kind).min], kind)
        broken = np.array([1, np.nan, np.inf, -np.inf], kind)
        wrong = 3
    else:
        kind = np.dtype("<u2" if dtype == "BF16" else "u1")
        found = BYTES[dtype]
        sound = np.array([0, found["largest"]], kind)
        broken = np.array([0, *(value for name, value in found.items() if name != "largest")], kind)
        wrong = len(broken) - 1
    write(file, dtype, sound.tobytes(), len(sound))
    prove_finite([file])
    write(file, dtype, broken.tobytes(), len(broken))
    line = rf"w\.safetensors: tensor 'w': {wrong} of {len(broken)} values (is|are) not finite"
    with pytest.raises(MedevalError, match=line):
        prove_finite([file])
    write(file, "I8", b"\xff" * 8, 8)
    prove_finite([file])


def test_a_large_file_is_looked_over_once(tmp_path, monkeypatch):
    """What was sound is remembered in the cache's folder until it changes; what was not is never."""
    from pytest_medeval.models.proof import finite

    file, memory = tmp_path / "w.safetensors", tmp_path / "memory"
    values = np.ones(1 << 19, "<f4")
    write(file, "F32", values.tobytes(), len(values))
    prove_finite([file], memory=memory)
    with monkeypatch.context() as patch:
        patch.setattr(finite, "_look_over", lambda _: pytest.fail("looked over again"))
        prove_finite([file], memory=memory)
    values[-1] = np.nan
    write(file, "F32", values.tobytes(), len(values))
    for _ in range(2):
        with pytest.raises(MedevalError, match="1 of 524288 values is"):
            prove_finite([file], memory=memory)


@pytest.fixture
def broken(make_model, tmp_path):
    """Give a function (shape) -> a copy of a random model that may be spoiled."""
    pytest.importorskip("peft", reason="needs the extra 'local'")

    def make(shape: str = "llama") -> Path:
        return Path(shutil.copytree(make_model(shape), tmp_path / shape))

    return make


def opened(folder: Path, **fields):
    """Open a model folder."""
    return open_model(parse_spec(str(folder), folder), Settings(device="cpu", threads=1, **fields))


def test_a_base_with_one_nan_is_not_opened(broken):
    """The line names file, tensor and count, before torch is needed."""
    folder = broken()
    name = spoil(folder, math.nan)
    with pytest.raises(MedevalError, match=rf"model\.safetensors: tensor '{name}': 1 of \d+ values is not finite"):
        opened(folder)


def test_an_adapter_with_infinity_is_not_opened(make_model, make_adapter, tmp_path):
    """Every tensor of an adapter is looked over, before it is loaded."""
    adapter = Path(shutil.copytree(make_adapter(make_model()), tmp_path / "adapter"))
    config = json.loads((adapter / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(make_model())
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    name = spoil(adapter, -math.inf)
    with pytest.raises(MedevalError, match=rf"adapter_model\.safetensors: tensor '{name}': 1 of"):
        opened(adapter)


def test_weights_that_overflow_in_the_run_s_dtype(broken):
    """1e6 is a number in float32 and none in float16: said when it is loaded, not as an answer."""
    folder = broken()
    name = spoil(folder, 1e6, "model.norm.weight")
    with pytest.raises(MedevalError, match=rf"in float16 tensor '{name}': 1 of 32 values is not finite"):
        opened(folder, dtype="float16").answer([CHOICES])


@pytest.mark.parametrize("shape", ["llama", "mistral", "gpt2"])
def test_sound_weights_whose_logits_overflow(broken, shape):
    """Choices, greedy replies and drawn ones are errors that say why, on the fast paths and on the plain one."""
    folder = broken(shape)
    final = {"gpt2": "transformer.ln_f.weight"}.get(shape, "model.norm.weight")
    from safetensors.torch import load_file, save_file

    (file,) = folder.glob("*.safetensors")
    tensors = load_file(file)
    tensors[final] = tensors[final] * 0 + 3e38
    save_file(tensors, file, metadata={"format": "pt"})
    drawn = Request(ASKED, temperature=1.0, max_new_tokens=4)
    found = opened(folder).answer([CHOICES, Request(ASKED, max_new_tokens=4), drawn])
    assert [answer.finish for answer in found] == ["error"] * 3
    assert "log-likelihoods are no finite numbers" in found[0].error
    assert found[1].error == found[2].error == NO_NUMBERS


def test_one_lost_reply_leaves_the_others_alone():
    """Rows of a batch whose logits are none end; the others' tokens are what they were."""
    torch = pytest.importorskip("torch")
    from pytest_medeval.models.local.generate import Draws, next_tokens

    broken = [[0.0, math.nan, 1.0], [math.inf, 0.0, 0.0], [-math.inf] * 3]
    rows = torch.tensor([[0.0, 2.0, 1.0], *broken, [-math.inf, 0.0, 1.0]])
    assert next_tokens(rows, [None] * 5, [0] * 5).tolist() == [1, -1, -1, -1, 2]
    draws = Draws(1.0, 1.0, "x", 0)
    assert next_tokens(rows, [draws] * 5, [0] * 5).tolist()[1:4] == [-1] * 3
