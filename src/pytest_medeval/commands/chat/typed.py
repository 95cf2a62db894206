"""What somebody types, as a case to ask and as a case to keep; what else the task needs is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pytest_medeval.commands.chat.talk import Exchange
from pytest_medeval.core.types import Source
from pytest_medeval.tasks.dialogue import INSTRUCTION, DialogueCase
from pytest_medeval.tasks.labels import LABELS, canonical_label
from pytest_medeval.tasks.mcq import LETTERS, MCQCase
from pytest_medeval.tasks.polarity import PolarityCase

Ask: TypeAlias = Callable[[str], str]
"""Ask the user for one line; what comes back is stripped, and empty where there is nothing more."""

_TYPED = Source("chat")
_NAME = "typed"


def case_to_ask(task: str, text: str, ask: Ask) -> Any:
    """Make a case of a typed message; its right answer is not known. None where the user gave too little."""
    if task == "mcq":
        options: dict[str, str] = {}
        while len(options) < len(LETTERS) and (option := ask(f"option {LETTERS[len(options)]} (empty: no more)")):
            options[LETTERS[len(options)]] = option
        few = len(options) < 2  # noqa: PLR2004 - a choice
        return None if few else MCQCase(id=_NAME, source=_TYPED, question=text, options=options, answer="A")
    if task == "polarity":
        found = ask("findings, separated by commas (empty: the model looks for them)").replace("，", ",")
        names = [name.strip() for name in found.split(",") if name.strip()]
        return PolarityCase(
            id=_NAME, source=_TYPED, dialogue=text, findings=dict.fromkeys(names, "none"), listed=bool(names)
        )
    return DialogueCase(id=_NAME, source=_TYPED, input=text, reference="")


def case_to_keep(exchange: Exchange, ask: Ask) -> Mapping[str, Any] | None:
    """Ask for the right reply to an exchange and give the keys of its case; None where the user gives up."""
    case = exchange.case
    if isinstance(case, MCQCase):
        return _mcq(case, exchange, ask)
    if isinstance(case, PolarityCase):
        return _polarity(case, exchange, ask)
    return _dialogue(case, exchange, ask)


def _dialogue(case: DialogueCase, exchange: Exchange, ask: Ask) -> dict[str, Any] | None:
    known = " (empty: the case's own)" if exchange.known else " (empty: no case)"
    reference = ask(f"the right reply{known}") or case.reference
    if not reference:
        return None
    fields: dict[str, Any] = {"input": case.input, "reference": reference}
    if case.instruction != INSTRUCTION:
        fields["instruction"] = case.instruction
    words = ask("what every right reply mentions, as in: an ambulance|emergency room, aspirin (empty: nothing)")
    mentions = [word.strip() for word in words.replace("，", ",").split(",") if word.strip()]
    if mentions:
        fields |= {"must_mention": mentions, "critical": True}
    return fields | _tags(case)


def _mcq(case: MCQCase, exchange: Exchange, ask: Ask) -> dict[str, Any] | None:
    letters = ", ".join(case.options)
    answer = _one_of(
        ask,
        f"the right option: {letters}",
        case.answer if exchange.known else "",
        lambda text: text.upper() if text.upper() in case.options else None,
    )
    if not answer:
        return None
    context = {"context": case.context} if case.context else {}
    fields = {"question": case.question, **context, "options": dict(case.options), "answer": answer}
    return fields | _critical(ask) | _tags(case)


def _polarity(case: PolarityCase, exchange: Exchange, ask: Ask) -> dict[str, Any] | None:
    findings: dict[str, str] = {}
    names = list(case.findings) or [
        name.strip() for name in ask("findings, separated by commas").replace("，", ",").split(",")
    ]
    for name in filter(None, names):
        label = _one_of(
            ask, f"{name}: {', '.join(LABELS)}", case.findings[name] if exchange.known else "", canonical_label
        )
        if not label:
            return None
        findings[name] = label
    if not findings:
        return None
    fields: dict[str, Any] = {"dialogue": case.dialogue, "findings": findings}
    if case.prompt:
        fields["prompt"] = case.prompt
    if not case.listed:
        fields["listed"] = False
    return fields | _critical(ask) | _tags(case)


def _one_of(ask: Ask, prompt: str, known: str, read: Callable[[str], str | None]) -> str:
    """Ask until the answer is one of those offered; empty: what is known, if anything."""
    while text := ask(f"{prompt} (empty: {known or 'no case'})"):
        if found := read(text):
            return found
    return known


def _critical(ask: Ask) -> dict[str, bool]:
    return {"critical": True} if ask("must every release get it right? [y/N]").casefold().startswith("y") else {}


def _tags(case: Any) -> dict[str, Any]:
    return {"tags": dict(case.tags)} if case.tags else {}
