"""Variables of chat templates: ``SPEC?enable_thinking=false``, or beside ``spec`` in a manifest.

They change the prompt and so who answers: they belong to the fingerprint of a model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytest_medeval.errors import MedevalError
from pytest_medeval.models.spec_kinds import (
    AdapterSpec,
    EndpointSpec,
    FolderSpec,
    GgufSpec,
    HubSpec,
    ModelSpec,
    QuantisedSpec,
    Variables,
)

ACCEPTED = "?NAME=VALUE, further ones behind &; a value is true, false, a number or a text"
OWN = ("messages", "add_generation_prompt", "tokenize", "tools", "documents", "bos_token", "eos_token")
"""What a template is given by whoever renders it."""

_QUERY = re.compile(r"(.+)\?([^?#/]*)", re.DOTALL)
_CODE = re.compile(r"\{[{%](.*?)[%}]\}", re.DOTALL)
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def queried(text: str) -> tuple[str, Variables]:
    """Take the variables from the end of a SPEC.

    >>> queried("models/qwen?enable_thinking=false&budget=512")
    ('models/qwen', (('budget', 512), ('enable_thinking', False)))
    """
    found = _QUERY.fullmatch(text)
    if not found:
        return text, ()
    variables: dict[str, Any] = {}
    for part in found[2].split("&"):
        name, _, value = (one.strip() for one in part.partition("="))
        if not name.isidentifier() or not value:
            raise MedevalError(f"model {text!r}: {part!r} sets no variable of a chat template; accepted: {ACCEPTED}")
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
        inner: Any = with_variables(spec.inner, variables, f"{spec.inner.text}{query(variables)}")
        return replace(spec, text=text, inner=inner)
    if isinstance(spec, FolderSpec | HubSpec | GgufSpec | EndpointSpec):
        return replace(spec, text=text, variables=variables)
    raise MedevalError(f"model {text!r}: {query(variables)} changes nothing there: only chat templates have variables")


def tabled(where: str, table: Mapping[str, Any]) -> Variables:
    """Read the variables of a manifest's table."""
    for name, value in table.items():
        if not isinstance(value, bool | int | float | str):
            raise MedevalError(f"{where}: {name} is {value!r}; accepted: true, false, a number or a text")
    return _sorted(where, table)


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


def _sorted(where: str, variables: Mapping[str, Any]) -> Variables:
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
