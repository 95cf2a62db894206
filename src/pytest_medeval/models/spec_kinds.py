"""The kinds of model that can be named, as facts: what was written, and where it leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Quantisation: TypeAlias = Literal["int8", "nf4"]
Variables: TypeAlias = tuple[tuple[str, bool | int | float | str], ...]
"""Variables of a chat template, by name: ``(("enable_thinking", False),)``."""


@dataclass(frozen=True, slots=True)
class FolderSpec:
    """A full model on disk: ``config.json``, safetensors weights, tokenizer."""

    text: str
    folder: Path
    variables: Variables = ()
    kind = "local"


@dataclass(frozen=True, slots=True)
class HubSpec:
    """A full model on the model hub, or in its cache on this machine."""

    text: str
    name: str
    variables: Variables = ()
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
    """A model behind an OpenAI-compatible server."""

    text: str
    url: str
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
