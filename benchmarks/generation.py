"""Greedy replies: one preallocated cache against Transformers' ``generate``, alone and in its best batches.

Needs ``pip install 'pytest-medeval[local]'``. The model is random (no download) and the prompts are MedQA's questions
of very different lengths, or the model is the folder that ``--model`` names and the prompts are GenMedGPT's; every way
makes the same number of tokens a prompt in float32. Alone, which takes longest, every fourth prompt is answered, from
the longest to the shortest. Usage: ``python benchmarks/generation.py [--prompts 64] [--new-tokens 64] [--runs 5]
[--threads 2] [--clock cpu] [--model build/smollm2]``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

import random_model
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings
from pytest_medeval.models.identity import identify
from pytest_medeval.models.local.generate import Generation, generate_lean, generate_plain
from pytest_medeval.models.local.kernels import pack, unpack
from pytest_medeval.models.local.model import LocalModel, load_local
from pytest_medeval.models.local.weights import quiet

Way = Callable[[], dict[int, list[int]]]
DIALOGUES = random_model.DATA.parents[1] / "genmedgpt5k" / "chatdoctor5k.json"


def make_tasks(model: LocalModel, options: argparse.Namespace) -> list[Generation]:
    """Make prompts of different lengths, the longest first, that never end before the limit."""
    if options.model:
        texts = [item["input"] for item in json.loads(DIALOGUES.read_text(encoding="utf-8"))[: options.prompts]]
    else:
        texts = [str(item["question"]) for item in random_model.questions(options.prompts, options.data)]
    requests = [Request((Message("user", text),)) for text in texts]
    prompts = [model._prompter.encode(request).ids for request in requests]  # noqa: SLF001 - no public tokeniser
    order = sorted(range(len(prompts)), key=lambda index: -len(prompts[index]))
    return [Generation(index, prompts[index], options.new_tokens, lambda _: False) for index in order]


def in_batches(tasks: list[Generation], size: int, run: Callable[[list[Generation]], list[Generation]]) -> Way:
    """Answer length-sorted batches of ``size``; give the token ids of each prompt's reply."""

    def way() -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for start in range(0, len(tasks), size):
            batch = tasks[start : start + size]
            for task in batch:
                task.found.clear()
            with quiet(), torch.inference_mode():
                found |= {task.index: list(task.found) for task in run(batch)}
        return found

    return way


def main() -> None:
    """Print one line a way: tokens a second, ratio to the lean loop, replies that equal those made alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--alone", type=int, default=4, help="of how many prompts one is answered alone (default: 4)")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--data", type=Path, default=random_model.DATA)
    parser.add_argument("--model", type=Path, help="a model's folder; a random one where none is named")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, kind = random_model.asked(options.model, Path(name), options.data)
        spec = random_model.spec_of(folder)
        settings = Settings(device="cpu", dtype="float32", threads=options.threads)
        model = load_local(spec, identify(spec, settings), settings)
        theirs: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)  # without our kernels
    inner, tasks = model._base.model, make_tasks(model, options)  # noqa: SLF001 - the ways below it are compared

    def lean(batch: list[Generation]) -> list[Generation]:
        pack(inner)
        try:
            return generate_lean(inner, batch, set(), tokens=model.limits.budget.tokens)
        finally:
            unpack(inner)

    def plain(batch: list[Generation]) -> list[Generation]:
        return generate_plain(theirs, batch, set())

    ways = {"lean_64": in_batches(tasks, 64, lean), "generate_1": in_batches(tasks[:: options.alone], 1, plain)}
    ways |= {f"generate_{rows}": in_batches(tasks, rows, plain) for rows in (8, 16, 24, 32)}
    replies: dict[str, dict[int, list[int]]] = {}

    def kept(name: str, way: Way) -> Callable[[], None]:
        return lambda: replies.update({name: way()})

    timed = {name: kept(name, way) for name, way in ways.items()}
    seconds = random_model.alternate(options.runs, timed, options.clock)
    rates = {way: len(replies[way]) * options.new_tokens / taken for way, taken in seconds.items()}
    print(f"{kind}, float32, {random_model.machine(options.threads)}, {model.kernel}")
    print(f"{'':12} {'tokens/s':>9} {'lean is':>8} {'equal to alone':>15}")
    for way, rate in rates.items():
        same = sum(replies[way].get(index) == reply for index, reply in replies["generate_1"].items())
        print(f"{way:12} {rate:9.0f} {rates['lean_64'] / rate:7.2f}x {same:11d}/{len(replies['generate_1'])}")
    batched = max(rate for way, rate in rates.items() if way.startswith("generate") and way != "generate_1")
    print(f"best batches: {rates['lean_64'] / batched:.2f}x")


if __name__ == "__main__":
    main()
