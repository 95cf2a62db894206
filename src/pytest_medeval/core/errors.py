"""The one exception that the core raises for a user's mistake."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pytest_medeval.core.encodable import encodable


class MedevalError(Exception):
    """A mistake that a user can mend: one line, with file and line where there is one.

    The plugin turns it into ``pytest.UsageError`` (exit code 4) up to collection and into
    ``pytest.fail(..., pytrace=False)`` afterwards.
    """

    def __init__(self, told: str) -> None:
        super().__init__(encodable(told))


class NoneYetError(MedevalError):
    """What is asked for does not exist yet, which is another thing than one that is there and cannot be read."""


def whole(error: BaseException) -> str:
    r"""Tell a library's error in one line, with all that it says: the reason often stands last.

    >>> whole(ValueError("cannot load:\n  no such key"))
    'ValueError: cannot load: no such key'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}".removesuffix(": ")


def accepted(what: str, found: object, names: Iterable[str]) -> str:
    """Say that a name is unknown, which one may have been meant, and all that are accepted.

    >>> accepted("task", "mqc", ["dialogue", "mcq"])
    "unknown task 'mqc' (did you mean 'mcq'?); accepted: dialogue, mcq"
    """
    known = sorted(names)
    close = difflib.get_close_matches(str(found), known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"unknown {what} {found!r}{hint}; accepted: {', '.join(known)}"
