"""Checks of option values: raw text in, value out, or one line that says what is accepted.

A check is called with the option's spelling, its raw value (None where it was not given; a list where it may be
repeated) and the folder from which paths start.
"""

from __future__ import annotations

import importlib.util
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from pytest_medeval.errors import MedevalError, accepted
from pytest_medeval.tasks.thoughts import DEFAULT_TAGS, Tags, parse_tags

Check: TypeAlias = Callable[[str, Any, Path], Any]

AUTOMATIC = "auto"
"""The name of a stored run that is made of commit and time."""


def text(_flag: str, value: str | None, _root: Path) -> str | None:
    """Take it as it is."""
    return value


def texts(_flag: str, values: Sequence[str] | None, _root: Path) -> tuple[str, ...]:
    """Take all of them."""
    return tuple(values or ())


def names(_flag: str, values: Sequence[str] | None, _root: Path) -> frozenset[str]:
    """Take all of them, in no order."""
    return frozenset(values or ())


def whole(least: int, default: int | None = None, *, word: str = "") -> Check:
    """Accept a whole number from ``least``; ``word`` stands for the default."""

    def check(flag: str, value: object, _root: Path) -> int | None:
        if value is None or (word and value == word):
            return default
        found = str(value).strip()
        if not re.fullmatch(r"-?[0-9]+", found) or int(found) < least:
            also = f"{word} or " if word else ""
            raise MedevalError(f"{flag}={value}: accepted: {also}a whole number, {least} or more")
        return int(found)

    return check


def share(default: float) -> Check:
    """Accept a number from 0 to 1."""

    def check(flag: str, value: object, _root: Path) -> float:
        try:
            found = default if value is None else float(str(value))
        except ValueError:
            found = math.nan
        if not 0 <= found <= 1:
            raise MedevalError(f"{flag}={value}: accepted: a number from 0 to 1")
        return found

    return check


def one_of(default: str, *others: str) -> Check:
    """Accept one of some words, the first where none is given."""

    def check(flag: str, value: str | None, _root: Path) -> str:
        found = default if value is None else value
        if found not in (default, *others):
            raise MedevalError(f"{flag}: {accepted('value', found, (default, *others))}")
        return found

    return check


def yes_or_no(flag: str, value: str | None, root: Path) -> bool:
    """Accept ``yes``, which is the default, and ``no``."""
    return bool(one_of("yes", "no")(flag, value, root) == "yes")


def device(flag: str, value: str | None, _root: Path) -> str:
    """Accept a device in torch's words."""
    found = value or "auto"
    if found.split(":", maxsplit=1)[0] not in ("auto", "cpu", "cuda", "mps"):
        raise MedevalError(f"{flag}={found}: accepted: auto, cpu, cuda, cuda:N, mps")
    return found


def engine(flag: str, value: str | None, root: Path) -> str:
    """Accept ``local``, which is the default, and ``ray`` where it is installed."""
    found = str(one_of("local", "ray")(flag, value, root))
    if found == "ray" and importlib.util.find_spec("ray") is None:
        raise MedevalError(f"{flag}=ray needs ray: pip install 'pytest-medeval[ray]'")
    return found


def tags(flag: str, value: str | None, _root: Path) -> Tags:
    """Accept names of tags, and ``off`` for none."""
    try:
        return DEFAULT_TAGS if value is None else parse_tags(value)
    except MedevalError as mistake:
        raise MedevalError(f"{flag}={value}: {mistake}") from None


def run_name(flag: str, value: str | None, _root: Path) -> str | None:
    """Accept the name of a stored run."""
    if value is not None and not re.fullmatch(r"\w[\w.+-]{0,99}", value):
        raise MedevalError(
            f"{flag}={value}: accepted: up to 100 letters, digits, '_', '.', '+' and '-'; "
            "before a path write --medeval-autosave instead of a bare --medeval-save"
        )
    if value in ("latest", "latest-or-none"):
        raise MedevalError(f"{flag}={value}: means the newest run wherever one is named; accepted: another name")
    return value


def place(default: str, *, off: bool = False) -> Check:
    """Accept a folder, which need not be there; ``off`` for none."""

    def check(_flag: str, value: str | None, root: Path) -> Path | None:
        return None if off and value == "off" else root / (value or default)

    return check


def folder(flag: str, value: str | None, root: Path) -> Path | None:
    """Accept a folder that is there."""
    if value is None:
        return None
    if not (root / value).is_dir():
        raise MedevalError(f"{flag}: no folder {value!r}; accepted: a folder with one sub-folder a data set")
    return root / value


def readable(flag: str, value: str | None, root: Path) -> Path | None:
    """Accept a file that is there."""
    if value is None:
        return None
    if not (root / value).is_file():
        raise MedevalError(f"{flag}={value}: no such file")
    return root / value


def readables(flag: str, values: Sequence[str] | None, root: Path) -> tuple[Path, ...]:
    """Accept files that are there."""
    return tuple(path for value in values or () if (path := readable(flag, value, root)))


def writable(flag: str, value: str | None, root: Path) -> Path | None:
    """Refuse at once a file that could not be written after hours of work."""
    if value is None:
        return None
    path = root / value
    if path.is_dir():
        raise MedevalError(f"{flag}={value}: is a folder; accepted: a file name")
    if not path.parent.is_dir():
        raise MedevalError(f"{flag}={value}: no folder {str(path.parent)!r} to write it in")
    return path
