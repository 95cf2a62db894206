"""Are adapters that were trained anew as good as their cards say? ``make retrain`` asks.

    python -m pytest_medeval.training adapters/tiny-*/recipe.toml --out=build/retrained
    python benchmarks/retrained.py build/retrained

Each adapter found in the folder is measured as its shipped card says (a task's by its suite, the judge on replies of
known grades), and each figure is compared with the 95 % interval in that card. Exit code 1 when one lies outside.
Needs ``pip install 'pytest-medeval[local]'``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.models import Settings, open_model
from pytest_medeval.models.spec import parse_model
from pytest_medeval.runs.track_b import JudgePlan, standing_of

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "adapters"
LABELS = ROOT / "fixtures" / "world" / "judge-labels.jsonl"
WEIGHTS = "adapter_model.safetensors"
JUDGE = "tiny-judge"
SUITES = {"tiny-dialogue": "dialogue", "tiny-mcq": "mcq", "tiny-polarity": "polarity", "tiny-mcq-ppo": "mcq"}
BASELINES = {"tiny-mcq-ppo": "sft"}
"""Folder, within the adapter's, of what it is compared with; the others have their base."""

NUMBER = r"([-+]?\d+\.\d+)"
ROW = re.compile(rf"^\| (\w+) \| {NUMBER} \|(?: {NUMBER} \|)? {NUMBER} to {NUMBER} \|")
"""A line of a card's table: name, value or baseline and candidate, interval of the value or of the difference."""


@dataclass(frozen=True)
class Promise:
    """A figure of a card: a difference from the baseline, or the judge's kappa, with its 95 % interval."""

    value: float
    low: float
    high: float

    def holds(self, found: float) -> bool:
        """Say whether a new figure, to the card's digits, lies in the interval."""
        return self.low <= round(found, 4) <= self.high


def promises(card: str) -> dict[str, Promise]:
    """Read the figures of a card that have an interval: name -> figure."""
    rows = (match.groups() for match in map(ROW.match, card.splitlines()) if match)
    return {
        name: Promise(float(second) - float(first) if second else float(first), float(low), float(high))
        for name, first, second, low, high in rows
    }


def differences(name: str, folder: Path) -> Iterator[tuple[str, float]]:
    """Run the adapter's suite; give each metric's difference from the baseline, and tell what the gates say."""
    record, log = folder / "run.json", folder / "run.log"
    record.unlink(missing_ok=True)
    baseline = [f"--medeval-baseline={folder / BASELINES[name]}"] if name in BASELINES else []
    command = [
        *(sys.executable, "-m", "pytest", "-q", f"suites/{SUITES[name]}", f"--medeval-model={folder}"),
        *baseline,
        f"--medeval-json={record}",
    ]
    with log.open("w", encoding="utf-8") as stream:
        subprocess.run(command, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT, check=False)
    if not record.is_file():
        raise MedevalError(f"{log}: the suite left no record; the log says why")
    run = json.loads(record.read_text(encoding="utf-8"))
    print(f"{name}: gates: {_gates(run)}")
    (suite,) = run["suites"].values()
    yield from ((metric, one["difference"]) for metric, one in suite["metrics"].items())


def _gates(run: Mapping[str, object]) -> str:
    gates = run["gates"]
    assert isinstance(gates, list)
    return ", ".join(f"{gate['expression']} {gate['verdict']}" for gate in gates)


def kappas(folder: Path) -> Iterator[tuple[str, float]]:
    """Let the judge grade the held-out replies; give the quadratic kappa of each dimension."""
    judge = open_model(parse_model(str(folder), ROOT), Settings(device="cpu", threads=1))
    for dimension, one in standing_of(judge, JudgePlan(labels=LABELS), 0).agreement.items():
        kappa = one["kappa_quadratic"][0]
        assert kappa is not None, f"{dimension}: {one['reason']}"
        yield dimension, kappa


def compared(name: str, folder: Path) -> int:
    """Print the adapter's figures beside its card's; count those outside, or missing."""
    promised = promises((SHIPPED / name / "CARD.md").read_text(encoding="utf-8"))
    found = dict(kappas(folder) if name == JUDGE else differences(name, folder))
    same = _sha256(folder / WEIGHTS) == _sha256(SHIPPED / name / WEIGHTS)
    print(f"{name}: weights: {'the same bytes as the shipped ones' if same else 'other bytes than the shipped ones'}")
    print(f"  {'kappa' if name == JUDGE else 'difference':<20} {'card':>8}   {'95 % interval':<18} {'retrained':>9}")
    outside = 0
    for metric, promise in promised.items():
        value = found.get(metric)
        inside = value is not None and promise.holds(value)
        outside += not inside
        shown = "missing" if value is None else f"{value:+.4f}"
        interval = f"{promise.low:+.4f} {promise.high:+.4f}"
        print(f"  {metric:<20} {promise.value:>+8.4f}   {interval:<18} {shown:>9}  {'inside' if inside else 'OUTSIDE'}")
    print(flush=True)
    return outside


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> int:
    """Compare every adapter of a folder with the shipped one of its name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the adapters, each in a folder of the shipped one's name")
    folder = parser.parse_args().folder.absolute()
    names = [name for name in (*SUITES, JUDGE) if (folder / name / WEIGHTS).is_file()]
    if not names:
        sys.stderr.write(f"retrained: {folder}: none of {', '.join((*SUITES, JUDGE))} is in it\n")
        return 2
    try:
        outside = sum(compared(name, folder / name) for name in names)
    except MedevalError as mistake:
        sys.stderr.write(f"retrained: {mistake}\n")
        return 2
    print(f"{len(names)} adapters, {outside} figures outside their card's interval")
    return int(outside > 0)


if __name__ == "__main__":
    sys.exit(main())
