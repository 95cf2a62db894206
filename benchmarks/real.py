"""A real model on this machine: evaluate SmolLM2, train a LoRA on it, judge the LoRA against its base (``make real``).

Needs ``python -m pytest_medeval fetch smollm2``. With the published sets (``--data``) these are asked and trained on;
without them the shipped suites are. Everything lies in ``build/real``; gates decide nothing here.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MODEL, OUT = ROOT / "build" / "smollm2", ROOT / "build" / "real"
EXAMS = ("medqa", "medmcqa", "pubmedqa", "mmlu_medical")
RECIPE = """kind = "lora"
name = "smollm2-dialogue"
mirrors = "S1"
base = "../smollm2"
task = "dialogue"
notes = "LoRA on q and v, as S1 names none; must never be used on patients."
seed = 20260303

[data]
train = "train.json"
format = "genmedgpt"

[lora]
rank = 8
alpha = 16
dropout = 0.05
targets = ["q_proj", "v_proj"]

[schedule]
epochs = 1
batch = 8
learning_rate = 1e-3
max_tokens = 192
overlong = "cut"
precision = "bf16"
"""
SUITE = '''"""Held-out pairs of GenMedGPT, of which the LoRA has seen none."""

import pytest

from pytest_medeval import Suite

suite = Suite(task="dialogue", cases="held_out.json", format="genmedgpt")


@pytest.mark.medeval(suite)
def test_held_out(evaluation):
    """The model could be reached."""
    assert evaluation.outcome != "error", evaluation.detail
'''


def split(source: Path, train: int, held_out: int) -> None:
    """Write so many pairs to train on and to judge on, by the hash of their content; one message is on one side."""
    pairs: dict[str, dict[str, Any]] = {}
    for pair in json.loads(source.read_text(encoding="utf-8")):
        pairs.setdefault(hashlib.sha256(" ".join(pair["input"].lower().split()).encode()).hexdigest(), pair)
    ordered = [pairs[key] for key in sorted(pairs)]
    for name, some in (("held_out", ordered[:held_out]), ("train", ordered[held_out : held_out + train])):
        (OUT / f"{name}.json").write_text(json.dumps(some), encoding="utf-8")


def evaluate(name: str, *words: str) -> None:
    """Run pytest and keep its record and page; failed gates are part of what it finds."""
    outputs = [f"--medeval-json={OUT / name}.json", f"--medeval-html={OUT / name}.html"]
    done = subprocess.run([sys.executable, "-m", "pytest", *words, *outputs], cwd=ROOT, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{name}: pytest ended with {done.returncode}")


def judged(data: Path, sizes: argparse.Namespace) -> None:
    """Train on one part of GenMedGPT, and judge on another with the base as the judge."""
    split(data / "genmedgpt5k" / "chatdoctor5k.json", sizes.train, sizes.held_out)
    (OUT / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    (OUT / "test_held_out.py").write_text(SUITE, encoding="utf-8")
    adapter = OUT / "smollm2-dialogue"
    if not (adapter / "adapter_model.safetensors").is_file():
        command = [sys.executable, "-m", "pytest_medeval.training", str(OUT / "recipe.toml"), f"--out={adapter}"]
        subprocess.run(command, cwd=ROOT, check=True)
    judge = [f"--medeval-judge={MODEL}", f"--medeval-judge-sample={sizes.judged}"]
    evaluate("held_out", str(OUT / "test_held_out.py"), f"--rootdir={ROOT}", f"--medeval-model={adapter}", *judge)


def main() -> None:
    """Ask what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--limit", type=int, default=50, help="cases of each exam")
    parser.add_argument("--train", type=int, default=640, help="pairs to train on")
    parser.add_argument("--held-out", type=int, default=84, help="pairs to judge on")
    parser.add_argument("--judged", type=int, default=20, help="of them, how many the judge sees")
    options = parser.parse_args()
    if not (MODEL / "config.json").is_file():
        raise SystemExit(f"{MODEL} is missing: python -m pytest_medeval fetch smollm2")
    OUT.mkdir(parents=True, exist_ok=True)
    model, limit = f"--medeval-model={MODEL}", f"--medeval-limit={options.limit}"
    if not options.data.is_dir():
        evaluate("shipped", "suites/mcq", "suites/dialogue", "suites/polarity", model, limit)
        return
    exams = [f"suites/published/test_{name}.py" for name in EXAMS]
    evaluate("exams", *exams, model, limit, f"--medeval-data={options.data}")
    judged(options.data, options)


if __name__ == "__main__":
    main()
