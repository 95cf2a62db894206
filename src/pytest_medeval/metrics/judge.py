"""Track B: let a judge grade stored replies, and prefer one of two.

A plain library over the entries of a run (``asked``, ``gold``, ``candidate.reply``, ``baseline.reply``): it
needs neither the cases nor the models that replied, so a finished run can be judged as well as a running one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from pytest_medeval.metrics import judging_prompts as prompts
from pytest_medeval.metrics.judging_ask import Asker, Question, Settled, Unjudged, settle
from pytest_medeval.metrics.judging_read import expected_grade, read_all, read_each, read_preference
from pytest_medeval.metrics.judging_types import (
    ROLES,
    Judged,
    Judgement,
    JudgeRun,
    Judging,
    Preference,
    Style,
)
from pytest_medeval.metrics.rubric import DEFAULT_RUBRIC, Dimension, Rubric
from pytest_medeval.models.base import Model, Tick, silent
from pytest_medeval.ratings.grades import Unread
from pytest_medeval.types import Answer, Request

Entry: TypeAlias = Mapping[str, Any]

_PROBED = 3
"""Replies tried before a server's judge is taken to write JSON."""


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
    pieces = sorted(
        (piece for entry in chosen for piece in _pieces(entry, how)), key=lambda piece: piece.order
    )
    asker = Asker(judge, how.budget, tick)
    style = _style(asker, pieces, rubric, how)
    replies = _graded(asker, [piece for piece in pieces if piece.answered], rubric, style)
    preferences = _preferred(asker, chosen, how, style) if how.preference else {}
    cases = tuple(
        Judged(
            entry["suite"],
            entry["id"],
            {piece.role: replies.get(piece.key) or _silent(rubric) for piece in _pieces(entry, how)},
            preferences.get(_key(entry)),
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
        notices=tuple(_notices(judge, how, style)),
    )


def sampled(entries: Sequence[Entry], how: Judging) -> list[Entry]:
    """Draw the cases to judge, per suite and by the seed; who replied, and what, has no part in it."""
    if how.sample is None:
        return list(entries)
    ranked: dict[str, list[str]] = {}
    for entry in sorted(entries, key=lambda entry: _draw(how.seed, "sample", *_key(entry))):
        ranked.setdefault(entry["suite"], []).append(entry["id"])
    taken = {(suite, name) for suite, names in ranked.items() for name in names[: how.sample]}
    return [entry for entry in entries if _key(entry) in taken]


def prompt_hash(rubric: Rubric, how: Judging, style: Style) -> str:
    """Give the SHA-256 of what shapes the prompts but the cases: rubric, wording, style, reference, seed."""
    parts = [prompts.PROMPT_VERSION, rubric.digest, style, how.reference, how.seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def reference_of(entry: Entry) -> str:
    """Write what is known about the right answer as a text: a reply, an option, ``finding: label`` lines."""
    gold = entry.get("gold")
    if isinstance(gold, Mapping):
        return "\n".join(f"{key}: {value}" for key, value in gold.items())
    return "" if gold is None else str(gold)


@dataclass(frozen=True, slots=True)
class _Piece:
    """One reply of a case, with what a judge is told beside it."""

    key: tuple[str, str, str]
    asked: str
    reference: str
    reply: str
    seed: int
    answered: bool
    order: str

    @property
    def role(self) -> str:
        return self.key[2]

    def code(self, digits: int, attempt: int) -> str:
        texts = [self.asked, self.reference, self.reply]
        return prompts.fence_code(self.seed, self.key[1], texts, digits=digits, attempt=attempt)


def _pieces(entry: Entry, how: Judging) -> Iterator[_Piece]:
    suite, name = _key(entry)
    for role in ROLES:
        if role in entry:
            told = entry[role]
            # a case's replies stay together, so that a budget that ends leaves whole cases
            order = _draw(how.seed, "case", suite, name) + _draw(
                how.seed, "reply", suite, name, told["reply"], role
            )
            reference = reference_of(entry) if how.reference else ""
            yield _Piece(
                (suite, name, role),
                str(entry["asked"]),
                reference,
                str(told["reply"]),
                how.seed,
                told.get("outcome") != "error",
                order,
            )


def _silent(rubric: Rubric) -> Judgement:
    """Judge nothing: the model could not be reached, so there is no reply."""
    return Judgement({}, dict.fromkeys(rubric.names, Unjudged("there is no reply to judge")))


def _style(asker: Asker, pieces: Sequence[_Piece], rubric: Rubric, how: Judging) -> Style:
    """Choose how to ask; a server's judge that writes no JSON, but does write grades, is asked for those."""
    if how.style != "auto":
        return how.style
    if "://" not in asker.judge.identity.spec:
        return "grades"
    for piece in [piece for piece in pieces if piece.answered][:_PROBED]:
        (whole,) = settle(asker, [_in_json(piece, rubric)])
        if not isinstance(whole.value, Unjudged):
            return "json"
        if whole.value.raw:
            single = settle(asker, [_by_grades(piece, one, rubric) for one in rubric.dimensions])
            if not any(isinstance(settled.value, Unjudged) for settled in single):
                return "grades"
    return "json"


def _notices(judge: Model, how: Judging, style: Style) -> Iterator[str]:
    yield from judge.notices
    if how.style == "auto" and style == "grades" and "://" in judge.identity.spec:
        yield f"{judge.identity.spec}: this judge writes no JSON; it is asked one dimension at a time"


def _graded(
    asker: Asker, pieces: Sequence[_Piece], rubric: Rubric, style: Style
) -> dict[tuple[str, str, str], Judgement]:
    if style == "json":
        settled = settle(asker, [_in_json(piece, rubric) for piece in pieces])
        return {piece.key: _judgement(rubric, one) for piece, one in zip(pieces, settled, strict=True)}
    questions = [_by_grades(piece, one, rubric) for piece in pieces for one in rubric.dimensions]
    answers = iter(settle(asker, questions))
    return {piece.key: _collected({name: next(answers) for name in rubric.names}) for piece in pieces}


def _in_json(piece: _Piece, rubric: Rubric) -> Question[Judgement]:
    def request(attempt: int) -> Request:
        code = piece.code(prompts.JSON_DIGITS, attempt)
        return prompts.json_request(
            rubric, piece.asked, piece.reference, piece.reply, code=code, again=attempt > 0
        )

    def read(answer: Answer, attempt: int) -> Judgement | Unread:
        whole = read_all(answer, rubric, piece.reply)
        if not isinstance(whole, Unread):
            return Judgement(whole, {})
        each = read_each(answer, rubric, piece.reply)
        grades = {name: grade for name, grade in each.items() if not isinstance(grade, Unread)}
        missing = {
            name: Unjudged(one.reason, answer.text) for name, one in each.items() if isinstance(one, Unread)
        }
        return Judgement(grades, missing) if attempt and grades else whole

    return Question(request, read)


def _by_grades(piece: _Piece, dimension: Dimension, rubric: Rubric) -> Question[float]:
    def request(attempt: int) -> Request:
        code = piece.code(prompts.LOCAL_DIGITS, attempt)
        return prompts.local_request(
            dimension, piece.asked, piece.reference, piece.reply, code=code, grades=rubric.grades
        )

    return Question(request, lambda answer, _: expected_grade(answer, rubric.grades))


def _judgement(rubric: Rubric, settled: Settled[Judgement]) -> Judgement:
    if isinstance(settled.value, Unjudged):
        return Judgement({}, dict.fromkeys(rubric.names, settled.value), settled.tokens)
    return replace(settled.value, tokens=settled.tokens)


def _collected(settled: Mapping[str, Settled[float]]) -> Judgement:
    grades = {name: one.value for name, one in settled.items() if not isinstance(one.value, Unjudged)}
    missing = {name: one.value for name, one in settled.items() if isinstance(one.value, Unjudged)}
    return Judgement(grades, missing, sum(one.tokens for one in settled.values()))


def _preferred(
    asker: Asker, entries: Sequence[Entry], how: Judging, style: Style
) -> dict[tuple[str, str], Preference | Unjudged]:
    """Ask in both orders for every case with two replies."""
    found: dict[tuple[str, str], Preference | Unjudged] = {}
    pairs = []
    for entry in entries:
        pieces = sorted(_pieces(entry, how), key=lambda piece: piece.order)
        if len(pieces) < len(ROLES):
            continue
        if not all(piece.answered for piece in pieces):
            found[_key(entry)] = Unjudged("there is no reply to judge")
        elif pieces[0].reply == pieces[1].reply:
            found[_key(entry)] = Preference(0, 0, same=True)
        else:
            pairs.append(pieces)
    pairs.sort(key=lambda pair: pair[0].order)
    orders = [(first, second) for one, other in pairs for first, second in ((one, other), (other, one))]
    answers = iter(settle(asker, [_pair(first, second, style) for first, second in orders]))
    return found | {first.key[:2]: _both(next(answers), next(answers), first.role) for first, _ in pairs}


def _pair(first: _Piece, second: _Piece, style: Style) -> Question[int]:
    told = (first.asked, first.reference, first.reply, second.reply)

    def request(attempt: int) -> Request:
        digits = prompts.JSON_DIGITS if style == "json" else prompts.LOCAL_DIGITS
        code = prompts.fence_code(first.seed, first.key[1], told, digits=digits, attempt=attempt)
        if style == "json":
            return prompts.json_pair_request(*told, code=code, again=attempt > 0)
        return prompts.local_pair_request(*told, code=code)

    return Question(request, lambda answer, _: read_preference(answer, told[2:]))


def _both(first: Settled[int], second: Settled[int], shown_first: str) -> Preference | Unjudged:
    """Put both decisions into the candidate's terms; the second was made in the swapped order."""
    if isinstance(first.value, Unjudged):
        return first.value
    if isinstance(second.value, Unjudged):
        return second.value
    sign = 1 if shown_first == ROLES[0] else -1
    return Preference(sign * first.value, -sign * second.value, tokens=first.tokens + second.tokens)


def _key(entry: Entry) -> tuple[str, str]:
    return entry["suite"], entry["id"]


def _draw(seed: int, *parts: str) -> str:
    """Give a reproducible random order: the SHA-256 of the seed and what it is drawn for."""
    return hashlib.sha256(json.dumps([seed, *parts]).encode()).hexdigest()
