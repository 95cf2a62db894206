"""The outcome of a generated reply: answered, empty, looping, cut off, or never given."""

from __future__ import annotations

import re

from pytest_medeval.core.types import Answer, Outcome

LOOP_COPIES = 3
LOOP_BYTES = 100
TAIL = 4000
"""Only this many characters at the end of a reply are searched for a loop."""

_MARKER = re.compile(r"(?m)^[ \t]*(?:[-*•·]|\d+[.)、．])[ \t]*")
_SPACES = re.compile(r"\s+")


def text_outcome(answer: Answer) -> Outcome:
    """Tell how a generated reply ended; a loop is looked for before the token limit that usually ends it.

    A loop is looked for where the generation ended: in the reply, or in thoughts that were never closed.

    >>> text_outcome(Answer("Rest and drink."))
    'answered'
    >>> text_outcome(Answer(" ... "))
    'no_answer'
    """
    if answer.finish == "error":
        return "error"
    if answer.unclosed:
        return "degenerate" if loops(answer.thoughts) else "truncated"
    if not any(character.isalnum() for character in answer.text):
        return "no_answer"
    if loops(answer.text):
        return "degenerate"
    return "truncated" if answer.finish == "length" else "answered"


def loops(text: str) -> bool:
    """Say whether a text ends in a loop: three or more copies of one unit, together 100 bytes or more.

    The last copy to begin may be cut anywhere, as the token limit does it. List markers and the amount of
    blank space are ignored, so that ``1. Rest. 2. Rest. 3. Rest. ...`` is a loop, while the items of a real
    list differ. Bytes of UTF-8 count a Chinese character three times, about what it carries. Time is linear
    in the text.

    >>> loops("It is mild. " * 9 + "It is"), loops("咳嗽，" * 12), loops("Rest, and rest, and rest again.")
    (True, True, False)
    """
    backwards = _SPACES.sub(" ", _MARKER.sub("", text[-TAIL:])).strip()[::-1]
    size = 0
    for length, (character, border) in enumerate(zip(backwards, _borders(backwards), strict=True), start=1):
        size += len(character.encode(errors="replace"))
        if size >= LOOP_BYTES and length >= LOOP_COPIES * (length - border):
            return True
    return False


def _borders(text: str) -> list[int]:
    """Give the longest proper border of each prefix (the failure function of Knuth, Morris and Pratt, 1977).

    A prefix of length n with border b repeats with period n - b.
    """
    borders = [0] * len(text)
    matched = 0
    for index in range(1, len(text)):
        while matched and text[index] != text[matched]:
            matched = borders[matched - 1]
        matched += text[index] == text[matched]
        borders[index] = matched
    return borders
