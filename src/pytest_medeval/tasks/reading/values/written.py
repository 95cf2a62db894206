"""Values as they are written: numbers, dates, ages in weeks and days; and which of them are no results."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, TypeAlias, get_args

from pytest_medeval.tasks.reading.values.units import UNIT, Unit, parse

Kind: TypeAlias = Literal["number", "date", "age"]
KINDS: Final = get_args(Kind)
State: TypeAlias = Literal["stated", "open", "term"]
"""A value that stands for itself; a bound, one end of a range, one of a choice, or a denied one; a part of a formula."""
DAYS: Final = 7
REACH: Final = 120
"""Characters before a value that may say what it is: a reply of thousands of numbers is read in linear time."""


@dataclass(frozen=True, slots=True)
class Value:
    """A number as it is; a date as its day, counted from 1 January of year 1; an age as days."""

    kind: Kind
    amount: float

    def __str__(self) -> str:
        """Write it in the one way that ``value_of`` reads back."""
        if self.kind == "date":
            return date.fromordinal(int(self.amount)).isoformat()
        if self.kind == "age" and self.amount.is_integer():
            return f"{int(self.amount) // DAYS} weeks {int(self.amount) % DAYS} days"
        return repr(self.amount).removesuffix(".0") + (" days" if self.kind == "age" else "")


@dataclass(frozen=True, slots=True)
class Found:
    """A value in a text, from ``start`` to ``end``, and how it stands there."""

    start: int
    end: int
    value: Value
    state: State = "stated"
    unit: Unit | None = None


_WHOLE = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+|0,\d+|\d+,\d{1,2}(?![\d,])|\d+(?:\.\d+)?|\.\d+)"
_NUMBER = re.compile(
    rf"""(?xi)
    (?<![\w^.]) (?<!\d[,/:]) (?<![a-z]-) (?<!/) (?<!/\s)
    (?P<sign>(?:(?<!\d)(?<!\d\s)[-+]|(?:minus|negative)\s))?
    (?P<number>(?:10(?=\^)|{_WHOLE}))
    (?P<power>e[-+]?\d{{1,3}}(?!\w) | \s?[x×·*]\s?10\^?\(?[-+]?\d{{1,3}}\)?(?!\w) | (?<=10)\^[-+]?\d{{1,3}})?
    """
)
_PARTS = re.compile(r"(?i)\A(?:-?[a-z]*(?:st|nd|rd|th)\b|-[a-z])")
"""Behind a number that is an ordinal, or part of a word (``30-day``)."""
_NAMED = re.compile(r"(?i)\b(?:step|part|table|figure|equation|formula|page|option|question|per|out of|/)\s?\Z")
_BOUND = re.compile(
    r"(?i)(?:[<>≤≥]\s?=?|\b(?:(?:less|more|greater|lower|higher|fewer|larger|smaller) than|at least|at most|up to|above"
    r"|below|under|over|exceed(?:s|ing)?|between|from))\s*\Z"
)
_DENIED = re.compile(r"(?i)(?:\bnot|n't|\bnever|\brather than|\binstead of)\s+(?:\w+\s+){0,2}\Z")
_CHOICE = re.compile(r"(?i)\d\s?%?\s?(?:-|\bto|\bor|\band|\bthrough)?\s?\Z")
_OTHER = re.compile(r"(?i)\A\s?%?\s?(?:-|to\b|or\b|through\b)?\s?\d")
_TERM_BEFORE = re.compile(r"(?:[+*×÷^/]|[\d)]\s-|\)-)\s?\(*\Z")
_TERM_AFTER = re.compile(r"(?i)\A\s?%?\s?(?:[+*×÷^]|x\s?\d|-\s|/\s?[\d(√])")
_OUT_OF = re.compile(r"\A\s?/\s?\d+(?![\d/^*]|[.,]\d)")

_MONTHS: Final = {
    name: number
    for number, month in enumerate(
        ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
         "november", "december"), 1,
    )
    for name in (month, month[:3], *(("sept",) if month == "september" else ()))
}  # fmt: skip
_MONTH = rf"(?P<month>{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\.?"
_DAY, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<year>\d{4})"
_DATES = tuple(
    re.compile(rf"(?i)(?<![\w/.-]){pattern}(?![\w/-]|\.\d)")
    for pattern in (
        r"(?P<one>\d{1,2})(?P<by>[/.-])(?P<two>\d{1,2})(?P=by)(?P<year>\d{4})",
        r"(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})",
        rf"{_MONTH}\s?{_DAY},?\s?{_YEAR}",
        rf"{_DAY}\s(?:of\s)?{_MONTH},?\s?{_YEAR}",
    )
)
_AGE = re.compile(
    r"""(?xi)(?<![\w.,/-])(?:
    (?P<weeks>\d{1,3}) \s?\+\s? (?P<days>[0-6]) (?:\s?weeks?)? (?![\w.])
    | (?P<weeks_7>\d{1,3}) \s (?P<sevenths>[0-6])/7 (?:\s?weeks?)?
    | ['"]? (?P<w>\d{1,3}) \s?-?(?:weeks?|wks?|w)\b ['"]? [\s,]*(?:and|&)?\s* ['"]? (?P<d>\d{1,3}) \s?-?(?:days?|d)\b ['"]?
    | (?P<wd>\d{1,3})w\s?(?P<dd>\d)d\b
    | \(\s?(?P<pair_w>\d{1,3}) \s?,\s? (?P<pair_d>[0-6])\s?\)
    | (?P<only_w>\d{1,3}(?:\.\d+)?) \s?-?(?:weeks?|wks?)\b
    | (?P<only_d>\d{1,4}(?:\.\d+)?) \s?-?days?\b
    )"""
)


def before(pattern: re.Pattern[str], text: str, at: int) -> bool:
    r"""Whether a pattern that ends in ``\Z`` holds right before a place in a text."""
    return pattern.search(text, max(0, at - REACH), at) is not None


def value_of(text: str) -> Value | None:
    """Read a text that is one value and nothing else.

    >>> [str(value_of(text)) for text in ("-1.50", "1,047", "09/23/2014", "('28 weeks', '4 days')", "4 to 5")]
    ['-1.5', '1047', '2014-09-23', '28 weeks 4 days', 'None']
    """
    plain = text.strip()
    bare = plain.removeprefix("(").removesuffix(")") if plain.startswith("('") else plain
    for kind in ("age", "date", "number"):
        for one in values(bare, kind):
            if one.state == "stated" and not bare[: one.start].strip("'\" ") and not bare[one.end :].strip("'\" "):
                return one.value
    return None


def values(text: str, kind: Kind, *, scores: bool = False) -> Iterator[Found]:
    """Find the values of a kind; ``scores``: 3/5 is 3 of 5 and no fraction."""
    if kind == "number":
        yield from _numbers(text, scores=scores)
    elif kind == "date":
        yield from _dates(text)
    else:
        for match in _AGE.finditer(text):
            value = Value("age", _age(match))
            yield Found(match.start(), match.end(), value, _state(text, match.start(), match.end()))


def _numbers(text: str, *, scores: bool) -> Iterator[Found]:
    dated = {place for one in _dates(text) for place in range(one.start, one.end)}
    for match in _NUMBER.finditer(text):
        start, end = match.span()
        behind = text[end:]
        attached = UNIT.match(behind)
        strange = behind[:1].isalpha() and not (attached and parse(attached[0]))
        if start in dated or strange or _PARTS.match(behind) or before(_NAMED, text, start):
            continue
        near = UNIT.match(behind.lstrip(" "))
        unit = parse(near[0]) if near and len(behind) - len(behind.lstrip(" ")) <= 1 else None
        of = _OUT_OF.match(behind) if scores else None
        state = _state(text, start, end + of.end() if of else end)
        yield Found(start, end, Value("number", _number(match)), state, unit)


def _number(match: re.Match[str]) -> float:
    digits = match["number"]
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+", digits):
        digits = digits.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"0,\d+|\d+,\d{1,2}", digits):
        digits = digits.replace(",", ".")
    digits = digits.replace(",", "")
    sign = "-" if match["sign"] and match["sign"][0] in "-mMnN" else ""
    exponent = ""
    if match["power"]:
        exponent = (re.search(r"[-+]?\d+(?=\)?\Z)", match["power"]) or [""])[0]
        digits = "1" if digits == "10" and match["power"].startswith("^") else digits
    return float(f"{sign}{digits}e{exponent}" if exponent else f"{sign}{digits}")


def _dates(text: str) -> Iterator[Found]:
    for pattern in _DATES:
        for match in pattern.finditer(text):
            day = _day(match.groupdict())
            if day is not None:
                value = Value("date", float(day.toordinal()))
                yield Found(match.start(), match.end(), value, _state(text, match.start(), match.end()))


def _day(parts: dict[str, str | None]) -> date | None:
    """Make a day of month, day and year, in the order of the United States unless only the other one is a date."""
    year = int(parts["year"] or 0)
    if one := parts.get("one"):
        pairs = [(int(one), int(parts["two"] or 0)), (int(parts["two"] or 0), int(one))]
    else:
        month = str(parts["month"])
        pairs = [(int(month) if month.isdigit() else _MONTHS[month.lower()], int(parts["day"] or 0))]
    for month_of, day in pairs:
        try:
            return date(year, month_of, day)
        except ValueError:
            continue
    return None


def _age(match: re.Match[str]) -> float:
    found = {name: float(text) for name, text in match.groupdict().items() if text is not None}
    for weeks, days in (("weeks", "days"), ("weeks_7", "sevenths"), ("w", "d"), ("wd", "dd"), ("pair_w", "pair_d")):
        if weeks in found:
            return found[weeks] * DAYS + found[days]
    return found["only_w"] * DAYS if "only_w" in found else found["only_d"]


def _state(text: str, start: int, end: int) -> State:
    after = text[end:]
    if before(_TERM_BEFORE, text, start) or _TERM_AFTER.match(after):
        return "term"
    opened = any(before(pattern, text, start) for pattern in (_BOUND, _DENIED, _CHOICE))
    return "open" if opened or _OTHER.match(after) else "stated"
