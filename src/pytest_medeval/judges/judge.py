"""Track B: let a judge grade stored replies, and prefer one of two.

A plain library over the entries of a run (``asked``, ``gold``, ``candidate.reply``, ``baseline.reply``): it
needs neither the cases nor the models that replied, so a finished run can be judged as well as a running one.

How a judge is asked about one reply: all dimensions in one JSON object, or a check in words and then each grade.

A judge whose probabilities can be read is asked by grades: it first writes what the reply says and lacks, and each
grade is then read with its own check in the prompt, as in G-Eval (Liu et al. 2023, section 2).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from pytest_medeval.core.model import Model, Tick, silent
from pytest_medeval.core.types import Answer, Request
from pytest_medeval.judges import prompts
from pytest_medeval.judges.ask import (
    ROLES,
    Asker,
    Judged,
    Judgement,
    JudgeRun,
    Judging,
    Preference,
    Question,
    Settled,
    Style,
    Unjudged,
    settle,
)
from pytest_medeval.judges.prompts import PROMPT_VERSION
from pytest_medeval.judges.ratings.grades import Unread
from pytest_medeval.judges.read import expected_grade, read_all, read_check, read_each, read_preference
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC, Dimension, Rubric

Entry: TypeAlias = Mapping[str, Any]
Key: TypeAlias = tuple[str, str, str]
"""Suite, case and role of a reply."""

_PROBED = 3
"""Replies tried before a server's judge is taken to write JSON."""
_BLOCK = 64
"""Replies checked before they are graded: a budget that ends wastes no more checks than these."""


def reference_of(entry: Entry) -> str:
    """Write what is known about the right answer as a text: a reply, an option, ``finding: label`` lines."""
    gold = entry.get("gold")
    if isinstance(gold, Mapping):
        return "\n".join(f"{key}: {value}" for key, value in gold.items())
    return "" if gold is None else str(gold)


@dataclass(frozen=True, slots=True)
class Piece:
    """One reply of a case, with what a judge is told beside it."""

    key: Key
    asked: str
    reference: str
    reply: str
    seed: int
    answered: bool
    order: str

    @property
    def role(self) -> str:
        """Say whose reply it is; the judge does not learn it."""
        return self.key[2]

    def code(self, digits: int, attempt: int) -> str:
        """Give the code of the fence around the reply."""
        texts = [self.asked, self.reference, self.reply]
        return prompts.fence_code(self.seed, self.key[1], texts, digits=digits, attempt=attempt)


def pieces_of(entry: Entry, how: Judging) -> Iterator[Piece]:
    """Take the replies of a case, each with its place in the drawn order."""
    suite, name = case_key(entry)
    for role in ROLES:
        if role in entry:
            told = entry[role]
            # a case's replies stay together, so that a budget that ends leaves whole cases
            order = draw(how.seed, "case", suite, name) + draw(how.seed, "reply", suite, name, told["reply"], role)
            reference = reference_of(entry) if how.reference else ""
            yield Piece(
                (suite, name, role),
                str(entry["asked"]),
                reference,
                str(told["reply"]),
                how.seed,
                told.get("outcome") != "error",
                order,
            )


def style_for(asker: Asker, pieces: Sequence[Piece], rubric: Rubric, how: Judging) -> Style:
    """Choose how to ask; a server's judge that writes no JSON, but does write grades, is asked for those."""
    if how.style != "auto":
        return how.style
    if "://" not in asker.judge.identity.spec:
        return "grades"
    for piece in [piece for piece in pieces if piece.answered][:_PROBED]:
        (whole,) = settle(asker, [_in_json(piece, rubric)])
        if not isinstance(whole.value, Unjudged):
            return "json"
        if whole.value.raw and not _by_grades(asker, [piece], rubric)[piece.key].unjudged:
            return "grades"
    return "json"


def graded(asker: Asker, pieces: Sequence[Piece], rubric: Rubric, style: Style) -> dict[Key, Judgement]:
    """Grade replies in the style that the judge can be asked in."""
    if style == "json":
        settled = settle(asker, [_in_json(piece, rubric) for piece in pieces])
        return {piece.key: _judgement(rubric, one) for piece, one in zip(pieces, settled, strict=True)}
    found: dict[Key, Judgement] = {}
    for start in range(0, len(pieces), _BLOCK):
        found |= _by_grades(asker, pieces[start : start + _BLOCK], rubric)
    return found


def _by_grades(asker: Asker, pieces: Sequence[Piece], rubric: Rubric) -> dict[Key, Judgement]:
    """Let the judge check each reply, then grade it dimension by dimension with its check before it."""
    checks = checks_of(asker, pieces)
    usable = [piece for piece in pieces if not isinstance(checks[piece.key].value, Unjudged)]
    questions = [_grade(piece, checks[piece.key], one, rubric) for piece in usable for one in rubric.dimensions]
    answers = iter(settle(asker, questions))
    found = {
        piece.key: _collected(checks[piece.key], {name: next(answers) for name in rubric.names}) for piece in usable
    }
    return found | {piece.key: _unchecked(checks[piece.key], rubric) for piece in pieces if piece not in usable}


def checks_of(asker: Asker, pieces: Sequence[Piece]) -> dict[Key, Settled[str]]:
    """Ask for the check of each reply; what was asked before costs nothing."""
    settled = settle(asker, [_check(piece) for piece in pieces])
    return {piece.key: one for piece, one in zip(pieces, settled, strict=True)}


def _check(piece: Piece) -> Question[str]:
    def request(attempt: int) -> Request:
        code = piece.code(prompts.LOCAL_DIGITS, attempt)
        return prompts.local_check_request(piece.asked, piece.reference, piece.reply, code=code)

    return Question(request, lambda answer, _: read_check(answer))


def _in_json(piece: Piece, rubric: Rubric) -> Question[Judgement]:
    def request(attempt: int) -> Request:
        code = piece.code(prompts.JSON_DIGITS, attempt)
        return prompts.json_request(rubric, piece.asked, piece.reference, piece.reply, code=code, again=attempt > 0)

    def read(answer: Answer, attempt: int) -> Judgement | Unread:
        whole = read_all(answer, rubric, piece.reply)
        if not isinstance(whole, Unread):
            return Judgement(whole, {})
        each = read_each(answer, rubric, piece.reply)
        grades = {name: grade for name, grade in each.items() if not isinstance(grade, Unread)}
        missing = {name: Unjudged(one.reason, answer.text) for name, one in each.items() if isinstance(one, Unread)}
        return Judgement(grades, missing) if attempt and grades else whole

    return Question(request, read)


def _grade(piece: Piece, check: Settled[str], dimension: Dimension, rubric: Rubric) -> Question[float]:
    def request(attempt: int) -> Request:
        code = piece.code(prompts.LOCAL_DIGITS, attempt)
        told = (piece.asked, piece.reference, piece.reply, _written(check))
        return prompts.local_request(dimension, *told, code=code, grades=rubric.grades)

    return Question(request, lambda answer, _: expected_grade(answer, rubric.grades))


def _written(check: Settled[str]) -> str:
    return "" if isinstance(check.value, Unjudged) else check.value


def _unchecked(check: Settled[str], rubric: Rubric) -> Judgement:
    """Judge nothing: the judge did not get as far as checking the reply."""
    why = check.value if isinstance(check.value, Unjudged) else Unjudged("")
    return Judgement({}, dict.fromkeys(rubric.names, why), check.tokens)


def _judgement(rubric: Rubric, settled: Settled[Judgement]) -> Judgement:
    if isinstance(settled.value, Unjudged):
        return Judgement({}, dict.fromkeys(rubric.names, settled.value), settled.tokens)
    return replace(settled.value, tokens=settled.tokens)


def _collected(check: Settled[str], settled: Mapping[str, Settled[float]]) -> Judgement:
    grades = {name: one.value for name, one in settled.items() if not isinstance(one.value, Unjudged)}
    missing = {name: one.value for name, one in settled.items() if isinstance(one.value, Unjudged)}
    return Judgement(grades, missing, check.tokens + sum(one.tokens for one in settled.values()))


def pair_question(first: Piece, second: Piece, style: Style, checks: Mapping[Key, Settled[str]]) -> Question[int]:
    """Word the question which of two replies is better; ``checks`` are those of both, empty for ``json``."""
    told = (first.asked, first.reference, first.reply, second.reply)

    def request(attempt: int) -> Request:
        digits = prompts.JSON_DIGITS if style == "json" else prompts.LOCAL_DIGITS
        code = prompts.fence_code(first.seed, first.key[1], told, digits=digits, attempt=attempt)
        if style == "json":
            return prompts.json_pair_request(*told, code=code, again=attempt > 0)
        seen = [_written(checks[piece.key]) for piece in (first, second)]
        return prompts.local_pair_request(*told[:2], told[2:], seen, code=code)

    return Question(request, lambda answer, _: read_preference(answer, told[2:]))


def case_key(entry: Entry) -> tuple[str, str]:
    """Give suite and case of an entry."""
    return entry["suite"], entry["id"]


def draw(seed: int, *parts: str) -> str:
    """Give a reproducible random order: the SHA-256 of the seed and what it is drawn for."""
    return hashlib.sha256(json.dumps([seed, *parts]).encode()).hexdigest()


def judge_cases(
    judge: Model,
    entries: Sequence[Entry],
    rubric: Rubric = DEFAULT_RUBRIC,
    how: Judging | None = None,
    tick: Tick = silent,
) -> JudgeRun:
    """Let a judge grade the replies of ``entries``, the cases of a run as its record holds them.

    The result holds every sampled case, in the order of ``entries``, and for each of its replies a grade or
    the reason why there is none on each dimension. The judge learns neither model nor role, and gets the
    replies in an order drawn by the seed. Raises only what the judge raises when it cannot be asked at all.
    """
    how = how or Judging()
    chosen = sampled(entries, how)
    pieces = sorted((piece for entry in chosen for piece in pieces_of(entry, how)), key=lambda piece: piece.order)
    asker = Asker(judge, how.budget, tick)
    style = style_for(asker, pieces, rubric, how)
    replies = graded(asker, [piece for piece in pieces if piece.answered], rubric, style)
    preferences = _preferred(asker, chosen, how, style) if how.preference else {}
    cases = tuple(
        Judged(
            entry["suite"],
            entry["id"],
            {piece.role: replies.get(piece.key) or _silent(rubric) for piece in pieces_of(entry, how)},
            preferences.get(case_key(entry)),
        )
        for entry in chosen
    )
    return JudgeRun(
        spec=judge.identity.spec,
        fingerprint=judge.identity.fingerprint,
        style=style,
        cases=cases,
        prompt_hash=prompt_hash(rubric, how, style),
        requests=asker.requests,
        tokens=asker.tokens,
        cached=asker.cached,
        failed=asker.failed,
        seconds=asker.seconds,
        notices=tuple(_notices(judge, how, style, asker.replaced)),
    )


def sampled(entries: Sequence[Entry], how: Judging) -> list[Entry]:
    """Draw the cases to judge, per suite and by the seed; who replied, and what, has no part in it."""
    if how.sample is None:
        return list(entries)
    ranked: dict[str, list[str]] = {}
    for entry in sorted(entries, key=lambda entry: draw(how.seed, "sample", *case_key(entry))):
        ranked.setdefault(entry["suite"], []).append(entry["id"])
    taken = {(suite, name) for suite, names in ranked.items() for name in names[: how.sample]}
    return [entry for entry in entries if case_key(entry) in taken]


def prompt_hash(rubric: Rubric, how: Judging, style: Style) -> str:
    """Give the SHA-256 of what shapes the prompts but the cases: rubric, wording, style, reference, seed."""
    parts = [PROMPT_VERSION, rubric.digest, style, how.reference, how.seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _silent(rubric: Rubric) -> Judgement:
    """Judge nothing: the model could not be reached, so there is no reply."""
    return Judgement({}, dict.fromkeys(rubric.names, Unjudged("there is no reply to judge")))


def _notices(judge: Model, how: Judging, style: Style, replaced: int) -> Iterator[str]:
    yield from judge.notices
    if replaced:
        yield f"{replaced} answers hold U+FFFD where their text was no Unicode"
    if how.style == "auto" and style == "grades" and "://" in judge.identity.spec:
        yield f"{judge.identity.spec}: this judge writes no JSON; it is asked one dimension at a time"


def _preferred(
    asker: Asker, entries: Sequence[Entry], how: Judging, style: Style
) -> dict[tuple[str, str], Preference | Unjudged]:
    """Ask in both orders for every case with two replies."""
    found: dict[tuple[str, str], Preference | Unjudged] = {}
    pairs = []
    for entry in entries:
        pieces = sorted(pieces_of(entry, how), key=lambda piece: piece.order)
        if len(pieces) < len(ROLES):
            continue
        if not all(piece.answered for piece in pieces):
            found[case_key(entry)] = Unjudged("there is no reply to judge")
        elif pieces[0].reply == pieces[1].reply:
            found[case_key(entry)] = Preference(0, 0, same=True)
        else:
            pairs.append(pieces)
    pairs.sort(key=lambda pair: pair[0].order)
    orders = [(first, second) for one, other in pairs for first, second in ((one, other), (other, one))]
    checks = {} if style == "json" else checks_of(asker, [piece for pair in pairs for piece in pair])
    answers = iter(settle(asker, [pair_question(first, second, style, checks) for first, second in orders]))
    return found | {first.key[:2]: _both(next(answers), next(answers), first.role) for first, _ in pairs}


def _both(first: Settled[int], second: Settled[int], shown_first: str) -> Preference | Unjudged:
    """Put both decisions into the candidate's terms; the second was made in the swapped order."""
    if isinstance(first.value, Unjudged):
        return first.value
    if isinstance(second.value, Unjudged):
        return second.value
    sign = 1 if shown_first == ROLES[0] else -1
    return Preference(sign * first.value, -sign * second.value, tokens=first.tokens + second.tokens)
