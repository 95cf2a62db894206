"""Dataclasses as plain data for JSON, without the deep copies of ``dataclasses.asdict``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Any

UNLESS_DEFAULT: Mapping[str, bool] = {"unless_default": True}
"""Metadata of a field that is written only where it was set: greedy requests say nothing of how tokens are drawn."""


def plain(value: Any) -> dict[str, Any]:
    """Give a dataclass's fields, one level deep: the ``default`` of a JSON encoder, which asks again for what is in it.

    ``TypeError`` for anything else, as such a ``default`` must.
    """
    always, seldom = _names(type(value))  # type: ignore[arg-type]  # mypy #11469: a class is hashable
    found = {name: getattr(value, name) for name in always}
    for name, default in seldom:
        if (own := getattr(value, name)) != default:
            found[name] = own
    return found


@cache
def _names(kind: type[Any]) -> tuple[tuple[str, ...], tuple[tuple[str, Any], ...]]:
    """Give the fields that are always written, and those that are not, with their defaults."""
    seldom = {field.name: field.default for field in fields(kind) if field.metadata.get("unless_default")}
    if MISSING in seldom.values():
        raise TypeError(f"{kind.__name__}: a field without a default cannot be left out")
    return tuple(field.name for field in fields(kind) if field.name not in seldom), tuple(seldom.items())
