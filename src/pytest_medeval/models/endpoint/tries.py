"""One try of a request, bounded: in time as a whole, in size, and in whom it reaches.

The ``openai`` client repeats failed tries by their HTTP status. What it does not know as a failure (an error under
status 200, JSON that is cut off, a server that drips, a body without end, a redirect to another host) is given to it
here as a status of our own.
"""

from __future__ import annotations

import asyncio
import json
import os
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

import openai

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Traffic
from pytest_medeval.models.endpoint import wire
from pytest_medeval.models.spec import EndpointSpec

KEY: Final = "OPENAI_API_KEY"
HERE: Final = 599
"""Status of what was found here and not told by the server; its message is whole."""
LARGEST: Final = 1 << 26
"""Bytes of an answer: the likelihoods of a dozen long prompts take less."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_REDIRECTS = 3
"""How many are followed within one server."""
_PORTS = {"http": 80, "https": 443}
_KEPT = ("retry-after", "retry-after-ms", "x-should-retry")
_REDIRECTED, _FAILED = 300, range(400, 600)
_HTTP = next(base for base in openai.DefaultAsyncHttpxClient.__mro__ if base.__name__ == "AsyncClient")
_Response: Any = import_module(_HTTP.__module__.partition(".")[0]).Response
"""Of httpx, or of its successor: as the client has it."""


def client(spec: EndpointSpec, traffic: Traffic) -> openai.AsyncOpenAI:
    """Make a client; a proxy named in the environment is not asked for a server on this machine."""
    url = urlsplit(spec.url)
    near = (url.hostname or "") in _LOOPBACK
    key = os.environ.get(KEY)
    if not key and not near and not url.password:
        raise MedevalError(f"{spec.text}: {KEY} is not set; set it to the server's key (any text where it wants none)")
    if key and not key.isascii():
        raise MedevalError(f"{spec.text}: {KEY} holds more than ASCII, which no HTTP header takes; set it anew")
    # certificates are loaded, which takes time, where there are any
    how = {"trust_env": False, "verify": url.scheme == "https"} if near else {}
    return openai.AsyncOpenAI(
        base_url=spec.url,
        api_key=key or "none",
        timeout=traffic.timeout,
        max_retries=traffic.retries,
        http_client=Bounded(traffic.timeout, **how),
    )


class Bounded(openai.DefaultAsyncHttpxClient):
    """Sends a request once: whatever comes of it within ``seconds`` is a response."""

    def __init__(self, seconds: float, **how: Any) -> None:
        super().__init__(follow_redirects=False, **how)
        self._seconds = seconds

    async def send(self, request: Any, *, stream: bool = False, **how: Any) -> Any:  # noqa: ARG002 - read to its end
        """Give the whole response, or one of our own that says what was wrong."""
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._followed(request, how)
                content = b"" if response.is_redirect else await _content(response)
        except TimeoutError:
            return _found(request, f"no answer within {self._seconds:g} s", again=True)
        if response.is_redirect:
            place = response.headers.get("location", "nowhere")
            told = f"HTTP {response.status_code}: redirects to {place}; accepted: answers of the server that was named"
            return _found(request, told, again=False)
        if content is None:
            return _found(request, f"the server's answer has more than {LARGEST >> 20} MiB", again=False)
        return _told(response, request, content)

    async def _followed(self, request: Any, how: Any) -> Any:
        """Send, and follow redirects within the server: another one would get the prompt, and its answer be scored."""
        for _ in range(_REDIRECTS):
            response = await super().send(request, stream=True, **how)
            again = response.next_request
            if again is None:
                break
            await response.aclose()
            if not _same_server(request.url, again.url):
                break
            request = again
        return response


async def _content(response: Any) -> bytes | None:
    """Read a body as it was before it was compressed; None when it is too large."""
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part
        if len(content) > LARGEST:
            await response.aclose()
            return None
    return bytes(content)


def _same_server(one: Any, other: Any) -> bool:
    """Say whether two URLs lead to one server; the step from HTTP to HTTPS is one within it."""
    if one.host != other.host:
        return False
    ports = [url.port or _PORTS.get(url.scheme) for url in (one, other)]
    upgraded = (one.scheme, other.scheme) == ("http", "https") and ports == list(_PORTS.values())
    return upgraded or (one.scheme == other.scheme and ports[0] == ports[1])


def _told(response: Any, request: Any, content: bytes) -> Any:
    """Give a response as the client understands it: an error under status 200 and broken JSON are failures."""
    status, again = response.status_code, None
    if status < _REDIRECTED:
        try:
            error = wire.error_in(json.loads(content))
        except (ValueError, RecursionError) as broken:
            cut = not content.strip() or content.lstrip()[:1] in b"{["
            return _found(request, f"the server's answer cannot be read: {broken}", again=cut)
        if error is not None:
            code = error.get("code") if isinstance(error, dict) else None
            if not (isinstance(code, int) and code in _FAILED):
                return _found(request, f"HTTP {status} with an error: {wire.complaint(error)}", again=True)
            status = code
    elif wire.spent(status, content.decode(errors="replace")):
        again = False
    headers = {"content-type": "application/json", **({} if again is None else _again(again))}
    for name in _KEPT:
        if name in response.headers:
            headers[name] = response.headers[name]
    return _Response(status, headers=headers, content=content, request=request)


def _found(request: Any, told: str, *, again: bool) -> Any:
    """Say what was found here, and whether another try may help."""
    return _Response(HERE, headers=_again(again), json={"error": {"message": told}}, request=request)


def _again(again: bool) -> dict[str, str]:
    return {"x-should-retry": str(again).lower()}
