"""A model behind an OpenAI-compatible server: vLLM, ``transformers serve``, llama.cpp, a provider's own.

Asked asynchronously, many requests at once; retries (429 with Retry-After, 5xx, lost connections) are the ``openai``
client's own, and what one try may take and reach stands in ``tries``. A request that fails for good is one answer with
``finish="error"``.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pytest_medeval.core.encodable import each_text, encodable, masked
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_files, fingerprint_text
from pytest_medeval.core.model import Burst, Identity, Model, Settings, Streaming, Traffic
from pytest_medeval.core.types import Answer, Request
from pytest_medeval.models.cache import CachedModel, Store
from pytest_medeval.models.endpoint import wire
from pytest_medeval.models.endpoint.wire import Likelihoods, NotOfferedError
from pytest_medeval.models.spec import EndpointSpec, digested

# Run a coroutine beside a thread that is not asynchronous, and take what it gives as it comes.

T = TypeVar("T")
Emit = Callable[[T], Awaitable[None]]
"""Hands an item over at once; what it gives can be waited for until the item was taken and dealt with."""
Taken: TypeAlias = "asyncio.Future[None]"


class _End:
    """What ends a stream: nothing, or the error that the coroutine raised."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def iterate(work: Callable[[Emit[T]], Coroutine[object, object, None]]) -> Iterator[list[T]]:
    """Give what ``work(emit)`` emits, in that order, while it runs in an event loop of its own.

    What has come meanwhile is given together, and counts as dealt with when more is asked for. The loop lives in a
    thread of its own, so that this works where a loop is running already, as in a notebook. What the coroutine
    raises is raised here; when the iterator is closed early, the coroutine is cancelled and waited for.
    """
    results: queue.SimpleQueue[tuple[T, Taken] | _End] = queue.SimpleQueue()
    started: queue.SimpleQueue[tuple[asyncio.AbstractEventLoop, Callable[[], object]]] = queue.SimpleQueue()

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def emit(item: T) -> Taken:
            taken = loop.create_future()
            results.put((item, taken))
            return taken

        task = asyncio.ensure_future(work(emit))
        started.put((loop, task.cancel))
        await task

    def run() -> None:
        error: BaseException | None = None
        try:
            asyncio.run(main())
        except BaseException as raised:  # noqa: BLE001 - handed to the thread that waits
            error = raised
        results.put(_End(error))

    thread = threading.Thread(target=run, name="medeval-endpoint", daemon=True)
    thread.start()
    loop, cancel = started.get()
    end: _End | None = None
    try:
        while end is None:
            burst, end = _burst(results)
            if burst:
                yield [item for item, _ in burst]
                _call(loop, partial(_release, [taken for _, taken in burst]))
        if end.error is not None:
            raise end.error
    finally:
        if end is None:
            _call(loop, cancel)
        thread.join()


def _burst(results: queue.SimpleQueue[tuple[T, Taken] | _End]) -> tuple[list[tuple[T, Taken]], _End | None]:
    """Wait for an item and take all that are there; the end, if it is among them, is the last."""
    found: list[tuple[T, Taken]] = []
    try:
        item = results.get()
        while not isinstance(item, _End):
            found.append(item)
            item = results.get_nowait()
    except queue.Empty:
        return found, None
    return found, item


def _release(taken: Sequence[Taken]) -> None:
    """Let those go on who wait for their items; who was cancelled waits no more."""
    for one in taken:
        if not one.done():
            one.set_result(None)


def _call(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    """Call something in the loop, unless that has ended by itself in this very moment."""
    try:
        loop.call_soon_threadsafe(what)
    except RuntimeError:
        return


try:
    import openai
except ModuleNotFoundError as missing:
    raise MedevalError(
        f"a model behind a server needs {missing.name}: pip install 'pytest-medeval[endpoint]'"
    ) from None

from pytest_medeval.models.endpoint.tries import HERE, KEY, client  # noqa: E402 - needs openai

_LONGEST_WAIT = 120.0
"""Seconds of a Retry-After that the client still waits for."""
_REFUSED = (400, 422)
_WRONG = (401, 403, 404)
_GIVE_UP = 2
"""Rounds of concurrent requests that may fail, each in all its tries, before the rest is not asked."""

_BROKEN = 500
_NO_LIST = (404, 405, 501)
_LOST = {
    wire.REPEATS: "turns of one role in a row are asked as one",
    wire.SYSTEM: "its text stands at the head of the user's message",
    "temperature": "replies may differ from run to run",
    "seed": "replies may differ from run to run",
    "top_p": "replies are drawn from all tokens",
    "response_format": "the form of structured replies is asked for in words alone",
}
"""What a run loses with a field that the server refuses."""


def open_endpoint(spec: EndpointSpec, settings: Settings) -> Model:
    """Ask the server which models it serves, and identify the one that is meant.

    Weights behind a server cannot be hashed. The fingerprint is over the URL, the name and what ``/v1/models`` tells of
    the model (its root, owner, context length, age): it does not prove that the same weights answer tomorrow. So stored
    replies are only taken where a probe, asked again, is answered as it was (``wire.PROBE``). One ``MedevalError`` line
    where no server answers or the key is not accepted.
    """
    models = _served(spec, settings.traffic)
    told = wire.told_of(spec.name, models, time.time())
    who = ("endpoint", masked(spec.url), spec.name, told, *digested(spec.variables))
    identity = Identity(spec=spec.text, fingerprint=fingerprint_text(*who))
    model = EndpointModel(spec, identity, settings.traffic, tuple(str(one.get("id")) for one in models))
    store = None if settings.cache is None else Store(settings.cache)
    version = fingerprint_files(sorted(Path(__file__).parent.glob("*.py")))
    return CachedModel(identity, lambda: model, store, version=version, probe=wire.PROBE)


@dataclass
class EndpointModel(Streaming):
    """Asks a server; ``served`` are the names that it lists, for the message when the one asked is wrong."""

    spec: EndpointSpec
    identity: Identity
    traffic: Traffic = field(default_factory=Traffic)
    served: tuple[str, ...] = ()
    notices: list[str] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)
    _proven: bool = False
    _failures: int = 0
    """Requests failed since the last one that did not."""
    _spent: str = ""
    """Why nothing more is asked, where what was paid for is used up."""
    _systems: set[str] = field(default_factory=set)
    _likelihoods: Likelihoods = field(default_factory=Likelihoods)

    def stream(self, requests: Sequence[Request]) -> Iterator[Burst]:
        """Give answers as they come; ``MedevalError`` where the first shows that none will be answered.

        Who has had an answer asks the next request when that answer was taken: what is lost with this process is
        at most what was under way.
        """

        async def work(emit: Emit[tuple[int, Answer]]) -> None:
            await self._all(requests, emit)

        return iterate(work)

    async def _all(self, requests: Sequence[Request], emit: Emit[tuple[int, Answer]]) -> None:
        self._failures, self._spent = 0, ""
        waiting = iter(range(len(requests)))
        pace = _Pace(self.traffic.per_minute)

        async def worker() -> None:
            for index in waiting:
                await pace.turn()
                await emit((index, await self._one(asked, requests[index])))

        async with client(self.spec, self.traffic) as asked:
            if not self._proven and requests:
                await emit((next(waiting), await self._one(asked, requests[0])))
                self._proven = True
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self.traffic.concurrency, len(requests))):
                    group.create_task(worker())

    async def _one(self, client: openai.AsyncOpenAI, request: Request) -> Answer:
        """Answer one request; whatever goes wrong with it stays with it."""
        if self._spent or self._failures >= max(_GIVE_UP * self.traffic.concurrency, 8):
            why = self._spent or f"the server failed {self._failures} times in a row"
            return _failed(request, f"not asked: {why}")
        limit = (self.traffic.retries + 1) * (self.traffic.timeout + _LONGEST_WAIT)
        try:
            async with asyncio.timeout(limit):
                answer = await self._asked(client, request)
        except Exception as error:  # noqa: BLE001 - transports raise errors of their own; no one may lose the others
            if not self._proven:
                await self._raise_if_fatal(client, request, error)
            line = _line(error, self.traffic)
            self._failures += _lost(error)
            self._spent = line if wire.spent(getattr(error, "status_code", None), line) else self._spent
            return _failed(request, line)
        self._failures = 0
        self._note_system(answer.system)
        return answer

    def _note_system(self, system: str) -> None:
        """Say that a run's replies are of several states of a server, once there is a second one."""
        self._systems |= {system} - {""}
        told = (
            f"{self.spec.text}: replies of more than one system_fingerprint: other weights or another engine may answer"
        )
        if len(self._systems) > 1 and told not in self.notices:
            self.notices.append(told)

    async def _asked(self, client: openai.AsyncOpenAI, request: Request) -> Answer:
        if not request.choices:
            return await self._chat(client, request)
        try:
            return await self._likelihoods.ask(partial(self._post, client), self.spec, request)
        except NotOfferedError as error:
            notice = f"{self.spec.text}: no log-likelihoods ({error}); choices are read from replies"
            if notice not in self.notices:
                self.notices.append(notice)
        return await self._chat(client, wire.by_reply(request))

    async def _chat(self, client: openai.AsyncOpenAI, request: Request) -> Answer:
        """Ask for a reply, without the optional fields that the server refuses."""
        while True:
            fields = wire.chat_fields(self.spec.name, request, self._refused, dict(self.spec.variables))
            try:
                return wire.read_chat(await self._post(client, "/chat/completions", fields), request)
            except openai.APIStatusError as error:
                refused = wire.refusal(error.body, fields) if error.status_code in _REFUSED else None
                if refused is None:
                    raise
                self._leave_out(refused)

    def _leave_out(self, name: str) -> None:
        if name not in self._refused:
            self._refused.add(name)
            if name in _LOST:
                self.notices.append(f"{self.spec.text}: the server refuses {name}; {_LOST[name]}")

    async def _post(self, client: openai.AsyncOpenAI, path: str, fields: object) -> Any:
        return _cleaned(await client.post(path, cast_to=object, body=fields))

    async def _raise_if_fatal(self, client: openai.AsyncOpenAI, request: Request, error: Exception) -> None:
        """Tell a server that will answer nothing (wrong model, wrong key, gone) from a failed request."""
        status = getattr(error, "status_code", None)
        if isinstance(error, openai.APIConnectionError) and not isinstance(error, openai.APITimeoutError):
            raise MedevalError(f"{self.spec.text}: {_line(error, self.traffic)}") from None
        named = (self.spec.name, wire.VARIABLES) if self.spec.variables else (self.spec.name,)
        told = str(_body(error))
        refused = (
            status in _REFUSED and any(name in told for name in named) and not await self._replies(client, request)
        )
        if status in _WRONG or refused:
            served = f"; it serves {', '.join(self.served[:10])}" if self.served else ""
            raise MedevalError(f"{self.spec.text}: the server refuses: {_line(error, self.traffic)}{served}") from None

    async def _replies(self, client: openai.AsyncOpenAI, request: Request) -> bool:
        """Find out by the probe whether it is the one request that is refused."""
        if request == wire.PROBE:
            return False
        try:
            await self._chat(client, wire.PROBE)
        except Exception:  # noqa: BLE001 - as for any request
            return False
        return True


class _Pace:
    """Lets requests begin at even distances, at most so many in a minute."""

    def __init__(self, per_minute: int | None) -> None:
        self._distance = 60 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next request's turn."""
        if self._distance:
            now = time.monotonic()
            self._next = max(now, self._next + self._distance)
            await asyncio.sleep(self._next - now)


def _served(spec: EndpointSpec, traffic: Traffic) -> list[dict[str, object]]:
    """Ask for the list of served models; empty from a server that has none."""

    async def ask(emit: Emit[object]) -> None:
        async with client(spec, traffic) as asked:
            await emit(_cleaned(await asked.get("/models", cast_to=object)))

    try:
        ((body,),) = iterate(ask)
        return wire.listed_models(body)
    except openai.APIStatusError as error:
        # ``transformers serve`` breaks here where nothing was ever downloaded; the first request will tell
        if error.status_code in _NO_LIST or (error.status_code >= _BROKEN and error.status_code != HERE):
            return []
        hint = f"; the key comes from {KEY}" if error.status_code in {401, 403} else ""
        raise MedevalError(f"{spec.text}: {spec.url}/models: {_line(error, traffic)}{hint}") from None
    except openai.OpenAIError as error:
        raise MedevalError(f"{spec.text}: {_line(error, traffic)}") from None


Body = TypeVar("Body")


def _cleaned(body: Body) -> Body:
    """Take what a server gave at the door: its texts can be written, and repeat no key."""
    return each_text(body, lambda text: masked(encodable(text), words=False))


def _failed(request: Request, why: str) -> Answer:
    return Answer(finish="error", error=why, prompt_hash=wire.prompt_hash(request))


def _lost(error: Exception) -> bool:
    """Tell a server that is gone or out of order from one that refuses a single request."""
    return not isinstance(error, openai.APIStatusError) or error.status_code not in _REFUSED


def _body(error: Exception) -> object:
    return getattr(error, "body", None)


def _line(error: Exception, traffic: Traffic) -> str:
    """Say in one line what went wrong, without the key."""
    tries = f"{traffic.retries + 1} tries"
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        text = f"no answer within {traffic.timeout:g} s, in {tries}"
    elif isinstance(error, openai.APIConnectionError):
        text = f"no server answers: {error.__cause__ or error} ({tries})"
    elif isinstance(error, openai.APIStatusError):
        told = wire.complaint(error.body)
        again = f", in {tries}" if error.response.headers.get("x-should-retry") == "true" else ""
        text = f"{told}{again}" if error.status_code == HERE else f"HTTP {error.status_code}: {told}"
    elif isinstance(error, wire.MalformedError):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    return masked(" ".join(text.split()))
