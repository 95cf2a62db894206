"""Answers in fields: ``<answer>`` tags, boxes, and JSON objects, whole, fenced or broken."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

_NAMES = (
    r"(?:(?:final|correct|right|best|selected|predicted|chosen|model|your|my|the)?_?(?:answer|choice|option|prediction|selection)"
    r"(?:_?(?:choice|letter|option|idx|key|id|label))?|letter|正确答案|最终答案|答案|选项|antwort|lösung|réponse|reponse"
    r"|respuesta|resposta|risposta|ответ|الإجابة|الاجابة|उत्तर|答え|回答|解答|正解|정답|답)"
)
_NAME = re.compile(rf"(?i)\A{_NAMES}\Z")
_FIELD = re.compile(
    rf"""(?xi) (?: ["']({_NAMES})["']? | (?<![\w"'])({_NAMES})["'] ) \s*:\s*
    (?: "([^"\n}}]*) | '([^'\n}}]*) | ([^"',\n}}]*) )"""
)
"""A field of an object that may be broken: a quote or a comma is missing."""
_TAG = re.compile(r"(?is)<((?:final_?)?answer|choice|option)>(.{0,4000}?)(?:</\1>|\Z)")
_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{((?:[^{}]|\{[^{}]{0,500}\}){0,1000})\}")
_FENCE = re.compile(r"```\w{0,20}[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)
_OBJECT = re.compile(r"(?s)(?:\A|(?<=\n))[ \t]*(\{.{1,20000}\}|\[\s*\{.{1,20000}\}\s*\])[ \t]*(?=\n|\Z)")


def marked(text: str) -> list[str]:
    """Give the values of ``<answer>`` tags and boxes."""
    return [match.group(2) for match in _TAG.finditer(text)] + [match.group(1) for match in _BOX.finditer(text)]


def without_marked(text: str) -> str:
    """Give the words around the tags and boxes."""
    return _BOX.sub(" ", _TAG.sub(" ", text))


def objects(text: str) -> list[str] | None:
    """Give the answers that a JSON object on lines of its own holds; None without one."""
    for candidate in _candidates(text):
        found = _parsed(candidate)
        if found is not None:
            return list(_values(found))
        if values := _broken(candidate):
            return values
    return None


def lists(text: str) -> list[str]:
    """Give the answers that a JSON object on lines of its own holds, those of a list as one text."""
    for candidate in _candidates(text):
        found = _parsed(candidate) or {}
        values = [
            value for key, value in found.items() if _NAME.match(re.sub(r"[\s\-]+|s\Z", "_", key.strip()).strip("_"))
        ]
        if values:
            return [", ".join(map(str, value)) if isinstance(value, list) else str(value) for value in values]
    return []


def quoted(text: str) -> list[str]:
    """Give the answers of an object within a sentence."""
    return _broken(text) if "{" in text else []


def _candidates(text: str) -> Iterator[str]:
    whole = text.strip()
    if whole.startswith(("{", "[{")):
        yield whole
    for fenced in _FENCE.finditer(text):
        if "{" in fenced.group(1):
            yield fenced.group(1).strip()
    if not whole.startswith("{") and (alone := _OBJECT.search(text)):
        yield alone.group(1)


def _parsed(text: str) -> dict[str, object] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, dict) else None


def _values(found: dict[str, object]) -> Iterator[str]:
    for key, value in found.items():
        if _NAME.match(re.sub(r"[\s\-]+", "_", key.strip())):
            yield from _value(value)


def _value(value: object) -> Iterator[str]:
    """Give a field's text; of a list its one item, of an object its own answer; else nothing that is an option."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        inner = list(_values(value))
        yield from inner or [""]
    else:
        yield str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _broken(text: str) -> list[str]:
    return [next((part for part in match.groups()[2:] if part), "") for match in _FIELD.finditer(text)]
