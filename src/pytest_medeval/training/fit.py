"""One call of Transformers' Trainer: seeded, its losses kept as JSON lines, resumable from checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.models.proof import finite
from pytest_medeval.training.examples import IGNORED, Encoded
from pytest_medeval.training.recipe import Schedule
from pytest_medeval.training.telling import LOG, begin, log_callback

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor
    from transformers import EvalPrediction, PreTrainedModel, Trainer, TrainerState, TrainingArguments

# Training that is still one: a loss, a gradient or a weight that is no number ends it, and nothing is
# saved.

HINT = "nothing was saved; a smaller learning_rate or precision = 'fp32' may help"


def check_number(what: str, value: float, where: str) -> None:
    """Stop where a number of the training is none."""
    if not math.isfinite(value):
        raise MedevalError(f"training stopped at {where}: the {what} is {value}; {HINT}")


def check_weights(named: Iterable[tuple[str, Tensor]]) -> None:
    """Refuse weights (name, tensor) that are no numbers, before they are saved."""
    for name, weight in named:
        wrong = weight.numel() - int(weight.isfinite().sum()) if weight.is_floating_point() else 0
        if wrong:
            raise MedevalError(f"training ended in {finite.told(name, wrong, weight.numel())}; {HINT}")


class Padded:
    """Right-pad the rows of a batch; padding carries no loss and no attention."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, rows: Sequence[Encoded]) -> dict[str, Tensor]:
        """Give input ids, labels and attention mask: int64 tensors of shape (rows, longest row)."""
        import torch

        width = max(len(row.input_ids) for row in rows)
        return {
            "input_ids": torch.tensor([[*row.input_ids, *[self.pad] * (width - len(row.input_ids))] for row in rows]),
            "labels": torch.tensor([[*row.labels, *[IGNORED] * (width - len(row.labels))] for row in rows]),
            "attention_mask": torch.tensor(
                [[1] * len(row.input_ids) + [0] * (width - len(row.input_ids)) for row in rows]
            ),
        }


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
    model: PreTrainedModel | PeftModel,
    pad: int,
    rows: Sequence[Encoded],
    schedule: Schedule,
    *,
    seed: int,
    out: Path,
    stage: int = 0,
    dev: Sequence[Encoded] = (),
    saving: Saving | None = None,
) -> Fitted:
    """Train ``model`` in place on rows of token ids, filled with ``pad``; log to ``out/loss.jsonl``, an object a step.

    The order of rows, dropout and initial adapter weights follow ``seed``: the same machine and number of
    threads give the same weights, also when the run goes on from a checkpoint of ``saving``. The loss and the
    token accuracy of ``dev`` rows are logged with it.
    """
    from transformers import PrinterCallback, set_seed

    set_seed(seed)
    out.mkdir(parents=True, exist_ok=True)
    begun = saving.step if saving else 0
    begin(out / LOG, lambda entry: (entry["stage"], entry["step"]) <= (stage, begun))
    started = time.monotonic()
    trainer = stopping_trainer(
        model=model,
        args=arguments(schedule, len(rows), seed=seed, out=out, dev=bool(dev), saving=saving),
        train_dataset=rows,
        eval_dataset=dev or None,
        data_collator=Padded(pad),
        compute_metrics=_token_accuracy,
        preprocess_logits_for_metrics=lambda logits, _labels: logits.argmax(-1),
        callbacks=[log_callback(out / LOG, stage, begun)],
    )
    trainer.pop_callback(PrinterCallback)
    resumed = str(saving.begin) if saving and saving.begin else None
    result = trainer.train(resume_from_checkpoint=resumed)
    return Fitted(int(result.global_step), round(time.monotonic() - started, 1), round(float(result.training_loss), 4))


def arguments(
    schedule: Schedule, rows: int, *, seed: int, out: Path, dev: bool = False, saving: Saving | None = None
) -> TrainingArguments:
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


def stopping_trainer(**given: Any) -> Trainer:
    """Make the Trainer that stops where a loss or a gradient is no number: its base class is slow to import.

    In fp16 the losses are scaled until no gradient overflows, so that there only the loss tells.
    """
    import torch
    from transformers import Trainer, TrainerCallback

    class Watch(TrainerCallback):
        """Look at the gradients before each step of the optimiser."""

        def on_pre_optimizer_step(
            self, args: TrainingArguments, state: TrainerState, control: object, **given: Any
        ) -> None:
            del control  # the protocol gives it
            norms = [one.grad.detach().float().norm() for one in given["model"].parameters() if one.grad is not None]
            if norms and not args.fp16:
                check_number("gradient", float(torch.stack(norms).norm()), f"step {state.global_step + 1}")

    class Stopping(Trainer):
        """Look at each loss before it is learnt from."""

        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            found = super().compute_loss(*args, **kwargs)
            loss = found[0] if isinstance(found, tuple) else found
            check_number("loss", float(loss.detach()), f"step {self.state.global_step + 1}")
            return found

    trainer = Stopping(**given)
    trainer.add_callback(Watch())
    return trainer


def accelerated() -> bool:
    """Say whether there is a GPU."""
    import torch

    return bool(torch.cuda.is_available())


def _token_accuracy(found: EvalPrediction) -> dict[str, float]:
    """Give the share of trained tokens that are the likeliest ones; each is predicted one position earlier."""
    said, labels = np.asarray(found.predictions)[:, :-1], np.asarray(found.label_ids)[:, 1:]
    counted = labels != IGNORED
    return {"token_accuracy": float((said == labels)[counted].mean())}
