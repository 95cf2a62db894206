"""Who is it, before a weight is loaded: fingerprints, device and dtype, from files alone."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
from importlib import metadata
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import DEEPEST, SETTINGS, read_text, too_long
from pytest_medeval.core.files.jsontext import read_object
from pytest_medeval.core.fingerprint import fingerprint_files, fingerprint_text, fingerprint_weights
from pytest_medeval.core.model import Identity, Settings
from pytest_medeval.models.hub import model_folder
from pytest_medeval.models.spec import AdapterSpec, LocalSpec, check_variables, digested

TOKENIZER_FILES = (
    "added_tokens.json", "merges.txt", "special_tokens_map.json", "spiece.model", "tokenizer.json",
    "tokenizer.model", "tokenizer_config.json", "vocab.json", "vocab.txt",
)  # fmt: skip
_GENERATION = re.compile(r"\{%-?\s*(end)?generation\s*-?%\}")
"""What Transformers adds to Jinja, to mark replies for training."""
_DTYPES = ("float32", "bfloat16", "float16")
QUANTISED = ("int8", "nf4")
"""What linear layers are stored in when bitsandbytes loads them; the rest is float32 or bfloat16."""


def identify(spec: LocalSpec, settings: Settings) -> Identity:
    """Compute the identity of a local model; digests of large files are kept under ``settings.cache``."""
    folder = model_folder(spec)
    base = fingerprint_weights(folder, memory=settings.cache)
    config = fingerprint_text(read_text(folder / "config.json"))
    adapter = None
    if isinstance(spec, AdapterSpec):
        files = [spec.folder / "adapter_config.json", spec.folder / "adapter_model.safetensors"]
        adapter = fingerprint_files(files, memory=settings.cache)
    words = tokenizer_folder(spec)
    tokenizer = fingerprint_files(words / name for name in TOKENIZER_FILES if (words / name).is_file())
    template = chat_template(template_folder(spec))
    check_variables(spec.text, spec.variables, template)
    hashed = None if template is None else fingerprint_text(template)
    device = resolve_device(settings.device)
    return Identity(
        spec=spec.text,
        fingerprint=fingerprint_text(base, config, adapter or "", tokenizer, hashed or "", *digested(spec.variables)),
        base=base,
        adapter=adapter,
        dtype=resolve_dtype(settings.dtype, device),
        device=device,
        tokenizer=tokenizer,
        chat_template=hashed,
        date=asked_date(template, settings),
    )


def asked_date(template: str | None, settings: Settings) -> str | None:
    """Give the day that a chat template is told, if it asks for one."""
    return settings.date.isoformat() if "strftime_now" in (template or "") else None


def tokenizer_folder(spec: LocalSpec) -> Path:
    """Choose the adapter's own tokenizer when it was saved with one, else the base's."""
    folders = _folders(spec)
    return next((folder for folder in folders if (folder / "tokenizer_config.json").is_file()), folders[-1])


def template_folder(spec: LocalSpec) -> Path:
    """Choose whose chat template is used: the adapter's where it has one, else the base's."""
    folders = _folders(spec)
    return next((folder for folder in folders if chat_template(folder) is not None), folders[-1])


def _folders(spec: LocalSpec) -> list[Path]:
    """List where tokenizer and template may be; an adapter's baseline is asked as the adapter is."""
    own = spec.folder if isinstance(spec, AdapterSpec) else spec.words
    return [*([own] if own else []), model_folder(spec)]


def chat_template(folder: Path) -> str | None:
    """Read the chat template's text from ``chat_template.jinja`` or ``tokenizer_config.json``, if any."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        text = read_text(file, most=SETTINGS, wanted="a chat template")
        _check_template(text, lambda line: f"{file}:{line}")
        return text
    file = folder / "tokenizer_config.json"
    config = read_object(file, "a JSON object, as Transformers writes it") if file.is_file() else None
    template = config.data.get("chat_template") if config else None
    if config and isinstance(template, str):
        _check_template(template, lambda line: f"{config.at('chat_template')}: line {line} of 'chat_template'")
    return None if template is None else str(template)


def _check_template(text: str, where: Callable[[int], str]) -> None:
    """Refuse a chat template that is broken, or reads other files: a model's folder holds one."""
    from jinja2 import TemplateSyntaxError, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    try:
        tree = ImmutableSandboxedEnvironment(extensions=["jinja2.ext.loopcontrols"]).parse(_GENERATION.sub("", text))
    except TemplateSyntaxError as error:
        told = f"the chat template is broken: {error.message}; accepted: Jinja"
        raise MedevalError(f"{where(error.lineno)}: {told}") from None
    except ValueError:  # Python's bound on the digits of a whole number
        raise MedevalError(f"{where(1)}: the chat template has {too_long()}") from None
    except RecursionError:
        told = f"the chat template is nested too deeply; accepted: up to {DEEPEST} levels"
        raise MedevalError(f"{where(1)}: {told}") from None
    other = next(tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)), None)
    if other is not None:
        told = f"the chat template has {type(other).__name__.lower()!r}"
        raise MedevalError(f"{where(other.lineno)}: {told}; accepted: a template that needs no other file")


def resolve_device(device: str) -> str:
    """Turn ``auto`` into ``cuda`` where there is an NVIDIA device and torch was built for it, else ``cpu``.

    Asking torch would cost seconds, and a run whose replies are all in the cache needs no torch.
    """
    if device != "auto":
        return device
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}
    shown = any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()
    return "cuda" if shown and not hidden and not _version("torch").endswith("+cpu") else "cpu"


def resolve_dtype(dtype: str, device: str) -> str:
    """Turn ``auto`` into ``float32`` on the CPU and ``bfloat16`` elsewhere."""
    if dtype == "auto":
        return "float32" if device == "cpu" else "bfloat16"
    if dtype not in (*_DTYPES, *QUANTISED):
        raise MedevalError(f"dtype {dtype!r} is unknown; accepted: auto, {', '.join(_DTYPES)}")
    return dtype


@cache
def backend_version(*more: str) -> str:
    """Hash the code that turns a prompt into a reply: ours, and the versions of the libraries below it.

    ``more``: further libraries that compute.
    """
    here = Path(__file__).parent
    ours = fingerprint_files([*sorted((here / "local").glob("*.py")), here / "prompts.py", here / "spec.py"])
    below = ("torch", "transformers", "peft", "tokenizers", "jinja2")  # jinja2 renders the chat template
    return fingerprint_text(ours, *(_version(name) for name in (*below, *more)))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
