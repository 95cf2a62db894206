"""Training that is still one: a loss, a gradient or a weight that is no number ends it, and nothing is saved."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pytest_medeval.errors import MedevalError
from pytest_medeval.models import finite

HINT = "nothing was saved; a smaller learning_rate or precision = 'fp32' may help"


def check_number(what: str, value: float, where: str) -> None:
    """Stop where a number of the training is none."""
    if not math.isfinite(value):
        raise MedevalError(f"training stopped at {where}: the {what} is {value}; {HINT}")


def check_weights(named: Iterable[tuple[str, Any]]) -> None:
    """Refuse weights (name, tensor) that are no numbers, before they are saved."""
    for name, weight in named:
        wrong = weight.numel() - int(weight.isfinite().sum()) if weight.is_floating_point() else 0
        if wrong:
            raise MedevalError(f"training ended in {finite.told(name, wrong, weight.numel())}; {HINT}")


def norm_of_gradients(model: Any) -> float:
    """Give the Euclidean norm of all gradients; NaN or infinite where one of them is."""
    import torch

    found = [weight.grad.detach().float().norm() for weight in model.parameters() if weight.grad is not None]
    return float(torch.stack(found).norm()) if found else 0.0
