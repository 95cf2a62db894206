"""``CARD.md`` beside the weights, from the recipe and the run; metrics of the same weights stay."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_medeval.core.fingerprint import fingerprint_weights
from pytest_medeval.training.recipe import Recipe
from pytest_medeval.training.telling import LOG, Logged, read_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# ``curve.png`` beside the weights: loss and learning rate, dev loss, and the reward of PPO, from the
# logs.

CURVE = "curve.png"
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
    figure.savefig(out / CURVE, dpi=DOTS, metadata={"Software": None})  # the same picture, the same bytes
    return True


def _loss(axis: Axes, entries: Sequence[Logged]) -> None:
    """Draw the losses on a logarithmic scale, stages one after the other, the learning rate on the right."""
    last: dict[float, float] = {}
    for entry in entries:
        last[entry["stage"]] = max(last.get(entry["stage"], 0), entry["step"])

    def drawn(on: Axes, key: str, style: str, *, color: str | None = None, label: str = "") -> None:
        some = [entry for entry in entries if key in entry]
        steps = [entry["step"] + sum(n for stage, n in last.items() if stage < entry["stage"]) for entry in some]
        if some:
            on.plot(steps, [entry[key] for entry in some], style, label=label, markersize=3, color=color)

    drawn(axis, "loss", "-", label="loss")
    drawn(axis, "dev_loss", "o-", label="dev loss")
    axis.set(xlabel="step", ylabel="loss", yscale="log", title="supervised")
    rates = axis.twinx()
    drawn(rates, "learning_rate", ":", color="grey")
    rates.set_ylabel("learning rate (dotted)")
    axis.legend()


def _reward(axis: Axes, entries: Sequence[Logged]) -> None:
    """Draw reward and accuracy of the sampled replies, and the divergence from the supervised policy."""
    batches = [entry["batch"] for entry in entries]
    axis.plot(batches, [entry["reward"] for entry in entries], label="reward")
    axis.plot(batches, [entry["accuracy"] for entry in entries], label="accuracy")
    axis.set(xlabel="batch", ylabel="mean of sampled replies", title="PPO")
    divergence = axis.twinx()
    divergence.plot(batches, [entry["kl"] for entry in entries], ":", color="grey")
    divergence.set_ylabel("KL to the supervised policy, nats a reply (dotted)", fontsize="small")
    axis.legend()


FILE = "CARD.md"
METRICS = "## Metrics on held-out cases"
"""From this heading on, the card is kept when training gave the same weights again."""
UNMEASURED = "Not measured since these weights were made."


def write(recipe: Recipe, out: Path, entry: Mapping[str, object]) -> None:
    """Write the card of a finished run, whose provenance is ``entry``."""
    file = out / FILE
    old = file.read_text(encoding="utf-8") if file.is_file() else ""
    weights = fingerprint_weights(out)
    _, found, kept = old.partition(METRICS)
    tail = kept if found and weights in old else f"\n\n{UNMEASURED}\n"
    file.write_text("\n".join([*_lines(recipe, out, {"weights": weights, **entry}), METRICS]) + tail, encoding="utf-8")


def _lines(recipe: Recipe, out: Path, entry: Mapping[str, object]) -> Iterator[str]:
    yield f"# {recipe.name}"
    yield ""
    if recipe.notes:
        yield recipe.notes.strip()
        yield ""
    yield "## Recipe"
    yield ""
    relative = Path(os.path.relpath(recipe.file.resolve(), out.resolve())).as_posix()
    where = "from here" if "/" in relative else "beside this card"
    yield f"`{relative}` {where}; the command that trains it:"
    yield ""
    yield "    python -m pytest_medeval.training PATH/TO/recipe.toml"
    yield ""
    yield from _table(_settings(recipe))
    if (out / CURVE).is_file():
        shown = "reward of sampled replies" if recipe.ppo.questions else "loss and learning rate"
        yield f"![{shown}]({CURVE})"
        yield ""
    yield "## Run"
    yield ""
    yield from _table({name: _flat(value) for name, value in entry.items()})


def _settings(recipe: Recipe) -> dict[str, str]:
    part = recipe.lora if recipe.kind == "lora" else recipe.architecture
    settings = {"kind": recipe.kind, "mirrors": recipe.mirrors, "base": recipe.base, "task": recipe.task}
    settings |= {"data": recipe.data.train, "records": str(recipe.data.count or "")}
    for number, stage in enumerate(recipe.stages, 1):
        mixture = ", ".join(f"{kind} {weight:g}" for kind, weight in stage.mixture.items())
        settings[f"stage {number}"] = f"{stage.tokens:,} tokens; documents by weight: {mixture}"
    for section in (part, recipe.schedule):
        fields = dataclasses.asdict(section)
        settings |= {name.replace("_", " "): _flat(value) for name, value in fields.items()}
    if recipe.ppo.questions:
        fields = {**dataclasses.asdict(recipe.ppo), "data": recipe.ppo.data.train or "as above"}
        settings |= {f"PPO {name.replace('_', ' ')}": _flat(value) for name, value in fields.items()}
    return {name: value for name, value in settings.items() if value}


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _table(rows: Mapping[str, str]) -> Iterator[str]:
    yield "| | |"
    yield "|---|---|"
    for name, value in rows.items():
        yield f"| {name} | {value} |"
    yield ""
