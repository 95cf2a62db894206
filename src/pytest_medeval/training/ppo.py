"""The PPO stage of a recipe: a supervised adapter in, a rewarded one out.

The formulas of proximal policy optimisation on replies: tensors of shape (replies, tokens), with a mask.

Schulman et al. 2017, "Proximal Policy Optimization Algorithms"; Schulman et al. 2016, "High-Dimensional Continuous
Control Using Generalized Advantage Estimation"; the reward of each token as in Ziegler et al. 2019, section 2.
A mask is 1 on the tokens of a reply, its end token included, and 0 on the padding behind it.

PPO of an adapter after its supervised stage: LoRA weights only, rewarded by the project's own reply reader.

trl (1.16) has no PPO trainer any more, so the loop is ours. The supervised adapter is loaded twice: one copy learns,
the other one is the reference policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import TypedDict, cast

import torch
from peft import PeftModel
from torch import Tensor
from transformers import set_seed

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.core.types import Answer
from pytest_medeval.metrics.choices.choice import RIGHT_REWARD, WRONG_REWARD
from pytest_medeval.models.local.model import load_prompter
from pytest_medeval.models.prompts import Prompter
from pytest_medeval.tasks.base import Trainable
from pytest_medeval.tasks.cases.split import asked_text, content, subset
from pytest_medeval.tasks.cases.trained import Sketch, read_sketch
from pytest_medeval.tasks.mcq import MCQ, MCQCase
from pytest_medeval.training import checkpoints as provenance
from pytest_medeval.training.checkpoints import FOLDER, Provenance, drop_checkpoints, mark
from pytest_medeval.training.data import digest, task_cases
from pytest_medeval.training.examples import asked_task
from pytest_medeval.training.fit import Fitted, accelerated, check_number
from pytest_medeval.training.recipe import Ppo, Recipe, Schedule
from pytest_medeval.training.saving import base_folder, load_base, save
from pytest_medeval.training.telling import Logged, Teller, begin, read_lines, write_line

SMALL = 1e-8


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Average over the tokens of all replies: a scalar."""
    return (values * mask).sum() / mask.sum()


def token_logprobs(logits: Tensor, tokens: Tensor, temperature: float = 1.0) -> Tensor:
    """Give log pi(token) under logits (replies, tokens, vocabulary): (replies, tokens), in nats."""
    scaled = torch.log_softmax(logits.float() / temperature, dim=-1)
    return scaled.gather(-1, tokens[..., None])[..., 0]


def token_rewards(scores: Tensor, logprobs: Tensor, reference: Tensor, mask: Tensor, kl: float) -> Tensor:
    """Give each token its reward: r_t = -kl (log pi(a_t) - log pi_ref(a_t)), and the score on the last token.

    ``scores`` (replies,) are those of whole replies. E[log pi - log pi_ref] under pi is the Kullback-Leibler divergence
    from the reference policy.
    """
    rewards = -kl * (logprobs - reference) * mask
    last = mask.sum(dim=1).long() - 1
    rewards[torch.arange(len(rewards)), last] += scores
    return rewards


def advantages(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> Tensor:
    """Give generalised advantages: A_t = d_t + gamma lam A_(t+1), d_t = r_t + gamma V_(t+1) - V_t.

    Behind the last token value and advantage are 0. ``A + V`` is what the values should have been.
    """
    found = torch.zeros_like(rewards)
    following = torch.zeros_like(rewards[:, 0])
    after = torch.zeros_like(rewards[:, 0])
    for step in range(rewards.shape[1] - 1, -1, -1):
        delta = rewards[:, step] + gamma * after - values[:, step]
        following = (delta + gamma * lam * following) * mask[:, step]
        found[:, step] = following
        after = values[:, step] * mask[:, step]
    return found


def whiten(values: Tensor, mask: Tensor) -> Tensor:
    """Shift and scale to mean 0 and standard deviation 1 over the tokens of all replies; padding stays 0."""
    mean = masked_mean(values, mask)
    deviation = masked_mean((values - mean) ** 2, mask).sqrt()
    return (values - mean) / (deviation + SMALL) * mask


def clipped_loss(logprobs: Tensor, old: Tensor, advantage: Tensor, mask: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """Give the clipped objective as a loss, -E[min(q A, clamp(q, 1 - clip, 1 + clip) A)], q = exp(new - old).

    Equation 7 of Schulman et al. 2017, averaged over tokens; and the share of tokens on which the clamp decides.
    """
    ratio = torch.exp(logprobs - old)
    free, clamped = ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage
    return -masked_mean(torch.minimum(free, clamped), mask), masked_mean((clamped < free).float(), mask)


# The state of an interrupted PPO stage: weights, optimisers, random numbers, and what waits to be logged.

STAGE = "ppo"
STATE = "state.pt"


class State(TypedDict):
    """All that the next batch depends on, and what waits to be logged."""

    weights: list[Tensor]
    critic: dict[str, Tensor]
    optimiser: dict[str, object]
    critic_optimiser: dict[str, object]
    random: Tensor
    random_cuda: list[Tensor]
    batch: int
    waiting: list[Logged]
    seconds: float


@dataclass(frozen=True, slots=True)
class Keep:
    """Where the state of a PPO stage is kept, and after how many batches."""

    file: Path
    every: int

    @classmethod
    def open(cls, recipe: Recipe, out: Path, data: str, *, resume: bool) -> Keep:
        """Begin a stage, or go on from what was kept; ``MedevalError`` where recipe or data have changed since."""
        folder = out / FOLDER / STAGE
        mark(folder, recipe, data, resumed=resume)
        return cls(folder / STATE, recipe.ppo.save_every)

    def load(self) -> State | None:
        """Read what was kept; None where nothing was."""
        return torch.load(self.file, weights_only=True) if self.file.is_file() else None

    def save(self, learner: Learner, batch: int, waiting: list[Logged], seconds: float) -> None:
        """Keep the state after a batch, in place of the last one."""
        state = State(
            weights=[weight.detach() for weight in learner.weights],
            critic=learner.critic.state_dict(),
            optimiser=learner.optimiser.state_dict(),
            critic_optimiser=learner.critic_optimiser.state_dict(),
            random=torch.get_rng_state(),
            random_cuda=torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            batch=batch,
            waiting=waiting,
            seconds=seconds,
        )
        new = self.file.with_suffix(".new")
        torch.save(state, new)
        new.replace(self.file)


def kept(out: Path) -> bool:
    """Say whether ``out`` holds the state of an interrupted PPO stage."""
    return (out / FOLDER / STAGE / STATE).is_file()


def restore(learner: Learner, state: State) -> None:
    """Put a learner where it was."""
    with torch.no_grad():
        for weight, then in zip(learner.weights, state["weights"], strict=True):
            weight.copy_(then)
    learner.critic.load_state_dict(state["critic"])
    learner.optimiser.load_state_dict(state["optimiser"])
    learner.critic_optimiser.load_state_dict(state["critic_optimiser"])
    torch.set_rng_state(state["random"])
    if state["random_cuda"]:
        torch.cuda.set_rng_state_all(state["random_cuda"])


LOG = "reward.jsonl"
LEARNER, REFERENCE = "default", "reference"
"""Names, within peft, of the copy that learns and of the one that stays."""


@dataclass(frozen=True, slots=True)
class Replies:
    """Sampled replies to prompts: ids (replies, prompt + tokens), masks, and the reward of each reply."""

    ids: Tensor
    attention: Tensor
    tokens: Tensor
    mask: Tensor
    scores: Tensor
    allowed: Tensor | None = None
    """Which tokens could follow (replies, tokens, vocabulary), where replies were sampled among options."""


@dataclass(frozen=True, slots=True)
class Update:
    """What a batch was like, before and while it was learnt from."""

    reward: float
    accuracy: float
    answered: float
    kl: float
    loss: float
    value_loss: float
    clipped: float
    tokens: float


def reward(task: MCQ, case: MCQCase, text: str) -> float:
    """Give S2's reward of a reply: 1.0 if the option that the reply reader reads is right, else 0.1.

    ``task`` reads generated replies: ``MCQ(scoring="reply")``.
    """
    return RIGHT_REWARD if task.correct(case, task.read(case, Answer(text))) else WRONG_REWARD


@dataclass(frozen=True, slots=True)
class Choices:
    """The replies that each prompt offers, as token ids with the end token; a reply is sampled among them."""

    ids: tuple[tuple[tuple[int, ...], ...], ...]
    pad: int

    def following(self, at: int, begun: Sequence[int]) -> list[int]:
        """List the tokens that may follow what has begun; padding behind a whole reply."""
        size, start = len(begun), tuple(begun)
        found = {option[size] for option in self.ids[at] if len(option) > size and option[:size] == start}
        return sorted(found) or [self.pad]

    def allowed(self, tokens: Tensor, vocabulary: int) -> Tensor:
        """Mark the tokens that could have stood at each place of the replies."""
        marks = torch.zeros(*tokens.shape, vocabulary, dtype=torch.bool)
        for at, row in enumerate(tokens.tolist()):
            for place in range(len(row)):
                marks[at, place, self.following(at, row[:place])] = True
        return marks.to(tokens.device)


class Learner:
    """A policy with its reference, a value head, and the two optimisers."""

    def __init__(self, model: PeftModel, prompter: Prompter, ppo: Ppo, schedule: Schedule) -> None:
        self.model, self.prompter, self.ppo, self.clip_norm = model, prompter, ppo, schedule.clip
        self.pad, self.ends = prompter.padding, sorted(prompter.end_tokens())
        # fp16 would need its losses scaled; bf16 has the range of fp32
        mixed = schedule.precision != "fp32"
        self.mixed = torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=mixed)
        hidden = model.config.get_text_config().hidden_size
        self.critic = torch.nn.Linear(hidden, 1, device=model.device)
        torch.nn.init.zeros_(self.critic.weight)
        torch.nn.init.constant_(self.critic.bias, (RIGHT_REWARD + WRONG_REWARD) / 2)
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.optimiser = torch.optim.AdamW(self.weights, lr=ppo.learning_rate, weight_decay=0.0)
        self.critic_optimiser = torch.optim.Adam(self.critic.parameters(), lr=ppo.critic_rate)

    def sample(self, prompts: Sequence[Sequence[int]], choices: Choices | None = None) -> Replies:
        """Sample a reply, not scored yet, to each prompt (token ids), among ``choices`` where they are given."""
        longest = max(map(len, prompts))
        rows = [[self.pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        ids = torch.tensor(rows, device=self.model.device)
        attention = torch.tensor(
            [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=ids.device
        )
        with torch.no_grad(), self.mixed:
            found: Tensor = self.model.generate(
                input_ids=ids,
                attention_mask=attention,
                do_sample=True,
                temperature=self.ppo.temperature,
                top_k=0,
                top_p=1.0,
                max_new_tokens=self.ppo.max_new_tokens,
                pad_token_id=self.pad,
                eos_token_id=self.ends,
                logits_processor=[_only_numbers],
                prefix_allowed_tokens_fn=choices and (lambda at, row: choices.following(at, row[longest:].tolist())),
            )
        tokens = found[:, longest:]
        ended = torch.isin(tokens, torch.tensor(self.ends, device=tokens.device)).long()
        mask = (ended.cumsum(dim=1) - ended == 0).long()  # up to and with the first end token
        return Replies(
            ids=found,
            attention=torch.cat([attention, mask], dim=1),
            tokens=tokens,
            mask=mask,
            scores=torch.zeros(len(prompts), device=ids.device),
            allowed=choices.allowed(tokens, self.model.config.vocab_size) if choices else None,
        )

    def policy(self, replies: Replies) -> tuple[Tensor, Tensor]:
        """Give the log-probability of each reply token, and the hidden state that it was chosen from."""
        positions = (replies.attention.cumsum(dim=1) - 1).clamp(min=0)
        with self.mixed:
            found = self.model(
                input_ids=replies.ids,
                attention_mask=replies.attention,
                position_ids=positions,
                output_hidden_states=True,
                use_cache=False,
                logits_to_keep=replies.tokens.shape[1] + 1,
            )
        before = slice(-replies.tokens.shape[1] - 1, -1)  # a token is chosen one position earlier
        logits = found.logits[:, :-1]
        if replies.allowed is not None:
            logits = logits.masked_fill(~replies.allowed, -torch.inf)
        logprobs = token_logprobs(logits, replies.tokens, self.ppo.temperature)
        return logprobs, found.hidden_states[-1][:, before].detach().float()

    def update(self, replies: Replies, accuracy: float, answered: float, where: str = "a PPO batch") -> Update:
        """Learn from sampled replies: ``inner`` passes of the clipped objective, the value head beside it.

        ``where`` says which batch it is, should its numbers be none.
        """
        mask = replies.mask.float()
        with torch.no_grad():
            self.model.set_adapter(REFERENCE)
            reference, _ = self.policy(replies)
        self.model.set_adapter(LEARNER)
        logprobs, hidden = self.policy(replies)
        old, values = logprobs.detach(), self.critic(hidden).detach()[..., 0] * mask
        rewards = token_rewards(replies.scores, old, reference, mask, self.ppo.kl)
        gained = advantages(rewards, values, mask, self.ppo.gamma, self.ppo.lam)
        weighed = whiten(gained, mask)
        for again in range(self.ppo.inner):
            if again:
                logprobs, hidden = self.policy(replies)
            loss, clipped = clipped_loss(logprobs, old, weighed, mask, self.ppo.clip)
            value_loss = masked_mean((self.critic(hidden)[..., 0] - gained - values) ** 2, mask)
            self._step(loss, value_loss, where)
        return Update(
            reward=float(replies.scores.mean()),
            accuracy=accuracy,
            answered=answered,
            kl=float(((old - reference) * mask).sum(dim=1).mean()),
            loss=float(loss.detach()),
            value_loss=float(value_loss.detach()),
            clipped=float(clipped),
            tokens=float(mask.sum(dim=1).mean()),
        )

    def _step(self, loss: Tensor, value_loss: Tensor, where: str) -> None:
        check_number("loss", float((loss + value_loss).detach()), where)
        self.optimiser.zero_grad()
        self.critic_optimiser.zero_grad()
        (loss + value_loss).backward()
        check_number("gradient", float(torch.nn.utils.clip_grad_norm_(self.weights, self.clip_norm)), where)
        self.optimiser.step()
        self.critic_optimiser.step()


def run_ppo(
    learner: Learner, task: MCQ, cases: Sequence[MCQCase], *, seed: int, out: Path, keep: Keep
) -> tuple[int, float]:
    """Ask ``cases`` in shuffled batches, reward and learn; log means to ``out/reward.jsonl``; give batches and seconds.

    ``task`` asks, with its own options; its replies are read as generated ones whatever its scoring is. A stage that
    ``keep`` holds goes on after its last batch, and ends in the same weights.
    """
    reader = replace(task, scoring="reply")
    begun, waiting, started = 0, list[Logged](), time.monotonic()
    if then := keep.load():
        restore(learner, then)
        begun, waiting, started = then["batch"], then["waiting"], started - then["seconds"]
    begin(out / LOG, lambda line: line["batch"] <= begun)
    count = begun
    batches, teller = list(_batches(cases, learner.ppo, seed)), Teller("PPO batch", begun)
    for count, batch in enumerate(batches[begun:], start=begun + 1):
        waiting.append(asdict(_learn(learner, task, reader, batch, f"PPO batch {count}")))
        teller.tell(count, len(batches), f"reward {waiting[-1]['reward']:.3f}")
        seconds = round(time.monotonic() - started, 1)
        if len(waiting) == learner.ppo.log_every:
            means = {name: round(sum(row[name] for row in waiting) / len(waiting), 4) for name in waiting[0]}
            write_line(out / LOG, {"batch": count, **means, "seconds": seconds})
            waiting = []
        if count % keep.every == 0:
            keep.save(learner, count, waiting, seconds)
    return count, round(time.monotonic() - started, 1)


def _batches(cases: Sequence[MCQCase], ppo: Ppo, seed: int) -> Iterator[list[MCQCase]]:
    for epoch in range(ppo.epochs):
        order = list(cases)
        Random(f"{seed}/{epoch}").shuffle(order)
        yield from (order[at : at + ppo.batch] for at in range(0, len(order), ppo.batch))


def _learn(learner: Learner, task: MCQ, reader: MCQ, batch: Sequence[MCQCase], where: str) -> Update:
    asked = [case for case in batch for _ in range(learner.ppo.samples)]
    prompts, choices = _asked(learner, task, asked)
    replies = learner.sample(prompts, choices)
    texts = [
        str(learner.prompter.tokenizer.decode(row[kept.bool()], skip_special_tokens=True))
        for row, kept in zip(replies.tokens, replies.mask, strict=True)
    ]
    scores = [reward(reader, case, text) for case, text in zip(asked, texts, strict=True)]
    read = [reader.read(case, Answer(text)).prediction is not None for case, text in zip(asked, texts, strict=True)]
    replies = replace(replies, scores=torch.tensor(scores, device=replies.ids.device))
    right = sum(score == RIGHT_REWARD for score in scores)
    return learner.update(replies, right / len(scores), sum(read) / len(read), where)


def _asked(learner: Learner, task: MCQ, cases: Sequence[MCQCase]) -> tuple[list[tuple[int, ...]], Choices | None]:
    """Give the prompts as evaluation asks them, with the texts of the options behind them where they are offered."""
    prompter, offered = learner.prompter, learner.ppo.offered
    options = (tuple(case.options.values()) if offered else () for case in cases)
    found = [
        prompter.encode(replace(task.request(case), choices=some)) for case, some in zip(cases, options, strict=True)
    ]
    ids = tuple(tuple((*option, prompter.closing) for option in prompt.choices) for prompt in found)
    return [prompt.ids for prompt in found], Choices(ids, learner.pad) if offered else None


def _only_numbers(_ids: Tensor, scores: Tensor) -> Tensor:
    """Stop sampling from logits that are no numbers; those that may not follow are minus infinity."""
    check_number("largest logit", float(scores.amax(-1).sum()), "sampling a reply")
    return scores


def reinforce(recipe: Recipe, supervised: Path, out: Path, *, resume: bool) -> Provenance:
    """Go on from the adapter in ``supervised`` by PPO; save into ``out`` and give the provenance.

    ``resume``: an interrupted stage goes on where it was kept.
    """
    base, task = base_folder(recipe), asked_task(recipe)
    cases = questions(recipe, task)
    data = digest([asked_text(vars(case)) for case in cases])
    first = fingerprint_weights(supervised)
    if not resume:
        drop_checkpoints(out)
    keep = Keep.open(recipe, out, digest([data, first]), resume=resume)
    resumed = {"resumed_after_batch": then["batch"] if (then := keep.load()) else 0} if resume else {}
    model = PeftModel.from_pretrained(load_base(recipe, base), supervised, is_trainable=True)
    model.load_adapter(supervised, REFERENCE)
    if accelerated() and recipe.loading.quantize == "none":
        model.to("cuda")
    model.eval()  # without dropout: the policy that is learnt from is the one that replied
    set_seed(recipe.seed + 1)
    learner = Learner(model, load_prompter(base), recipe.ppo, recipe.schedule)
    batches, seconds = run_ppo(learner, task, cases, seed=recipe.seed, out=out, keep=keep)
    model.delete_adapter(REFERENCE)
    save(model, recipe, base, out)
    drop_checkpoints(out)
    lines = read_lines(out / LOG) or [{"loss": float("nan"), "reward": float("nan")}]
    counts = {
        "supervised_fingerprint": first,
        "questions": len(cases),
        "replies": len(cases) * recipe.ppo.epochs * recipe.ppo.samples,
        "first_reward": lines[0]["reward"],
        "last_reward": lines[-1]["reward"],
        **resumed,
    }
    fitted = Fitted(batches, seconds, lines[-1]["loss"])
    sketch = Sketch.of(map(content, cases)) | (read_sketch(supervised) or Sketch())
    base_digest = fingerprint_weights(base)
    return provenance.write(recipe, out, fitted, data=data, base=base_digest, counts=counts, sketch=sketch)


def questions(recipe: Recipe, task: Trainable) -> list[MCQCase]:
    """Choose the questions: filtered as the recipe's data are, none held out, none of its dev set."""
    given, own = recipe.ppo.data, recipe.data
    dev = {content(case) for case in task_cases(recipe, task).dev} if own.dev or own.divided else set()
    data = given if given.train else replace(own, dev="", dev_share=0.0, dev_count=0)
    held = [*own.held_out, *given.held_out]
    data = replace(data, source=data.source or own.source, held_out=held, overlap=own.overlap)
    # the next seed: the closed world then draws other questions than those of the supervised stage
    found = task_cases(replace(recipe, data=data, seed=recipe.seed + 1), task).cases
    left = [case for case in found if content(case) not in dev]
    if len(left) < recipe.ppo.questions:
        raise MedevalError(
            f"{recipe.file}: [ppo] questions is {recipe.ppo.questions}, but its data leave {len(left)} to ask"
        )
    return cast("list[MCQCase]", subset(left, recipe.ppo.questions))
