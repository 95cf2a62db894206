"""--medeval-engine: the same record from replicas on a cluster, one of them killed in the middle of the run."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIABLE = ("created", "command", "usage")
KILL = '''
"""Kills a replica, once two of them compute."""
import os, signal
from pytest_medeval.models.ray.replica import Compute
from pytest_medeval.models.ray.fleet import Sweep

feed, killed = Sweep._feed, []

def feed_and_kill(sweep):
    feed(sweep)
    computing = [seat for seat, step in sweep._busy.values() if isinstance(step, Compute)]
    if len(computing) == 2 and not killed:
        killed.append(computing[1].pid)
        os.kill(computing[1].pid, signal.SIGKILL)

Sweep._feed = feed_and_kill
'''


@pytest.fixture(scope="module")
def address():
    """Start one small cluster with two places, and give its address to the processes of these tests."""
    pytest.importorskip("torch", reason="torch is not installed (extra: local)")
    ray = pytest.importorskip("ray", reason="ray is not installed (extra: ray)")
    if os.name != "posix":
        pytest.skip("a replica is killed by a signal of POSIX")
    from pytest_medeval.models.ray import fleet

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("RAY_AUTH_TOKEN", "t" * 64)
        folder = fleet.start({"num_cpus": 2})
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()
        shutil.rmtree(folder)


def evaluate(place: Path, *more: str, **environment: str) -> tuple[str, dict[str, object]]:
    """Run the shipped suites on a sample, as a release job does; give what was printed, and the record."""
    command = [
        *(sys.executable, "-m", "pytest", str(ROOT / "suites"), f"--rootdir={ROOT}", "-p", "no:cacheprovider"),
        *(f"--medeval-model={ROOT / 'adapters' / 'release.toml'}", "--medeval-limit=12", "--medeval-batch-size=3"),
        *("--medeval-device=cpu", "--medeval-cache=off", f"--medeval-storage={place / 'runs'}"),
        *(f"--medeval-json={place / 'run.json'}", *more),
    ]
    given = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(place), **environment}
    given.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(command, cwd=place, env=given, capture_output=True, text=True, check=False, timeout=500)
    assert (place / "run.json").is_file(), done.stdout + done.stderr
    return done.stdout, json.loads((place / "run.json").read_text(encoding="utf-8"))


def test_record_is_the_same_though_a_replica_was_killed(tmp_path, address):
    """Suites, cases and gates equal the local engine's to the last digit; the record says what was asked again."""
    (tmp_path / "killing.py").write_text(KILL)
    _, local = evaluate(tmp_path)
    told, spread = evaluate(
        tmp_path, "--medeval-engine=ray", "--medeval-replicas=2", "-p", "killing", RAY_ADDRESS=address
    )
    assert {key: value for key, value in spread.items() if key not in VARIABLE} == {
        key: value for key, value in local.items() if key not in VARIABLE
    }
    again = spread["usage"]["asked_again"]
    assert 1 <= again <= 3
    assert "asked_again" not in local["usage"]
    assert "; engine ray" in told
    assert f"died: its {again} requests are asked again" in told


def test_engine_unknown(project):
    """An unknown engine is one line that says what is accepted."""
    project.quiz(4)
    result = project.run("--medeval-engine=rey")
    assert result.ret == 4
    assert "--medeval-engine: unknown value 'rey' (did you mean 'ray'?); accepted: local, ray" in result.stderr.str()


def test_ray_missing(project, monkeypatch):
    """Without the package ray the one line names what to install, before anything is collected."""
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "ray" else find(name, *more))
    project.quiz(4)
    result = project.run("--medeval-engine=ray")
    assert result.ret == 4
    assert "--medeval-engine=ray needs ray: pip install 'pytest-medeval[ray]'" in result.stderr.str()


def test_ray_and_xdist_do_not_mix(project):
    """Workers would each start a fleet of their own: refused in one line, beside what else is wrong."""
    pytest.importorskip("xdist", reason="pytest-xdist is not installed (extra: xdist)")
    pytest.importorskip("ray", reason="ray is not installed (extra: ray)")
    project.quiz(4)
    result = project.run("--medeval-engine=ray", "-n", "2", "--medeval-timeout=0")
    assert result.ret == 4
    timeout, workers = (line for line in result.errlines if line.startswith("ERROR: "))
    assert "--medeval-timeout=0: accepted: " in timeout
    assert "--medeval-engine=ray has replicas of its own; accepted: without -n" in workers


def test_a_cluster_that_is_not_there(project, monkeypatch):
    """A RAY_ADDRESS that nobody answers at is named in one line, when a local model is first asked."""
    pytest.importorskip("torch", reason="torch is not installed (extra: local)")
    fleet = pytest.importorskip("pytest_medeval.models.ray.fleet", reason="ray is not installed (extra: ray)")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")

    def refuse(**_):
        raise ConnectionError("ray client connection timeout\nmore")

    monkeypatch.setattr(fleet.ray, "init", refuse)
    monkeypatch.setattr(fleet.ray, "is_initialized", lambda: False)
    project.quiz(4)
    adapter = f"--medeval-model={ROOT / 'adapters' / 'tiny-mcq'}"
    result = project.run(adapter, "--medeval-engine=ray", model=None, baseline=None)
    assert result.ret == 4
    told = "--medeval-engine=ray: the cluster RAY_ADDRESS=127.0.0.1:1 cannot be reached: ConnectionError: ray client"
    assert told in result.stderr.str()
