"""What a reply says of each option: that it is the answer, or what keeps a mention from saying so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from pytest_medeval.tasks.reading import phrases as say
from pytest_medeval.tasks.reading.offered import LETTER, Offered, Slot

_WINDOW = 400
"""As much of a reply as is looked at before and behind a claim."""
_LEAD = 40
_CJK = r"[\u3040-\u30FF\u3400-\u9FFF\uAC00-\uD7AF]"
_STOP = re.compile(
    r"[!?。\n।;]|(?<![ .][A-Za-z])(?<!vs)\.(?=\s|\Z|[A-Z\"'])|(?<=[^\W\dA-Z_]\s[A-J])\.(?=\s[^\W\d_]|\Z)"
)
"""The end of a sentence; the stop behind a lone letter is one only behind a word (``... is A. That ...``)."""
_DOT = re.compile(r"[\s.!?。।;\n\"')\]]{0,6}")
_MID = rf"(?:\s(?:(?!\d)[{say.WORD}']){{2,20}}){{0,6}}?"
_SURE = rf"(?:\s*,?\s*(?:{say.SURELY}|{say.NOT})){{0,3}}"
_LINK = rf"\s*(?:{say.MIGHT_BE}|{say.IS}|[:=]|\s[-–—]\s|[-–—:]{{1,2}}\s)"
_STATEMENT = re.compile(
    rf"(?i)(?:{say.ANSWER}|{say.OPTION})\s*[】\]\")]?{_MID}[\])\"]?"
    rf"(?:{_SURE}{_LINK}{_SURE}(?:\s*[:：]|\s*{say.IS}\s*[:：]?){{0,2}}|\s*\n\s*|(?<=[】\]])\s*)"
)
"""``The answer ... is``, ``Answer:``, ``[Answer]``, a heading ``Answer``."""
_FINDING = re.compile(rf"(?i){say.FINDING}{_MID}{_SURE}\s*(?:{say.MIGHT_BE}|{say.IS}|:){_SURE}")
"""``The most likely diagnosis is``: weaker, for it may speak of something else than the question does."""
_CHOICE = re.compile(rf"(?i){say.CHOOSE}\s*[:：]?")
_CONCLUSION = re.compile(rf"(?i)(?:{say.SO}|{say.BUT})\s*[,:，]?{_SURE}")
_BARE = re.compile(rf"(?i){say.ANSWER}\s+[(\[\"']?(?=(?-i:[A-Z])(?![{say.WORD}'\-]))")
_VERDICT = re.compile(
    rf"(?i)(?:[ )\]\"',:]{{0,4}}|\.(?=\s(?:{say.RIGHT}|{say.WRONG})[.;]?(?:\n|\Z)))(?:{say.MIGHT_BE}|{say.IS}|[:—–-]|) ?(?:(?:{say.SURELY}|{say.THE}|a|{say.NOT}) ?,? ?){{0,4}}"
    rf"(?:{say.OPTION} ?)?(?P<verdict>{say.RIGHT}|{say.WRONG}|{say.CHOSEN}|{say.NOT})"
)
_JOINT = re.compile(rf"(?i)[\s)\]\"'.]{{0,4}}(?:[,/&+]|{say.OR})(?:\s?{say.OR})?[\s(\[\"']{{0,4}}")
_MENTION = re.compile(
    rf"(?i:(?P<word>{say.OPTION}|{say.ANSWER})\s*[:：]?\s*)?(?P<open>[(\[\"'])?{LETTER}(?P<close>[)\]\"'])?"
)
_MARKS = re.compile(r"[ )\]\"'.,:(–—-]{0,4}")
_QUOTES = re.compile(r"\s?[)\]\"',]{0,2}")
_BARE_BEFORE_WORD = re.compile(r"[A-J] [A-Za-z\u00C0-\u024F]")
_CLAUSE_ENDS = re.compile(rf"[\s)\]\"']{{0,4}}(?:\Z|[.,;:!\n。।(]|है|हैं|{_CJK})")
_CARRIED = re.compile(
    rf"(?i)(?:\A|[.,;:!?。\n।)\]\"'【】」』(\[—–]|{say.BUT}|{say.SO}|{say.IS}|{say.THE}|(?<= )a|{say.CHOOSE}|{say.OR}|{say.NOT}|{say.DENIES}|{say.BECAUSE}|{say.SAY}|{say.OPTION}|{say.ANSWER}|{say.PARTICLE})\s*\Z"
)
_FOLLOWED = re.compile(
    rf"(?i)\s*(?:\Z|[\n.,;:!?)\"'。।(—]|{say.BECAUSE}|{say.RIGHT}|{say.WRONG}|{say.IS}|{say.NOT}|{_CJK})"
)

_NOT = re.compile(f"(?i){say.NOT}")
_WRONG = re.compile(f"(?i){say.WRONG}")
_RIGHT = re.compile(f"(?i){say.RIGHT}")
_DENIES = re.compile(f"(?i){say.DENIES}")
_IF = re.compile(f"(?i){say.IF}")
_SAY = re.compile(f"(?i){say.SAY}")
_MIGHT = re.compile(f"(?i){say.MIGHT_BE}")
_BUT = re.compile(f"(?i){say.BUT}")
_INSTEAD = re.compile(
    r"(?i)[\s,)\]]{0,4}(?:(?:and|but) )?(?:not|rather than|instead of|over) (?:(?:option|choice) )?\(?[A-J]\b"
)
_DENIED_AT_ONCE = re.compile(
    rf"(?i)[\s,:–—-]{{0,4}}(?:(?:{say.IS}|but|it|this|that|which|does|do|did|can|could|should|would|has|have|will|option)\s{{0,2}}){{0,3}}"
    rf"(?:{say.NOT}|{say.IF}|{say.MIGHT_BE})"
)
_RETRACTED = re.compile(rf"(?i)\W{{0,4}}{say.RETRACT}[^,:;–—]{{0,20}}[,:–—]")
"""A sentence that takes the one before it back, and goes on."""
_RETRACT = re.compile(rf"(?i)\W{{0,4}}{say.RETRACT}")
_WITHDRAWN = re.compile(
    rf"(?i)[\s)\]\"',.…]{{0,6}}(?:{say.BUT}\s?(?:{say.RETRACT}|(?:it|this|that|they)[^,.;\n]{{0,30}}{say.WRONG})|…\s?{say.RETRACT}|\.{{3}}\s?{say.RETRACT})"
)
_SAY_NEXT = re.compile(rf"(?i)[\s,，(]{{1,3}}{say.SAY}")
_IF_NEXT = re.compile(rf"(?i)[\s,，(]{{1,3}}{say.IF}")
_CLAUSE = re.compile(rf"(?i)[,:，、]|\s[-–—]\s|(?<![{say.WORD}])(?:because|since|as)(?![{say.WORD}])|因为|由于")
_TAIL = re.compile(
    rf"(?i)[,;，(]|\s[-–—]\s|\n|{say.BUT}|(?<![{say.WORD}])(?:because|since|as|which|that|who|for|due|given|when|and not|rather than|instead of|over|not|weil|denn|car|parce|qui|porque|pois|perché|poiché|потому|так как|поскольку|لأن|क्योंकि)(?![{say.WORD}])(?! (?:wrong|correct))|因为|由于|因"
)


@dataclass(frozen=True)
class Claim:
    """An option that a reply names at a place, as ``stated`` or with the refusal that holds for it."""

    letter: str | None
    kind: str
    start: int
    end: int
    rule: str


class Mention(NamedTuple):
    """A place where one option is named; ``firm`` where more than a bare letter names it."""

    start: int
    end: int
    letter: str
    firm: bool


def claims(text: str, offered: Offered) -> list[Claim]:
    """Give what a reply says of its options, in the order of the text."""
    found = [*_forward(text, offered), *_verdicts(text, offered)]
    return sorted(found, key=lambda claim: (claim.start, claim.end))


def _forward(text: str, offered: Offered) -> Iterator[Claim]:
    """Give the claims whose option stands behind its phrase: ``the answer is B``, ``I choose B``, ``so, B.``."""
    for rule, pattern in (
        ("statement", _STATEMENT),
        ("choice", _CHOICE),
        ("conclusion", _CONCLUSION),
        ("statement", _BARE),
        ("finding", _FINDING),
    ):
        for match in pattern.finditer(text):
            slot = offered.slot(text, match.end(), small=rule != "finding")
            if slot.reason == "no option" or (rule in ("conclusion", "finding") and not slot.letter):
                continue
            if rule == "conclusion" and not _ends(text, slot.end):
                continue
            if rule == "choice" and slot.reason not in ("", "several"):
                continue
            turned = match.end() if rule == "conclusion" else match.start()
            kind = _kind(text, turned, match.end(), slot)
            yield Claim(slot.letter, kind, match.start(), slot.end, rule)


def _verdicts(text: str, offered: Offered) -> Iterator[Claim]:
    """Give the claims whose option stands before its verdict: ``option B is correct``."""
    last = 0
    for start, end, letter, _ in sorted(mentions(text, offered)):
        paired = last > 0 and _JOINT.fullmatch(text, last, start)
        last = end
        verdict = _VERDICT.match(text, end)
        if not verdict or _article(text, start, end, verdict):
            continue
        kind = _kind(text, start, start, Slot(letter, "", verdict.start("verdict")))
        judged = verdict.group()
        if _WRONG.search(judged) or _NOT.search(judged):
            about = _WRONG.search(judged) or _RIGHT.match(text, verdict.end() + 1)
            kind = ("denied" if about else "negated") if kind in {"stated", "denied"} else kind
        elif paired:
            kind = "several"
        elif _MIGHT.search(judged):
            kind = "possible" if kind == "stated" else kind
        yield Claim(letter, kind, start, verdict.end(), "verdict")


def _article(text: str, start: int, end: int, verdict: re.Match[str]) -> bool:
    """Say whether a bare capital before a verdict is no option but a word of its own: ``A resposta``."""
    return end - start == 1 and _BARE_BEFORE_WORD.match(text, start) is not None and end + 1 == verdict.start("verdict")


def mentions(text: str, offered: Offered) -> Iterator[Mention]:
    """Give the places where exactly one option is named by its letter or by its text, as the option it is."""
    masked: list[tuple[int, int]] = []
    for start, end, letters in offered.texts_in(text):
        masked.append((start, end))
        if len(letters) == 1 and _carried(text, start) and _FOLLOWED.match(text, end):
            yield Mention(start, end, next(iter(letters)), firm=True)
    spans = iter(masked)
    span = next(spans, None)
    for match in _MENTION.finditer(text):
        at = match.start(3)
        while span and span[1] <= at:
            span = next(spans, None)
        if span and span[0] <= at:
            continue
        if (named := _named(text, match, offered)) is not None:
            yield named


def _named(text: str, match: re.Match[str], offered: Offered) -> Mention | None:
    """Take a letter as an option's: announced, in brackets, or a capital that no other word leads."""
    found = match.group(3)
    letter, end = found.upper(), match.end()
    if letter not in offered.letters:
        return None
    announced = match.group("word") or (match.group("open") and match.group("close"))
    if not announced and (found.islower() or not _carried(text, match.start())):
        return None
    if match.group("open") in {"(", "["} and not match.group("word") and not _carried(text, match.start()):
        return None
    if not announced and not _FOLLOWED.match(text, end):
        return None
    closing = _MARKS.match(text, end)
    after = closing.end() if closing else end
    texts, text_end = offered.text_at(text, after)
    firm = letter in texts or (bool(announced) and text[end : end + 1] in {":", ")"})
    if letter in texts:
        behind = _QUOTES.match(text, text_end)
        end = behind.end() if behind else text_end
    return Mention(match.start(), end, letter, firm=firm)


def _carried(text: str, start: int) -> bool:
    """Say whether nothing or a small word leads to a place, no word of a longer name (``Hepatitis B``)."""
    before = text[max(0, start - _LEAD) : start]
    return start == 0 or _leads(before)


@lru_cache(maxsize=4096)
def _leads(before: str) -> bool:
    return bool(_CARRIED.search(before))


def _ends(text: str, end: int) -> bool:
    return bool(_CLAUSE_ENDS.match(text, end) or _TAIL.match(text, end + 1))


@dataclass(frozen=True)
class _Scope:
    """The words around a claim that may keep it from being a statement."""

    before: str
    said: str
    clause: str
    tail: str
    rest: str
    ending: str
    following: str

    def around(self, cue: re.Pattern[str], at_once: re.Pattern[str]) -> bool:
        """Say whether a cue stands before the claim, in the rest of its clause, or at once behind that."""
        return bool(cue.search(self.before) or cue.search(self.tail) or at_once.match(self.rest[len(self.tail) :]))


_REFUSALS: tuple[tuple[str, Callable[[_Scope], object]], ...] = (
    ("asked", lambda scope: scope.ending == "?"),
    ("attributed", lambda scope: scope.around(_SAY, _SAY_NEXT)),
    ("conditional", lambda scope: scope.around(_IF, _IF_NEXT)),
    ("denied", lambda scope: _DENIES.search(scope.before + scope.said)),
    ("denied", lambda scope: any(map(_NOT.search, (scope.clause, scope.said, scope.tail)))),
    ("denied", lambda scope: _WRONG.search(scope.clause) or _WRONG.search(scope.tail)),
    ("possible", lambda scope: _MIGHT.search(scope.said) or _MIGHT.search(scope.clause)),
    ("possible", lambda scope: _MIGHT.match(scope.tail.lstrip())),
    ("withdrawn", lambda scope: _RETRACT.match(scope.following) or _WITHDRAWN.match(scope.rest)),
)
"""The rules that keep a mention from being a statement, by the name that a report gives; the first that holds."""


def _kind(text: str, start: int, inner: int, slot: Slot) -> str:
    """Name what keeps a mention from being a statement, or ``stated``."""
    if slot.reason:
        return slot.reason
    before = _before(text, start)
    tail, ending, following = _after(text, slot.end)
    rest = text[slot.end : slot.end + _WINDOW]
    scope = _Scope(before, text[start:inner], _CLAUSE.split(before)[-1], tail, rest, ending, following)
    return next((name for name, holds in _REFUSALS if holds(scope)), "stated")


def _before(text: str, start: int) -> str:
    """Give the sentence before a place, from its last turn on (``but``, ``therefore``)."""
    window = text[max(0, start - _WINDOW) : start]
    sentence = _STOP.split(window)[-1]
    if taken_back := _RETRACTED.match(sentence):
        sentence = sentence[taken_back.end() :]
    turns = list(_BUT.finditer(sentence))
    return sentence[turns[-1].end() :] if turns else sentence


def _after(text: str, end: int) -> tuple[str, str, str]:
    """Give the rest of the clause behind a place, the sign that ends the sentence, and the sentence behind it."""
    window = text[end : end + _WINDOW]
    window = re.sub(r"\A[\"')\]]+", "", window)
    stop = _STOP.search(window)
    sentence = window[: stop.start()] if stop else window
    following = window[stop.end() :] if stop else ""
    return _TAIL.split(sentence, maxsplit=1)[0], stop.group() if stop else "", following


def weigh(text: str, start: int, end: int, letter: str) -> str:
    """Name what is said of an option where it is only mentioned."""
    return _kind(text, start, start, Slot(letter, "", end))


def first_denied(rest: str) -> bool:
    """Say whether what follows an option denies it or sets a condition."""
    tail = _STOP.split(rest[:_WINDOW])[0]
    if _INSTEAD.match(tail):
        return False
    return bool(_WRONG.search(tail) or _DENIED_AT_ONCE.match(tail))
