"""``merge``: write an adapter and its base as one model folder, or measure whether what ships holds the adapter."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_medeval.commands.parser import Parser
from pytest_medeval.errors import MedevalError
from pytest_medeval.models.base import Settings
from pytest_medeval.models.forms import inspect
from pytest_medeval.models.hub import model_folder, require_extra
from pytest_medeval.models.hush import hush
from pytest_medeval.models.shipped import Held
from pytest_medeval.models.spec import AdapterSpec, parse_model, read_json

DTYPES = ("auto", "float32", "bfloat16", "float16")


def main(arguments: Sequence[str]) -> int:
    """Merge, or with ``--check`` only measure; give the exit code: 1 where the adapter is not in the weights."""
    options = _parser().parse_args(arguments)
    spec = parse_model(options.adapter, Path())
    if not isinstance(spec, AdapterSpec):
        raise MedevalError(f"model {options.adapter!r} is no LoRA folder; accepted: one with adapter_config.json")
    if options.check:
        held, complaint = inspect(spec, parse_model(options.out, Path()))
        sys.stdout.write(f"{options.out}: {complaint or _told(held)}\n")
        return 1 if complaint else 0
    sys.stdout.write(f"{options.out}: {_told(_merged(spec, Path(options.out), options.dtype))}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m pytest_medeval merge", description=__doc__, allow_abbrev=False)
    parser.add_argument("adapter", metavar="ADAPTER", help="a LoRA folder")
    parser.add_argument("out", metavar="OUT", help="the folder to write; with --check a model folder or gguf:FILE")
    parser.add_argument(
        "--dtype", choices=DTYPES, default="auto", help="of the weights (default: as the base is stored)"
    )
    parser.add_argument("--check", action="store_true", help="measure OUT, write nothing")
    return parser


def _merged(spec: AdapterSpec, out: Path, dtype: str) -> Held:
    require_extra()
    hush()
    from pytest_medeval.models.local_merge import write_merged  # imports torch

    if dtype == "auto":
        config = read_json(model_folder(spec) / "config.json")
        stored = str(config.get("dtype") or config.get("torch_dtype"))
        dtype = stored if stored in DTYPES else "auto"
    return write_merged(spec, out, Settings(device="cpu", dtype=dtype, cache=None))  # type: ignore[arg-type]


def _told(held: Held) -> str:
    return (
        f"holds {held.share:.2%} of the adapter's change, at least {held.least:.2%} (in {held.weight}); "
        f"what remains is {held.distance:.2%} of the weights' size"
    )
