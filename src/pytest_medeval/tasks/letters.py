"""Which option does a generated reply name? One, or none: never a guess."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from pytest_medeval.words import nfc

_KEYS = ("answer_choice", "final_answer", "answer", "choice", "option", "答案")
_FENCE = re.compile(r"\A\s*```\w*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
_FIELD = re.compile(
    rf"""(?x) (?: ["'] (?:{"|".join(_KEYS)}) ["']? | \b(?:{"|".join(_KEYS)}) ["'] ) \s* :
    \s* (?: "([^"\n}}]*) | '([^'\n}}]*) | ([^"',\n}}]*) )"""
)
"""A field of a JSON object that may be broken: a quote or a comma is missing."""

_STATEMENT = re.compile(
    r"""(?ix)
    (?: \b(?:answer|choice|option) (?:\s choice)?
        (?: \s+(?:is|would\s be|should\s be)\b \s*[:：]? | \s*[:：=] )
      | (?:答案|正确选项) (?:应该|应当|应)? (?:[是为选]|[:：])+
      | (?:故选|应选|我选|选择(?:选项)?) [:：]?
      | \\boxed(?=\{)
    ) \s* (?=([^\n]*))"""
)
_VERDICT = re.compile(
    r"(?x) \b([A-J])\b [)\]*\"']* \s+ (?:is|would\ be) \s+ (?:the\s+)?"
    r"(?:correct|right|best|most\ likely|answer)\b"
)
"""``Option C is the correct answer``."""

_OPENING = r"[\s*_`\"'“”‘’({\[（【]*"
_CLOSING = r"[\s*_`\"'“”‘’)}\]）】.(\[（【]*"
_LETTER = re.compile(
    rf"\A{_OPENING}(?:(?i:option|choice|answer)\s*|选项\s*)?{_OPENING}([A-Za-z])(?![A-Za-z0-9])([\s\S]*)\Z"
)
_ANOTHER = re.compile(
    rf"\A{_CLOSING}(?:/|,|，|、|;|&|\+|和|或|与|以及|\b(?:and|or)\b)"
    rf"\s*(?:possibly|perhaps|maybe)?{_OPENING}"
    r"(?:(?i:option)\s*|选项)?(?:[A-J](?![A-Za-z0-9'’])|[a-j](?=\W*\Z))"
)
_MARK = re.compile(r"\A[*_`\"'“”‘’]*(?:[)\]}）】.:：、]|\s[-–—]\s)")
_REFUSAL = re.compile(
    r"(?i)\A\W*(?:none of|neither|not (?:listed|provided|among)|cannot|can't|unable|n/a|inconclusive"
    "|以上都不|都不是|无法)"
)
_CLAUSE = re.compile(r"[.。;；,，]\s|[。；，]|\sbecause\s|\ssince\s")
_DASH = " -–—"
_EDGE = " \t\r\n*_`\"'“”‘’()[]{}（）【】.。,，;；:：!！"


def read_letter(text: str, options: Mapping[str, str]) -> str | None:
    """Read the one option that a reply names.

    The answer field of a JSON object (whole, fenced, broken) decides alone, whatever its reasoning says. Else
    statements do ("the answer is C", "option C is correct", "答案是C"), and lines that hold only a letter, a
    letter with its option's text, or the text of exactly one option; they must agree. Else a reply that
    begins with a lettered text does ("B. because ..."). A list of options is no answer, but a last line that
    repeats one is. ``None`` where nothing is named, where several options are, where the letter is not
    offered, and where a lower-case letter is also the text of another option.

    >>> options = {"A": "aspirin", "B": "heparin", "C": "aspirin and heparin"}
    >>> replies = "(B) heparin", "The answer is C.", "Aspirin", "A/B", "None of the above", "E"
    >>> [read_letter(reply, options) for reply in replies]
    ['B', 'C', 'A', None, None, None]
    """
    reply = text.strip()
    fenced = _FENCE.match(reply)
    reply = fenced.group(1).strip() if fenced else reply
    if reply.startswith("{") or ("{" in reply and _FIELD.search(reply)):
        return _one(_value(value, options, stated=True) for value in _fields(reply))
    lines = [line for line in reply.splitlines() if line.strip()]
    plain = {letter for line in lines if (letter := _plain(line, options))}
    stated = list(_statements(reply, options))
    if stated:
        return _one([*filter(None, stated), *(plain if len(plain) == 1 else ())])
    marked = _marked(lines)
    if lines and (last := _plain(lines[-1], options)) and last in _marked(lines[:-1]):
        return last
    if plain:
        return _one(plain) if marked <= plain else None
    return _value(reply, options, stated=False) if len(marked) == 1 else None


def _fields(reply: str) -> Iterator[str]:
    """Give the answers that a JSON object holds; one that cannot be parsed is searched for its fields."""
    try:
        found = json.loads(reply)
    except (ValueError, RecursionError):
        yield from (next(filter(None, match.groups()), "") for match in _FIELD.finditer(reply))
        return
    for key in _KEYS:
        if isinstance(found, dict) and key in found:
            yield found[key] if isinstance(found[key], str) else ""


def _statements(reply: str, options: Mapping[str, str]) -> Iterator[str | None]:
    for match in _STATEMENT.finditer(reply):
        yield _value(match.group(1), options, stated=True)
    for match in _VERDICT.finditer(reply):
        yield match.group(1) if match.group(1) in options else None


def _one(letters: Iterable[str | None]) -> str | None:
    named = set(letters)
    return named.pop() if len(named) == 1 else None


def _plain(line: str, options: Mapping[str, str]) -> str | None:
    """Read a line that holds nothing but a letter, a letter with its own text, or one option's text."""
    named = _by_text(line, options)
    match = _LETTER.match(line)
    if match is None:
        return named
    letter, rest = match.groups()
    if not rest.strip(_EDGE):
        return _lone(letter, options)
    own = options.get(letter.upper())
    if own is not None and _norm(rest.lstrip(_DASH)) == _norm(own) and named in (None, letter.upper()):
        return letter.upper()
    return named


def _value(value: str, options: Mapping[str, str], *, stated: bool) -> str | None:
    """Read an answer that may go on: ``B. text``, or also ``B because ...`` where an answer was announced."""
    if plain := _plain(value, options):
        return plain
    match = _LETTER.match(value)
    if match is None:
        return _by_text(_CLAUSE.split(value, maxsplit=1)[0], options) if stated else None
    found, rest = match.groups()
    letter, marked = found.upper(), _MARK.match(rest) is not None
    if letter not in options or (found != letter and not marked):
        return None
    refused = _REFUSAL.match(rest) and not _REFUSAL.match(options[letter])
    clause = _CLAUSE.split(rest.lstrip(_EDGE + _DASH), maxsplit=1)[0]
    texts = {_by_text(part, options) for part in (rest, clause)}
    if refused or _ANOTHER.match(rest) or not texts <= {None, letter}:
        return None
    return letter if marked or stated else None


def _lone(letter: str, options: Mapping[str, str]) -> str | None:
    """Read a letter that stands alone; one that is also another option's text, written so, names nothing."""
    meant = letter.upper() if letter.upper() in options else None
    as_text = {key for key, text in options.items() if text.strip(_EDGE) == letter}
    return meant if as_text <= {meant} else None


def _by_text(text: str, options: Mapping[str, str]) -> str | None:
    """Give the option whose text this is, when it is the text of exactly one; a lone letter is no text."""
    wanted = _norm(text)
    if not wanted or (len(wanted) == 1 and wanted.isascii() and wanted.isalpha()):
        return None
    return _one(key for key, option in options.items() if _norm(option) == wanted)


def _norm(text: str) -> str:
    return re.sub(r"\s+", " ", nfc(text).casefold()).strip(_EDGE)


def _marked(lines: list[str]) -> set[str]:
    """Give the letters that open a line as its marker, ``A.`` or ``(A)``: more than one is a list."""
    found = (match.groups() for line in lines if (match := _LETTER.match(line)))
    return {letter.upper() for letter, rest in found if not rest.strip() or _MARK.match(rest)}
