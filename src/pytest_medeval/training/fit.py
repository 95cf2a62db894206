"""One call of Transformers' Trainer: seeded, its losses kept as JSON lines, resumable from checkpoints."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_medeval.training.batches import Padded, RowSet
from pytest_medeval.training.examples import IGNORED, Encoded
from pytest_medeval.training.losslog import LOG, begin, log_callback
from pytest_medeval.training.numbers import check_number, norm_of_gradients
from pytest_medeval.training.recipe import Schedule


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a training run took."""

    steps: int
    seconds: float
    loss: float
    """Mean over the steps since it was begun or resumed."""


@dataclass(frozen=True, slots=True)
class Saving:
    """Where checkpoints go, and the one to go on from."""

    folder: Path
    begin: Path | None = None

    @property
    def step(self) -> int:
        """The step after which the run goes on: checkpoints are named by it."""
        return 0 if self.begin is None else int(self.begin.name.rpartition("-")[2])


def total(runs: Sequence[Fitted]) -> Fitted:
    """Add up the stages of a run; the loss is the last one's."""
    return Fitted(sum(run.steps for run in runs), round(sum(run.seconds for run in runs), 1), runs[-1].loss)


def readable(folder: Path) -> None:
    """Let everybody read the weights: safetensors writes them for their owner alone."""
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)


def steps_an_epoch(rows: int, schedule: Schedule) -> int:
    """Count the optimiser's steps of an epoch; the last batch may be smaller."""
    return -(-rows // (schedule.batch * schedule.accumulation))


def fit(
    model: Any,
    tokenizer: Any,
    rows: Sequence[Encoded],
    schedule: Schedule,
    *,
    seed: int,
    out: Path,
    stage: int = 0,
    dev: Sequence[Encoded] = (),
    saving: Saving | None = None,
) -> Fitted:
    """Train ``model`` in place on rows of token ids; add one JSON object a log step to ``out/loss.jsonl``.

    The order of rows, dropout and initial adapter weights follow ``seed``: the same machine and number of
    threads give the same weights, also when the run goes on from a checkpoint of ``saving``. The loss and the
    token accuracy of ``dev`` rows are logged with it.
    """
    from transformers import PrinterCallback, set_seed

    set_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    begun = saving.step if saving else 0
    begin(out / LOG, stage, begun)
    started = time.monotonic()
    printer: Any = PrinterCallback
    trainer = stopping_trainer()(
        model=model,
        args=arguments(schedule, len(rows), seed=seed, out=out, dev=bool(dev), saving=saving),
        train_dataset=RowSet(rows),
        eval_dataset=RowSet(dev) if dev else None,
        data_collator=Padded(tokenizer.pad_token_id),
        compute_metrics=_token_accuracy,
        preprocess_logits_for_metrics=_likeliest,
        callbacks=[log_callback(out / LOG, stage, begun)],
    )
    trainer.pop_callback(printer)
    resumed = str(saving.begin) if saving and saving.begin else None
    result = trainer.train(resume_from_checkpoint=resumed)
    return Fitted(
        int(result.global_step), round(time.monotonic() - started, 1), round(float(result.training_loss), 4)
    )


def arguments(
    schedule: Schedule, rows: int, *, seed: int, out: Path, dev: bool = False, saving: Saving | None = None
) -> Any:
    """Make the Trainer's arguments of a schedule."""
    from transformers import TrainingArguments

    dev_when = "no" if not dev else "steps" if schedule.eval_every else "epoch"
    return TrainingArguments(
        output_dir=str(saving.folder if saving else out),
        num_train_epochs=schedule.epochs,
        per_device_train_batch_size=schedule.batch,
        per_device_eval_batch_size=schedule.batch,
        gradient_accumulation_steps=schedule.accumulation,
        learning_rate=schedule.learning_rate,
        lr_scheduler_type=schedule.decay,
        warmup_steps=round(schedule.warmup * steps_an_epoch(rows, schedule) * schedule.epochs),
        weight_decay=schedule.weight_decay,
        adam_beta2=schedule.beta2,
        max_grad_norm=schedule.clip,
        bf16=schedule.precision == "bf16",
        fp16=schedule.precision == "fp16",
        use_cpu=not accelerated(),
        seed=seed,
        data_seed=seed,
        logging_steps=schedule.log_every,
        logging_nan_inf_filter=False,
        eval_strategy=dev_when,
        eval_steps=schedule.eval_every or None,
        save_strategy="steps" if saving else "no",
        save_steps=schedule.save_every,
        save_total_limit=1,
        report_to=[],
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
    )


def stopping_trainer() -> Any:
    """Make the Trainer that stops where a loss or a gradient is no number: its base class is slow to import.

    In fp16 the losses are scaled until no gradient overflows, so that there only the loss tells.
    """
    from transformers import Trainer, TrainerCallback

    class Watch(TrainerCallback):
        """Look at the gradients before each step of the optimiser."""

        def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ARG002 - protocol
            if not args.fp16:
                check_number("gradient", norm_of_gradients(kwargs["model"]), f"step {state.global_step + 1}")

    class Stopping(Trainer):
        """Look at each loss before it is learnt from."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.add_callback(Watch())

        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            found = super().compute_loss(*args, **kwargs)
            loss = found[0] if isinstance(found, tuple) else found
            check_number("loss", float(loss.detach()), f"step {self.state.global_step + 1}")
            return found

    return Stopping


def accelerated() -> bool:
    """Say whether there is a GPU."""
    import torch

    return bool(torch.cuda.is_available())


def _likeliest(logits: Any, labels: Any) -> Any:  # noqa: ARG001 - the Trainer's protocol
    """Keep the likeliest token of each position instead of all logits."""
    return logits.argmax(-1)


def _token_accuracy(found: Any) -> dict[str, float]:
    """Give the share of trained tokens that are the likeliest ones; each is predicted one position earlier."""
    said, labels = found.predictions[:, :-1], found.label_ids[:, 1:]
    counted = labels != IGNORED
    return {"token_accuracy": float((said == labels)[counted].mean())}
