"""A server for tests: OpenAI's protocol on loopback, replies from a script, faults where they are wanted."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, Literal, Self, TypeAlias

from pytest_medeval.models.endpoint.wire import PROBE

Fault: TypeAlias = Literal["429", "500", "hang", "cut", "drop", "drip"]
"""Too many requests and broken server (with Retry-After), no answer, JSON cut off, closed, a byte a blink."""


def fine(_number: int) -> Fault | None:
    """Let every request through."""
    return None


def untouched(_body: dict[str, Any]) -> None:
    """Leave the answer to the server."""


def is_probe(body: dict[str, Any]) -> bool:
    """Say whether a request is the one by which a run finds out whether other weights answer."""
    turns = body.get("messages") or [{}]
    return bool(turns[-1].get("content") == PROBE.messages[-1].content)


def echo(body: dict[str, Any]) -> str:
    """Reply with the last message."""
    return str(body["messages"][-1]["content"])


def characters(text: str) -> list[int]:
    """Take characters for tokens."""
    return [ord(character) for character in text]


def text_of(tokens: Sequence[int]) -> str:
    """Take tokens for characters."""
    return "".join(map(chr, tokens))


@dataclass
class FakeServer:
    """Serves while it is entered; ``url`` is what a client is given.

    ``reply`` makes the text of a reply from the request's JSON; ``faults`` says by the number of a POST
    request (0, 1, ...) what goes wrong with it; ``answer`` may give its status, JSON (or bytes) and headers instead.
    The probe of each run is answered by ``weights``, and counted in ``probes`` alone. ``refuse``: fields that are
    answered with 400. ``logprob``: log-probability of a token behind the one before it; with it, completions echo
    log-probabilities; ``tokenize`` adds vLLM's routes ``/tokenize`` and ``/detokenize``. ``encode`` and ``decode`` make
    tokens of texts and texts of tokens; a token is else a character.

    >>> with FakeServer() as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """

    reply: Callable[[dict[str, Any]], str] = echo
    faults: Callable[[int], Fault | None] = fine
    answer: Callable[[dict[str, Any]], tuple[int, Any, dict[str, str]] | None] = untouched
    weights: str = "as ever"
    probes: int = 0
    models: Sequence[dict[str, Any]] = ({"id": "fake", "object": "model", "owned_by": "tests"},)
    lists: bool = True
    """Whether it can say which models it serves."""
    refuse: Collection[str] = ()
    logprob: Callable[[int, int], float] | None = None
    tokenize: bool = False
    encode: Callable[[str], list[int]] = characters
    decode: Callable[[Sequence[int]], str] = text_of
    delay: float = 0.0
    retry_after: float = 0.1
    finish: str = "stop"
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Path and JSON of every POST request, in order."""
    headers: list[Mapping[str, str]] = field(default_factory=list)
    """Those of every POST request."""
    times: list[float] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _over: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """The address, with ``/v1``."""
        assert self._server is not None  # noqa: S101 - there is no address before it is entered
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._over.clear()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def take(self, path: str, body: dict[str, Any]) -> Fault | None:
        """Note a request; say what goes wrong with it."""
        with self._lock:
            number = len(self.asked)
            self.asked.append((path, body))
            self.times.append(time.monotonic())
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        self._over.wait(self.delay)
        return self.faults(number)

    def done(self) -> None:
        """Note that a request has been answered."""
        with self._lock:
            self._now -= 1

    def wait_for_end(self, seconds: float | None = None) -> bool:
        """Hang until the server stops, or for so long; say whether it has stopped."""
        return self._over.wait(seconds)

    def respond(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Give status and JSON for a request."""
        for name in self.refuse:
            if name in body:
                return 400, {"error": {"message": f"Unsupported parameter: {name!r}", "param": name}}
        if body.get("model") not in {model["id"] for model in self.models}:
            return 404, {"error": {"message": f"The model {body.get('model')!r} does not exist"}}
        if path.endswith("/chat/completions"):
            return 200, self._chat(body)
        if path.endswith("/completions") and self.logprob is not None:
            return 200, self._completions(body)
        if path in ("/tokenize", "/detokenize") and self.tokenize:
            return 200, self._cut(body)
        return 404, {"error": {"message": "no such route"}}

    def _cut(self, body: dict[str, Any]) -> dict[str, Any]:
        if "tokens" in body:
            return {"prompt": self.decode(body["tokens"])}
        text = body.get("prompt") or "".join(f"<{turn['role']}>{turn['content']}" for turn in body["messages"])
        return {"tokens": self.encode(text)}

    def _chat(self, body: dict[str, Any]) -> dict[str, Any]:
        text = self.weights if is_probe(body) else self.reply(body)
        prompt = sum(len(turn["content"].split()) for turn in body["messages"])
        message = {"role": "assistant", "content": text}
        usage = {"prompt_tokens": prompt, "completion_tokens": len(text.split())}
        return {"choices": [{"index": 0, "message": message, "finish_reason": self.finish}], "usage": usage}

    def _completions(self, body: dict[str, Any]) -> dict[str, Any]:
        assert self.logprob is not None  # noqa: S101 - respond() has looked
        choices = []
        for index, prompt in enumerate(body["prompt"]):
            ids = self.encode(prompt) if isinstance(prompt, str) else prompt
            told = [None, *(self.logprob(ids[at - 1], ids[at]) for at in range(1, len(ids))), -1.0]
            tokens = [*(self.decode([token]) for token in ids), "."]
            choices.append({"index": index, "text": "", "logprobs": {"token_logprobs": told, "tokens": tokens}})
        return {"choices": choices[::-1]}  # the protocol promises no order

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        return type("Handler", (_Handler,), {"owner": self})


class _Server(ThreadingHTTPServer):
    """Leaves threads of open connections behind when it closes: clients keep them open."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that give up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: FakeServer

    def do_GET(self) -> None:
        listed = {"object": "list", "data": list(self.owner.models)}
        self._send(200 if self.owner.lists else 500, json.dumps(listed).encode(), retry_after=0.01)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.owner.headers.append(dict(self.headers))
        if is_probe(body):
            self.owner.probes += 1
            self._post(None, body)
            return
        fault = self.owner.take(self.path, body)
        try:
            self._post(fault, body)
        finally:
            self.owner.done()

    def _post(self, fault: Fault | None, body: dict[str, Any]) -> None:
        if fault == "hang":
            self.owner.wait_for_end()
        if fault in {"hang", "drop"}:
            self.close_connection = True
            return
        if fault == "429":
            self._send(429, b'{"error": {"message": "slow down"}}', retry_after=self.owner.retry_after)
        elif fault == "500":
            self._send(500, b'{"error": {"message": "out of order"}}', retry_after=self.owner.retry_after)
        else:
            status, answer, headers = self.owner.answer(body) or (*self.owner.respond(self.path, body), {})
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            content = content[: len(content) // 2] if fault == "cut" else content
            self._send(status, content, headers=headers, drips=fault == "drip")

    def _send(
        self,
        status: int,
        content: bytes,
        *,
        retry_after: float | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
        drips: bool = False,
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if retry_after is not None:
            self.send_header("Retry-After", f"{retry_after:g}")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        for at in range(0, len(content), 1 if drips else len(content) or 1):
            self.wfile.write(content[at : at + 1] if drips else content)
            if drips and self.owner.wait_for_end(0.2):
                break

    def log_message(self, *_: object) -> None:
        """Say nothing."""
