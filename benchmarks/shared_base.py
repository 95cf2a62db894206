"""Resident memory and loading time: a base with three adapters in it, against the base alone.

Needs ``pip install 'pytest-medeval[local]'``. Without arguments a random model of 34 million weights with three
random adapters is used; ``--adapters DIR DIR DIR`` measures real ones that share a base. Each figure is taken in a
process of its own; the memory that the imports take is subtracted on both sides of ``weights only``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import random_model
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, baseline_of, open_model
from pytest_medeval.models.spec import parse_model

ASKED = [Request((Message("user", "Which drug is given first?"),), choices=("aspirin", "heparin"))]


def resident() -> int:
    """Give this process's resident bytes (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def measure(texts: list[str]) -> None:
    """Open the models in this process, ask each something, and print bytes and seconds as JSON."""
    import peft  # noqa: F401 - its memory belongs to the imports
    import torch
    import transformers

    transformers.AutoModelForCausalLM  # noqa: B018 - loads what is imported on use
    torch.set_num_threads(1)
    before, start = resident(), time.perf_counter()
    models = [open_model(parse_model(text, Path()), Settings(device="cpu", threads=1)) for text in texts]
    for model in models:
        model.answer(ASKED)
    print(json.dumps({"all": resident(), "weights": resident() - before, "seconds": time.perf_counter() - start}))


def in_process(texts: list[str]) -> dict[str, float]:
    """Measure in a fresh process."""
    command = [sys.executable, __file__, "--measure", *texts]
    found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def random_adapters(folder: Path) -> list[str]:
    """Write a random base and three random adapters of rank 8 on its attention."""
    import peft
    import torch
    import transformers

    random_model.make_model(folder / "base")
    names = []
    for seed in range(3):
        torch.manual_seed(seed)
        model = transformers.AutoModelForCausalLM.from_pretrained(folder / "base")
        targets = ["q_proj", "k_proj", "v_proj", "o_proj"]
        wrapped = peft.get_peft_model(model, peft.LoraConfig(r=8, target_modules=targets, init_lora_weights=False))
        wrapped.save_pretrained(str(folder / f"adapter{seed}"))
        names.append(str(folder / f"adapter{seed}"))
    return names


def main() -> None:
    """Print the two measurements and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapters", nargs="+")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        return measure(options.measure)
    with tempfile.TemporaryDirectory() as name:
        adapters = options.adapters or random_adapters(Path(name))
        base = baseline_of(parse_model(adapters[0], Path()))
        alone = in_process([str(getattr(base, "folder", base))])
        together = in_process([*adapters, str(getattr(base, "folder", base))])
        apart = [in_process([adapter]) for adapter in adapters]
    for what, label in (("all", "whole process"), ("weights", "weights only")):
        ratio = together[what] / alone[what]
        print(
            f"{label:14} base {alone[what] / 2**20:7.1f} MiB, with {len(adapters)} adapters "
            f"{together[what] / 2**20:7.1f} MiB: {ratio:.3f} times"
        )
    reloading = alone["seconds"] + sum(one["seconds"] for one in apart)
    print(f"loading        {together['seconds']:.2f} s on one base, {reloading:.2f} s one after the other")
    return None


if __name__ == "__main__":
    main()
