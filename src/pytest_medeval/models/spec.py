"""Which model is meant? A text of the command line or of a manifest, checked as far as files can tell.

Accepted: a LoRA folder (``adapter_config.json``), a model folder (``config.json``), a name on the model hub,
``int8:`` or ``nf4:`` before one of these, ``gguf:FILE``, ``https://host/v1#name``, ``replay:RUN``, a ``*.toml``
release manifest with a table ``[models]`` of ``task = SPEC``, and ``TASK=SPEC`` for one task. ``?NAME=VALUE`` behind a
SPEC sets a variable of the model's chat template.

Variables of chat templates: ``SPEC?enable_thinking=false``, or beside ``spec`` in a manifest.

They change the prompt and so who answers: they belong to the fingerprint of a model.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias
from urllib.parse import SplitResult, unquote, urlsplit

from pytest_medeval.core.encodable import hide, masked
from pytest_medeval.core.errors import MedevalError, Mistakes, accepted
from pytest_medeval.core.files.door import check_files, place
from pytest_medeval.core.files.jsontext import read_object
from pytest_medeval.core.registry import Registry
from pytest_medeval.tasks import TASKS

# Backends by the kind of spec that they open; third parties add theirs through ``pytest_medeval_models``.

MODEL_KINDS = Registry(
    "model kind",
    {
        "local": "pytest_medeval.models.local.opening:open_local",
        "quantised": "pytest_medeval.models.local.opening:open_quantised",
        "gguf": "pytest_medeval.models.gguf.gguf:open_gguf",
        "endpoint": "pytest_medeval.models.endpoint.server:open_endpoint",
        "replay": "pytest_medeval.runs.replay:open_replay",
    },
    offered="models",
)
"""Kind of a spec -> function (spec, settings) -> model. A kind that is not built in is written ``KIND:TEXT``."""


# The kinds of model that can be named, as facts: what was written, and where it leads.

Quantisation: TypeAlias = Literal["int8", "nf4"]
Variables: TypeAlias = tuple[tuple[str, bool | int | float | str], ...]
"""Variables of a chat template, by name: ``(("enable_thinking", False),)``."""


@dataclass(frozen=True, slots=True)
class FolderSpec:
    """A full model on disk: ``config.json``, safetensors weights, tokenizer."""

    text: str
    folder: Path
    variables: Variables = ()
    words: Path | None = None
    """Where tokenizer and chat template may be other than the folder's: that of the adapter whose baseline it is."""
    kind = "local"


@dataclass(frozen=True, slots=True)
class HubSpec:
    """A full model on the model hub, or in its cache on this machine."""

    text: str
    name: str
    variables: Variables = ()
    words: Path | None = None
    kind = "local"


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """A LoRA adapter on disk and the base that it was trained on."""

    text: str
    folder: Path
    base: FolderSpec | HubSpec
    variables: Variables = ()
    kind = "local"


@dataclass(frozen=True, slots=True)
class QuantisedSpec:
    """A local model whose linear layers are loaded in 8 or 4 bits: ``int8:SPEC`` or ``nf4:SPEC``."""

    text: str
    dtype: Quantisation
    inner: AdapterSpec | FolderSpec | HubSpec
    kind = "quantised"


@dataclass(frozen=True, slots=True)
class GgufSpec:
    """A model in one file, as llama.cpp reads it: ``gguf:FILE``."""

    text: str
    file: Path
    variables: Variables = ()
    kind = "gguf"


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """A model behind an OpenAI-compatible server; ``text`` is without the credentials that ``url`` may hold."""

    text: str
    url: str = field(repr=False)
    name: str
    variables: Variables = ()
    kind = "endpoint"


@dataclass(frozen=True, slots=True)
class ReplaySpec:
    """The stored replies of an earlier run: a name in the store or a path; ``RUN#baseline`` for the baseline."""

    text: str
    run: str
    kind = "replay"


@dataclass(frozen=True, slots=True)
class PluginSpec:
    """A model of a backend that another plugin brought: ``KIND:ARGUMENT``."""

    text: str
    kind: str
    argument: str


ModelSpec: TypeAlias = (
    AdapterSpec | FolderSpec | HubSpec | QuantisedSpec | GgufSpec | EndpointSpec | ReplaySpec | PluginSpec
)
LocalSpec: TypeAlias = AdapterSpec | FolderSpec | HubSpec


@dataclass(frozen=True, slots=True)
class Release:
    """One model a task: what a manifest or ``TASK=SPEC`` says."""

    text: str
    models: Mapping[str, ModelSpec]


Spec: TypeAlias = ModelSpec | Release


ACCEPTED_VALUES = "?NAME=VALUE, further ones behind &; a value is true, false, a number or a text"
OWN = ("messages", "add_generation_prompt", "tokenize", "tools", "documents", "bos_token", "eos_token")
"""What a template is given by whoever renders it."""

_QUERY = re.compile(r"(.+)\?([^?#/]*)", re.DOTALL)
_CODE = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


def queried(text: str) -> tuple[str, Variables]:
    """Take the variables from the end of a SPEC.

    >>> queried("models/qwen?enable_thinking=false&budget=512")
    ('models/qwen', (('budget', 512), ('enable_thinking', False)))
    """
    found = _QUERY.fullmatch(text)
    if not found:
        return text, ()
    variables: dict[str, bool | int | float | str] = {}
    for part in found[2].split("&"):
        name, _, value = (one.strip() for one in part.partition("="))
        if not name.isidentifier() or not value:
            raise MedevalError(
                f"model {text!r}: {part!r} sets no variable of a chat template; accepted: {ACCEPTED_VALUES}"
            )
        if name in variables:
            raise MedevalError(f"model {text!r}: variable {name!r} is set twice")
        variables[name] = _value(value)
    return found[1], _sorted(text, variables)


def with_variables(spec: ModelSpec, variables: Variables, text: str) -> ModelSpec:
    """Give a SPEC, now called ``text``, its variables; an adapter's own base is asked with the same ones."""
    if isinstance(spec, AdapterSpec):
        base = replace(spec.base, text=f"{spec.base.text}{query(variables)}", variables=variables)
        return replace(spec, text=text, base=base, variables=variables)
    if isinstance(spec, QuantisedSpec):
        inner = with_variables(spec.inner, variables, f"{spec.inner.text}{query(variables)}")
        return replace(spec, text=text, inner=inner)  # type: ignore[arg-type]  # of the same kind as it was
    if isinstance(spec, FolderSpec | HubSpec | GgufSpec | EndpointSpec):
        return replace(spec, text=masked(text), variables=variables)
    raise MedevalError(f"model {text!r}: {query(variables)} changes nothing there: only chat templates have variables")


def tabled(where: str, table: Mapping[str, object]) -> Variables:
    """Read the variables of a manifest's table."""
    values: dict[str, bool | int | float | str] = {}
    for name, value in table.items():
        if not isinstance(value, bool | int | float | str):
            raise MedevalError(f"{where}: {name} is {value!r}; accepted: true, false, a number or a text")
        values[name] = value
    return _sorted(where, values)


def query(variables: Variables) -> str:
    """Write variables as they stand behind a SPEC."""
    told = (f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in variables)
    return f"?{'&'.join(told)}"


def digested(variables: Variables) -> tuple[str, ...]:
    """Give what variables add to a fingerprint: nothing where there are none."""
    return (json.dumps(variables),) if variables else ()


def check_variables(text: str, variables: Variables, template: str | None) -> None:
    """Refuse a variable that a model's chat template never reads: it would change nothing, and say nothing."""
    code = _LITERAL.sub("", " ".join(_CODE.findall(template or "")))
    for name, _ in variables:
        if template is None:
            raise MedevalError(f"model {text!r}: variable {name!r}: the model has no chat template")
        if not re.search(rf"\b{re.escape(name)}\b", code):
            raise MedevalError(f"model {text!r}: the model's chat template has no variable {name!r}")


def _sorted(where: str, variables: Mapping[str, bool | int | float | str]) -> Variables:
    for name in variables:
        if name in OWN:
            raise MedevalError(f"{where}: variable {name!r} is set by every run itself; accepted: others")
    return tuple(sorted(variables.items()))


def _value(text: str) -> bool | int | float | str:
    """Read a value; ``False`` in any case of letters is false, since a template takes any text for true."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if found := _NUMBER.fullmatch(text):
        return float(text) if found[1] else int(text)
    return text


ACCEPTED = (
    "a LoRA folder (adapter_config.json), a model folder (config.json), a hub name, int8: or nf4: before one "
    "of these, gguf:FILE, https://host/v1#name, replay:RUN, a release manifest (*.toml)"
)

_KIND = re.compile(r"\w[\w.-]+")
"""What stands before a colon and is no drive of Windows."""
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_TASK = re.compile(r"(\w+)=(.+)", re.DOTALL)


def parse_spec(text: str, root: Path) -> Spec:
    """Read a SPEC; relative paths start at ``root``. Whatever is wrong is one ``MedevalError`` naming it."""
    text = text.strip()
    named = _TASK.fullmatch(text)
    if named and not (root / text).exists():
        task, rest = named.groups()
        if task not in TASKS:
            raise MedevalError(f"model {text!r}: {accepted('task', task, TASKS)}")
        return Release(text, {task: parse_model(rest, root)})
    if text.endswith(".toml"):
        return _manifest(text, place(text, root))
    return parse_model(text, root)


def parse_model(text: str, root: Path) -> ModelSpec:
    """Read a SPEC that names one model."""
    text = text.strip()
    if not text:
        raise MedevalError(f"model '' is empty; accepted: {ACCEPTED}")
    if text.endswith(".toml"):
        raise MedevalError(f"model {text!r}: a release manifest names one model a task and cannot stand here")
    kind, colon, argument = text.partition(":")
    if kind in ("int8", "nf4") and colon:
        return _quantised(text, "int8" if kind == "int8" else "nf4", argument, root)
    if text.startswith("replay:"):
        run = text.removeprefix("replay:")
        if not run:
            raise MedevalError(f"model {text!r} names no run; accepted: replay:RUN")
        name, mark, role = run.partition("#")
        file = place(name, root).resolve()
        return ReplaySpec(text, f"{file}{mark}{role}" if file.is_file() else run)
    if colon and kind in MODEL_KINDS.added:
        return PluginSpec(text, kind, argument)
    if place(text, root).is_dir():  # a folder's own name may hold a question mark
        return _folder_or_name(text, root)
    if colon and _KIND.fullmatch(kind) and kind != "gguf" and not argument.startswith("//"):
        raise MedevalError(f"model {text!r}: {accepted(MODEL_KINDS.what, kind, _kinds())}")
    named, variables = queried(text)
    spec = _named(named, root)
    return with_variables(spec, variables, text) if variables else spec


def _kinds() -> set[str]:
    """List what may stand before a colon; an address begins with http or https."""
    return {"int8", "nf4", "gguf", "replay", "http", "https", *MODEL_KINDS.added}


def _named(text: str, root: Path) -> ModelSpec:
    """Read a SPEC without variables."""
    if text.startswith("gguf:"):
        return _gguf(text, text.removeprefix("gguf:"), root)
    return _endpoint(text) if "://" in text else _folder_or_name(text, root)


def model_for(specs: Mapping[str | None, ModelSpec], task: str) -> ModelSpec | None:
    """Take a task's own model, else the one named for all tasks (key ``None``), else nothing."""
    return specs.get(task, specs.get(None))


def parse_specs(texts: list[str], root: Path) -> dict[str | None, ModelSpec]:
    """Read several SPECs of one option into task -> model; the key ``None`` stands for every other task."""
    models: dict[str | None, ModelSpec] = {}
    for text in texts:
        spec = parse_spec(text, root)
        for task, model in spec.models.items() if isinstance(spec, Release) else [(None, spec)]:
            if task in models:
                raise MedevalError(
                    f"model {text!r}: {task or 'all tasks'} already has {models[task].text!r}; "
                    "accepted: one model a task"
                )
            models[task] = model
    return models


def baseline_of(spec: ModelSpec) -> FolderSpec | HubSpec | QuantisedSpec | None:
    """Give an adapter's own base, in as many bits; nothing else has a baseline of its own."""
    if isinstance(spec, QuantisedSpec):
        inner = spec.inner
        if not isinstance(inner, AdapterSpec):
            return None
        return QuantisedSpec(f"{spec.dtype}:{inner.base.text}", spec.dtype, _asked_alike(inner))
    return _asked_alike(spec) if isinstance(spec, AdapterSpec) else None


def made_in(spec: ModelSpec) -> tuple[Path, ...]:
    """List the folders in which the weights of a model on disk lie: an adapter's own, then its base's."""
    if isinstance(spec, QuantisedSpec):
        return made_in(spec.inner)
    if isinstance(spec, AdapterSpec):
        return (spec.folder, *made_in(spec.base))
    return (spec.folder,) if isinstance(spec, FolderSpec) else (spec.file.parent,) if isinstance(spec, GgufSpec) else ()


_WORDS = ("tokenizer_config.json", "chat_template.jinja")


def _asked_alike(spec: AdapterSpec) -> FolderSpec | HubSpec:
    """Give an adapter's base, with the tokenizer and the chat template that the adapter brings."""
    own = any((spec.folder / name).is_file() for name in _WORDS)
    return replace(spec.base, words=spec.folder) if own else spec.base


def _quantised(text: str, dtype: Quantisation, argument: str, root: Path) -> QuantisedSpec:
    bits = argument.strip().startswith(("int8:", "nf4:"))
    inner = None if bits else parse_model(argument, root)
    if not isinstance(inner, AdapterSpec | FolderSpec | HubSpec):
        raise MedevalError(f"model {text!r}: accepted behind {dtype}: a LoRA folder, a model folder or a hub name")
    return QuantisedSpec(text, dtype, inner)


def _gguf(text: str, argument: str, root: Path) -> GgufSpec:
    file = place(argument, root).resolve()
    if not file.is_file():
        raise MedevalError(f"model {text!r}: no such file: {file}; accepted: gguf:FILE")
    with file.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise MedevalError(f"model {text!r}: {file} is no GGUF file: it does not begin with GGUF")
    return GgufSpec(text, file)


def _endpoint(text: str) -> EndpointSpec:
    url, _, name = text.partition("#")
    if not re.match(r"https?://[^/\s]+", url) or not name:
        raise MedevalError(f"model {text!r}: accepted for a server: https://host/v1#name")
    try:
        urlsplit(url).port  # noqa: B018 - it is read, and checked, when it is asked for
    except ValueError as error:
        raise MedevalError(f"model {text!r}: {error}; accepted for a server: https://host:PORT/v1#name") from None
    _hide_credentials(urlsplit(url))
    return EndpointSpec(masked(text), url.rstrip("/"), name)


def _hide_credentials(url: SplitResult) -> None:
    """Show the password to nobody, nor the header that holds it, which a server may repeat."""
    user, password = unquote(url.username or ""), unquote(url.password or "")
    hide(password)
    if password:
        hide(b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape")).decode())


def _folder_or_name(text: str, root: Path) -> ModelSpec:
    folder = place(text, root).resolve()
    if folder.is_dir():
        return _folder(text, folder, root)
    if folder.exists():
        raise MedevalError(f"model {text!r} is a file; accepted: {ACCEPTED}")
    if _means_path(text, root):
        raise MedevalError(f"model {text!r}: no such folder: {folder}; accepted: {ACCEPTED}")
    return HubSpec(text, text)


def _means_path(text: str, root: Path) -> bool:
    """Tell a mistyped folder from a hub name, which has at most one slash and starts in no folder here."""
    first, slash, _ = text.partition("/")
    return not _HUB_NAME.fullmatch(text) or text.startswith(".") or bool(slash and (root / first).is_dir())


def _folder(text: str, folder: Path, root: Path) -> AdapterSpec | FolderSpec:
    return _adapter(text, folder, root) if (folder / "adapter_config.json").is_file() else _full(text, folder)


def _full(text: str, folder: Path) -> FolderSpec:
    check_files(folder)
    if not (folder / "config.json").is_file():
        marks = ("adapter_config.json", "config.json")
        found = (one.name for one in folder.iterdir() if any((one / mark).is_file() for mark in marks))
        below = sorted(found, key=_natural)
        meant = f"; below it are {', '.join(below)}: did you mean {text.rstrip('/')}/{below[-1]}?" if below else ""
        raise MedevalError(
            f"model {text!r}: {folder} holds neither adapter_config.json (a LoRA adapter) nor config.json (a full "
            f"model){meant}; accepted: {ACCEPTED}"
        )
    read_object(folder / "config.json", "a JSON object, as Transformers writes it")
    _require_weights(text, folder, "*.safetensors")
    return FolderSpec(text, folder)


def _natural(name: str) -> list[tuple[int, str]]:
    """Order names by the numbers in them: checkpoint-20 comes before checkpoint-100."""
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]


def _adapter(text: str, folder: Path, root: Path) -> AdapterSpec:
    config = read_object(folder / "adapter_config.json", "a JSON object, as peft writes it")
    check_files(folder)
    kind = str(config.data.get("peft_type", "missing")).upper()
    if kind != "LORA":
        raise MedevalError(f"{config.at('peft_type')}: peft_type is {kind}; accepted: LORA")
    _require_weights(text, folder, "adapter_model.safetensors")
    name = config.data.get("base_model_name_or_path")
    if not isinstance(name, str) or not name.strip():
        raise MedevalError(
            f"{config.at('base_model_name_or_path')}: base_model_name_or_path is {name!r}; "
            "accepted: a folder or hub name"
        )
    return AdapterSpec(text, folder, _base(config.at("base_model_name_or_path"), folder, name, root))


def _base(where: str, adapter: Path, name: str, root: Path) -> FolderSpec | HubSpec:
    """Find an adapter's base: beside the adapter, then under ``root``, then on the hub; ``where`` names it."""
    for start in (adapter, root):
        try:
            folder = place(name, start).resolve()
        except MedevalError as mistake:
            raise MedevalError(f"{where}: base_model_name_or_path: {mistake}") from None
        if (folder / "adapter_config.json").is_file():
            raise MedevalError(f"{where}: its base {name!r} is an adapter too; accepted: a full model")
        if folder.is_dir():
            return _full(_from_here(folder), folder)
    if _means_path(name, root) or _means_path(name, adapter):
        raise MedevalError(
            f"{where}: base {name!r} is missing: no such folder beside the adapter or in {root}; accepted: a folder "
            "with a full model, or a hub name"
        )
    return HubSpec(name, name)


def _from_here(folder: Path) -> str:
    """Name a folder as a user standing in the working directory would."""
    here = Path.cwd()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _require_weights(text: str, folder: Path, pattern: str) -> None:
    """Insist on safetensors: unpickling a weight file runs whatever code was put into it."""
    if any(folder.glob(pattern)):
        return
    pickles = sorted(file for end in ("*.bin", "*.pt", "*.pth", "*.ckpt") for file in folder.glob(end))
    if not pickles:
        raise MedevalError(f"model {text!r}: {folder} holds no weights: expected {pattern}")
    new = pickles[0].with_suffix(".safetensors").name
    raise MedevalError(
        f"model {text!r}: {pickles[0]} is a pickle and may run code; accepted: safetensors only; "
        f"convert: safetensors.torch.save_file(torch.load({pickles[0].name!r}, weights_only=True), {new!r})"
    )


def _manifest(text: str, file: Path) -> Release:
    from pytest_medeval.core.files.tomltext import (
        read_toml,  # few runs have a manifest, and all runs import this module
    )

    toml = read_toml(file, "a release manifest with a table [models] of task = SPEC")
    mistakes = Mistakes()
    for key in toml.data:
        with mistakes:
            if key != "models":
                raise MedevalError(f"{toml.at(key)}: {accepted('key', key, ['models'])}")
    models = toml.data.get("models")
    found = {}
    with mistakes:
        if not isinstance(models, dict) or not models:
            raise MedevalError(f"{toml.at('models')}: names no model; accepted: a table [models] of task = SPEC")
        for task, spec in models.items():
            with mistakes:
                found[task] = _entry(toml.at("models", task), file.parent, task, spec)
    mistakes.tell()
    return Release(text, found)


def _entry(where: str, folder: Path, task: str, spec: object) -> ModelSpec:
    if task not in TASKS:
        raise MedevalError(f"{where}: {accepted('task', task, TASKS)}")
    table = {"spec": spec} if isinstance(spec, str) else spec
    text = table.get("spec") if isinstance(table, dict) else None
    if not isinstance(table, dict) or not isinstance(text, str):
        raise MedevalError(
            f"{where}: {task} is {spec!r}; accepted: a text, or a table of 'spec' and variables of the model's chat "
            f"template; a text is {ACCEPTED}"
        )
    variables = tabled(where, {name: value for name, value in table.items() if name != "spec"})
    try:
        found = parse_model(text, folder)
        if variables and queried(text)[1]:
            raise MedevalError(f"model {text!r}: variables stand behind the SPEC and beside it; accepted: one place")
        return with_variables(found, variables, f"{text}{query(variables)}") if variables else found
    except MedevalError as error:
        raise MedevalError(f"{where}: {error}") from None
