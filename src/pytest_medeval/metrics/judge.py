"""Track B: let a judge grade stored replies, and prefer one of two.

A plain library over the entries of a run (``asked``, ``gold``, ``candidate.reply``, ``baseline.reply``): it
needs neither the cases nor the models that replied, so a finished run can be judged as well as a running one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

from pytest_medeval.metrics.judging_ask import Asker, Settled, Unjudged, settle
from pytest_medeval.metrics.judging_prompts import PROMPT_VERSION
from pytest_medeval.metrics.judging_styles import (
    Entry,
    case_key,
    checks_of,
    draw,
    graded,
    pair_question,
    pieces_of,
    style_for,
)
from pytest_medeval.metrics.judging_types import (
    ROLES,
    Judged,
    Judgement,
    JudgeRun,
    Judging,
    Preference,
    Style,
)
from pytest_medeval.metrics.rubric import DEFAULT_RUBRIC, Rubric
from pytest_medeval.models.base import Model, Tick, silent


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
        (piece for entry in chosen for piece in pieces_of(entry, how)), key=lambda piece: piece.order
    )
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


