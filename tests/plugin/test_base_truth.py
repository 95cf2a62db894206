"""The gates of a release whose adapter peft cannot switch off: against the base's files, fresh and from the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("peft", reason="peft is not installed (extra: local)")
ROOT = Path(__file__).parents[2]
BASE = ROOT / "fixtures" / "tiny-base"
BETTER = "accuracy better than baseline"
SUITE = f"""
import pytest
from pytest_medeval import Suite

suite = Suite(task="mcq", cases="mcq.jsonl", scoring="texts", gates=["{BETTER}"])

@pytest.mark.medeval(suite)
def test_mcq(evaluation):
    assert evaluation.outcome == "answered"
"""


@pytest.fixture(scope="module")
def hardly(tmp_path_factory) -> Path:
    """Begin a PiSSA adapter whose directions change next to nothing of what the base computes."""
    import peft
    import torch
    import transformers

    folder = tmp_path_factory.mktemp("hardly")
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(BASE)
        options: dict[str, Any] = {"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj"]}
        config = peft.LoraConfig(r=64, init_lora_weights="pissa", task_type="CAUSAL_LM", **options)
        wrapped = peft.get_peft_model(model, config)
        with torch.no_grad():
            for parameter in wrapped.parameters():
                if parameter.requires_grad:
                    parameter.mul_(1.0001)
        wrapped.save_pretrained(folder)
    return folder


def judge(place: Path, model: Path) -> tuple[str, dict[str, Any]]:
    """Run the suite with a cache that all runs in ``place`` share; give what was printed, and the record."""
    (place / "mcq.jsonl").write_bytes((ROOT / "suites" / "mcq" / "mcq.jsonl").read_bytes())
    (place / "test_mcq.py").write_text(SUITE, encoding="utf-8")
    (place / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    baseline = () if model != BASE else ("--medeval-baseline=none",)
    command = [
        *(sys.executable, "-m", "pytest", "--medeval-limit=96", "--medeval-device=cpu", "--medeval-cache=kept"),
        *(f"--medeval-model={model}", "--medeval-json=run.json", *baseline),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert (place / "run.json").is_file(), told
    return told, json.loads((place / "run.json").read_text(encoding="utf-8"))


def test_an_adapter_that_changes_nothing_is_not_better(hardly, tmp_path):
    """The difference is 0, the gate does not pass, the copy is said; the base alone, from the cache, is itself."""
    told, record = judge(tmp_path, hardly)
    gate = next(one for one in record["gates"] if one["expression"] == BETTER)
    assert gate["verdict"] != "pass"
    metrics = record["suites"]["mcq"]["metrics"]["accuracy"]
    assert abs(metrics["difference"]) <= 1 / 96
    assert "it has a copy of the base of its own" in " ".join(told.split()), "long lines are folded"
    (tmp_path / "apart").mkdir()
    for place in (tmp_path, tmp_path / "apart"):
        alone = judge(place, BASE)[1]["suites"]["mcq"]["metrics"]["accuracy"]["candidate"]
        assert alone == metrics["baseline"]
