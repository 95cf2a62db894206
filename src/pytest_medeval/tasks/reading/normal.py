"""One form for a reply: compatibility characters, markup, LaTeX and special tokens taken off."""

from __future__ import annotations

import html
import re
import unicodedata

_TOKENS = re.compile(
    r"(?i)<\|[^|<>\n]{1,60}\|>|</?s>|</?(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>|<unused\d{1,3}>|\[/?INST\]"
)
_INVISIBLE = re.compile(r"[\u00AD\u180E\u200B-\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFE00-\uFE0F\uFEFF]")
_PLAIN = str.maketrans(
    {chr(first + place): chr(65 + place) for first in (0x1F150, 0x1F170, 0x1F1E6) for place in range(26)}
    | dict.fromkeys("‘’ʼ´", "'")
    | dict.fromkeys("“”„«»", '"')
    | dict.fromkeys("‐‑‒−", "-")
    | {"İ": "I", "؟": "?", "،": ",", "、": "、", "։": ":"}
)
_ALIKE = str.maketrans("АВСЕНΑΒΕΗ", "ABCEHABEH")
_ALIKE_ALONE = re.compile(
    r"(?i:(?P<name>(?:вариант|ответ|ответом|буква|пункт)\s*:?\s*[(\[\"]?))?(?<!\w)(?P<letter>[АВСЕНΑΒΕΗ])(?!\w)"
    r"(?(name)|(?=\s*(?:[.,;:)\]!?\n\"]|\Z)))"
)
"""A Cyrillic or Greek letter that looks like a Latin one, where it stands as an option's letter."""

_WRAPPED = re.compile(r"\\(?:text\w{0,10}|math\w{0,10}|mbox|underline|emph|bm|bf|rm|displaystyle)\s*\{([^{}]*)\}")
_LATEX = re.compile(r"\$|\\[()\[\],;! ]|\\(?:quad|displaystyle|left|right|bf|rm)\b")
_STRUCK = re.compile(r"(?i)~~[^~\n]{1,500}~~|<(s|del|strike)>[^<\n]{1,500}</\1>")
_TAGS = re.compile(
    r"(?i)</?(?:b|i|u|em|strong|p|br|span|div|h[1-6]|ul|ol|li|code|pre|mark|font|sup|sub|center)(?:\s[^<>\n]{0,200})?\s*/?>"
)
_BOLD_TAG = re.compile(r"<(/?)([bi])>")
_MARKUP = re.compile(r"[*`]|__|(?m:^[ \t]*(?:#{1,6}|>|[-•◦▪+–](?=\s)))|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)|#{2,}")
_NEXT_QUESTION = re.compile(r"(?i)\n(?:question|user|human|q|问题|题目)\s?\d{0,3}\s?[:.]")
"""Where a model goes on with a question of its own."""
_BLANKS = re.compile(r"[^\S\n]+")
_WRAP_WORDS = 3


def tidy(text: str) -> str:
    """Put a reply, or an option's text, into the one form in which it is read; its letters keep their case.

    >>> tidy("**Ｂ**</s>")
    'B'
    """
    text = unicodedata.normalize("NFKC", html.unescape(text))
    text = _INVISIBLE.sub("", text).translate(_PLAIN).replace("\r\n", "\n").replace("\r", "\n")
    text = _STRUCK.sub(" ", _TOKENS.sub("\n", text))
    text = _markup(_latex(text))
    text = _ALIKE_ALONE.sub(lambda found: found.group().translate(_ALIKE), text)
    lines = (_BLANKS.sub(" ", line).strip() for line in text.split("\n"))
    return _NEXT_QUESTION.split(_unwrapped([line for line in lines if line]), maxsplit=1)[0]


def _latex(text: str) -> str:
    """Unwrap fonts, from the inside out, and drop the signs of formulas; boxes stay."""
    for _ in range(3):
        text = _WRAPPED.sub(r"\1", text)
    return _LATEX.sub(" ", text)


def _markup(text: str) -> str:
    """Drop tags and Markdown; ``<B>`` that opens nothing is a letter in brackets."""
    if "</" not in text:
        text = re.sub(r"<([A-J])>", r"(\1)", text)
    return _MARKUP.sub("", _TAGS.sub(" ", text))


def _unwrapped(lines: list[str]) -> str:
    """Join lines that break within a sentence: a long one without an end, and one that goes on in small letters."""
    joined: list[str] = []
    for line in lines:
        last = joined[-1] if joined else ""
        goes_on = line[0].isalpha() and not line[0].isupper() and last[-1:].isalpha() | (last[-1:] == ",")
        if goes_on and len(last.split()) >= _WRAP_WORDS and len(line.split()) > 1:
            joined[-1] = f"{last} {line}"
        else:
            joined.append(line)
    return "\n".join(joined)
