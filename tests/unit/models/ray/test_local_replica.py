"""A replica in this process: what it computes, and models whose files were sent to it."""

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.models.identity import identify
from pytest_medeval.models.local.batches import plan
from pytest_medeval.models.local.weights import forget_bases
from pytest_medeval.models.ray import fleet as cargo_module
from pytest_medeval.models.ray.fleet import parts
from pytest_medeval.models.ray.replica import Deployment, Order, Replica
from pytest_medeval.models.spec import AdapterSpec, FolderSpec

SETTINGS = Settings(device="cpu", threads=1)
WORDS = ["chest", "pain", "fever", "cough", "rash"]
ASKED = [
    Request((Message("user", " ".join(WORDS[: 1 + number % 5]) + "?" * number),), **fields)
    for number in range(6)
    for fields in ({"max_new_tokens": 6, "stop": ("q",)}, {"choices": ("aspirin", "rash and cough")})
]


@pytest.fixture(autouse=True)
def _forget():
    yield
    forget_bases()


@pytest.fixture
def replica(tmp_path, monkeypatch):
    """Make a replica whose machine has its temporary files in a folder of the test."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    return Replica("run", 1)


def _loading(folder):
    spec = parse_spec(str(folder), folder)
    return Deployment(spec, identify(spec, SETTINGS), SETTINGS)


def _answers(replica, loading):
    """Work off all units of the requests, as a sweep does."""
    opened = replica.open(loading, {})
    prompts = replica.encode(loading, tuple(ASKED))
    answers = {}
    for unit in plan(ASKED, prompts, opened.limits)[1]:
        chosen = [(replace(ASKED[index], messages=()), prompts[index]) for index in unit.members]
        order = Order(replace(unit, members=tuple(range(len(chosen)))), *map(tuple, zip(*chosen, strict=True)))
        answers |= zip(unit.members, replica.compute(loading, order)[0], strict=True)
    replica.rest(loading)
    return [answers[index] for index in range(len(ASKED))]


def test_units_equal_the_whole(make_model, make_adapter, replica):
    """Unit by unit, without the messages' words, the answers are exactly those of the local engine."""
    base = make_model("llama")
    for folder in (make_adapter(base), base):
        expected = open_model(parse_spec(str(folder), folder), SETTINGS).inner.answer(ASKED)
        assert _answers(replica, _loading(folder)) == expected


def test_model_whose_files_were_sent(make_model, make_adapter, replica, tmp_path, monkeypatch):
    """Without its files a replica names what is missing; sent in pieces, they give the same model."""
    base = make_model("llama")
    loading = _loading(make_adapter(base))
    expected = _answers(replica, loading)
    found = parts(loading.spec, None)
    gone = AdapterSpec(loading.spec.text, tmp_path / "gone", FolderSpec("gone", tmp_path / "gone-too"))
    elsewhere = Deployment(gone, loading.identity, loading.settings)
    assert replica.open(elsewhere, {}) == ["base", "adapter"]
    digests = {name: part.digest for name, part in found.items()}
    monkeypatch.setattr(cargo_module, "PIECE", 1000)
    for name in ("base", "adapter"):
        assert name in replica.open(elsewhere, digests)
        pieces = list(found[name].pieces())
        assert len(pieces) > len(found[name].files)
        for file, offset, data in reversed(pieces):
            replica.receive(digests[name], file, offset, data)
    assert replica.open(elsewhere, digests).limits.context == 512
    assert _answers(replica, elsewhere) == expected
    replica.forget()
    assert not list(tmp_path.glob("medeval-weights-*"))


def test_files_of_another_model_are_refused(make_model, replica, tmp_path):
    """What arrived is held to the fingerprint that is wanted: never a name, never trust."""
    wanted, other = _loading(make_model("llama")), parts(_loading(make_model("llama", seed=5)).spec, None)["base"]
    for file, offset, data in other.pieces():
        replica.receive(other.digest, file, offset, data)
    elsewhere = replace(wanted, spec=FolderSpec("m", tmp_path / "gone"))
    with pytest.raises(MedevalError, match=r"what arrived in .* is another model"):
        replica.open(elsewhere, {"base": other.digest})


def test_weights_that_nobody_shares_are_held_one_at_a_time(make_model, make_adapter, replica):
    """Variants of a model, as the noise floor asks for them, do not pile up in a replica."""
    loading = _loading(make_adapter(make_model("llama")))
    variants = [replace(loading, settings=replace(SETTINGS, merge=True, batch_size=size)) for size in (1, 2)]
    for one in (loading, *variants):
        replica.open(one, {})
    assert list(replica._models) == [loading, variants[1]]


def test_pieces_of_an_empty_file(tmp_path):
    """An empty file is one empty piece, so that it arrives as well."""
    (tmp_path / "merges.txt").write_text("")
    (tmp_path / "config.json").write_text("{}")
    found = parts(FolderSpec("m", Path(tmp_path)), None)["base"]
    assert list(found.pieces()) == [("config.json", 0, b"{}"), ("merges.txt", 0, b"")]
