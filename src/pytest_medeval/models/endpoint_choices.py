"""Log-likelihoods of choices from a server, as vLLM offers them: ``/v1/completions`` with an echo.

That route applies no chat template. Where the server also has ``/tokenize`` (vLLM), the messages are turned
into token ids by the model's own template, and a choice is tokenised on its own behind them, as for a local
model. Elsewhere the messages are joined by blank lines, as for a local model without a template. What a
server offers is found out by the first request and kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

from pytest_medeval.models import endpoint_wire as wire
from pytest_medeval.models.spec import EndpointSpec
from pytest_medeval.types import Answer, Request

Post: TypeAlias = Callable[[str, Any], Awaitable[Any]]
Way: TypeAlias = Literal["tokens", "text"]

_MISSING = (400, 404, 405, 415, 422, 501)
"""What servers answer to a route or field that they do not have."""


class NotOfferedError(Exception):
    """The server gives no log-probabilities of prompts."""


class Likelihoods:
    """Asks for the likelihoods of choices in the way that the server offers."""

    def __init__(self) -> None:
        self._ways: list[Way] = ["tokens", "text"]
        self._found = False
        self._reason = ""

    async def ask(self, post: Post, spec: EndpointSpec, request: Request) -> Answer:
        """Score the choices of one request; ``NotOfferedError`` where no way is left."""
        while self._ways:
            way = self._ways[0]
            try:
                answer = await _WAYS[way](post, spec, request)
            except Exception as error:
                if self._found or not _not_offered(error):
                    raise
                self._reason = wire.complaint(getattr(error, "body", str(error)))
                if way in self._ways:  # another request may have found out meanwhile
                    self._ways.remove(way)
            else:
                self._found = True
                return answer
        raise NotOfferedError(self._reason)


def _not_offered(error: Exception) -> bool:
    """Tell "cannot" from "failed"; the client's errors carry a status code."""
    if getattr(error, "status_code", None) in _MISSING:
        return not wire.too_long(getattr(error, "body", None))
    return isinstance(error, wire.MalformedError)


async def _by_tokens(post: Post, spec: EndpointSpec, request: Request) -> Answer:
    messages = [{"role": turn.role, "content": turn.content} for turn in request.messages]
    chat: dict[str, Any] = {"model": spec.name, "messages": messages, "add_generation_prompt": True}
    if spec.variables:
        chat[wire.VARIABLES] = dict(spec.variables)
    prompt = await _tokens(post, spec, chat)
    choices = [
        await _tokens(post, spec, {"model": spec.name, "prompt": choice, "add_special_tokens": False})
        for choice in request.choices
    ]
    body = await post("/completions", wire.echo_fields(spec.name, [prompt + choice for choice in choices]))
    return wire.choice_answer(request, wire.read_echo(body, len(choices)), [len(prompt)] * len(choices))


async def _by_text(post: Post, spec: EndpointSpec, request: Request) -> Answer:
    """Send the prompt alone as well: its number of tokens says where the choices begin."""
    if spec.variables:
        raise wire.MalformedError(f"without a chat template its variables change nothing: {dict(spec.variables)}")
    stem = "\n\n".join(turn.content for turn in request.messages).rstrip()
    texts = [stem, *(f"{stem}\n\n{choice}" for choice in request.choices)]
    body = await post("/completions", wire.echo_fields(spec.name, texts))
    bare, *rows = wire.read_echo(body, len(texts))
    return wire.choice_answer(request, rows, [len(bare)] * len(rows))


async def _tokens(post: Post, spec: EndpointSpec, fields: dict[str, Any]) -> list[int]:
    """Ask vLLM's ``/tokenize``, which stands beside ``/v1``."""
    body = await post(spec.url.removesuffix("/v1") + "/tokenize", fields)
    try:
        return [int(token) for token in body["tokens"]]
    except (TypeError, KeyError, ValueError):
        raise wire.MalformedError(f"the server's answer has no tokens: {wire.short(body)}") from None


_WAYS: dict[Way, Callable[[Post, EndpointSpec, Request], Awaitable[Answer]]] = {
    "tokens": _by_tokens,
    "text": _by_text,
}
