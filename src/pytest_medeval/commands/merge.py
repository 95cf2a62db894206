"""``merge``: write an adapter and its base as one model folder, or measure whether what ships holds the adapter."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from pytest_medeval.commands import tell
from pytest_medeval.commands.parser import Parser
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.jsontext import read_object
from pytest_medeval.core.model import Settings
from pytest_medeval.models.hub import hush, model_folder, require_extra
from pytest_medeval.models.proof.alike import compare
from pytest_medeval.models.proof.forms import inspect
from pytest_medeval.models.proof.shipped import Held, why_unmeasured
from pytest_medeval.models.spec import AdapterSpec, GgufSpec, ModelSpec, parse_model

DTYPES = ("auto", "float32", "bfloat16", "float16")


def main(arguments: Sequence[str]) -> int:
    """Merge, or with ``--check`` only measure; give the exit code: 1 where the adapter is not in the weights."""
    options = _parser().parse_args(arguments)
    spec = parse_model(options.adapter, Path())
    if not isinstance(spec, AdapterSpec):
        raise MedevalError(f"model {options.adapter!r} is no LoRA folder; accepted: one with adapter_config.json")
    if options.check:
        told, complaint = _checked(spec, parse_model(options.out, Path()))
        tell([f"{options.out}: {complaint or told}"])
        return 1 if complaint else 0
    tell([f"{options.out}: {_merged(spec, Path(options.out), options.dtype)}"])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="medeval merge", description=__doc__, allow_abbrev=False)
    parser.add_argument("adapter", metavar="ADAPTER", help="a LoRA folder")
    told = "the folder to write; with --check a model folder, int8: or nf4: before one, or gguf:FILE"
    parser.add_argument("out", metavar="OUT", help=told)
    parser.add_argument(
        "--dtype", choices=DTYPES, default="auto", help="of the weights (default: as the base is stored)"
    )
    parser.add_argument("--check", action="store_true", help="measure OUT, write nothing")
    return parser


def _checked(spec: AdapterSpec, shipped: ModelSpec) -> tuple[str, str]:
    """Measure the matrices, where that is a question, and then what both say; what was found, what is wrong."""
    told = ""
    if not why_unmeasured(spec.folder):
        held, complaint = inspect(spec, shipped)
        if complaint:
            return "", complaint
        told = f"{_told(held)}; "
    if told and isinstance(shipped, GgufSpec) and importlib.util.find_spec("llama_cpp") is None:
        return f"{told}what it computes is not compared: that needs pip install 'pytest-medeval[gguf]'", ""
    require_extra()
    hush()
    alike = compare(spec, shipped, Settings(device="cpu"))
    moved = f"likelihoods are {alike.gap:.2g} nats a token off, where the adapter moves its base by {alike.effect:.2g}"
    return told + moved, alike.complaint


def _merged(spec: AdapterSpec, out: Path, dtype: str) -> str:
    require_extra()
    hush()
    from pytest_medeval.models.proof.merged import write_merged  # imports torch

    if dtype == "auto":
        config = read_object(model_folder(spec) / "config.json").data
        stored = str(config.get("dtype") or config.get("torch_dtype"))
        dtype = stored if stored in DTYPES else "auto"
    settings = Settings(device="cpu", dtype=dtype, cache=None)  # type: ignore[arg-type]
    merged = write_merged(spec, out, settings)
    held = "" if merged.held is None else f"{_told(merged.held)}; "
    return f"{held}its logits are {merged.gap:.2g} nats off"


def _told(held: Held) -> str:
    return (
        f"holds {held.share:.2%} of the adapter's change, at least {held.least:.2%} (in {held.weight}); "
        f"what remains is {held.distance:.2%} of the weights' size"
    )
