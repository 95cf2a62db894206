"""What ships is what was judged: merged, quantised and exported models against the adapter they came from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("peft", reason="peft is not installed (extra: local)")
ROOT = Path(__file__).parents[2]
ADAPTER = ROOT / "adapters" / "tiny-mcq"
WORSE = "accuracy not worse than baseline by 0.05"
SUITE = f"""
import pytest
from pytest_medeval import Suite

suite = Suite(task="mcq", cases="mcq.jsonl", scoring="texts", gates=["{WORSE}"])

@pytest.mark.medeval(suite)
def test_shipped(evaluation):
    assert evaluation.outcome == "answered"
"""
CASES = 96
"""So many that a model which answers all of them alike passes the gate: the interval is then under 0.05."""


def judge(place: Path, model: str) -> tuple[str, dict[str, Any]]:
    """Compare a model with the shipped adapter as a release job does; give what was printed, and the record."""
    (place / "mcq.jsonl").write_bytes((ROOT / "suites" / "mcq" / "mcq.jsonl").read_bytes())
    (place / "test_shipped.py").write_text(SUITE, encoding="utf-8")
    (place / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [
        *(sys.executable, "-m", "pytest", f"--medeval-limit={CASES}", "--medeval-device=cpu"),
        *(f"--medeval-model={model}", f"--medeval-baseline={ADAPTER}", "--medeval-cache=off"),
        "--medeval-json=run.json",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    told = done.stdout + done.stderr
    assert (place / "run.json").is_file(), told
    return told, json.loads((place / "run.json").read_text(encoding="utf-8"))


def gate(record: dict[str, Any]) -> dict[str, Any]:
    """Find what was said of the comparison."""
    return next(one for one in record["gates"] if one["expression"] == WORSE)


@pytest.fixture(scope="module")
def merged(tmp_path_factory):
    """Merge the shipped adapter into its base, as a user does."""
    from pytest_medeval.__main__ import main

    folder = tmp_path_factory.mktemp("forms") / "merged"
    assert main(["merge", str(ADAPTER), str(folder)]) == 0
    return folder


def write(merged: Path, kind: str) -> Path:
    """Write the merged model as a GGUF file."""
    pytest.importorskip("gguf", reason="gguf is not installed (extra: gguf)")
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed (extra: gguf)")
    from tests.write_gguf import convert

    return convert(merged, merged.parent / f"{kind}.gguf", kind)


def assert_alike(told: str, record: dict[str, Any]) -> None:
    """Every case is answered alike and the gate passes, though two models were compared, not one.

    The record and the summary say that the candidate holds the baseline's adapter.
    """
    assert gate(record)["verdict"] == "pass", told
    assert record["models"]["candidate"]["holds"]["share"] == pytest.approx(1, abs=1e-3)
    assert "holds 100.00% of the change of " in told
    assert record["models"]["candidate"]["fingerprint"] != record["models"]["baseline"]["fingerprint"]
    for case in record["cases"]:
        assert case["candidate"]["prediction"] == case["baseline"]["prediction"], case["id"]
        assert case["candidate"]["prompt_hash"] == case["baseline"]["prompt_hash"]


def test_merged_is_not_worse_than_its_adapter(tmp_path, merged):
    """A merged model is its adapter but for rounding: the gate passes."""
    told, record = judge(tmp_path, str(merged))
    assert_alike(told, record)
    kernel = record["models"]["candidate"]["kernel"]
    assert kernel.startswith(("torch", "oneDNN"))
    assert f"float32 cpu, {kernel}" in told


def test_gguf_is_not_worse_than_its_adapter(tmp_path, merged):
    """A GGUF file in full precision is its adapter too, although llama.cpp computes it."""
    told, record = judge(tmp_path, f"gguf:{write(merged, 'F32')}")
    assert_alike(told, record)
    assert record["models"]["candidate"]["dtype"] == "f32"


def test_a_quantised_gguf_is_compared_with_the_adapter(tmp_path, merged):
    """In 8 bits likelihoods move, the same prompts were asked, and the drop stands there with its interval."""
    told, record = judge(tmp_path, f"gguf:{write(merged, 'Q8_0')}")
    assert record["models"]["candidate"]["dtype"] == "q8_0"
    accuracy = record["suites"]["shipped"]["metrics"]["accuracy"]
    low, high = accuracy["ci95"]
    assert low <= accuracy["difference"] <= high
    assert accuracy["candidate"] > 0.8, told
    pairs = [(case["candidate"], case["baseline"]) for case in record["cases"]]
    assert all(one["prompt_hash"] == two["prompt_hash"] for one, two in pairs)
    assert any(one["logprobs"] != two["logprobs"] for one, two in pairs)


def test_a_broken_file_is_one_line(tmp_path, merged):
    """A file that was cut on its way ends the run with exit code 4 and one line, before any case is asked."""
    whole = write(merged, "F32")
    (tmp_path / "cut.gguf").write_bytes(whole.read_bytes()[:3_000_000])
    (tmp_path / "test_shipped.py").write_text(SUITE, encoding="utf-8")
    (tmp_path / "mcq.jsonl").write_bytes((ROOT / "suites" / "mcq" / "mcq.jsonl").read_bytes())
    command = [sys.executable, "-m", "pytest", "-c", "/dev/null", "--medeval-model=gguf:cut.gguf"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 4
    errors = [line for line in done.stderr.splitlines() if line]
    assert len(errors) == 1
    assert "not a whole GGUF file" in errors[0]


@pytest.mark.parametrize("bits", ["int8", "nf4"])
def test_few_bits_are_compared_with_the_adapter(tmp_path, bits):
    """The drop of a quantised model stands in the record with its interval, and the gate goes by it."""
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed (extra: quantised)")
    told, record = judge(tmp_path, f"{bits}:{ADAPTER}")
    models = record["models"]
    assert (models["candidate"]["dtype"], models["baseline"]["dtype"]) == (bits, "float32"), told
    assert models["candidate"]["adapter"] == models["baseline"]["adapter"]
    accuracy = record["suites"]["shipped"]["metrics"]["accuracy"]
    low, high = accuracy["ci95"]
    assert low <= accuracy["difference"] <= high
    assert accuracy["candidate"] > 0.8
    assert gate(record)["verdict"] in ("pass", "inconclusive")
    assert all(case["candidate"]["outcome"] == "answered" for case in record["cases"])
