"""A session as JSON: who answered, what was asked, what was replied, and when."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from pathlib import Path

import pytest_medeval
from pytest_medeval.commands.chat.talk import Exchange, Said, Talk
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.jsontext import read_object
from pytest_medeval.core.files.writing import finite, json_bytes, write_whole

SCHEMA = "medeval-chat/1"


def session(talk: Talk) -> dict[str, object]:
    """Give a session as plain data; models are known by the SHA-256 of what answers, not by name."""
    return {
        "schema": SCHEMA,
        "version": pytest_medeval.__version__,
        "started": talk.started,
        "saved": talk.now(),
        "task": talk.task.name,
        "options": asdict(talk.task),
        "models": {role: asdict(model.identity) for role, model in talk.models.items()},
        "exchanges": [_exchange(talk, exchange) for exchange in talk.exchanges],
    }


def save(talk: Talk, path: Path) -> None:
    """Write a session; ``MedevalError`` where it cannot."""
    check_place(path)
    write_whole(path, json_bytes(finite(session(talk))), "the chat session")


def check_place(path: Path) -> None:
    """Refuse a file that is not an older save of a session, and a folder that is not there."""
    if not path.parent.is_dir():
        raise MedevalError(f"{path}: no folder {str(path.parent)!r} to write the chat session in")
    if path.exists() and not _is_session(path):
        raise MedevalError(f"{path}: exists and is no chat session; accepted: a new file, or one of /save")


def _is_session(path: Path) -> bool:
    try:
        return str(read_object(path).data.get("schema", "")).startswith("medeval-chat/")
    except MedevalError:
        return False


def _exchange(talk: Talk, exchange: Exchange) -> dict[str, object]:
    found: dict[str, object] = {
        "time": exchange.time,
        "messages": [asdict(message) for message in exchange.messages],
        "replies": {role: _said(said) for role, said in exchange.replies.items()},
    }
    if exchange.known:
        found |= {"case": exchange.case.id, "source": str(exchange.case.source), "gold": talk.task.gold(exchange.case)}
    return found


def _said(said: Said) -> dict[str, object]:
    read, answers = said.scored.read, said.scored.answers
    found = {
        "reply": read.text,
        "outcome": read.outcome,
        "prediction": asdict(read.prediction) if is_dataclass(read.prediction) else read.prediction,  # type: ignore[arg-type]
        "scores": dict(said.scored.scores),
        "seconds": round(said.seconds, 3),
        "tokens": [sum(one.prompt_tokens for one in answers), sum(one.reply_tokens for one in answers)],
    }
    if said.scored.thoughts:
        found["thoughts"] = said.scored.thoughts
    if read.detail:
        found["detail"] = read.detail
    if said.broken:
        found |= {"broken": list(said.broken), "added": list(said.added)}
    return found
