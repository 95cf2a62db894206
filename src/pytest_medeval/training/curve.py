"""``curve.png`` beside the weights: loss and learning rate, dev loss, and the reward of PPO, from the logs."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_medeval.training.losslog import LOG, read_lines

FILE = "curve.png"
REWARDS = "reward.jsonl"
DOTS = 100
"""Per inch."""


def draw(out: Path) -> bool:
    """Draw what the logs in ``out`` hold; false where there is nothing to draw, or nothing to draw it with."""
    losses, rewards = read_lines(out / LOG), read_lines(out / REWARDS)
    if importlib.util.find_spec("matplotlib") is None or not (losses or rewards):
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = bool(losses) + bool(rewards)
    figure = Figure(figsize=(5 * panels, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    if losses:
        _loss(axes[0], losses)
    if rewards:
        _reward(axes[-1], rewards)
    figure.savefig(out / FILE, dpi=DOTS, metadata={"Software": None})  # the same picture, the same bytes
    return True


def _loss(axis: Any, entries: Sequence[dict[str, Any]]) -> None:
    """Draw the losses on a logarithmic scale, stages one after the other, the learning rate on the right."""
    steps = dict(zip(map(id, entries), _joined(entries), strict=True))
    for key, style in (("loss", "-"), ("dev_loss", "o-")):
        some = [entry for entry in entries if key in entry]
        if some:
            label = key.replace("_", " ")
            axis.plot([steps[id(e)] for e in some], [e[key] for e in some], style, label=label, markersize=3)
    axis.set(xlabel="step", ylabel="loss", yscale="log", title="supervised")
    rates = axis.twinx()
    some = [entry for entry in entries if "learning_rate" in entry]
    rates.plot([steps[id(e)] for e in some], [e["learning_rate"] for e in some], ":", color="grey")
    rates.set_ylabel("learning rate (dotted)")
    axis.legend()


def _joined(entries: Sequence[dict[str, Any]]) -> list[int]:
    """Give each entry its step counted from the first stage's start."""
    last: dict[int, int] = {}
    for entry in entries:
        last[entry["stage"]] = max(last.get(entry["stage"], 0), entry["step"])
    return [entry["step"] + sum(n for stage, n in last.items() if stage < entry["stage"]) for entry in entries]


def _reward(axis: Any, entries: Sequence[dict[str, Any]]) -> None:
    """Draw reward and accuracy of the sampled replies, and the divergence from the supervised policy."""
    batches = [entry["batch"] for entry in entries]
    axis.plot(batches, [entry["reward"] for entry in entries], label="reward")
    axis.plot(batches, [entry["accuracy"] for entry in entries], label="accuracy")
    axis.set(xlabel="batch", ylabel="mean of sampled replies", title="PPO")
    divergence = axis.twinx()
    divergence.plot(batches, [entry["kl"] for entry in entries], ":", color="grey")
    divergence.set_ylabel("KL to the supervised policy, nats a reply (dotted)", fontsize="small")
    axis.legend()
