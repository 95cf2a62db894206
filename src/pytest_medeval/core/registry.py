"""Names to implementations: one table a kind, through which built-ins and third parties come alike."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any

from pytest_medeval.core.errors import MedevalError, OthersError, accepted, entered

_STOPS = (KeyboardInterrupt, GeneratorExit)


class Registry(Mapping[str, str]):
    """A table ``name -> "module:Attribute"``; the module is imported when the name is used.

    ``offered``: what other packages call it. They add names by the hook ``pytest_medeval_OFFERED``, or by entry points
    of the group ``pytest_medeval.OFFERED``, which are read when the table is first looked into.
    """

    def __init__(self, what: str, entries: Mapping[str, str], offered: str = "") -> None:
        self.what = what
        self.offered = offered
        self.own = frozenset(entries)
        self._given = dict(entries)
        self._waiting = bool(offered)

    @property
    def added(self) -> frozenset[str]:
        """The names that other packages gave."""
        return frozenset(self._entries) - self.own

    @property
    def _entries(self) -> dict[str, str]:
        if self._waiting:
            self._waiting = False
            for point in _points().select(group=f"pytest_medeval.{self.offered}"):
                self.add({point.name: point.value})
        return self._given

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

    @contextmanager
    def lent(self, entries: Mapping[str, str]) -> Iterator[None]:
        """Have a third party's names for a while: what one session brings is not there in the next of the process."""
        before = dict(self._entries)
        self.add(entries)
        try:
            yield
        finally:
            self._given.clear()
            self._given.update(before)

    def resolve(self, name: str) -> Any:
        """Import what a name stands for; ``MedevalError`` where there is no such name, or another package's fails."""
        module = self.module(name)
        attribute = self._entries[name].partition(":")[2]
        if name in self.own or hasattr(module, attribute):
            return getattr(module, attribute)
        told = f"{self.what} {name!r} is {self._entries[name]}, which cannot be loaded"
        raise MedevalError(f"{told}: {module.__name__} has no {attribute!r}")

    def module(self, name: str) -> ModuleType:
        """Import the module that a name stands for something of."""
        if name not in self._entries:
            raise MedevalError(accepted(self.what, name, self._entries))
        module = self._entries[name].partition(":")[0]
        with self.blamed(name, "cannot be loaded"):
            return importlib.import_module(module)

    @contextmanager
    def blamed(self, name: str, doing: str = "fails") -> Iterator[None]:
        """Say in one line whose fault it is when another package's code raises; ours keeps its traceback."""
        try:
            yield
        except BaseException as error:  # sys.exit and pytest.skip are no way to give a metric
            if name in self.own or name not in self._entries or isinstance(error, (MedevalError, *_STOPS)):
                raise
            told = f"{self.what} {name!r} is {self._entries[name]}, which {doing}"
            raise OthersError(f"{told}: {entered(error)}", name) from error


_points = cache(entry_points)
"""``_points()``: what the installed packages offer, read once."""
