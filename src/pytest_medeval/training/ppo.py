"""PPO of an adapter after its supervised stage: LoRA weights only, rewarded by the project's own reply reader.

trl (1.16) has no PPO trainer any more, so the loop is ours. The supervised adapter is loaded twice: one copy learns,
the other one is the reference policy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor

from pytest_medeval.metrics.choice import RIGHT_REWARD, WRONG_REWARD
from pytest_medeval.training.losslog import read_lines, write_line
from pytest_medeval.training.numbers import check_number
from pytest_medeval.training.ppo_keep import Keep, restore
from pytest_medeval.training.ppo_math import (
    advantages,
    clipped_loss,
    masked_mean,
    token_logprobs,
    token_rewards,
    whiten,
)
from pytest_medeval.training.recipe import Ppo, Schedule
from pytest_medeval.training.telling import Teller
from pytest_medeval.types import Answer

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


def reward(task: Any, case: Any, text: str) -> float:
    """Give S2's reward of a reply: 1.0 if the option that the reply reader reads is right, else 0.1.

    ``task`` reads generated replies: ``MCQ(scoring="reply")``.
    """
    return RIGHT_REWARD if task.correct(case, task.read(case, Answer(text))) else WRONG_REWARD


@dataclass(frozen=True, slots=True)
class Choices:
    """The replies that each prompt offers, as token ids with the end token; a reply is sampled among them."""

    ids: tuple[tuple[tuple[int, ...], ...], ...]
    pad: int

    @classmethod
    def of(cls, tokenizer: Any, cases: Sequence[Any]) -> Choices:
        """Offer the texts of each question's options."""
        encoded = (
            tokenizer(list(case.options.values()), add_special_tokens=False)["input_ids"] for case in cases
        )
        end = tokenizer.eos_token_id
        return cls(tuple(tuple((*ids, end) for ids in options) for options in encoded), tokenizer.pad_token_id)

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

    def __init__(self, model: Any, tokenizer: Any, ppo: Ppo, schedule: Schedule) -> None:
        self.model, self.tokenizer, self.ppo, self.clip_norm = model, tokenizer, ppo, schedule.clip
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
        longest, pad = max(map(len, prompts)), int(self.tokenizer.pad_token_id)
        rows = [[pad] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        ids = torch.tensor(rows, device=self.model.device)
        attention = torch.tensor(
            [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=ids.device
        )
        with torch.no_grad(), self.mixed:
            found = self.model.generate(
                input_ids=ids,
                attention_mask=attention,
                do_sample=True,
                temperature=self.ppo.temperature,
                top_k=0,
                top_p=1.0,
                max_new_tokens=self.ppo.max_new_tokens,
                pad_token_id=pad,
                eos_token_id=self.tokenizer.eos_token_id,
                logits_processor=[_only_numbers],
                prefix_allowed_tokens_fn=choices and (lambda at, row: choices.following(at, row[longest:].tolist())),
            )
        tokens = found[:, longest:]
        ended = (tokens == self.tokenizer.eos_token_id).long()
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
        (loss + value_loss).backward()  # type: ignore[no-untyped-call]  # torch's own
        check_number("gradient", float(torch.nn.utils.clip_grad_norm_(self.weights, self.clip_norm)), where)
        self.optimiser.step()
        self.critic_optimiser.step()


def run_ppo(
    learner: Learner, task: Any, cases: Sequence[Any], *, seed: int, out: Path, keep: Keep
) -> tuple[int, float]:
    """Ask ``cases`` in shuffled batches, reward and learn; log means to ``out/reward.jsonl``; give batches and seconds.

    ``task`` asks, with its own options; its replies are read as generated ones whatever its scoring is. A stage that
    ``keep`` holds goes on after its last batch, and ends in the same weights.
    """
    reader = replace(task, scoring="reply")
    then: Mapping[str, Any] = keep.load() or {"batch": 0, "waiting": [], "seconds": 0.0}
    begun, waiting = int(then["batch"]), list(then["waiting"])
    if begun:
        restore(learner, then)
    logged = [line for line in read_lines(out / LOG) if line["batch"] <= begun]
    (out / LOG).write_text("".join(json.dumps(line) + "\n" for line in logged), encoding="utf-8")
    started, count = time.monotonic() - then["seconds"], begun
    batches, teller = list(_batches(cases, learner.ppo, seed)), Teller("PPO batch", begun)
    for count, batch in enumerate(batches[begun:], start=begun + 1):
        waiting.append(asdict(_learn(learner, task, reader, batch, f"PPO batch {count}")))
        teller.tell(count, len(batches), f"reward {waiting[-1]['reward']:.3f}")
        seconds = round(time.monotonic() - started, 1)
        if len(waiting) == learner.ppo.log_every:
            write_line(out / LOG, {"batch": count, **_mean(waiting), "seconds": seconds})
            waiting = []
        if count % keep.every == 0:
            keep.save(learner, count, waiting, seconds)
    return count, round(time.monotonic() - started, 1)


def _batches(cases: Sequence[Any], ppo: Ppo, seed: int) -> Iterator[list[Any]]:
    for epoch in range(ppo.epochs):
        order = list(cases)
        Random(f"{seed}/{epoch}").shuffle(order)
        yield from (order[at : at + ppo.batch] for at in range(0, len(order), ppo.batch))


def _learn(learner: Learner, task: Any, reader: Any, batch: Sequence[Any], where: str) -> Update:
    asked = [case for case in batch for _ in range(learner.ppo.samples)]
    prompts = [_prompt(learner.tokenizer, task, case) for case in asked]
    choices = Choices.of(learner.tokenizer, asked) if learner.ppo.offered else None
    replies = learner.sample(prompts, choices)
    texts = [
        learner.tokenizer.decode(row[kept.bool()], skip_special_tokens=True)
        for row, kept in zip(replies.tokens, replies.mask, strict=True)
    ]
    scores = [reward(reader, case, text) for case, text in zip(asked, texts, strict=True)]
    read = [reader.read(case, Answer(text)).prediction is not None for case, text in zip(asked, texts, strict=True)]
    replies = replace(replies, scores=torch.tensor(scores, device=replies.ids.device))
    right = sum(score == RIGHT_REWARD for score in scores)
    return learner.update(replies, right / len(scores), sum(read) / len(read), where)


def _only_numbers(_ids: Tensor, scores: Tensor) -> Tensor:
    """Stop sampling from logits that are no numbers; those that may not follow are minus infinity."""
    check_number("largest logit", float(scores.amax(-1).sum()), "sampling a reply")
    return scores


def _prompt(tokenizer: Any, task: Any, case: Any) -> list[int]:
    turns = [{"role": message.role, "content": message.content} for message in task.request(case).messages]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: round(sum(row[name] for row in rows) / len(rows), 4) for name in rows[0]}
