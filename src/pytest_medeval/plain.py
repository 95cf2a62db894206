"""Dataclasses as plain data for JSON, without the deep copies of ``dataclasses.asdict``."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from typing import Any


def plain(value: Any) -> dict[str, Any]:
    """Give a dataclass's fields, one level deep: the ``default`` of a JSON encoder, which asks again for what is in it.

    ``TypeError`` for anything else, as such a ``default`` must.
    """
    return {name: getattr(value, name) for name in _names(type(value))}  # type: ignore[arg-type]  # mypy #11469: a class is hashable


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
