r"""Text from outside, at the doors and where it is shown: encodable, without secrets, inert.

Half of a surrogate pair is no character, and no file or pipe takes it. JSON can spell one (``"\ud83d"``), and Python's
names of files, environment and arguments hold bytes that are no UTF-8 as such halves. Each becomes U+FFFD, Unicode's
own sign for what could not be decoded: it is seen in the text, is no word to any metric, and comes back as itself from
every file. Decoders of models' tokens write the same sign.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
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
    return each_text(value, encodable)


def each_text(value: Data, change: Callable[[str], str]) -> Data:
    """Change every text in a JSON value, keys included."""
    found: object = value
    if isinstance(value, str):
        found = change(value)
    elif isinstance(value, dict):
        found = {change(key): each_text(inner, change) for key, inner in value.items()}
    elif isinstance(value, list):
        found = [each_text(inner, change) for inner in value]
    return cast(Data, found)


_SECRETS = ("OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Variables of the environment whose values are shown to nobody."""
_LONG = 12
"""From so many characters on a secret is no word that a text may hold by chance."""
_LETTER = "[0-9A-Za-z\u00c0-\u1fff]"
"""What makes one word of what it touches: of alphabets, and not of scripts that set no blanks."""
_STARS = "***"
_USERINFO = re.compile(r"(?<=://)[^\s/?#\"']+@")
_PARAMETER = re.compile(r"(?i)([?&][\w-]*(?:key|token|secret|password|sig|signature)=)[^&#\s]+")
_hidden: set[str] = set()


def hide(secret: str) -> None:
    """Show a secret to nobody from now on, such as the password of a URL."""
    if secret:
        _hidden.add(secret)


def masked(text: str, *, words: bool = True) -> str:
    """Put stars for secrets: credentials in URLs, keys of the environment and what is hidden, percent-encoded or not.

    A secret as short as a word is one only where it stands alone; ``words=False`` leaves those: replies may use them.

    >>> masked("http://me:pass@host/v1?api_key=k1#m")
    'http://***@host/v1?api_key=***#m'
    """
    if "://" in text:
        text = _USERINFO.sub(f"{_STARS}@", text)
    if "=" in text:
        text = _PARAMETER.sub(rf"\1{_STARS}", text)
    known = {*_hidden, *filter(None, map(os.environ.get, _SECRETS))}
    for secret in sorted(known, key=len, reverse=True):
        if words or len(secret) >= _LONG:
            text = _secret(secret).sub(_STARS, text)
    return text


@cache
def _secret(secret: str) -> re.Pattern[str]:
    """Find a secret, each of its characters as it is or percent-encoded."""
    either = "".join(rf"(?:{re.escape(one)}|%(?i:{one.encode().hex('%')}))" for one in encodable(secret))
    alone = len(secret) < _LONG
    return re.compile(rf"(?:(?<!{_LETTER})|(?<=%[0-9A-Fa-f]{{2}})){either}(?!{_LETTER})" if alone else either)


_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""What steers a terminal or turns the direction of writing; tab and end of line do no harm."""
_COMMAND = re.compile(r"^([^\S\n]*)(?=::)|(##)(?=\w*\[)", re.MULTILINE)
"""How GitHub, Azure and TeamCity know a command in a log: behind blanks, or anywhere."""


def inert(text: str) -> str:
    r"""Give a text that terminals and CI logs only show: control characters are spelt, commands of logs are broken.

    >>> print(inert("Rest.\x1b[2J\n::error::x\n##[group]"))
    Rest.\x1b[2J
    \::error::x
    ##\[group]
    """
    seen = _UNSEEN.sub(_spelt, text.replace("\r\n", "\n"))
    return _COMMAND.sub(lambda found: f"{found[1] or found[2] or ''}\\", seen) if "::" in seen or "##" in seen else seen


def _spelt(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
