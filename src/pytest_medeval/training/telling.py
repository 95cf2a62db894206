"""How far is a training run? A line on standard error now and then."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainerState

# What a run logs: one JSON object a line, in order, also when the run was interrupted and went on.

LOG = "loss.jsonl"
Logged: TypeAlias = dict[str, float]


def write_line(file: Path, entry: Mapping[str, float]) -> None:
    """Append an entry."""
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry) + "\n")


def read_lines(file: Path) -> list[Logged]:
    """Read the entries of a log; none where there is no file."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def begin(file: Path, stays: Callable[[Logged], bool]) -> None:
    """Begin a log, or go on with one: the entries of what was done before stay."""
    lines = [json.dumps(entry) + "\n" for entry in read_lines(file) if stays(entry)]
    file.write_text("".join(lines), encoding="utf-8")


def log_callback(file: Path, stage: int, begun: int) -> TrainerCallback:
    """Make the Trainer's callback here: its base class comes from a module that is slow to import.

    ``begun``: the step after which the run goes on.
    """
    from transformers import TrainerCallback

    started, teller = time.monotonic(), Teller(f"stage {stage}, step", begun)

    class Log(TrainerCallback):
        """Append the log entries of the Trainer that hold a loss, and tell the user now and then."""

        loss = "no loss yet"

        def on_step_end(self, args: object, state: TrainerState, control: object, **_: object) -> None:  # noqa: ARG002 - protocol
            """Say how far the stage is."""
            teller.tell(state.global_step, state.max_steps, self.loss)

        def on_log(
            self, args: object, state: TrainerState, control: object, logs: Logged | None = None, **_: object
        ) -> None:
            """Write step, losses, learning rate and seconds so far."""
            del args, control  # the protocol gives them
            logs = logs or {}
            entry: Logged = {"stage": stage, "step": state.global_step}
            if "loss" in logs:
                entry |= {"loss": round(float(logs["loss"]), 4), "learning_rate": float(logs["learning_rate"])}
                self.loss = f"loss {entry['loss']}"
            elif "eval_loss" in logs:
                entry["dev_loss"] = round(float(logs["eval_loss"]), 4)
                entry["dev_token_accuracy"] = round(float(logs["eval_token_accuracy"]), 4)
            else:
                return
            write_line(file, {**entry, "seconds": round(time.monotonic() - started, 1)})

    return Log()


EVERY = 10.0
"""Seconds between two lines."""
MINUTES = 120.0
"""From so many seconds on, what is left is told in minutes."""


class Teller:
    """Tells of a stretch of work that began after ``begun`` of its steps."""

    def __init__(self, what: str, begun: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._what, self._begun, self._clock = what, begun, clock
        self._started = self._told = clock()

    def tell(self, done: int, of: int, figure: str) -> None:
        """Write how many steps of all are done, with a figure, unless the last line is fresh."""
        now = self._clock()
        if now - self._told < EVERY:
            return
        self._told = now
        left = (now - self._started) / (done - self._begun) * (of - done)
        told = f"{left / 60:.0f} min" if left >= MINUTES else f"{left:.0f} s"
        sys.stderr.write(f"{self._what} {done} of {of}, {figure}, about {told} left\n")
        sys.stderr.flush()
