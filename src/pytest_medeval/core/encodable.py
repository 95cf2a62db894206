r"""Text from outside, at the doors: half of a surrogate pair is no character, and no file or pipe takes it.

JSON can spell one (``"\ud83d"``), and Python's names of files, environment and arguments hold bytes that are no UTF-8
as such halves. Each becomes U+FFFD, Unicode's own sign for what could not be decoded: it is seen in the text, is no
word to any metric, and comes back as itself from every file. Decoders of models' tokens write the same sign.
"""

from __future__ import annotations

import re
from typing import TypeVar, cast

Data = TypeVar("Data")

MARK = "\ufffd"
"""What stands where there was no character."""

_HALF = re.compile("[\ud800-\udfff]")


def encodable(text: str) -> str:
    r"""Give a text that UTF-8 can hold: the same one, or with a mark for each half of a surrogate pair.

    >>> encodable("take one \ud83d daily") == f"take one {MARK} daily", encodable("fièvre 熱")
    (True, 'fièvre 熱')
    """
    return text if text.isascii() else _HALF.sub(MARK, text)


def all_encodable(value: Data) -> Data:
    """Do the same to every text in a JSON value, keys included."""
    found: object = value
    if isinstance(value, str):
        found = encodable(value)
    elif isinstance(value, dict):
        found = {encodable(key): all_encodable(inner) for key, inner in value.items()}
    elif isinstance(value, list):
        found = [all_encodable(inner) for inner in value]
    return cast(Data, found)
