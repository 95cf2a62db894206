"""PPO against values worked out by hand, and on a random tiny model that learns a reward."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import pytest

pytest.importorskip("peft", reason="training needs the extra 'train'")

import torch

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.core.types import Record, Source
from pytest_medeval.models.proof.adapter import prove_adapter
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases.split import content
from pytest_medeval.tasks.cases.trained import read_sketch
from pytest_medeval.training.__main__ import main
from pytest_medeval.training.data import task_cases
from pytest_medeval.training.examples import asked_task
from pytest_medeval.training.ppo import (
    Choices,
    Learner,
    advantages,
    clipped_loss,
    masked_mean,
    questions,
    reward,
    token_logprobs,
    token_rewards,
    whiten,
)
from pytest_medeval.training.recipe import load_recipe

pytestmark = [
    # peft 0.21 asks Transformers 5.23 by the old name, and looks for the base from the working directory
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Could not find a config file:UserWarning"),
]

ROOT = Path(__file__).parents[3]


def row(*values):
    """Make a tensor of one reply."""
    return torch.tensor([values], dtype=torch.float32)


@pytest.mark.parametrize(
    ("ratio", "advantage", "objective", "clamped"),
    [
        # min(q A, clamp(q, 0.8, 1.2) A), by hand
        (1.0, 2.0, 2.0, 0.0),
        (1.5, 2.0, 2.4, 1.0),  # more of a good token: the gain ends at 1.2
        (0.5, 2.0, 1.0, 0.0),  # less of a good token: the loss is felt in full
        (0.5, -2.0, -1.6, 1.0),  # less of a bad token: the gain ends at 0.8
        (1.5, -2.0, -3.0, 0.0),  # more of a bad token: the loss is felt in full
    ],
)
def test_the_clipped_objective(ratio, advantage, objective, clamped):
    """The four cases of Schulman et al. 2017, figure 1."""
    old = row(-1.0)
    loss, share = clipped_loss(old + math.log(ratio), old, row(advantage), row(1.0), 0.2)
    assert float(loss) == pytest.approx(-objective, abs=1e-6)
    assert float(share) == clamped


def test_a_clamped_token_has_no_gradient():
    """Beyond the clamp nothing more is to be gained, so nothing pulls."""
    new = row(math.log(1.5), 0.0).requires_grad_()
    loss, _ = clipped_loss(new, row(0.0, 0.0), row(2.0, 2.0), row(1.0, 1.0), 0.2)
    loss.backward()
    assert new.grad.tolist() == [[0.0, -1.0]]  # -A q / 2 tokens, where q = 1


def test_advantages_by_hand():
    """Three tokens, gamma 0.9, lambda 0.5: d = (1.15, 1.2, 0.5), A_t = d_t + 0.45 A_(t+1)."""
    rewards, values = row(1.0, 2.0, 3.0), row(0.75, 1.0, 2.5)
    rewards[0, 1] = -0.05  # d_1 = -0.05 + 0.9 * 2.5 - 1 = 1.2; d_0 = 1 + 0.9 * 1 - 0.75 = 1.15; d_2 = 3 - 2.5
    found = advantages(rewards, values, row(1.0, 1.0, 1.0), 0.9, 0.5)
    assert found.tolist()[0] == pytest.approx([1.15 + 0.45 * 1.425, 1.2 + 0.45 * 0.5, 0.5], abs=1e-6)


def test_advantages_with_lambda_one_are_return_less_value():
    """With gamma = lambda = 1 the values of later tokens cancel."""
    found = advantages(row(0.0, 0.0, 1.0), row(0.3, 0.6, 0.9), row(1.0, 1.0, 1.0), 1.0, 1.0)
    assert found.tolist()[0] == pytest.approx([0.7, 0.4, 0.1], abs=1e-6)


def test_padding_changes_nothing():
    """A shorter reply among longer ones has the advantages it has alone, and 0 behind its end."""
    alone = advantages(row(0.1, 1.0), row(0.2, 0.4), row(1.0, 1.0), 0.9, 0.8)
    padded = advantages(row(0.1, 1.0, 9.0), row(0.2, 0.4, 7.0), row(1.0, 1.0, 0.0), 0.9, 0.8)
    assert padded.tolist()[0] == pytest.approx([*alone.tolist()[0], 0.0], abs=1e-6)
    loss, _ = clipped_loss(row(0.1, 5.0), row(0.0, 0.0), row(1.0, 1.0), row(1.0, 0.0), 0.2)
    assert float(loss) == pytest.approx(-math.exp(0.1), abs=1e-6)


def test_the_divergence_is_charged_token_by_token():
    """r_t = -kl (log pi - log ref); the score comes with the last token, not behind it."""
    found = token_rewards(torch.tensor([1.0]), row(-1.0, -0.5, 0.0), row(-1.2, -0.5, -9.0), row(1.0, 1.0, 0.0), 0.5)
    assert found.tolist()[0] == pytest.approx([-0.1, 1.0, 0.0], abs=1e-6)


def test_the_sampled_divergence_is_the_divergence_on_average():
    """KL((.75, .25) || (.5, .5)) = .75 ln 1.5 + .25 ln .5 = 0.13081 nats, by hand."""
    policy, reference = torch.tensor([0.75, 0.25]).log(), torch.tensor([0.5, 0.5]).log()
    expected = sum(float(p.exp()) * float(p - q) for p, q in zip(policy, reference, strict=True))
    assert expected == pytest.approx(0.13081, abs=1e-5)
    paid = [
        float(token_rewards(torch.tensor([0.0]), p.view(1, 1), q.view(1, 1), row(1.0), 1.0))
        for p, q in zip(policy, reference, strict=True)
    ]
    assert 0.75 * paid[0] + 0.25 * paid[1] == pytest.approx(-0.13081, abs=1e-5)


def test_whitened_values_have_mean_0_and_deviation_1():
    """Over the tokens that count: (1, 3) becomes (-1, 1)."""
    mask = row(1.0, 1.0, 0.0)
    assert whiten(row(1.0, 3.0, 50.0), mask).tolist()[0] == pytest.approx([-1.0, 1.0, 0.0], abs=1e-6)
    assert float(masked_mean(row(1.0, 3.0, 50.0), mask)) == 2.0


def test_log_probabilities_of_tokens():
    """Logits (ln 3, 0): 0.75 and 0.25; at temperature 0.5: 0.9 and 0.1."""
    logits = torch.tensor([[[math.log(3), 0.0], [math.log(3), 0.0]]])
    found = token_logprobs(logits, torch.tensor([[0, 1]]))
    assert found.exp().tolist()[0] == pytest.approx([0.75, 0.25], abs=1e-6)
    assert token_logprobs(logits, torch.tensor([[0, 1]]), 0.5).exp().tolist()[0] == pytest.approx([0.9, 0.1])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(B) iron", 1.0),
        ("iron", 1.0),
        ("The answer is B.", 1.0),
        ("(A) aspirin", 0.1),
        ("A or B", 0.1),
        ("", 0.1),
        ("(B) aspirin", 0.1),
    ],
)
def test_the_reward_is_what_the_reply_reader_says(text, value):
    """1.0 for the right option by letter or text, 0.1 for anything else, silence and hedging included."""
    task = TASKS.resolve("mcq")(scoring="reply")
    fields = {"id": "a", "question": "Which drug?", "options": {"A": "aspirin", "B": "iron"}, "answer": "B"}
    assert reward(task, task.case(Record(Source("x"), fields)), text) == value


def test_replies_are_sampled_among_what_is_offered():
    """After each beginning only the tokens of options that begin so, then the end, then padding."""
    choices = Choices((((5, 6, 1), (5, 7, 1), (8, 1)),), pad=0)
    assert [choices.following(0, begun) for begun in ((), (5,), (5, 6), (5, 6, 1), (8,))] == [
        [5, 8],
        [6, 7],
        [1],
        [0],
        [1],
    ]
    marks = choices.allowed(torch.tensor([[8, 1, 0]]), 9)
    assert [torch.nonzero(place).ravel().tolist() for place in marks[0]] == [[5, 8], [1], [0]]


PPO = """
[ppo]
questions = 6
epochs = 2
batch = 3
samples = 2
inner = 2
learning_rate = 1e-2
max_new_tokens = 40
offered = true
log_every = 1
[ppo.data]
train = "tools.world.recipes:mcq"
count = 8
"""


@pytest.fixture(scope="module")
def rewarded(house):
    """Train the toy base, a supervised adapter and its PPO stage."""
    folder = house / "adapters" / "toy-ppo"
    folder.mkdir(exist_ok=True)
    plain = (house / "adapters" / "toy-mcq" / "recipe.toml").read_text(encoding="utf-8")
    (folder / "recipe.toml").write_text(plain + PPO, encoding="utf-8")
    if not (house / "fixtures" / "toy-base" / "model.safetensors").is_file():
        assert main([str(house / "fixtures" / "toy-base" / "recipe.toml")]) == 0
    assert main([str(folder / "recipe.toml")]) == 0
    return folder


def test_both_stages_are_kept_with_their_cards(rewarded):
    """The supervised adapter in its folder, the rewarded one beside the recipe, logs, curve and card."""
    assert fingerprint_weights(rewarded) != fingerprint_weights(rewarded / "sft")
    log = [json.loads(line) for line in (rewarded / "reward.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["batch"] for line in log] == [1, 2, 3, 4]
    assert all(0.1 <= line["reward"] <= 1.0 and 0 <= line["accuracy"] <= 1 for line in log)
    assert all(line["reward"] == pytest.approx(0.1 + 0.9 * line["accuracy"], abs=1e-3) for line in log)
    assert all(line["answered"] == 1 for line in log)  # an option's text is always read
    assert log[0]["kl"] == 0.0  # the first replies are those of the supervised policy
    assert any(line["kl"] != 0.0 for line in log[1:])
    entry = json.loads((rewarded / "provenance.json").read_text(encoding="utf-8"))
    assert entry["supervised_fingerprint"] == fingerprint_weights(rewarded / "sft")
    assert (entry["steps"], entry["questions"], entry["replies"]) == (4, 6, 24)
    first, both = read_sketch(rewarded / "sft"), read_sketch(rewarded)
    recipe = load_recipe(rewarded / "recipe.toml")
    assert first.digests < both.digests
    assert all(both.holds(case) and not first.holds(case) for case in questions(recipe, asked_task(recipe)))
    card = (rewarded / "CARD.md").read_text(encoding="utf-8")
    assert "| PPO clip | 0.2 |" in card
    assert "![reward of sampled replies](curve.png)" in card
    config = json.loads((rewarded / "sft" / "adapter_config.json").read_text(encoding="utf-8"))
    assert config["base_model_name_or_path"] == "../../../fixtures/toy-base"


def test_ppo_changes_lora_weights_only_and_gives_the_same_bytes(rewarded):
    """A resumed run takes the finished supervised stage and ends in the very weights."""
    from safetensors.torch import load_file

    weights = load_file(rewarded / "adapter_model.safetensors")
    assert all("lora_" in name for name in weights)
    assert weights.keys() == load_file(rewarded / "sft" / "adapter_model.safetensors").keys()
    before = fingerprint_weights(rewarded)
    stamp = (rewarded / "sft" / "adapter_model.safetensors").stat().st_mtime_ns
    (rewarded / "provenance.json").unlink()
    assert main([str(rewarded / "recipe.toml"), "--resume"]) == 0
    assert (rewarded / "sft" / "adapter_model.safetensors").stat().st_mtime_ns == stamp
    assert fingerprint_weights(rewarded) == before


def test_an_interrupted_ppo_stage_goes_on(rewarded, tmp_path, monkeypatch):
    """Weights, optimisers and random numbers are those of a run in one go; so is the log, and no batch is repeated."""
    file = tmp_path / "adapters" / "cut" / "recipe.toml"
    file.parent.mkdir(parents=True)
    text = (rewarded / "recipe.toml").read_text(encoding="utf-8").replace('"../../', f'"{rewarded.parents[1]}/')
    text = text.replace("log_every = 1\n[ppo.data]", "log_every = 2\nsave_every = 1\n[ppo.data]")
    file.write_text(text, encoding="utf-8")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert main([str(file), f"--out={whole}"]) == 0
    batches = iter(range(3))
    update = Learner.update

    def until(self, *rest):
        if next(batches, None) is None:
            raise KeyboardInterrupt
        return update(self, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "update", until)
        assert main([str(file), f"--out={broken}"]) == 130
    assert not (broken / "adapter_model.safetensors").exists()
    assert main([str(file), f"--out={broken}", "--resume"]) == 0
    assert fingerprint_weights(broken) == fingerprint_weights(whole)
    entries = [json.loads((out / "provenance.json").read_text(encoding="utf-8")) for out in (whole, broken)]
    assert entries[1]["resumed_after_batch"] == 3
    assert [entry["steps"] for entry in entries] == [4, 4]
    logs = [
        [{**line, "seconds": 0} for line in map(json.loads, (out / "reward.jsonl").read_text("utf-8").splitlines())]
        for out in (whole, broken)
    ]
    assert logs[0] == logs[1]
    assert not (broken / "checkpoints").exists()


def test_questions_are_not_of_the_dev_set(rewarded):
    """What the supervised stage held back stays held back."""
    file = rewarded / "dev.toml"
    text = (rewarded / "recipe.toml").read_text(encoding="utf-8")
    text = text.replace("[data]", "[data]\ndev_share = 0.4", 1).replace("questions = 6", "questions = 5")
    text = text.replace('[ppo.data]\ntrain = "tools.world.recipes:mcq"\ncount = 8\n', "")
    file.write_text(text, encoding="utf-8")
    recipe = load_recipe(file)
    task = asked_task(recipe)
    dev = {content(case) for case in task_cases(recipe, task).dev}
    asked = questions(recipe, task)
    assert dev
    assert len(asked) == 5
    assert not dev & {content(case) for case in asked}


def test_too_few_questions_are_an_error(rewarded):
    """More than there are cannot be asked."""
    file = rewarded / "many.toml"
    text = (rewarded / "recipe.toml").read_text(encoding="utf-8")
    file.write_text(text.replace("questions = 6", "questions = 60"), encoding="utf-8")
    recipe = load_recipe(file)
    with pytest.raises(MedevalError, match=r"\[ppo\] questions is 60, but its data leave 8 to ask"):
        questions(recipe, asked_task(recipe))


def test_the_shipped_adapter_is_the_one_its_card_tells_of():
    """Its recipe, its supervised stage and its base are those of its provenance; it is proved to be applied."""
    folder = ROOT / "adapters" / "tiny-mcq-ppo"
    entry = json.loads((folder / "provenance.json").read_text(encoding="utf-8"))
    assert entry["recipe_sha256"] == hashlib.sha256((folder / "recipe.toml").read_bytes()).hexdigest()
    assert entry["supervised_fingerprint"] == fingerprint_weights(folder / "sft")
    assert entry["base_fingerprint"] == fingerprint_weights(ROOT / "fixtures" / "tiny-base")
    assert fingerprint_weights(folder) in (folder / "CARD.md").read_text(encoding="utf-8")
    prove_adapter(folder, ROOT / "fixtures" / "tiny-base")
    prove_adapter(folder / "sft", ROOT / "fixtures" / "tiny-base")
