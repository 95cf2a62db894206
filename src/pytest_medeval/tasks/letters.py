"""Which option does a generated reply name? One, or none: never a guess."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_FENCE = re.compile(r"\A\s*```\w*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
_KEYS = ("answer_choice", "answer", "final_answer", "choice", "option", "答案")
_BROKEN = re.compile(rf"""["']?\b({"|".join(_KEYS)})["']?\s*:\s*(?:"([^"\n}}]*)|'([^'\n}}]*)|([^"',\n}}]*))""")
_STATEMENT = re.compile(
    r"""(?ix) (?: \b (?: answer | choice | option ) (?: \s choice )? (?: \s+ (?: is | would \s be | should \s be ) \s* [:：]? | \s* [:：=] )
        | (?: 答案 | 正确选项 ) (?: 应该 | 应当 | 应 )? (?: [是为选] | [:：] )+
        | (?: 故选 | 应选 | 我选 | 选择 (?: 选项 )? ) [:：]?
        | \\boxed (?= \{ ) )
        \s* ([^\n]*)"""
)
_OPENING = r"[\s*_`\"'“”‘’({\[（【]*"
_LABEL = r"(?:(?i:option|choice|answer)\s*|选项\s*)?"
_LETTER = re.compile(rf"\A{_OPENING}{_LABEL}{_OPENING}([A-Za-z])(?![A-Za-z0-9])([\s\S]*)\Z")
_MORE = re.compile(r"\A[\s*_)\]}）】.]*(?:/|,|，|、|;|&|\+|\b(?:and|or)\b|和|或|与|以及)[\s*_(\[（【]*(?:(?i:option)\s*|选项)?([A-Za-z])(?![A-Za-z0-9'’])")
_MARK = re.compile(r"\A[*_`\"'“”‘’]*[)\]}）】.:：、]")
_REFUSAL = re.compile(
    r"(?i)\bnone of|\bneither\b|\bnot (?:listed|provided|among)|\bcannot\b|\bcan't\b|\bunable\b|\bn/a\b|\binconclusive\b"
    r"|以上都不|都不是|无法|不能确定"
)
_EDGE = " \t\r\n*_`\"'“”‘’()[]{}（）【】.。,，;；:：!！"


def read_letter(text: str, options: Mapping[str, str]) -> str | None:
    """Read the one option that a reply names.

    In this order: the answer of a JSON object (whole, fenced or broken), which outranks its reasoning; a
    statement such as "the answer is C" or "答案是C"; a line that is only a letter, a letter and its option's
    text, or the text of exactly one option; a reply that begins with a lettered text, "B. because ...".
    ``None`` when nothing is named, when several options are, when the letter is not offered, or when a
    lower-case letter is also the text of another option.

    >>> options = {"A": "aspirin", "B": "heparin", "C": "aspirin and heparin"}
    >>> [read_letter(reply, options) for reply in ("(B) heparin", "The answer is C.", "Aspirin", "A/B", "None of these")]
    ['B', 'C', 'A', None, None]
    """
    reply = _THOUGHTS.sub("", text).strip()
    fenced = _FENCE.match(reply)
    reply = fenced.group(1).strip() if fenced else reply
    if reply.startswith("{"):
        return _one(_value(value, options, stated=True) for value in _answers(reply))
    stated = [_value(match.group(1), options, stated=True) for match in _STATEMENT.finditer(reply)]
    lines = [line for line in reply.splitlines() if line.strip()]
    plain = {letter for line in lines if (letter := _plain(line, options))}
    if stated:
        return _one([*filter(None, stated), *(plain if len(plain) == 1 else ())])
    if plain:
        return _one(plain) if len(lines) == 1 or _lettered(lines) <= plain else None
    return _value(reply, options, stated=False) if len(_lettered(lines)) == 1 else None


def _answers(reply: str) -> Iterator[str]:
    """Give the answers that a JSON object holds; a broken one is searched for its keys."""
    try:
        found = json.loads(reply)
    except (ValueError, RecursionError):
        for match in _BROKEN.finditer(reply):
            yield match.group(2) or match.group(3) or match.group(4) or ""
        return
    for key in _KEYS:
        if isinstance(found, dict) and key in found:
            value = found[key]
            yield value if isinstance(value, str) else ""


def _one(letters: Iterable[str | None]) -> str | None:
    named = set(letters)
    return named.pop() if len(named) == 1 else None


def _plain(line: str, options: Mapping[str, str]) -> str | None:
    """Read a line that holds nothing but a letter, a letter with its own text, or one option's text."""
    named = _by_text(line, options)
    match = _LETTER.match(line)
    if match is None:
        return named
    letter, rest = match.group(1), match.group(2)
    if not rest.strip(_EDGE):
        return _lone(letter, options)
    own = options.get(letter.upper())
    if own is not None and _norm(rest) == _norm(own) and named in (None, letter.upper()):
        return letter.upper()
    return named


def _value(value: str, options: Mapping[str, str], *, stated: bool) -> str | None:
    """Read an answer that may go on after the letter: ``B. text``, or ``B because ...`` where an answer was
    announced."""
    value = value.strip()
    plain = _plain(value, options) or _plain(re.split(r"(?<=[.。])\s", value, maxsplit=1)[0], options)
    if plain or not value:
        return plain
    match = _LETTER.match(value)
    if match is None:
        return None
    letter, rest = match.group(1), match.group(2)
    marked = _MARK.match(rest) is not None
    if letter not in options and not (letter.upper() in options and marked):
        return None
    letter = letter.upper()
    if _MORE.match(rest) or (_REFUSAL.search(rest) and not _REFUSAL.search(options[letter])):
        return None
    if _by_text(rest, options) not in (None, letter):
        return None
    return letter if marked or stated else None


def _lone(letter: str, options: Mapping[str, str]) -> str | None:
    """Read a letter that stands alone; one that is also another option's text, written so, names nothing."""
    meant = letter.upper() if letter.upper() in options else None
    as_text = {key for key, text in options.items() if text.strip(_EDGE) == letter}
    return meant if as_text <= {meant} else None


def _by_text(text: str, options: Mapping[str, str]) -> str | None:
    """Give the option whose text this is, when it is the text of exactly one."""
    wanted = _norm(text)
    if len(wanted) == 1 and wanted.isalpha() and wanted.isascii():
        return None
    return _one({key for key, option in options.items() if wanted and _norm(option) == wanted})


def _norm(text: str) -> str:
    return re.sub(r"\s+", " ", text.casefold()).strip(_EDGE)


def _lettered(lines: list[str]) -> set[str]:
    """Give the letters that open a line as a marker, ``A.`` or ``(A)``: more than one is a list, not an
    answer."""
    found = (_LETTER.match(line) for line in lines)
    return {match.group(1).upper() for match in found if match and (not match.group(2).strip() or _MARK.match(match.group(2)))}
