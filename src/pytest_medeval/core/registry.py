"""Names to implementations: one table a kind, through which built-ins and third parties come alike."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, wraps
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

from pytest_medeval.core.errors import MedevalError, OthersError, accepted, entered

P = ParamSpec("P")
T = TypeVar("T")
_ROOT = "pytest_medeval."


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
            for point in _points().select(group=f"{_ROOT}{self.offered}"):
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
        if not hasattr(module, attribute) and (new := _MOVED.get(module.__name__.removeprefix(_ROOT))):
            _warn(module.__name__, _ROOT + new)
            module = importlib.import_module(_ROOT + new)
        if name in self.own or hasattr(module, attribute):
            return getattr(module, attribute)
        told = f"{self.what} {name!r} is {self._entries[name]}, which cannot be loaded"
        raise MedevalError(f"{told}: {module.__name__} has no {attribute!r}")

    def module(self, name: str) -> ModuleType:
        """Import the module that a name stands for something of."""
        if name not in self._entries:
            raise MedevalError(accepted(self.what, name, self._entries))
        module = self._entries[name].partition(":")[0]
        if name in self.own:
            return importlib.import_module(module)
        if _FINDER not in sys.meta_path:
            sys.meta_path.insert(0, _FINDER)
        with self.blamed(name, "cannot be loaded"):
            return importlib.import_module(module)

    @contextmanager
    def blamed(self, name: str, doing: str = "fails") -> Iterator[None]:
        """Say in one line whose fault it is when another package's code raises; ours keeps its traceback."""
        try:
            yield
        except Exception as error:
            if name in self.own or name not in self._entries or isinstance(error, MedevalError):
                raise
            told = f"{self.what} {name!r} is {self._entries[name]}, which {doing}"
            raise OthersError(f"{told}: {entered(error)}") from error

    def blaming(self, name: str, function: Callable[P, T]) -> Callable[P, T]:
        """Give the function with its faults told so."""

        @wraps(function)
        def blamed(*given: P.args, **named: P.kwargs) -> T:
            with self.blamed(name):
                return function(*given, **named)

        return blamed


_points = cache(entry_points)
"""``_points()``: what the installed packages offer, read once."""


_MOVES: Mapping[str, str] = {
    "core.encodable": "encodable",
    "core.errors": "errors",
    "core.files.jsontext": "cases.text",
    "core.files.writing": "runs.files",
    "core.fingerprint": "models.fingerprint",
    "core.model": "models.base",
    "core.options": "checks options",
    "core.registry": "registry",
    "core.settings": "settings",
    "core.signature": "runs.signature",
    "core.thoughts": "tasks.thoughts",
    "core.types": "plain types",
    "core.words": "words",
    "judges.ask": "metrics.judging_ask metrics.judging_types",
    "judges.judge": "metrics.judge",
    "judges.panel": "metrics.judging_panel",
    "judges.ratings": "ratings",
    "judges.rubric": "metrics.rubric",
    "metrics.choice": "metrics.orders",
    "metrics.meteor": "metrics.wordnet",
    "metrics.polarity": "metrics.polarity_costs metrics.polarity_rows",
    "metrics.safety": "metrics.safety_rules",
    "models.endpoint.server": "models.background models.endpoint",
    "models.endpoint.wire": "models.endpoint_choices models.endpoint_wire",
    "models.gguf.engine": "models.gguf_engine",
    "models.gguf.file": "models.gguf_file",
    "models.gguf.gguf": "models.gguf",
    "models.local.model": "models.local models.local_probe",
    "models.local.opening": "models.opening models.quantised",
    "models.spec": "models.kinds models.spec_kinds models.variables",
    "runs.engine": "engine scoring",
    "runs.reference": "runs.compare runs.contest verdicts.regression",
    "runs.replay": "models.replay",
    "runs.sections": "runs.data",
    "runs.suite": "suite",
    "runs.track_b": "runs.judging",
    "tasks.base": "tasks.sampling",
    "tasks.cases": "cases",
    "tasks.cases.find": "cases.load",
    "tasks.cases.formats": "cases.formats",
    "tasks.mcq": "tasks.orders tasks.question",
    "tasks.polarity": "tasks.aligned tasks.findings",
    "tasks.reading.labels": "tasks.labels",
    "tasks.reading.letters": "tasks.letters",
    "tasks.reading.outcome": "tasks.outcome",
    "tasks.reading.synonyms": "tasks.synonyms",
    "verdicts.divergence": "verdicts.divergence_words",
    "verdicts.gates": "verdicts.looks verdicts.result verdicts.thresholds verdicts.undefined",
    "verdicts.tracks": "verdicts.divergence_cases verdicts.divergence_tracks",
}
"""Module -> what it was called before the rooms; entries of other packages may say so for one release."""
_READERS = ("dxy", "genmedgpt", "mie", "native", "promptcblue")
_EXAMS = ("choices", "medmcqa", "medqa", "mmlu", "pubmedqa")
_PUBLISHED = ("germediq", "judgebench", "medieval", "mentalalign")
_MOVED = {
    **{old: new for new, olds in _MOVES.items() for old in olds.split()},
    **{f"cases.{name}": f"tasks.cases.formats.{name}" for name in _READERS},
    **{
        f"{old}.{name}": f"tasks.cases.formats.exams.{name}"
        for name in _EXAMS
        for old in ("cases", "tasks.cases.formats")
    },
    **{f"ratings.{name}": f"judges.ratings.published.{name}" for name in _PUBLISHED},
}
_STILL = frozenset({"models.endpoint", "models.gguf", "models.local"})
"""Old modules whose name a folder has now: what they held is looked for in the new one."""


class _Moved(MetaPathFinder, Loader):
    """Finds modules by their old names; the module is the same one, so that its tables are there once."""

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return None if self._new(fullname) is None else ModuleSpec(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        old, new = module.__name__, f"{_ROOT}{self._new(module.__name__)}"
        _warn(old, new)
        sys.modules[old] = importlib.import_module(new)

    def _new(self, fullname: str) -> str | None:
        old = fullname.removeprefix(_ROOT)
        if old == fullname or old in _STILL:
            return None
        room, _, stem = old.partition(".")
        return _MOVED.get(old) or (f"{_MOVED[room]}.{stem}" if stem and room in ("cases", "ratings") else None)


_FINDER = _Moved()


def _warn(old: str, new: str) -> None:
    warnings.warn(f"{old} is {new} now: the old name goes with the next release", DeprecationWarning, stacklevel=3)
