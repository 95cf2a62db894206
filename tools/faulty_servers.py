"""Servers that are out of order, one kind a row, and what a run makes of each: ``python -m tools.faulty_servers``.

A case is answered, or is one failed answer in one line; ``tries`` counts what the server was asked for it. What the
server says of its list of models is the concern of the rows that begin with ``list``.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import quote

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Traffic
from pytest_medeval.core.types import Answer, Message, Request
from pytest_medeval.models import Settings, open_model
from pytest_medeval.models.endpoint import tries
from pytest_medeval.models.spec import parse_model
from tools.fake_server import FakeServer, Fault, is_probe

KEY = "sk-proj-0123456789+/abc"
"""The key that the servers see; it may be shown nowhere."""
RETRIES = 1
SMALL = 1 << 16
"""Bytes to which answers are bounded here."""
SYSTEM = "You are a nurse."


@dataclass(frozen=True)
class Kind:
    """How a server is out of order, and what is to come of it: a reply, or the beginning of what is said."""

    name: str
    expected: str
    tries: int = 1
    server: Mapping[str, Any] = field(default_factory=dict)


def chat(content: Any = "Rest.", **more: Any) -> dict[str, Any]:
    """Make a chat answer."""
    choice = {"message": {"role": "assistant", "content": content}, "finish_reason": more.pop("finish", "stop")}
    return {"choices": [{**choice, **more.pop("choice", {})}], "usage": more.pop("usage", None), **more}


def always(status: int, body: Any, **headers: str) -> dict[str, Any]:
    """Answer every request alike."""
    return {"answer": lambda _body: (status, body, {name.replace("_", "-"): value for name, value in headers.items()})}


def once(status: int, body: Any) -> dict[str, Any]:
    """Answer the first request so, and the others well."""
    left: list[tuple[int, Any, dict[str, str]]] = [(status, body, {})]
    return {"answer": lambda _body: left.pop() if left else (200, chat(), {})}


def faulty(fault: Fault, times: int = 99) -> dict[str, Any]:
    """Let the first requests fail at the level of connections."""
    return {"faults": lambda number: fault if number < times else None, "retry_after": 0.01}


def no_system(body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
    """Refuse the role of the system, and repeat what comes without it."""
    if any(turn["role"] == "system" for turn in body["messages"]):
        return 400, {"error": {"message": "System role not supported"}}, {}
    return 200, chat(body["messages"][-1]["content"]), {}


def kinds(other: str) -> Iterator[Kind]:
    """Give all kinds; ``other``: the URL of a server that nobody named."""
    yield from unreliable(other)
    yield from off_the_protocol()
    yield from refusing()
    yield from hostile()


TWICE = RETRIES + 1


def unreliable(other: str) -> Iterator[Kind]:
    """Servers that fail at the level of HTTP."""
    for fault, said in (
        ("429", "HTTP 429: slow down"),
        ("500", "HTTP 500: out of order"),
        ("hang", "no answer within 1 s, in 2 tries"),
        ("cut", "the server's answer cannot be read: "),
        ("drop", "URL: no server answers: "),
    ):
        yield Kind(f"{fault}, once", "Rest.", 2, {**faulty(fault, 1), "reply": lambda _: "Rest."})  # type: ignore[arg-type]
        yield Kind(f"{fault}, always", said, TWICE, faulty(fault))  # type: ignore[arg-type]
    yield Kind("drip, a byte every 0.2 s", "no answer within 1 s, in 2 tries", TWICE, faulty("drip"))
    yield Kind("body beyond the bound", "the server's answer has more than", 1, always(200, chat("x" * SMALL)))
    bomb = gzip.compress(json.dumps(chat("x" * (SMALL << 8))).encode())
    yield Kind("gzip bomb", "the server's answer has more than", 1, always(200, bomb, content_encoding="gzip"))
    gone = "HTTP 307: redirects to"
    yield Kind("redirect to another host", gone, 1, always(307, b"", location=f"{other}/chat/completions"))
    yield Kind("redirect without a place", gone, 1, always(307, b""))
    yield Kind("redirect to itself", gone, 3, always(307, b"", location="/v1/chat/completions"))
    yield Kind("200 with an error, once", "Rest.", 2, once(200, {"error": {"message": "busy"}}))
    yield Kind("200 with an error", "HTTP 200 with an error: busy, in 2 tries", TWICE, always(200, {"error": "busy"}))
    yield Kind("200 with code 503, once", "Rest.", 2, once(200, {"error": {"message": "busy", "code": 503}}))
    yield Kind("200 with code 400", "HTTP 400: no", 1, always(200, {"error": {"message": "no", "code": 400}}))
    yield Kind("200 with an error in a choice, once", "Rest.", 2, once(200, {"choices": [{"error": "busy"}]}))
    old = {"object": "error", "message": "busy", "code": 500}
    yield Kind("200 with an error as vLLM had it, once", "Rest.", 2, once(200, old))
    yield Kind("finish error, once", "Rest.", 2, once(200, chat("Re", finish="error")))
    yield Kind("a page", "the server's answer cannot be read: ", 1, always(200, b"<h1>Welcome</h1>"))
    yield Kind("nothing, once", "Rest.", 2, once(200, b""))


def off_the_protocol() -> Iterator[Kind]:
    """Answers that are not as the protocol says, or as only some servers write them."""
    yield Kind("null", "the server's answer has no message: null", 1, always(200, b"null"))
    yield Kind("a list", "the server's answer has no message: []", 1, always(200, b"[]"))
    yield Kind("no choices", "the server's answer has no message: {", 1, always(200, {"choices": []}))
    yield Kind("content null", "", 1, always(200, chat(None)))
    yield Kind("content a number", "the server's answer has no text", 1, always(200, chat(5)))
    parts = [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Re"}, {"type": "text", "text": "st."}]
    yield Kind("content in parts", "Rest.", 1, always(200, chat(parts)))
    odd: list[Any] = ["n/a", -1, {}, [7], None]
    for told in odd:
        usage = {"prompt_tokens": told, "completion_tokens": told}
        yield Kind(f"usage {told}", "Rest.", 1, always(200, chat(usage=usage)))
    infinite = b'{"choices": [{"message": {"content": "Rest."}}], "usage": {"prompt_tokens": Infinity}}'
    yield Kind("usage Infinity", "Rest.", 1, always(200, infinite))
    yield Kind("usage a text", "Rest.", 1, always(200, chat(usage="none")))
    for finish in ("LENGTH", "max_tokens"):
        yield Kind(f"finish {finish}", "Rest. (length)", 1, always(200, chat(finish=finish)))
    yield Kind("finish missing", "Rest.", 1, always(200, chat(finish=None)))


def refusing() -> Iterator[Kind]:
    """Servers that do not take what is asked."""
    yield Kind("system refused", f"{SYSTEM}\n\nI cough", 2, {"answer": no_system})
    for name in ("seed", "temperature", "max_tokens"):
        yield Kind(f"{name} refused", "I cough", 2, {"refuse": [name]})
    unknown = {"error": {"message": "The model 'fake' does not exist"}}
    yield Kind("model unknown", "URL: the server refuses: HTTP 404: The model", 1, always(404, unknown))
    yield Kind("key refused", "URL: the server refuses: HTTP 401: wrong", 1, always(401, {"error": "wrong"}))
    long = {"error": {"message": "'fake' has a context length of 7"}}
    yield Kind(
        "prompt too long",
        "HTTP 400: 'fake' has a context length of 7",
        1,
        {"answer": lambda body: None if is_probe(body) else (400, long, {})},
    )
    quota = {"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}
    yield Kind("quota spent", "HTTP 429: You exceeded your current quota", 1, always(429, quota))


def hostile() -> Iterator[Kind]:
    """Answers that break readers, or repeat what nobody may see."""
    yield Kind("half a surrogate pair", "half \ufffd", 1, always(200, chat("half \ud83d")))
    yield Kind("nested 50,000 deep", "the server's answer cannot be read: ", TWICE, always(200, b"[" * 50_000))
    digits = b'{"choices": [{"message": {"content": "Rest."}, "index": ' + b"1" * 6000 + b"}]}"
    yield Kind("an integer of 6000 digits", "the server's answer cannot be read: ", TWICE, always(200, digits))
    yield Kind("bytes that are no UTF-8", "the server's answer cannot be read: ", TWICE, always(200, b'{"\xff\xfe'))
    yield Kind("the wrong type of content", "Rest.", 1, always(200, chat(), content_type="text/html"))
    yield Kind("key repeated", "HTTP 400: bad key ***", 1, always(400, {"error": {"message": f"bad key {KEY}"}}))
    coded = f"/v1?k=1&bad={quote(KEY, safe='')}"
    yield Kind("key percent-encoded", "HTTP 400: /v1?k=1&bad=***", 1, always(400, {"error": {"message": coded}}))
    at_cut = {"error": {"message": f"{'x' * 150}{KEY}"}}
    yield Kind("key where a message is cut", f"HTTP 400: {'x' * 150}***", 1, always(400, at_cut))
    yield Kind("key in the reply", "Your key is ***.", 1, always(200, chat(f"Your key is {KEY}.")))
    yield Kind("list broken", "I cough", 1, {"lists": False})


def ask(kind: Kind) -> tuple[str, int]:
    """Ask a server of this kind one case; give what came of it, and how often it was asked."""
    with FakeServer(**kind.server) as server:
        slow = any(word in kind.name for word in ("hang", "drip"))
        traffic = Traffic(concurrency=1, timeout=1 if slow else 20, retries=RETRIES)
        try:
            model = open_model(parse_model(f"{server.url}#fake", Path()), Settings(traffic=traffic))
            (answer,) = model.answer([Request((Message("system", SYSTEM), Message("user", "I cough")))])
        except MedevalError as error:
            return str(error).replace(f"{server.url}#fake", "URL"), len(server.asked)
        return _said(answer), len(server.asked)


def _said(answer: Answer) -> str:
    if answer.finish == "error":
        return answer.error
    return answer.text if answer.finish == "stop" else f"{answer.text} ({answer.finish})"


def table() -> Iterator[tuple[Kind, str, int]]:
    """Ask a server of every kind, several at once; the other server must not be asked at all."""
    bounds = mock.patch.object(tries, "LARGEST", SMALL)
    key = mock.patch.dict(os.environ, {tries.KEY: KEY})
    with FakeServer() as other, bounds, key, ThreadPoolExecutor(8) as pool:
        listed = list(kinds(other.url))
        for kind, (said, count) in zip(listed, pool.map(ask, listed), strict=True):
            yield kind, said, count
        yield Kind("what another host was asked", "0", 0), str(len(other.asked)), 0


if __name__ == "__main__":
    for kind, said, count in table():
        well = said.startswith(kind.expected) and count == kind.tries and KEY not in said
        sys.stdout.write(f"{'' if well else 'NOT EXPECTED '}{kind.name:38} {count:2} tries  {said[:70]!r}\n")
