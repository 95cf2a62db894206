"""Conversations: the turns of a case, as files of the field have them, checked."""

from __future__ import annotations

from typing import Any

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.types import Message, Source

_ROLES = ("system", "user", "assistant")


def turns_of(source: Source, value: object) -> tuple[Message, ...]:
    """Check turns, each with ``role`` and ``content``: a system turn only first, a user turn last.

    ``content`` is a text, or a list of parts of ``type`` text, as OpenAI's files have it.
    """
    if not isinstance(value, list) or not value:
        raise MedevalError(f"{source}: 'messages' is {value!r}; accepted: a list of turns with 'role' and 'content'")
    turns = tuple(_turn(source, one) for one in value)
    if any(turn.role == "system" for turn in turns[1:]):
        raise MedevalError(f"{source}: 'messages' has a system turn behind others; accepted: first, or none")
    if turns[-1].role != "user":
        raise MedevalError(f"{source}: the last of 'messages' is of {turns[-1].role!r}; accepted: 'user', to reply to")
    return turns


def _turn(source: Source, one: Any) -> Message:
    if not isinstance(one, dict) or not {"role", "content"} <= one.keys():
        raise MedevalError(f"{source}: a turn of 'messages' is {one!r}; accepted: 'role' and 'content'")
    role, content = one["role"], one["content"]
    if role not in _ROLES:
        raise MedevalError(f"{source}: {accepted('role', str(role), _ROLES)}")
    if isinstance(content, list) and all(isinstance(part, dict) and part.get("type") == "text" for part in content):
        content = "\n".join(str(part.get("text", "")) for part in content)
    if not isinstance(content, str) or not content.strip():
        raise MedevalError(f"{source}: a turn of {role!r} is {content!r}; accepted: a text")
    return Message(role, content.strip())
