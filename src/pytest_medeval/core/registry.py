"""Names to implementations: one table a kind, through which built-ins and third parties come alike."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_medeval.core.errors import MedevalError, accepted


class Table(Mapping[str, str]):
    """A table ``name -> "module:Attribute"``; the module is imported when the name is used."""

    def __init__(self, what: str, entries: Mapping[str, str]) -> None:
        self.what = what
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> str:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entries: Mapping[str, str]) -> None:
        """Take in a third party's names; a name that is taken already is a mistake."""
        for name, target in entries.items():
            if self._entries.get(name, target) != target:
                raise MedevalError(
                    f"{self.what} {name!r} is already {self._entries[name]}; {target} must choose another name"
                )
            self._entries[name] = target

    def resolve(self, name: str) -> Any:
        """Import what a name stands for."""
        if name not in self._entries:
            raise MedevalError(accepted(self.what, name, self._entries))
        module, _, attribute = self._entries[name].partition(":")
        return getattr(importlib.import_module(module), attribute)
