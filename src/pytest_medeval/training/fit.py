"""One call of Transformers' Trainer, seeded, with its losses kept as JSON lines."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_medeval.training.examples import IGNORED, Encoded
from pytest_medeval.training.recipe import Schedule

LOG = "loss.jsonl"


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a training run took."""

    steps: int
    seconds: float
    loss: float
    """Mean over the run."""


def total(runs: Sequence[Fitted]) -> Fitted:
    """Add up the stages of a run; the loss is the last one's."""
    return Fitted(sum(run.steps for run in runs), round(sum(run.seconds for run in runs), 1), runs[-1].loss)


def readable(folder: Path) -> None:
    """Let everybody read the weights: safetensors writes them for their owner alone."""
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)


def fit(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Encoded],
    schedule: Schedule,
    *,
    seed: int,
    out: Path,
    stage: int = 0,
) -> Fitted:
    """Train ``model`` in place on rows of token ids; add one JSON object a log step to ``out/loss.jsonl``.

    The order of rows, dropout and initial adapter weights follow ``seed``: the same machine and number of
    threads give the same weights.
    """
    from transformers import Trainer, TrainingArguments, set_seed

    set_seed(seed)
    steps_an_epoch = -(-len(rows) // (schedule.batch * schedule.accumulation))
    arguments = TrainingArguments(
        output_dir=str(out),
        num_train_epochs=schedule.epochs,
        per_device_train_batch_size=schedule.batch,
        gradient_accumulation_steps=schedule.accumulation,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type=schedule.decay,
        warmup_steps=round(schedule.warmup * steps_an_epoch * schedule.epochs),
        weight_decay=schedule.weight_decay,
        adam_beta2=schedule.beta2,
        max_grad_norm=schedule.clip,
        bf16=schedule.precision == "bf16",
        use_cpu=not _accelerated(),
        seed=seed,
        data_seed=seed,
        logging_steps=schedule.log_every,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )
    out.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=_Rows(rows),
        data_collator=_Pad(tokenizer.pad_token_id),
        callbacks=[_callback(out / LOG, started, stage)],
    )
    trainer.pop_callback(_printer())
    result = trainer.train()
    return Fitted(
        int(result.global_step), round(time.monotonic() - started, 1), round(float(result.training_loss), 4)
    )


def _accelerated() -> bool:
    import torch

    return bool(torch.cuda.is_available())


def _printer() -> Any:
    from transformers import PrinterCallback

    return PrinterCallback


def _callback(file: Path, started: float, stage: int) -> Any:
    """Make the callback here: its base class comes from a module that is slow to import."""
    from transformers import TrainerCallback

    class Log(TrainerCallback):
        """Append each log entry of the Trainer as a line of JSON."""

        def __init__(self) -> None:
            if not stage:
                file.write_text("", encoding="utf-8")

        def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002 - protocol
            """Write step, loss, learning rate and seconds so far."""
            logs = kwargs.get("logs") or {}
            if "loss" not in logs:
                return
            entry = {
                "stage": stage,
                "step": state.global_step,
                "loss": round(float(logs["loss"]), 4),
                "learning_rate": float(logs["learning_rate"]),
                "seconds": round(time.monotonic() - started, 1),
            }
            with file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry) + "\n")

    return Log()


class _Rows:
    """Rows as the Trainer's dataset."""

    def __init__(self, rows: Sequence[Encoded]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Encoded:
        return self.rows[index]


class _Pad:
    """Right-pad the rows of a batch; padding carries no loss and no attention."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, rows: Sequence[Encoded]) -> dict[str, Any]:
        import torch

        width = max(len(row.input_ids) for row in rows)
        return {
            "input_ids": torch.tensor(
                [[*row.input_ids, *[self.pad] * (width - len(row.input_ids))] for row in rows]
            ),
            "labels": torch.tensor([[*row.labels, *[IGNORED] * (width - len(row.labels))] for row in rows]),
            "attention_mask": torch.tensor(
                [[1] * len(row.input_ids) + [0] * (width - len(row.input_ids)) for row in rows]
            ),
        }
