"""An adapter merged into a copy of its base: the same model within rounding, no other weights touched."""

import pytest
import torch

from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, open_model
from pytest_medeval.models.local import weights as local_base
from pytest_medeval.models.proof.merged import write_merged
from pytest_medeval.models.spec import parse_model

REQUESTS = [
    Request((Message("user", text),), choices=("yes", "no", "perhaps"))
    for text in ("chest pain?", "fever and rash?", "发热？")
]


def logprobs(folder, **settings) -> torch.Tensor:
    """Ask a model for the likelihoods of the choices."""
    model = open_model(parse_model(str(folder), folder), Settings(device="cpu", **settings))
    return torch.tensor([answer.logprobs for answer in model.answer(REQUESTS)])


@pytest.fixture
def adapter(make_model, make_adapter):
    """Make a random adapter on a random base, with no other weights in memory."""
    local_base.forget_bases()
    yield make_adapter(make_model("llama"))
    local_base.forget_bases()


def test_merged_is_the_adapter_within_rounding(adapter):
    """The likelihoods differ from the unmerged ones by rounding alone, and from the base's by much more."""
    beside, merged = logprobs(adapter), logprobs(adapter, merge=True)
    assert torch.allclose(beside, merged, atol=1e-3)
    assert len(local_base._BASES) == 1
    assert torch.equal(beside, logprobs(adapter))


def test_merging_leaves_the_shared_base_alone(adapter, make_model):
    """The base's own replies are the same before and after an adapter was merged into a copy of it."""
    folder = make_model("llama")
    before = logprobs(folder)
    merged = logprobs(adapter, merge=True)
    assert torch.equal(before, logprobs(folder))
    assert not torch.allclose(before, merged, atol=1e-2)


def test_writing_a_merged_model_leaves_open_models_alone(adapter, make_model, tmp_path):
    """Base and adapter that are open answer as before, and merging once more gives the same model."""
    folder = make_model("llama")
    before = logprobs(folder), logprobs(adapter)
    for name in ("once", "again"):
        written = write_merged(parse_model(str(adapter), adapter), tmp_path / name, Settings(device="cpu"))
        assert written.gap < 1e-6
        assert torch.equal(logprobs(folder), before[0])
        assert torch.equal(logprobs(adapter), before[1])


def test_weights_for_once_are_not_kept(adapter):
    """A variant in another dtype leaves no second copy in memory."""
    own, other = logprobs(adapter), logprobs(adapter, dtype="bfloat16", keep=False)
    assert [key[1] for key in local_base._BASES] == ["float32"]
    assert not torch.equal(own, other)
    assert torch.allclose(own, other, rtol=0.1, atol=1.0)
