"""The shipped judge behind ``transformers serve``, with faults on the way: nothing is lost, and the verdict stays."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.serving import MISSING, WHY, transformers_serve
from tools.fake_server import FakeServer, Fault

from pytest_medeval.__main__ import main
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC

ROOT = Path(__file__).parents[2]
LIMIT = 3
FAULTS: tuple[Fault, ...] = ("429", "500", "cut", "drop")
pytestmark = pytest.mark.skipif(bool(MISSING), reason=WHY)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Merge the judge into one folder, as such a server wants it, and serve it; give URL and name."""
    folder = tmp_path_factory.mktemp("merged") / "tiny-judge"
    assert main(["merge", str(ROOT / "adapters" / "tiny-judge"), str(folder)]) == 0
    with transformers_serve(folder, tmp_path_factory.mktemp("serve")) as url:
        yield url, str(folder)


def run(judge: str, place: Path) -> tuple[int, dict[str, Any]]:
    """Evaluate a few dialogues in a process of its own; give exit code and record."""
    record = place / "run.json"
    command = [sys.executable, "-m", "pytest", "suites/dialogue", "-q", "-p", "no:cacheprovider"]
    options = {
        "model": "adapters/release.toml",
        "judge": judge,
        "limit": LIMIT,
        "divergence": "warn",
        "cache": place / "cache",
        "storage": place / "runs",
        "json": record,
    }
    done = subprocess.run(
        [*command, *(f"--medeval-{name}={value}" for name, value in options.items())],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert record.is_file(), done.stdout + done.stderr
    return done.returncode, json.loads(record.read_text(encoding="utf-8"))


def test_faults_change_neither_grades_nor_verdict(served: tuple[str, str], tmp_path: Path):
    """With 30 % of requests failing every reply is judged as without, and the exit code is the same."""
    url, name = served
    drawn = random.Random(3)

    def ask(body: dict[str, Any]) -> str:
        request = urllib.request.Request(  # noqa: S310 - our own server on loopback
            f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - as above
            return str(json.load(answer)["choices"][0]["message"]["content"])

    def faults(_number: int) -> Fault | None:
        return drawn.choice(FAULTS) if drawn.random() < 0.3 else None

    plain, smooth = run(f"{url}#{name}", place_for(tmp_path, "plain"))
    models = [{"id": name}]
    with FakeServer(reply=ask, models=models, faults=faults, retry_after=0.01) as proxy:
        code, rough = run(f"{proxy.url}#{name}", place_for(tmp_path, "faulty"))
        asked = len(proxy.asked)
    assert code == plain
    assert asked > rough["judges"][0]["requests"]
    assert [grades(case) for case in rough["cases"]] == [grades(case) for case in smooth["cases"]]
    for case in rough["cases"]:
        assert set(case["judge"]["candidate"]) | listed(case) == set(DEFAULT_RUBRIC.names)


def place_for(folder: Path, name: str) -> Path:
    """Make a folder for one run."""
    (folder / name).mkdir()
    return folder / name


def grades(case: dict[str, Any]) -> dict[str, Any]:
    """Give what the judge said of a case, without who it is."""
    return {role: case["judge"][role] for role in ("candidate", "baseline")}


def listed(case: dict[str, Any]) -> set[str]:
    """Give the dimensions on which the candidate's reply is listed as unjudged."""
    (said,) = case["judge"]["judges"].values()
    return set(said.get("unjudged", {}).get("candidate", {}))
