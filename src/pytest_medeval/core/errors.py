"""The one exception that the core raises for a user's mistake."""

from __future__ import annotations

import difflib
import importlib
import traceback
from collections.abc import Iterable
from types import TracebackType

from pytest_medeval.core.encodable import encodable, inert, masked

LONGEST = 2000
"""Characters of a line: what a file holds may be of any length."""
_OURS = __file__.removesuffix("core/errors.py")
TOLD = 10
"""Mistakes of one file that are told; further ones are counted."""


class MedevalError(Exception):
    """A mistake that a user can mend: one line, inert and without secrets, with file and line where there is one.

    The plugin turns it into ``pytest.UsageError`` (exit code 4) up to collection and into
    ``pytest.fail(..., pytrace=False)`` afterwards.
    """

    def __init__(self, told: str) -> None:
        super().__init__("\n".join(_cut(line) for line in inert(masked(encodable(told))).split("\n")))


class Mistakes:
    """Mistakes of one file, told together: ``with mistakes:`` around each part of it, ``tell`` at its end."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def __enter__(self) -> None:
        """Begin a part."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        """Keep the part's mistake, and go on behind it."""
        if isinstance(error, MedevalError):
            self.found += str(error).split("\n")
            return True
        return False

    def tell(self) -> None:
        """Raise what was found."""
        if self.found:
            told, more = self.found[:TOLD], len(self.found) - TOLD
            told[-1] += f" (and {more} mistakes more)" if more > 0 else ""
            raise MedevalError("\n".join(told))


class NoFileError(MedevalError):
    """A file that is named is not there."""


class NoneYetError(MedevalError):
    """What is asked for does not exist yet, which is another thing than one that is there and cannot be read."""


class OthersError(MedevalError):
    """Code of another package raised: the line names it, and where ours called it; ``entry``: its name in our table."""

    def __init__(self, told: str, entry: str = "") -> None:
        super().__init__(told)
        self.entry = entry


def whole(error: BaseException) -> str:
    r"""Tell a library's error in one line, with all that it says: the reason often stands last.

    >>> whole(ValueError("cannot load:\n  no such key"))
    'ValueError: cannot load: no such key'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


def entered(error: BaseException) -> str:
    """Tell an error of code that is not ours in one line, with the file and line where ours called it."""
    frames = traceback.extract_tb(error.__traceback__)
    others = [one for one in frames if not one.filename.startswith((_OURS, "<frozen importlib", importlib.__file__))]
    place = f" ({others[0].filename}:{others[0].lineno})" if others else ""
    return f"{whole(error)}{place}"


def _cut(line: str) -> str:
    half = LONGEST // 2
    return line if len(line) <= LONGEST else f"{line[:half]} ... {line[-half:]}"


def accepted(what: str, found: object, names: Iterable[str]) -> str:
    """Say that a name is unknown, which one may have been meant, and all that are accepted.

    >>> accepted("task", "mqc", ["dialogue", "mcq"])
    "unknown task 'mqc' (did you mean 'mcq'?); accepted: dialogue, mcq"
    """
    known = sorted(names)
    close = difflib.get_close_matches(str(found), known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"unknown {what} {found!r}{hint}; accepted: {', '.join(known)}"
