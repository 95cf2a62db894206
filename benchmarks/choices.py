"""MCQ by log-likelihood: shared prefixes against lm-evaluation-harness, same model, prompts and threads.

Needs ``pip install 'pytest-medeval[local]' lm-eval``. The model is random (no download), or a folder that ``--model``
names, asked through its chat template on both sides; both score the same text in float32. The harness asks in the batch
that was fastest on the first questions. ``--data`` names MedQA's test file or a table of MMLU's. ``--float64 N`` says
how far either side is from plain forward passes in float64, on the first N questions of each way. Usage:
``python benchmarks/choices.py [--questions 200] [--runs 5] [--only texts-5] [--model build/smollm2] [--float64 40]``.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import tempfile
import time
from pathlib import Path
from typing import Any

import random_model
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings
from pytest_medeval.models.identity import identify
from pytest_medeval.models.local.model import LocalModel, load_local

WAYS = {"letters-0": ("letters", 0), "letters-5": ("letters", 5), "texts-0": ("texts", 0), "texts-5": ("texts", 5)}


def make_requests(items: list[dict[str, Any]], scoring: str, shots: int) -> list[Request]:
    """Ask the items behind ``shots`` answered ones."""
    examples, asked = items[:shots], items[5:]
    prompts = [_prompt(item, scoring) for item in examples]
    answers = [item["answer_idx"] if scoring == "letters" else item["answer"] for item in examples]
    shown = "".join(f"{prompt} {answer}\n\n" for prompt, answer in zip(prompts, answers, strict=True))
    return [
        Request(
            (Message("user", shown + _prompt(item, scoring)),),
            choices=tuple(item["options"] if scoring == "letters" else item["options"].values()),
        )
        for item in asked
    ]


def _prompt(item: dict[str, Any], scoring: str) -> str:
    listed = "".join(f"\n({letter}) {text}" for letter, text in item["options"].items())
    return f"Question: {item['question']}{listed if scoring == 'letters' else ''}\nAnswer:"


BATCHES = (1, 2, 4, 8, 16)
"""In which lm-evaluation-harness is tried; its own choice, ``auto``, is slower than any of them on a CPU."""


def peer(folder: Path) -> Any:
    """Load the same model in lm-evaluation-harness."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(folder), device="cpu", dtype="float32", batch_size=1, max_length=8192)


def in_best_batch(model: Any, requests: list[Request]) -> int:
    """Set the batch in which the first requests take the harness the least time of the processor."""

    def seconds(batch: int) -> float:
        model.batch_size_per_gpu = batch
        started = time.process_time()
        ask_peer(model, requests)
        return time.process_time() - started

    model.batch_size_per_gpu = best = min(BATCHES, key=seconds)
    return best


def _as_asked(model: Any, request: Request) -> str:
    message = {"role": "user", "content": request.messages[0].content}
    return str(model.tokenizer.apply_chat_template([message], tokenize=False, add_generation_prompt=True))


def ask_peer(model: Any, requests: list[Request]) -> list[tuple[float, ...]]:
    """Score the same requests with lm-evaluation-harness, all in one call."""
    from lm_eval.api.instance import Instance

    asked_as = [_as_asked(model, request) for request in requests]
    pairs = [(text, choice) for text, request in zip(asked_as, requests, strict=True) for choice in request.choices]
    asked = [Instance("loglikelihood", {}, pair, number) for number, pair in enumerate(pairs)]
    with contextlib.redirect_stderr(io.StringIO()):
        found = iter(model.loglikelihood(asked, disable_tqdm=True))
    return [tuple(next(found)[0] for _ in request.choices) for request in requests]


def compare(ours: LocalModel, theirs: Any, requests: list[Request], runs: int, clock: str) -> str:
    """Time both sides in turn and compare their log-likelihoods."""
    mine: list[tuple[float, ...]] = []
    other: list[tuple[float, ...]] = []
    seconds = random_model.alternate(
        runs,
        {
            "ours": lambda: mine.extend(answer.logprobs for answer in ours.answer(requests)),
            "theirs": lambda: other.extend(ask_peer(theirs, requests)),
        },
        clock,
    )
    worst = max(abs(a - b) for one, two in zip(mine, other, strict=True) for a, b in zip(one, two, strict=True))
    same = sum(_best(one) == _best(two) for one, two in zip(mine[: len(requests)], other, strict=False))
    count = len(requests)
    return (
        f"{count / seconds['theirs']:11.2f} {count / seconds['ours']:10.2f}"
        f" {seconds['theirs'] / seconds['ours']:7.2f} {worst:12.1e} {same:6d}/{count}"
    )


def judge(ours: LocalModel, theirs: Any, requests: list[Request], folder: Path) -> str:
    """Say how far both sides are from the same sums of log-probabilities in float64, one sequence at a time."""
    import torch

    library: Any = importlib.import_module("transformers")  # its types say less than it takes
    model = library.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64)

    def exact(prompt: str, choice: str) -> float:
        prompted, whole = (theirs.tok_encode(text, add_special_tokens=False) for text in (prompt, prompt + choice))
        with torch.no_grad():
            found = torch.log_softmax(model(torch.tensor([whole])).logits[0, :-1], dim=-1)
        return float(found[range(len(prompted) - 1, len(whole) - 1), whole[len(prompted) :]].sum())

    truth = [[exact(_as_asked(theirs, one), choice) for choice in one.choices] for one in requests]
    off = [
        max(abs(a - b) for one, two in zip(side, truth, strict=True) for a, b in zip(one, two, strict=True))
        for side in ([answer.logprobs for answer in ours.answer(requests)], ask_peer(theirs, requests))
    ]
    return f"against float64, {len(requests)} questions: lm-eval {off[1]:.1e}, ours {off[0]:.1e}"


def _best(values: tuple[float, ...]) -> int:
    return max(range(len(values)), key=values.__getitem__)


def main() -> None:
    """Print one line a way of asking."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--only", choices=WAYS, action="append")
    parser.add_argument("--data", type=Path, default=random_model.DATA)
    parser.add_argument("--float64", type=int, default=0, metavar="N")
    parser.add_argument("--model", type=Path, help="a model's folder; a random one where none is named")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, kind = random_model.asked(options.model, Path(name), options.data)
        spec = random_model.spec_of(folder)
        settings = Settings(device="cpu", dtype="float32", threads=options.threads)
        ours, theirs = load_local(spec, identify(spec, settings), settings), peer(folder)
        print(f"{kind}, float32, {random_model.machine(options.threads)}, {ours.kernel}")
        print(f"{'':10} {'lm-eval q/s':>10} {'ours q/s':>10} {'ratio':>7} {'worst diff':>12} {'same':>10} {'batch':>6}")
        for way in options.only or WAYS:
            scoring, shots = WAYS[way]
            requests = make_requests(random_model.questions(options.questions + 5, options.data), scoring, shots)
            batch = in_best_batch(theirs, requests[: 2 if shots else 16])  # behind examples these take minutes
            runs = max(1, options.runs // 3) if shots else options.runs
            print(f"{way:10} {compare(ours, theirs, requests, runs, options.clock)} {batch:6}", flush=True)
            if options.float64:
                print(judge(ours, theirs, requests[: options.float64], folder), flush=True)


if __name__ == "__main__":
    main()
