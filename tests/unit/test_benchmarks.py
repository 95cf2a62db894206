"""Benchmarks of what no other test runs: readers grew stricter and a protocol changed, and nobody saw them fail."""

import re
import subprocess
import sys

from tests.scripts import BENCHMARKS, benchmark

from pytest_medeval.models.local.batches import Prompt


def test_the_harness_is_measured(tmp_path):
    """Cases with stored replies against empty tests, 400 of each: both pass, and the ratios are told."""
    words = [sys.executable, BENCHMARKS / "overhead.py", "--cases", "400", "--runs", "1"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^ratio: time \d+\.\d\d, memory \d+\.\d\d;", done.stdout, re.MULTILINE)


def test_a_fleet_is_simulated():
    """Eight replicas in virtual time do what one does in about an eighth of the time."""
    with benchmark("fleet") as fleet:
        prompts = [Prompt((index, *range(100)), choices=((1,),)) for index in range(2000)]
        costs = fleet.Costs(encode=1e-6, ask=1e-6)
        one, _ = fleet.simulate(1, prompts, costs, 300.0, encodes=True)
        eight, _ = fleet.simulate(8, prompts, costs, 300.0, encodes=True)
    assert 4 < one / eight <= 8
