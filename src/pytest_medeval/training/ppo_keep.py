"""The state of an interrupted PPO stage: weights, optimisers, random numbers, and what waits to be logged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from pytest_medeval.training.checkpoints import FOLDER, mark
from pytest_medeval.training.recipe import Recipe

STAGE = "ppo"
STATE = "state.pt"


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

    def load(self) -> Mapping[str, Any] | None:
        """Read what was kept; None where nothing was."""
        return torch.load(self.file, weights_only=True) if self.file.is_file() else None

    def save(self, learner: Any, batch: int, waiting: list[dict[str, float]], seconds: float) -> None:
        """Keep the state after a batch, in place of the last one."""
        new = self.file.with_suffix(".new")
        torch.save({**state_of(learner), "batch": batch, "waiting": waiting, "seconds": seconds}, new)
        new.replace(self.file)

    def batch(self) -> int:
        """Say after which batch the stage goes on."""
        then = self.load()
        return int(then["batch"]) if then else 0


def kept(out: Path) -> bool:
    """Say whether ``out`` holds the state of an interrupted PPO stage."""
    return (out / FOLDER / STAGE / STATE).is_file()


def state_of(learner: Any) -> dict[str, Any]:
    """Give all that the next batch depends on."""
    return {
        "weights": [weight.detach() for weight in learner.weights],
        "critic": learner.critic.state_dict(),
        "optimiser": learner.optimiser.state_dict(),
        "critic_optimiser": learner.critic_optimiser.state_dict(),
        "random": torch.get_rng_state(),
        "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore(learner: Any, state: Mapping[str, Any]) -> None:
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
