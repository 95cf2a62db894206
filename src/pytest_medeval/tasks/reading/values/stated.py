"""The value that a reply states as its result; never a guess.

What is marked (``<answer>``, a box, a JSON field) counts before a "final answer", that before "the answer is", and that
before other statements: of these the ones that name most of what was asked, and of these again those that conclude
(therefore, so, in total). Statements of the highest rank must agree, unless the reply takes the earlier ones back; two
different results are no answer. A bound, a range, a choice, a term of a formula and what is denied are no result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

from pytest_medeval.core.words import folded
from pytest_medeval.tasks.reading.fields import marked, objects, without_marked
from pytest_medeval.tasks.reading.normal import tidy
from pytest_medeval.tasks.reading.values.units import Unit, converted
from pytest_medeval.tasks.reading.values.units import parse as parse_unit
from pytest_medeval.tasks.reading.values.written import Found, Kind, Value, before, values


@dataclass(frozen=True, slots=True)
class Reading:
    """A value and the rule that read it, or None and what kept it from being read."""

    value: Value | None
    why: str


class Asked(NamedTuple):
    """What is asked for: its kind, the words that name it, its unit, and whether 3/5 means 3 of 5."""

    kind: Kind
    words: frozenset[str] = frozenset()
    unit: Unit | None = None
    scores: bool = False


class _Stated(NamedTuple):
    """A statement: its rank (tier, words of the question, conclusion), the number of its sentence, its value.

    The value is None where it stays open; ``subject`` are the words before it.
    """

    rank: tuple[int, int, int]
    at: int
    value: Value | None
    why: str
    subject: frozenset[str] = frozenset()


_TIERS: Final = ("statement", "the answer is", "final answer", "marked")
_SUPERSCRIPTS: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_WRITTEN: Final = tuple(
    (re.compile(pattern), instead)
    for pattern, instead in (
        (r"(?i)<sup>\s?([^<\n]{1,9})</sup>", r"^\1"),
        (r"\^\{([^{}]{1,9})\}", r"^\1"),
        (r"\\[dt]?frac\s?\{([^{}]{1,60})\}\s?\{([^{}]{1,60})\}", r"(\1)/(\2)"),
        (r"\\(?:times|cdot)\b", "×"),
        (r"\\approx\b|\\simeq\b|≃|≅", "≈"),
        (r"\\%", "%"),
        (r"(?<=\S) \* (?=\S)|(?<=[\d)])\*(?!\*)(?=[\w(])", " × "),
        ("(?<=\\d)[\u00a0\u2009\u202f](?=\\d{3}(?!\\d))", ""),
        ("–", "-"),
        (r"(?m)^[ \t]*>[ \t]*(?=[\d.])", "more than "),
        (r"(?i)\bapprox\.", "approximately"),
        (r"(?i)\b(jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\.(?=\s\d)", r"\1"),
        (r"(?i)\b(?:i\.e\.|e\.g\.|vs\.|ca\.)", lambda found: found[0].replace(".", "")),
    )
)
"""What is written otherwise before markup is taken off: powers, fractions, products, thin spaces, short words."""
_LIST = re.compile(r"(?m)^[ \t]*\(?\d{1,2}[.)][ \t]+(?=\S)")
_SENTENCE = re.compile(r"\n+|(?<=[.!?;])\s+|(?<=[。；])|(?<=[\w)%]\.)(?=[A-Z][a-z])")
_CLAUSE = re.compile(
    r"(?i),?\s(?=(?:so|therefore|thus|hence|giving|which gives|resulting in|but)\b|and (?:the|his|her|their|an?)\b)"
)
_UNKNOWN = re.compile(
    r"(?i)\b(?:can(?:not|'t)|could not|unable to|not possible to|impossible to)\b|\b(?:insufficient|not enough) (?:data|info)"
)
"""Where a reply says that there is no result: what it states of other things is none either."""
_SKIPPED = re.compile(
    rf"(?i)\A(?:if|suppose|for example|eg|normal|reference)\b|\?\s*\Z|{_UNKNOWN.pattern.removeprefix('(?i)')}"
)
_ASIDE = re.compile(
    r"(?i),? (?:which|where|because|since|indicat\w+|suggest\w+|meaning|compared|corresponding|based on|given|when|while"
    r"|with an? normal|using)\b.*"
)
_FINAL = re.compile(
    r"(?i)\bfinal (?:\w+ ){0,2}?(?:answer|result|value|score|estimate)\b(?:[^:=\n]{0,60}?(?::|=|\bis\b)\s*:?|\s*\Z)"
)
_ANSWER = re.compile(r"(?i)(?:\A|\b(?:the|my|correct|so|thus|therefore,?) )(?:answer|result)(?: is\b|\s*[:=])\s*:?")
_SO = re.compile(
    r"(?i)\b(?:therefore|thus|hence|so|in conclusion|overall|consequently|in summary|finally|totals?|altogether|sum)\b"
)
_BACK = re.compile(
    r"(?i)\b(?:wait|correction|actually|scratch that|on second thought|oops|i made an? \w+|let me (?:re-?\w+|correct)"
    r"|(?:that|this|it) (?:is|was) (?:wrong|incorrect|not right|a mistake))\b"
)
_STATES = re.compile(
    r"(?i)(?:\b(?:is|are|was|be|equals?|gives?|giving|yields?|becomes?|comes? (?:out )?to|amounts to|calculated as"
    r"|estimated at|scores?|meets|total (?:at|to))|:)\s*(?:(?:exactly|approximately|about|around|roughly|equal to|then|just|only"
    r"|therefore|thus|total of|score of|value of|an?|[~(]),?\s*)*\Z"
)
_EQUALS = re.compile(r"[=≈]\s*(?:(?:approximately|about|~|\()\s*)*\Z")
_WORDS: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
_WORD = re.compile(
    r"(?i)(\A|\b(?:is|are|was|of|equals|be|meets|scores)\s+(?:exactly\s+|only\s+)?|[:=]\s*)"
    rf"({'|'.join(_WORDS)})\b(?!-|\s+(?:of|or|to|and)\b)"
)
_FIRST = re.compile(r"\A[^?]*")
_TERM = re.compile(r"[^\W_][\w/'-]*")
_COUNTS = re.compile(r"(?i)\b(?:scores?|criteria|points|index|how many|number of)\b")
_EMPTY: Final = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "given",
        "how",
        "in",
        "is",
        "it",
        "many",
        "much",
        "of",
        "on",
        "or",
        "please",
        "provide",
        "return",
        "score",
        "terms",
        "the",
        "their",
        "this",
        "to",
        "use",
        "used",
        "using",
        "value",
        "was",
        "what",
        "which",
        "with",
        "you",
        "your",
        "answer",
        "patient",
        "patients",
        "number",
    ]
)
_LONGEST: Final = 4
"""Words whose initials may stand for them."""


def asking(kind: Kind, question: str, unit: str = "") -> Asked:
    """Say what is asked for; the first sentence of the question names it, also by its initials."""
    first = _FIRST.match(question)
    terms = [folded(term).removesuffix("'s") for term in _TERM.findall(first[0] if first else "")]
    telling = {term for term in terms if term not in _EMPTY}
    groups = (terms[at : at + many] for at in range(len(terms)) for many in range(2, _LONGEST + 1))
    initials = {"".join(term[0] for term in group).upper() for group in groups if len(group) > 1}
    return Asked(kind, frozenset(telling | initials), parse_unit(unit), bool(_COUNTS.search(question)))


def read(text: str, asked: Asked) -> Reading:
    """Read the one value that a reply states.

    >>> read("BMI = 70 / 1.75^2 = 22.9 kg/m², so she is of normal weight.", asking("number", "What is the BMI?"))
    Reading(value=Value(kind='number', amount=22.9), why='statement')
    >>> read("It is 22 or 24.", asking("number", "What is the BMI?")).why
    'no single value is stated'
    """
    for pattern, instead in _WRITTEN:
        text = pattern.sub(instead, text)
    text = re.sub(r"(?<=\d)[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺]+", lambda found: f"^{found[0].translate(_SUPERSCRIPTS)}", text)
    fields = objects(text) or [tidy(one) for one in marked(text)]
    sentences = _sentences(tidy(without_marked(text)))
    stated = [_as_answer(one, asked, 3, at) for at, one in enumerate(fields)] or list(_statements(sentences, asked))
    if any(_UNKNOWN.search(sentence) for sentence in sentences):
        stated = [one for one in stated if any(one.rank[:2])]
    if not stated:
        return Reading(None, "no value is stated")
    back = max((at for at, sentence in enumerate(sentences) if _BACK.search(sentence)), default=0)
    return _chosen(stated, back)


def _chosen(stated: list[_Stated], back: int) -> Reading:
    """Give the last result of the highest tier, unless another one may be meant; ``back`` takes earlier ones back."""
    tier = max(one.rank[0] for one in stated)
    told = [one for one in stated if one.rank[0] == tier]
    told = [one for one in told if one.at >= back] or told
    told = [one for one in told if any(one.rank)] or told
    last = told[-1]
    if last.value is None:
        return Reading(None, "no single value is stated")
    later = [] if last.rank[1] or tier else stated[stated.index(last) + 1 :]
    rivals = [one for one in (*told, *later) if one.value not in (None, last.value) and _rivals(one, last)]
    if rivals:
        said = dict.fromkeys([*(one.value for one in rivals), last.value])
        return Reading(None, f"different results are stated: {', '.join(map(str, said))}")
    return Reading(last.value, last.why)


def _rivals(one: _Stated, last: _Stated) -> bool:
    """Say whether another statement may be the result: of the same, later, or closer to what was asked."""
    closer = one.rank[1] > last.rank[1] and not last.rank[2]
    return one.subject == last.subject or one.at > last.at or closer or not any(last.rank)


def _sentences(text: str) -> list[str]:
    if len(_LIST.findall(text)) > 1:
        text = _LIST.sub("", text)
    return [part.strip() for part in _SENTENCE.split(text) if part.strip()]


def _statements(sentences: list[str], asked: Asked) -> Iterator[_Stated]:
    for at, sentence in enumerate(sentences):
        marks = [(tier, list(mark.finditer(sentence))) for tier, mark in ((2, _FINAL), (1, _ANSWER))]
        tier, found = next(((tier, found) for tier, found in marks if found), (0, []))
        if found:
            behind = sentence[found[-1].end() :]
            if not any(map(str.isalnum, behind)):
                behind = next(iter(sentences[at + 1 : at + 2]), "")
            yield _as_answer(behind, asked, tier, at)
        elif not _SKIPPED.search(sentence):
            yield from (one for clause in _clauses(sentence) if (one := _statement(clause, sentence, asked, at)))


def _clauses(sentence: str) -> list[str]:
    parts = _CLAUSE.split(sentence)
    return [one for part in parts for one in (part.split(", ") if part.count("=") > 1 else [part])]


def _as_answer(text: str, asked: Asked, tier: int, at: int) -> _Stated:
    """Read what stands where the answer is due: a value, or a clause that states one."""
    clauses = [one for clause in _clauses(text) if (one := _statement(clause, text, asked, at))]
    first = clauses[0].value if clauses and not _SKIPPED.search(text) else None
    return _Stated((tier, 0, 0), at, first, _TIERS[tier])


def _statement(clause: str, sentence: str, asked: Asked, at: int) -> _Stated | None:
    """Read a clause that holds a value; which of several it states may be open."""
    clause = _ASIDE.sub("", clause)
    if asked.kind == "number":
        clause = _WORD.sub(lambda word: f"{word[1]}{_WORDS.index(word[2].lower())}", clause)
    found = [one for one in values(clause, asked.kind, scores=asked.scores) if one.state != "term"]
    if not found:
        return None
    one = _result(clause, found)
    told = one or found[0]
    terms = _TERM.findall(clause[: told.start]) or _TERM.findall(clause[told.end :])
    named = {folded(term).removesuffix("'s") for term in terms}
    words = named | {term for term in terms if term.isupper()}
    rank = (0, len(words & asked.words), int(bool(_SO.search(sentence))))
    if one is None and not rank[1] and not any(before(_STATES, clause, other.start) for other in found):
        return None
    amount = None if one is None else converted(one.value.amount, one.unit, asked.unit)
    value = None if amount is None else Value(asked.kind, amount)
    return _Stated(rank, at, value, _TIERS[0], frozenset(one for one in named if not one[0].isdigit()) - _EMPTY)


def _result(clause: str, found: list[Found]) -> Found | None:
    """Choose the value that a clause states, if there is one: what equals last, what is alone, what "is"."""
    depth = list(accumulate((mark == "(") - (mark == ")") for mark in clause))
    outside = [one for one in found if not one.start or depth[one.start - 1] <= 0] or found
    stated = [one for one in outside if one.state == "stated"]
    if "=" in clause or "≈" in clause:
        last = max(clause.rfind("="), clause.rfind("≈"))
        stated = [one for one in stated if one.start > last and before(_EQUALS, clause, one.start)]
    elif len(stated) < len(outside) or len({one.value for one in stated}) > 1:
        first = [one for one in stated if not any(map(str.isalnum, clause[: one.start]))]
        stated = [one for one in stated if before(_STATES, clause, one.start)] or first
    return stated[0] if len({(one.value, one.unit) for one in stated}) == 1 else None
