"""Track B: let a judge grade stored replies, and prefer one of two.

A plain library over the entries of a run (``asked``, ``gold``, ``candidate.reply``, ``baseline.reply``): it
needs neither the cases nor the models that replied, so a finished run can be judged as well as a running one.
How a judge is asked is a style's: see ``pytest_medeval.judges.styles``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NotRequired, TypeAlias, TypedDict

from pytest_medeval.core.model import Model, Tick, silent
from pytest_medeval.core.record import ROLES, CaseEntry, CriterionRecord
from pytest_medeval.judges.ask import Asker, Judged, Judgement, JudgeRun, Judging, Preference, Settled, Unjudged
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC, Rubric
from pytest_medeval.judges.styles import AUTO, CRITERIA, JUDGE_STYLES
from pytest_medeval.judges.styles.base import JudgedReply, JudgeStyle, served

LOCAL, SERVED = "grades", "json"
"""The style of a judge whose probabilities can be read, and of one behind a server."""
_PROBED = 3
"""Replies tried before a server's judge is taken to write JSON."""


class JudgeableReply(TypedDict):
    """What is judged of a reply: its text, and whether there is one."""

    reply: str
    outcome: NotRequired[str]


class Judgeable(TypedDict):
    """What is judged of a case: an entry of a record, or less of one."""

    suite: str
    id: str
    asked: str
    gold: NotRequired[object]
    candidate: NotRequired[JudgeableReply]
    baseline: NotRequired[JudgeableReply]


Entry: TypeAlias = CaseEntry | Judgeable


def reference_of(entry: Entry) -> str:
    """Write what is known about the right answer as a text: a reply, an option, ``finding: label`` lines."""
    gold = entry.get("gold")
    if isinstance(gold, Mapping):
        return "\n".join(f"{key}: {value}" for key, value in gold.items())
    return "" if gold is None else str(gold)


def replies_of(entry: Entry, how: Judging) -> Iterator[JudgedReply]:
    """Take the replies of a case, each with its place in the drawn order."""
    suite, name = case_key(entry)
    for role in ROLES:
        told = entry.get(role)
        if told is not None:
            # a case's replies stay together, so that a budget that ends leaves whole cases
            order = draw(how.seed, "case", suite, name) + draw(how.seed, "reply", suite, name, told["reply"], role)
            yield JudgedReply(
                key=(suite, name, role),
                asked=str(entry["asked"]),
                reference=reference_of(entry) if how.reference else "",
                reply=str(told["reply"]),
                seed=how.seed,
                answered=told.get("outcome") != "error",
                order=order,
                criteria=_criteria(entry) if how.style == CRITERIA else (),
            )


def _criteria(entry: Entry) -> tuple[CriterionRecord, ...]:
    given = entry.get("gold")
    return tuple(given) if isinstance(given, list) else ()


def style_for(asker: Asker, replies: Sequence[JudgedReply], rubric: Rubric, how: Judging) -> str:
    """Name the style; a server's judge that writes no JSON, but does write grades, is asked for those."""
    if how.style != AUTO:
        return how.style
    if not served(asker.judge):
        return LOCAL
    whole, single = style_named(SERVED), style_named(LOCAL)
    for reply in [reply for reply in replies if reply.answered][:_PROBED]:
        found = whole.graded(asker, [reply], rubric)[reply.key]
        if found.grades:
            return SERVED
        said = any(one.raw for one in found.unjudged.values())
        if said and not single.graded(asker, [reply], rubric)[reply.key].unjudged:
            return LOCAL
    return SERVED


def style_named(name: str) -> JudgeStyle:
    """Make a style; ``MedevalError`` for an unknown name."""
    with JUDGE_STYLES.blamed(name):
        style: JudgeStyle = JUDGE_STYLES.resolve(name)()
    return style


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
    drawn = sorted((reply for entry in chosen for reply in replies_of(entry, how)), key=lambda reply: reply.order)
    asker = Asker(judge, how.budget, tick)
    name = style_for(asker, drawn, rubric, how)
    style = style_named(name)
    with JUDGE_STYLES.blamed(name):
        replies = style.graded(asker, [reply for reply in drawn if reply.answered], rubric)
        preferences = _preferred(asker, chosen, how, style) if how.preference else {}
    cases = tuple(
        Judged(
            entry["suite"],
            entry["id"],
            {
                reply.role: replies.get(reply.key) or _silent(style.names(reply, rubric))
                for reply in replies_of(entry, how)
            },
            preferences.get(case_key(entry)),
        )
        for entry in chosen
    )
    return JudgeRun(
        spec=judge.identity.spec,
        fingerprint=judge.identity.fingerprint,
        style=name,
        cases=cases,
        prompt_hash=prompt_hash(rubric, how, name),
        requests=asker.requests,
        tokens=asker.tokens,
        cached=asker.cached,
        failed=asker.failed,
        seconds=asker.seconds,
        notices=tuple(_notices(asker, how, name)),
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


def prompt_hash(rubric: Rubric, how: Judging, style: str) -> str:
    """Give the SHA-256 of what shapes the prompts but the cases: rubric, wording, style, reference, seed."""
    parts = [style_named(style).version, rubric.digest, style, how.reference, how.seed]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _silent(names: Sequence[str]) -> Judgement:
    """Judge nothing: the model could not be reached, so there is no reply."""
    return Judgement({}, dict.fromkeys(names, Unjudged("there is no reply to judge")))


def _notices(asker: Asker, how: Judging, style: str) -> Iterator[str]:
    judge = asker.judge
    yield from judge.notices
    if asker.replaced:
        yield f"{asker.replaced} answers hold U+FFFD where their text was no Unicode"
    if asker.estimated and how.budget.tokens is not None:
        yield f"{asker.estimated} answers came without numbers of tokens: they are estimated from the texts"
    if how.style == AUTO and style != SERVED and served(judge):
        yield f"{judge.identity.spec}: this judge writes no JSON; it is asked one dimension at a time"


def _preferred(
    asker: Asker, entries: Sequence[Entry], how: Judging, style: JudgeStyle
) -> dict[tuple[str, str], Preference | Unjudged]:
    """Ask in both orders for every case with two replies."""
    found: dict[tuple[str, str], Preference | Unjudged] = {}
    pairs = []
    for entry in entries:
        replies = sorted(replies_of(entry, how), key=lambda reply: reply.order)
        if len(replies) < len(ROLES):
            continue
        if not all(reply.answered for reply in replies):
            found[case_key(entry)] = Unjudged("there is no reply to judge")
        elif replies[0].reply == replies[1].reply:
            found[case_key(entry)] = Preference(0, 0, same=True)
        else:
            pairs.append(replies)
    pairs.sort(key=lambda pair: pair[0].order)
    orders = [(first, second) for one, other in pairs for first, second in ((one, other), (other, one))]
    answers = iter(style.preferred(asker, orders))
    return found | {first.key[:2]: _both(next(answers), next(answers), first.role) for first, _ in pairs}


def _both(first: Settled[int], second: Settled[int], shown_first: str) -> Preference | Unjudged:
    """Put both decisions into the candidate's terms; the second was made in the swapped order."""
    if isinstance(first.value, Unjudged):
        return first.value
    if isinstance(second.value, Unjudged):
        return second.value
    sign = 1 if shown_first == ROLES[0] else -1
    return Preference(sign * first.value, -sign * second.value, tokens=first.tokens + second.tokens)
