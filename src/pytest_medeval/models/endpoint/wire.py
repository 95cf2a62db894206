"""Log-likelihoods of choices from a server, as vLLM offers them: ``/v1/completions`` with an echo.

That route applies no chat template. Where the server also has ``/tokenize`` (vLLM), the messages are turned
into token ids by the model's own template, and a choice is tokenised behind the text of them (``/detokenize``), as for
a local model. Elsewhere the messages are joined by blank lines, as for a local model without a template. What a
server offers is found out by the first request and kept.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, cast

from pytest_medeval.core.encodable import encodable, masked
from pytest_medeval.core.types import Answer, Message, Request, is_logprob
from pytest_medeval.models.local.batches import behind
from pytest_medeval.models.local.tree import Ids, common
from pytest_medeval.models.spec import EndpointSpec

# Requests and answers as an OpenAI-compatible server writes them: pure functions over JSON.

SEED = 0
"""Sent with every request for likelihoods; with temperature 0 it should change nothing."""

VARIABLES = "chat_template_kwargs"
"""Where vLLM and its kind take variables of the chat template; a server that refuses them is another model."""

OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "seed": ("seed",),
    "stop": ("stop",),
    "response_format": ("response_format", "json_schema", "guided", "grammar"),
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "top_p": ("top_p",),
    "temperature": ("temperature",),
}
"""Fields that a server may refuse, with the words by which its complaint tells."""

_MOST = 1 << 31
"""Tokens that no request has."""
_STOPS = 4
"""Stop strings that servers take; all of them are cut off here as well."""

_PASSING = ("object", "permission", "state", "loaded_context_length")
"""What a server tells of a model and changes by itself."""
_MINUTE = 60.0
"""Seconds since it was asked in which a model's ``created`` is the time of the question, as vLLM tells it."""

PROBE = Request(
    (
        Message(
            "user", "A 54-year-old man has had chest pain for an hour. What do you ask him, and what do you advise?"
        ),
    ),
    max_new_tokens=48,
)
"""What a server is asked at the start of each run: other weights under one name reply otherwise."""

SYSTEM = "system"
"""Stands among refused fields for the role that some chat templates refuse."""
REPEATS = "repeated turns"
"""Stands among refused fields for two turns of one role in a row."""
_ALTERNATE = re.compile(r"alternat", re.IGNORECASE)
_SYSTEM = re.compile(r"system (role|message|prompt)|role\b.*\bsystem|roles? must alternate", re.IGNORECASE)
_UNPAID, _TOO_MANY = 402, 429
_SPENT = re.compile(r"insufficient_quota|exceeded your current quota|billing|credit balance", re.IGNORECASE)
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})

BY_REPLY = "Answer with exactly one of these, and nothing else:"


class MalformedError(ValueError):
    """The server's answer is not what the protocol says."""


def chat_fields(
    name: str, request: Request, refused: Collection[str], variables: Mapping[str, object] = MappingProxyType({})
) -> dict[str, object]:
    """Write a chat request: greedy or drawn, bounded, with those optional fields that the server has not refused."""
    messages = without_system(request.messages) if SYSTEM in refused else request.messages
    messages = without_repeats(messages) if REPEATS in refused else messages
    fields: dict[str, object] = {
        "model": name,
        "messages": [{"role": turn.role, "content": turn.content} for turn in messages],
        "max_completion_tokens" if "max_tokens" in refused else "max_tokens": request.max_new_tokens,
        "temperature": request.temperature or 0,
        "seed": request.seed,
    }
    if request.top_p < 1:
        fields["top_p"] = request.top_p
    if variables:
        fields[VARIABLES] = dict(variables)
    if request.stop:
        fields["stop"] = list(request.stop[:_STOPS])
    if request.schema:
        schema = {"name": "answer", "strict": True, "schema": json.loads(request.schema)}
        fields["response_format"] = {"type": "json_schema", "json_schema": schema}
    return {key: value for key, value in fields.items() if key not in refused}


def without_system(messages: Sequence[Message]) -> list[Message]:
    """Put the system's text before that of the user, as for local models whose template takes no such role."""
    heads = [turn.content for turn in messages if turn.role == SYSTEM]
    first, *rest = [turn for turn in messages if turn.role != SYSTEM] or [Message("user", "")]
    return [Message(first.role, "\n\n".join(filter(None, (*heads, first.content)))), *rest]


def without_repeats(messages: Sequence[Message]) -> list[Message]:
    """Make one turn of those of one role in a row, as for local models whose template takes none."""
    return [
        Message(role, "\n\n".join(turn.content for turn in some))
        for role, some in groupby(messages, lambda turn: turn.role)
    ]


def refusal(body: object, fields: Mapping[str, object]) -> str | None:
    """Find the optional field of which a server complains: named by ``param``, else by a word of its text.

    A prompt that is too long is no refusal, though servers then speak of ``max_tokens`` too. The role ``system`` counts
    as a field, and so do two turns of one role in a row.

    >>> refusal({"message": "'temperature' does not support 0"}, {"model": "m", "temperature": 0})
    'temperature'
    """
    named = body.get("param") if isinstance(body, dict) else None
    told = str(named or json.dumps(body, default=str)).lower()
    if too_long(body):
        return None
    turns = cast(Sequence[Mapping[str, object]], fields.get("messages", ()))
    roles = [turn["role"] for turn in turns]
    if any(one == after for one, after in pairwise(roles)) and _ALTERNATE.search(json.dumps(body, default=str)):
        return REPEATS
    if SYSTEM in roles and _SYSTEM.search(json.dumps(body, default=str)):
        return SYSTEM
    known = ((key, words) for key, words in OPTIONAL.items() if key in fields)
    return next((key for key, words in known if any(word in told for word in words)), None)


def too_long(body: object) -> bool:
    """Say whether a server complains of a prompt that is too long for the model."""
    told = json.dumps(body, default=str).lower()
    return "context length" in told or "context window" in told


def complaint(body: object) -> str:
    """Give the text of a server's complaint in one short line.

    >>> complaint({"message": "no such model", "code": 404}), complaint("<h1>Bad Gateway</h1>")
    ('no such model', '<h1>Bad Gateway</h1>')
    """
    told = body.get("message") or body.get("detail") or body if isinstance(body, dict) else body
    return short(told or "without a reason")


def read_chat(body: Any, request: Request) -> Answer:
    """Read a chat answer; ``MalformedError`` where there is none in it.

    A reply that the server's content filter withheld is an empty one: that is what the patient would get. Thoughts that
    the server tells apart (``reasoning_content``, in newer servers ``reasoning``) are kept beside it.
    """
    try:
        choice = body["choices"][0]
        message = choice["message"]
        text = joined(message.get("content"), "text") or message.get("refusal") or ""
        thoughts = message.get("reasoning_content") or message.get("reasoning") or ""
        thoughts = thoughts or joined(message.get("content"), "thinking")
    except (TypeError, KeyError, IndexError, AttributeError):
        raise MalformedError(f"the server's answer has no message: {short(body)}") from None
    if not isinstance(text, str):
        raise MalformedError(f"the server's answer has no text: {short(message)}")
    text, stopped = cut_at_stop(text, request.stop)
    length = str(choice.get("finish_reason")).lower() in _CUT and not stopped
    finish: Literal["length", "stop"] = "length" if length else "stop"
    prompt, reply = usage(body)
    return Answer(
        text,
        finish,
        prompt_hash=prompt_hash(request),
        prompt_tokens=prompt,
        reply_tokens=reply,
        thoughts=thoughts if isinstance(thoughts, str) else "",
        system=str(body.get("system_fingerprint") or ""),
    )


def joined(content: Any, kind: str) -> Any:
    """Join the texts of those parts of a message that are of a kind; what is no list of parts is itself the text.

    >>> joined([{"type": "text", "text": "Rest "}, {"type": "thinking", "thinking": "Hm."}, {"text": "well."}], "text")
    'Rest well.'
    """
    if not isinstance(content, list):
        return content if kind == "text" else ""
    parts = [part if isinstance(part, dict) else {"text": part} for part in content]
    inner = [joined(part.get(kind), "text") for part in parts if part.get(kind)]
    return "".join(part for part in inner if isinstance(part, str))


def usage(body: Mapping[str, object]) -> tuple[int, int]:
    """Read the numbers of prompt and reply tokens; 0 where the server does not tell, or tells no numbers.

    >>> [usage({"usage": told}) for told in ({"prompt_tokens": "n/a", "completion_tokens": 7}, None)]
    [(0, 7), (0, 0)]
    """
    told = body.get("usage")
    told = told if isinstance(told, dict) else {}
    return _count(told.get("prompt_tokens")), _count(told.get("completion_tokens"))


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and 0 <= value < _MOST else 0


def error_in(body: Any) -> Any:
    """Find the error that a server tells instead of an answer, whatever the status; None where there is none.

    >>> error_in({"error": {"message": "busy"}}), error_in({"choices": [{"error": "out of memory"}]}), error_in({})
    ({'message': 'busy'}, 'out of memory', None)
    """
    if not isinstance(body, dict):
        return None
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    if body.get("object") == "error":  # as vLLM wrote it
        return body
    broken = f"finish_reason is {first['finish_reason']}" if first.get("finish_reason") == "error" else None
    return body.get("error") or first.get("error") or broken


def spent(status: int | None, told: str) -> bool:
    """Say whether a server complains that what was paid for is used up: no wait helps."""
    return status == _UNPAID or (status == _TOO_MANY and _SPENT.search(told) is not None)


def by_reply(request: Request) -> Request:
    """Turn a request for the likelihoods of choices into one for a reply that names a choice."""
    *before, last = request.messages
    listed = "\n".join(request.choices)
    asked = Message(last.role, f"{last.content}\n{BY_REPLY}\n{listed}")
    return Request((*before, asked), max_new_tokens=max(request.max_new_tokens, 64))


def echo_fields(name: str, prompts: Sequence[object]) -> dict[str, object]:
    """Write a request for the log-probabilities of the tokens of prompts (texts or lists of token ids)."""
    return {
        "model": name,
        "prompt": list(prompts),
        "max_tokens": 1,
        "echo": True,
        "logprobs": 1,
        "temperature": 0,
        "seed": SEED,
    }


@dataclass(frozen=True, slots=True)
class Echo:
    """The tokens of a prompt as a server wrote them, and the log-probability of each; the first has none."""

    tokens: tuple[str, ...]
    logprobs: tuple[float | None, ...]


def read_echo(body: Any, prompts: int) -> list[Echo]:
    """Read the tokens of each prompt; the generated token behind it is dropped.

    ``MalformedError`` where the server gave no log-probabilities. Where it gave no tokens they are all alike.
    """
    try:
        choices = sorted(body["choices"], key=lambda choice: int(choice.get("index", 0)))
        given = [choice["logprobs"] for choice in choices]
        found = [Echo(_texts(one), tuple(one["token_logprobs"])[:-1]) for one in given]
    except (TypeError, KeyError, AttributeError, ValueError):
        raise MalformedError(f"the server's answer has no log-probabilities: {short(body)}") from None
    if len(found) != prompts or not all(one.logprobs for one in found):
        raise MalformedError(f"the server gave log-probabilities of {len(found)} texts; asked were {prompts}")
    return found


def _texts(given: Mapping[str, Any]) -> tuple[str, ...]:
    count = len(given["token_logprobs"])
    tokens = given.get("tokens")
    return tuple(map(str, tokens if isinstance(tokens, list) and len(tokens) == count else [""] * count))[:-1]


def choice_answer(request: Request, rows: Sequence[Sequence[float | None]], start: int) -> Answer:
    """Sum the log-probabilities of each choice's tokens, which begin at ``start``.

    A token whose number is none (null is how some servers write NaN) makes the answer an error.
    """
    digest = prompt_hash(request)
    choices = [row[start:] for row in rows]
    for number, tokens in enumerate(choices, start=1):
        if not tokens:
            raise MalformedError("the server gave no log-probability for a token of a choice")
        wrong = [value for value in tokens if not (isinstance(value, int | float) and is_logprob(value))]
        if wrong:
            given = f"the server gave {json.dumps(wrong[0])} as the log-probability of a token of choice {number}"
            given += "; accepted: a finite number up to 0"
            return Answer(finish="error", error=given, prompt_hash=digest, prompt_tokens=start)
    sums = tuple(math.fsum(value for value in tokens if value is not None) for tokens in choices)
    return Answer("", "choice", sums, tuple(map(len, choices)), prompt_hash=digest, prompt_tokens=start)


def prompt_hash(request: Request) -> str:
    """Give the SHA-256 of the messages as JSON: the tokens behind an endpoint are not known."""
    told = [[turn.role, turn.content] for turn in request.messages]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def listed_models(body: object) -> list[dict[str, object]]:
    """Read the list of served models; empty where the server gives none."""
    data = body.get("data") if isinstance(body, dict) else None
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def told_of(name: str, models: Sequence[Mapping[str, object]], now: float) -> str:
    """Give what a server tells of a model and does not change by itself, as JSON; empty when unlisted.

    ``now``: seconds since 1970, when it was asked.
    """
    entry = next((one for one in models if one.get("id") == name), None)
    if entry is None:
        return ""
    created = entry.get("created")
    fresh = isinstance(created, int | float) and abs(now - created) < _MINUTE
    left_out = (*_PASSING, "created") if fresh else _PASSING
    return json.dumps({key: value for key, value in entry.items() if key not in left_out}, sort_keys=True)


def cut_at_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """Cut a text before the first stop string in it; say whether there was one."""
    places = [place for place in (text.find(stop) for stop in stops if stop) if place >= 0]
    return (text[: min(places)], True) if places else (text, False)


def short(value: object, limit: int = 160) -> str:
    """Show a JSON value in one short line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    line = masked(encodable(" ".join(text.split())))  # before it is cut: half a key is no key to whoever looks for it
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


Post: TypeAlias = Callable[[str, object], Awaitable[Any]]
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
                self._reason = complaint(getattr(error, "body", str(error)))
                if way in self._ways:  # another request may have found out meanwhile
                    self._ways.remove(way)
            else:
                self._found = True
                return answer
        raise NotOfferedError(self._reason)


def _not_offered(error: Exception) -> bool:
    """Tell "cannot" from "failed"; the client's errors carry a status code."""
    if getattr(error, "status_code", None) in _MISSING:
        return not too_long(getattr(error, "body", None))
    return isinstance(error, MalformedError)


async def _by_tokens(post: Post, spec: EndpointSpec, request: Request) -> Answer:
    messages = [{"role": turn.role, "content": turn.content} for turn in request.messages]
    chat: dict[str, object] = {"model": spec.name, "messages": messages, "add_generation_prompt": True}
    if spec.variables:
        chat[VARIABLES] = dict(spec.variables)
    prompt = behind(*await _in_place(post, spec, await _tokens(post, spec, chat), request.choices))
    body = await post("/completions", echo_fields(spec.name, [[*prompt.ids, *choice] for choice in prompt.choices]))
    rows = [one.logprobs for one in read_echo(body, len(prompt.choices))]
    return choice_answer(request, rows, len(prompt.ids))


async def _in_place(post: Post, spec: EndpointSpec, prompt: Ids, choices: Sequence[str]) -> tuple[Ids, list[Ids]]:
    """Tokenise choices behind the text of a prompt; give the prompt's tokens, and those with each choice.

    Read back from its tokens, a prompt may begin otherwise than it did; what counts is how it ends.
    """
    body = await post(_beside(spec, "/detokenize"), {"model": spec.name, "tokens": list(prompt)})
    try:
        text = str(body["prompt"])
    except (TypeError, KeyError):
        raise MalformedError(f"the server's answer has no prompt: {short(body)}") from None
    bare, *wholes = [
        await _tokens(post, spec, {"model": spec.name, "prompt": one, "add_special_tokens": False})
        for one in (text, *(text + choice for choice in choices))
    ]
    border = min(common(bare, whole) for whole in wholes)
    kept = common(bare[::-1], prompt[::-1]) - (len(bare) - border)
    if kept <= 0:
        raise MalformedError(f"the server tokenises the end of its own prompt otherwise: {short(text[-80:])}")
    head = prompt[: len(prompt) - (len(bare) - border)]
    return prompt, [head + whole[border:] for whole in wholes]


async def _by_text(post: Post, spec: EndpointSpec, request: Request) -> Answer:
    """Send the prompt alone as well: its number of tokens says where the choices begin."""
    if spec.variables:
        raise MalformedError(f"without a chat template its variables change nothing: {dict(spec.variables)}")
    stem = "\n\n".join(turn.content for turn in request.messages).rstrip()
    texts = [stem, *(f"{stem}\n\n{choice}" for choice in request.choices)]
    body = await post("/completions", echo_fields(spec.name, texts))
    bare, *rows = _without_end(texts, read_echo(body, len(texts)))
    start = min(common(bare.tokens, row.tokens) for row in rows)
    return choice_answer(request, [row.logprobs for row in rows], start)


def _without_end(texts: Sequence[str], found: Sequence[Echo]) -> Sequence[Echo]:
    """Take away the token that some tokenizers end a text with: it is behind all of them and in none."""
    last = {one.tokens[-1] for one in found}
    if len(last) > 1 or "" in last or any(text.endswith(tuple(last)) for text in texts):
        return found
    return [Echo(one.tokens[:-1], one.logprobs[:-1]) for one in found]


def _beside(spec: EndpointSpec, route: str) -> str:
    """Give the address of a route of vLLM that stands beside ``/v1``."""
    return spec.url.removesuffix("/v1") + route


async def _tokens(post: Post, spec: EndpointSpec, fields: dict[str, object]) -> Ids:
    """Ask vLLM's ``/tokenize``."""
    body = await post(_beside(spec, "/tokenize"), fields)
    try:
        return tuple(int(token) for token in body["tokens"])
    except (TypeError, KeyError, ValueError):
        raise MalformedError(f"the server's answer has no tokens: {short(body)}") from None


_WAYS: dict[Way, Callable[[Post, EndpointSpec, Request], Awaitable[Answer]]] = {"tokens": _by_tokens, "text": _by_text}
