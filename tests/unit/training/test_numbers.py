"""Training whose numbers are none stops with one line, and leaves nothing that could pass for a trained model."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("peft", reason="training needs the extra 'train'")

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.models.prompts import Prompter
from pytest_medeval.tasks.cases.trained import Sketch
from pytest_medeval.training.examples import Encoded
from pytest_medeval.training.fit import check_weights, fit
from pytest_medeval.training.ppo import Learner, Replies
from pytest_medeval.training.recipe import Ppo, Schedule
from pytest_medeval.training.saving import merge

ROWS = [Encoded((1, 2, 3, 4), (1, 2, 3, 4))] * 4


class Words:
    """All that is asked of a tokenizer here."""

    pad_token_id = 0
    eos_token_id = 1
    chat_template = None

    def save_pretrained(self, folder) -> None:
        """Save nothing."""


@pytest.fixture
def model():
    """Make a random model."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=16, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=16, bos_token_id=None, eos_token_id=1, pad_token_id=0,
        )
    )  # fmt: skip


@pytest.fixture
def schedule():
    """Take two steps."""
    return Schedule(batch=2, learning_rate=1e-3, precision="fp32", epochs=1)


def test_a_loss_that_is_no_number_stops_the_first_step(model, schedule, tmp_path):
    """The line names step and value; the log holds no loss."""
    with torch.no_grad():
        model.model.norm.weight.fill_(3e38)
    with pytest.raises(MedevalError, match=r"training stopped at step 1: the loss is (nan|inf); nothing was saved"):
        fit(model, 0, ROWS, schedule, seed=0, out=tmp_path)
    assert (tmp_path / "loss.jsonl").read_text() == ""
    assert not list(tmp_path.glob("**/*.safetensors"))


def test_a_gradient_that_is_no_number_stops_before_it_is_learnt_from(model, schedule, tmp_path):
    """The weights are still what they were."""
    before = [weight.detach().clone() for weight in model.parameters()]
    model.lm_head.weight.register_hook(lambda gradient: gradient * math.nan)
    with pytest.raises(MedevalError, match="training stopped at step 1: the gradient is nan"):
        fit(model, 0, ROWS, schedule, seed=0, out=tmp_path)
    assert all(torch.equal(one, two) for one, two in zip(before, model.parameters(), strict=True))


def test_sound_training_goes_on(model, schedule, tmp_path):
    """All steps, and a loss that is a number."""
    found = fit(model, 0, ROWS, schedule, seed=0, out=tmp_path)
    assert found.steps == 2
    assert math.isfinite(found.loss)


def test_weights_that_are_no_numbers_are_not_saved(model, tmp_path):
    """One infinity is enough, also in what merging made."""
    with torch.no_grad():
        model.lm_head.weight[0, 0] = math.inf
    with pytest.raises(MedevalError, match=r"tensor 'lm_head\.weight': 1 of 128 values is not finite"):
        check_weights(model.named_parameters())
    model.merge_and_unload = lambda: model
    with pytest.raises(MedevalError, match="not finite"):
        merge(model, Words(), tmp_path / "merged", Sketch())
    assert not (tmp_path / "merged").exists()


def learner(model) -> Learner:
    """Make a learner whose reference is itself."""
    model.set_adapter = lambda _: None
    return Learner(model, Prompter(Words()), Ppo(questions=1, max_new_tokens=2, inner=1), Schedule(precision="fp32"))


def replies(score: float) -> Replies:
    """Make one sampled reply of two tokens."""
    ids = torch.tensor([[2, 3, 4, 1]])
    mask = torch.ones(1, 2, dtype=torch.long)
    return Replies(ids, torch.ones_like(ids), ids[:, 2:], mask, torch.tensor([score]))


def test_ppo_stops_at_a_loss_that_is_no_number(model):
    """A reward, a policy or a value that is none ends in the loss."""
    own = learner(model)
    assert math.isfinite(own.update(replies(1.0), 1.0, 1.0).loss)
    before = [weight.detach().clone() for weight in own.weights]
    with pytest.raises(MedevalError, match="training stopped at PPO batch 7: the loss is nan"):
        own.update(replies(math.nan), 1.0, 1.0, "PPO batch 7")
    assert all(torch.equal(one, two) for one, two in zip(before, own.weights, strict=True))


def test_ppo_stops_at_a_gradient_that_is_no_number(model):
    """Before the optimiser takes it."""
    own = learner(model)
    model.lm_head.weight.register_hook(lambda gradient: gradient * math.inf)
    before = [weight.detach().clone() for weight in own.weights]
    with pytest.raises(MedevalError, match=r"a PPO batch: the gradient is (nan|inf)"):
        own.update(replies(1.0), 1.0, 1.0)
    assert all(torch.equal(one, two) for one, two in zip(before, own.weights, strict=True))


def test_ppo_samples_from_numbers_only(model):
    """Logits that are none stop the stage in one line, not in torch's own error."""
    with torch.no_grad():
        model.model.norm.weight.fill_(3e38)
    with pytest.raises(MedevalError, match="sampling a reply: the largest logit is"):
        learner(model).sample([[2, 3]])
