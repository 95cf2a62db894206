"""What a person types in a chat, as a case to ask and as a case to keep; what else a task needs is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from pytest_medeval.core.types import Case, Source

Ask: TypeAlias = Callable[[str], str]
"""Ask the user for one line; what comes back is stripped, and empty where there is nothing more."""

TYPED = Source("chat")
NAME = "typed"


@runtime_checkable
class Typed(Protocol):
    """A task whose cases can be typed; cases of others are read from files."""

    def typed(self, text: str, ask: Ask) -> Case:
        """Make a case of a message, its right answer unknown; ``MedevalError`` where the user gives too little."""

    def kept(self, case: Case, ask: Ask, *, known: bool) -> Mapping[str, object] | None:
        """Ask for the right reply and give the keys of the case; None where the user gives up."""


def listed(text: str) -> list[str]:
    """Split a line at its commas, Chinese ones too."""
    return [part.strip() for part in text.replace("，", ",").split(",") if part.strip()]


def one_of(ask: Ask, prompt: str, known: str, read: Callable[[str], str | None]) -> str:
    """Ask until the answer is one of those offered; empty: what is known, if anything."""
    while text := ask(f"{prompt} (empty: {known or 'no case'})"):
        if found := read(text):
            return found
    return known


def critical(ask: Ask) -> dict[str, bool]:
    """Ask whether the case is critical."""
    return {"critical": True} if ask("must every release get it right? [y/N]").casefold().startswith("y") else {}


def tags(case: Case) -> dict[str, object]:
    """Keep the tags."""
    return {"tags": dict(case.tags)} if case.tags else {}
