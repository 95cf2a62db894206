"""What the model benchmarks share: a random Qwen2, a tokenizer, MedQA questions, timing, the machine."""

from __future__ import annotations

import csv
import importlib
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_medeval.models.spec import FolderSpec

DATA = Path(__file__).parents[2] / "shared" / "data" / "medqa" / "phrases_no_exclude_test.jsonl"
REPLY = "<|reply|>"
"""Ends each prompt, so that prompt and choice fall into the same tokens encoded as one or apart."""
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
SHAPE: dict[str, Any] = {
    "vocab_size": 16384,
    "hidden_size": 512,
    "intermediate_size": 1536,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 8192,
    "tie_word_embeddings": True,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 1,
}


def questions(count: int, data: Path = DATA) -> list[dict[str, object]]:
    """Read the first questions of MedQA, or of a table of MMLU in MedQA's shape."""
    if not data.is_file():
        raise SystemExit(f"{data} is missing: name MedQA's test file or a table of MMLU with --data")
    with data.open(encoding="utf-8", newline="") as lines:
        if data.suffix == ".csv":
            return [_as_medqa(row) for row, _ in zip(csv.reader(lines), range(count), strict=False)]
        return [json.loads(line) for line, _ in zip(lines, range(count), strict=False)]


def _as_medqa(row: list[str]) -> dict[str, object]:
    """Give a row of MMLU (question, four options, letter of the right one) as an item of MedQA."""
    question, *texts, letter = row
    options = dict(zip("ABCD", texts, strict=True))
    return {"question": question, "options": options, "answer_idx": letter, "answer": options[letter]}


def asked(model: Path | None, folder: Path, data: Path = DATA) -> tuple[Path, str]:
    """Give the folder of the model that is named, else of a random one made in ``folder``; and what to call it."""
    if model:
        return model, model.name
    return folder, f"{make_model(folder, data) / 1e6:.1f} M random weights"


def make_model(folder: Path, data: Path = DATA) -> int:
    """Write the model and a byte-level BPE tokenizer, trained on the questions; count the weights."""
    import tokenizers
    import torch

    library: Any = importlib.import_module("transformers")  # its types say less than it takes
    inner = tokenizers.Tokenizer(tokenizers.models.BPE())
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=SHAPE["vocab_size"],
        special_tokens=["<s>", "</s>", REPLY],
        show_progress=False,
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
    )
    inner.train_from_iterator((str(item["question"]) for item in questions(10_000, data)), trainer)
    tokenizer = library.PreTrainedTokenizerFast(tokenizer_object=inner, **SPECIAL, additional_special_tokens=[REPLY])
    tokenizer.chat_template = "{% for turn in messages %}{{ turn['content'] }}{% endfor %}" + REPLY
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    model = library.AutoModelForCausalLM.from_config(library.Qwen2Config(**SHAPE))
    model.save_pretrained(folder)
    return sum(weight.numel() for weight in model.parameters())


def spec_of(folder: Path) -> FolderSpec:
    """Name a model in a folder."""
    return FolderSpec(str(folder), folder)


def machine(threads: int) -> str:
    """Describe where the figures were taken."""
    import torch

    names = (line.split(":")[1].strip() for line in _cpuinfo() if line.startswith("model name"))
    chip = next(names, platform.machine())
    told = "1 thread" if threads == 1 else f"{threads} threads"
    return f"{chip}, {os.cpu_count()} cores, {told}, torch {torch.__version__}"


def alternate(runs: int, ways: Mapping[str, Callable[[], object]], clock: str = "wall") -> dict[str, float]:
    """Time several ways in turn, so that a busy moment hits all of them; give the median seconds of each.

    ``clock="cpu"`` counts the seconds of this process alone: with one thread, fair on a busy machine too.
    """
    now = time.process_time if clock == "cpu" else time.perf_counter
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            start = now()
            way()
            seconds[name].append(now() - start)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def _cpuinfo() -> Iterator[str]:
    file = Path("/proc/cpuinfo")
    return iter(file.read_text().splitlines() if file.is_file() else ())
