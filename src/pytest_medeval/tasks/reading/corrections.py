"""Which sentence of a numbered text a reply calls wrong, and how it puts it right; or that none is."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pytest_medeval.core.words import folded, letters_only
from pytest_medeval.tasks.reading.normal import tidy


@dataclass(frozen=True, slots=True)
class Correction:
    """What a reply says: whether there is an error, in which sentence (None: it does not say), what is right."""

    error: bool
    sentence: int | None = None
    text: str = ""


_NONE = re.compile(
    r"(?i)\A\W*(?:-1|none|na|n/a|no|(?:(?:the|this|all|every) (?:\w+ ){0,3}(?:is|are|seems?|appears?) )?(?:all )?(?:medically |clinically )?correct"
    r"|(?:there (?:is|are) |i (?:found|see|find) |it (?:has|contains) |(?:the|this) text (?:has|contains) )?no (?:\w+ ){0,2}(?:errors?|mistakes?)\b.{0,60}"
    r"|(?:the|this) text (?:does not|doesn't) (?:contain|have) (?:any|an|a) (?:\w+ ){0,2}(?:errors?|mistakes?).{0,40})\W*\Z"
)
_SOME = re.compile(
    r"(?i)\b(?:there is|contains?|has|is|found|yes,?) (?:an?|one) (?:\w+ ){0,3}(?:error|mistake)\b|\b(?:incorrect|not correct|wrong)\b"
)
_LINE = re.compile(r"(?i)\A(?:sentence )?(?:number |id |no\.? ?)?#?\(?(\d{1,3})\)?(?:\s*[.:)\-]\s*|\s+)(?=\S)(.*)\Z")
_NAMED = re.compile(r"(?i)\bsentences? ?(?:number|id|no\.?)?\s*[:=#]?\s*#?\(?(-?\d{1,3})\b")
_FIELD = re.compile(
    r"(?i)\A(?P<name>(?:error|incorrect|wrong)?[ _]?sentence(?:[ _](?:id|number|no\.?))?|(?:error|flag|error[ _]flag|has[ _]error)"
    r"|(?:the )?correct(?:ion|ed)(?:[ _](?:sentence|text|version))?)\s*[:=]\s*(?P<value>.*)\Z"
)
_RIGHT = re.compile(r"(?i)\b(?:should (?:be|read|say)|correct(?:ed|ion)[^:\n]{0,40}):?\s*[\"'](.{3,600})[\"']")
_QUOTED = re.compile(r'\A"([^"]+)"\Z')
_YES: Final = frozenset({"1", "yes", "true"})
_NO: Final = frozenset({"0", "no", "false", "-1", "none", "na", "n/a", ""})


def read_correction(text: str, sentences: Sequence[str]) -> Correction | str:
    """Read a reply about numbered sentences (from 0); a text says why nothing could be read.

    >>> read_correction("1 He has influenza.", ["He coughs.", "He has cholera."])
    Correction(error=True, sentence=1, text='He has influenza.')
    >>> read_correction("CORRECT", ["He coughs."])
    Correction(error=False, sentence=None, text='')
    """
    whole = tidy(text)
    fields = _fields(text, whole)
    found = _of_fields(fields) if fields else None
    if found is None:
        found = _of_lines(whole, sentences) or _of_prose(whole)
    if isinstance(found, Correction) and found.sentence is not None and not 0 <= found.sentence < len(sentences):
        return f"there is no sentence {found.sentence}"
    return found


def _fields(text: str, whole: str) -> dict[str, str]:
    """Give the fields of a JSON object, or of lines such as ``Sentence: 3``: error, sentence, correction."""
    start, end = text.find("{"), text.rfind("}")
    try:
        made = json.loads(text[start : end + 1]) if 0 <= start < end else None
    except (ValueError, RecursionError):
        made = None
    pairs = made.items() if isinstance(made, dict) else [
        (match["name"], match["value"]) for line in whole.split("\n") if (match := _FIELD.match(line))
    ]  # fmt: skip
    found: dict[str, str] = {}
    for name, value in pairs:
        plain = str(name).lower()
        kind = (
            "correction"
            if "correct" in plain.replace("incorrect", "")
            else "sentence"
            if "sentence" in plain
            else "error"
        )
        found.setdefault(kind, "" if value is None else str(value).strip())
    return found


def _of_fields(fields: dict[str, str]) -> Correction | str | None:
    number = re.match(r"(?i)\A(?:sentence )?#?(-?\d{1,3})\b", fields.get("sentence", ""))
    flag = fields.get("error", "").strip(" .").casefold()
    if number is None and "error" not in fields:
        return None
    sentence = int(number[1]) if number else None
    if flag not in _YES | _NO:
        return None
    error = flag not in _NO if "error" in fields else sentence != -1
    if (error and sentence == -1) or (not error and sentence not in (None, -1)):
        return "flag and sentence contradict each other"
    return Correction(True, sentence, fields.get("correction", "")) if error else Correction(error=False)


def _of_lines(whole: str, sentences: Sequence[str]) -> Correction | str | None:
    """Read ``CORRECT`` or ``3 the corrected sentence``; lines that only repeat the text say nothing."""
    lines = [line for line in whole.split("\n") if line.strip()]
    named: dict[int, str] = {}
    for line in lines:
        match = _LINE.match(line)
        if match and int(match[1]) < len(sentences) and _bare(match[2]) != _bare(sentences[int(match[1])]):
            named.setdefault(int(match[1]), match[2].strip())
    right = bool(lines) and bool(_NONE.match(lines[0]) or _NONE.match(lines[-1]))
    if right and named:
        return "it calls the text correct and corrects it"
    if len(named) > 1:
        return f"several sentences are corrected: {', '.join(map(str, named))}"
    if right:
        return Correction(error=False)
    return next((_of_line(number, text) for number, text in named.items()), None)


def _of_line(number: int, text: str) -> Correction:
    """Take what stands behind the number; words about the sentence are no correction of it."""
    inner = _RIGHT.search(text) or _QUOTED.match(text)
    about = re.match(r"(?i)(?:is|contains?|has)\b", text)
    return Correction(True, number, inner[1] if inner else "" if about else text)


def _of_prose(whole: str) -> Correction | str:
    numbers = {int(number) for number in _NAMED.findall(whole)}
    if _SOME.search(whole) and len(numbers) <= 1:
        inner = _RIGHT.search(whole)
        return Correction(True, next(iter(numbers), None), inner[1] if inner else "")
    return "it names no single sentence, and does not call the text correct"


def _bare(text: str) -> str:
    return letters_only(folded(text))
