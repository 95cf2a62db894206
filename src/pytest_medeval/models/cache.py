"""Answers on disk, so that an unchanged suite loads no model at all.

One SQLite file in a cache folder; several processes may use it at once. A key is a SHA-256 over the model's
fingerprint, dtype and device, the whole request, and the version of the code that answers: a changed weight,
template, prompt or token limit is another key. Entries that cannot be read are computed again and reported.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_text
from pytest_medeval.core.model import Burst, Closing, Identity, Model, Streaming, Tick, kernel_of, silent
from pytest_medeval.core.types import Answer, Request, plain

FILE = "replies.sqlite"
LIMIT = 1 << 30
"""Bytes of stored answers beyond which the ones not used for longest are dropped."""

_SCHEMA = 2
_DAY = 86_400
_WAIT = 30.0
"""Seconds that a process waits for another one's writing."""
_AT_ONCE = 500
"""Keys of one query."""
_PAUSE = 60.0
"""Seconds in which nothing is written after writing has failed: each try may wait as long as another process writes."""
_ASIDE = ".corrupt"
_STORED = json.JSONEncoder(ensure_ascii=False)
_ASKED = json.JSONEncoder(ensure_ascii=False, sort_keys=True, default=plain)
_NEW = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS answers
        (key TEXT PRIMARY KEY, model TEXT, answer TEXT, sum INTEGER, used INTEGER) WITHOUT ROWID;
    PRAGMA user_version = {_SCHEMA};
    COMMIT;
"""
_FOUND = "SELECT (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_master)"
"""Schema and tables of a file in one look: another process may just be making them."""


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What a cache holds: stored answers, their size, how many each model (by fingerprint) gave.

    ``oldest``, ``newest``: Unix times of last use, exact to a day; None where nothing is stored.
    """

    answers: int = 0
    size: int = 0
    models: Mapping[str, int] = field(default_factory=dict)
    oldest: int | None = None
    newest: int | None = None


class Store:
    """Answers by key in ``folder``. What is wrong with the file ends up in ``notices``, never in an error."""

    def __init__(self, folder: Path, *, limit: int = LIMIT) -> None:
        self.path = folder / FILE
        self.aside = self.path.with_suffix(_ASIDE)
        self.notices: list[str] = []
        self._limit = limit

    def get(self, keys: Sequence[str]) -> dict[str, Answer]:
        """Give the stored answers among ``keys``, marked as cached."""
        rows: list[tuple[str, str, int, int]] = []
        with self._open() as base:
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT key, answer, sum, used FROM answers WHERE key IN ({marks})"  # noqa: S608 - nothing but question marks
                rows += base.execute(query, some)
            now = int(time.time())
            old = [(now, key) for key, _, _, used in rows if used < now - _DAY]
            if old:
                base.executemany("UPDATE answers SET used = ? WHERE key = ?", old)
        found = {key: answer for key, text, total, _ in rows if (answer := _read(key, text, total)) is not None}
        if len(found) < len(rows):
            self._once(f"{self.path}: {len(rows) - len(found)} corrupt replies are computed again")
        return found

    def put(self, model: str, answers: Mapping[str, Answer]) -> None:
        """Keep answers; those used longest ago make room."""
        with self.keeping(model) as keep:
            keep(answers)

    @contextlib.contextmanager
    def keeping(self, model: str) -> Iterator[Callable[[Mapping[str, Answer]], None]]:
        """Give a function that stores answers of a model, each call for good: a killed process loses nothing of them.

        Where another process lets nobody write, answers wait for a later call or the end, and the caller does not.
        """
        keeper = _Keeper(self, model)
        try:
            yield keeper.keep
        finally:
            keeper.close()

    def proved(self, model: str, system: str, reply: str) -> int:
        """Keep what a model replied to its probe; where it replied otherwise before, drop its answers and count them.

        ``system``: how the server calls its state, each of which has a reply of its own.
        """
        dropped = 0
        with self._open() as base:
            base.execute("BEGIN IMMEDIATE")
            base.execute(
                "CREATE TABLE IF NOT EXISTS probes (model TEXT, system TEXT, reply TEXT, UNIQUE (model, system))"
            )
            known = base.execute("SELECT reply FROM probes WHERE model = ? AND system = ?", (model, system)).fetchone()
            if known is not None and known[0] != reply:
                dropped = base.execute("DELETE FROM answers WHERE model = ?", (model,)).rowcount
                base.execute("DELETE FROM probes WHERE model = ?", (model,))
            base.execute("INSERT OR REPLACE INTO probes VALUES (?, ?, ?)", (model, system, reply))
        return dropped

    def trim(self) -> None:
        """Drop the answers used longest ago until the rest keeps the size bound."""
        with self._open() as base:
            (total,) = base.execute("SELECT coalesce(sum(length(CAST(answer AS BLOB))), 0) FROM answers").fetchone()
            if total <= self._limit:
                return
            oldest = "SELECT key, length(CAST(answer AS BLOB)) FROM answers ORDER BY used, key"
            for key, size in base.execute(oldest).fetchall():
                if total <= self._limit:
                    break
                base.execute("DELETE FROM answers WHERE key = ?", (key,))
                total -= size

    def info(self) -> CacheInfo:
        """Count what is stored and change nothing; ``MedevalError`` for a file that is no cache of ours."""
        if not self.path.is_file():
            return CacheInfo()
        query = (  # sizes are in bytes: the length of a text is that of its characters
            "SELECT model, count(*), sum(length(CAST(answer AS BLOB))), min(used), max(used) FROM answers GROUP BY 1"
        )
        try:
            where = f"{self.path.absolute().as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(where, uri=True, timeout=_WAIT)) as base:
                (schema,) = base.execute("PRAGMA user_version").fetchone()
                if schema != _SCHEMA:
                    raise _ForeignError(f"schema {schema}")
                rows = base.execute(query).fetchall()
        except sqlite3.Error as error:
            raise MedevalError(f"{self.path}: no cache of this version: {error}; 'cache clear' removes it") from None
        if not rows:
            return CacheInfo()
        counts = {model: count for model, count, *_ in rows}
        size, oldest, newest = (sum(row[2] for row in rows), min(row[3] for row in rows), max(row[4] for row in rows))
        return CacheInfo(sum(counts.values()), size, counts, oldest, newest)

    def clear(self) -> None:
        """Forget every answer, those put aside too."""
        for path in (self.path, self.aside):
            for end in ("", "-wal", "-shm"):
                path.with_name(path.name + end).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction."""
        try:
            base = self.connect()
        except (sqlite3.Error, OSError) as error:
            self.failed(error)
            base = sqlite3.connect(":memory:")
            base.executescript(_NEW)
        try:
            with base:
                yield base
        except sqlite3.Error as error:
            self.failed(error)
        finally:
            base.close()

    def failed(self, error: Exception) -> None:
        """Say once why replies are not cached."""
        self._once(f"{self.path}: replies are not cached: {error}")

    def connect(self) -> sqlite3.Connection:
        """Open the file; one that is no cache of ours is put aside and begun anew."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._ready()
        except sqlite3.Error as error:
            if not _is_corrupt(error):
                raise
        self.path.replace(self.aside)
        self._once(f"{self.path}: no cache of this version; put aside as {self.aside.name}, replies are computed again")
        return self._ready()

    def _ready(self) -> sqlite3.Connection:
        base = sqlite3.connect(self.path, timeout=_WAIT)
        try:
            _log_ahead(base)
            base.execute("PRAGMA synchronous = NORMAL")
            schema, tables = base.execute(_FOUND).fetchone()
            if schema == 0 and tables == 0:
                base.executescript(_NEW)
            elif schema != _SCHEMA:
                raise _ForeignError(f"schema {schema}")
        except sqlite3.Error:
            base.close()
            raise
        return base

    def _once(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)


class _Keeper:
    """Writes a model's answers over one connection, in a transaction a call."""

    def __init__(self, store: Store, model: str) -> None:
        self._store = store
        self._model = model
        self._base: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._waiting: dict[str, Answer] = {}
        self._not_before = 0.0

    def keep(self, answers: Mapping[str, Answer]) -> None:
        """Store answers and those that still wait; not for a while after that has failed."""
        self._waiting.update(answers)
        if self._waiting and time.monotonic() >= self._not_before:
            self._write()

    def close(self) -> None:
        """Store what waits, and close the file."""
        try:
            if self._waiting:
                self._write()
        finally:
            self._leave()

    def _write(self) -> None:
        now, rows = int(time.time()), []
        for key, answer in self._waiting.items():
            text = _STORED.encode(plain(answer))
            rows.append((key, self._model, text, _checksum(key, text), now))
        try:
            with self._opened() as base:
                base.executemany("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?, ?)", rows)
        except (sqlite3.Error, OSError) as error:
            self._store.failed(error)
            self._not_before = time.monotonic() + _PAUSE
            self._leave()
        else:
            self._waiting.clear()

    def _opened(self) -> sqlite3.Connection:
        """Give the connection; it is made anew where another process has removed or replaced the file."""
        if self._base is None or self._file != _place(self._store.path):
            self._leave()
            self._base = self._store.connect()
            self._file = _place(self._store.path)
        return self._base

    def _leave(self) -> None:
        if self._base is not None:
            self._base.close()
        self._base = None


def _place(path: Path) -> tuple[int, int] | None:
    """Say which file stands under a path just now."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _log_ahead(base: sqlite3.Connection) -> None:
    """Turn write-ahead logging on; SQLite waits for no other process there, so we do."""
    until = time.monotonic() + _WAIT
    while True:
        try:
            base.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


class CachedModel:
    """A model that is loaded only when a request has no stored answer; equal requests are asked once."""

    def __init__(
        self,
        identity: Identity,
        load: Callable[[], Model],
        store: Store | None = None,
        *,
        version: str = "",
        probe: Request | None = None,
    ) -> None:
        """``probe``: asked once a run where weights have no fingerprint; stored answers hold while its answer stays."""
        self.identity = identity
        self.hits = 0
        self.misses = 0
        self._load = load
        self._model: Model | None = None
        self._store = store
        self._version = version
        self._probe = probe
        self._system = ""
        self._told: list[str] = []

    @property
    def kernel(self) -> str | None:
        """Say what multiplies the model's matrices."""
        return kernel_of(self._model)

    @property
    def notices(self) -> list[str]:
        """List what the model and the cache have to say."""
        stored = self._store.notices if self._store else ()
        return [*(self._model.notices if self._model else ()), *self._told, *stored]

    @property
    def loaded(self) -> bool:
        """Say whether weights had to be loaded."""
        return self._model is not None

    def answer(self, requests: Sequence[Request], tick: Tick = silent) -> list[Answer]:
        """Answer all requests, from the store where it can, in their order."""
        if self._probe is not None and self._store is not None and requests:
            self._prove(self._probe, self._store)
        keys = [self._key(request, self._system) for request in requests]
        unique = dict(zip(keys, requests, strict=True))
        stored = self._store.get(list(unique)) if self._store else {}
        answers = dict(stored)
        hits = sum(key in answers for key in keys)
        self.hits += hits
        self.misses += len(unique.keys() - answers.keys())
        if hits:
            tick(hits)
        missing = {key: request for key, request in unique.items() if key not in answers}
        with contextlib.closing(self._ask(missing)) as asking:  # at once, also when it is interrupted
            for key, answer in asking:
                answers[key] = answer
                tick(keys.count(key) if len(keys) > len(unique) else 1)
        return [answers[key] for key in keys]

    def _prove(self, probe: Request, store: Store) -> None:
        """Ask the probe; answers that other weights may have given are dropped, or left alone for this run, aloud."""
        self._probe = None
        (answer,) = self._opened().answer([probe])
        if answer.finish == "error":
            self._store = None
            self._told.append(
                f"{self.identity.spec}: no reply is stored or taken from the cache: no probe: {answer.error}"
            )
            return
        self._system = answer.system
        dropped = store.proved(self.identity.fingerprint, answer.system, f"{answer.thoughts}{answer.text}")
        if dropped:
            told = (
                f"its reply to the probe is not the one it was, so other weights may answer: {dropped} stored replies"
            )
            self._told.append(f"{self.identity.spec}: {told} are thrown away and asked again")

    def close(self) -> None:
        """End what the model began outside this process."""
        model: object = self._model
        if isinstance(model, Closing):
            model.close()

    def _ask(self, missing: Mapping[str, Request]) -> Generator[tuple[str, Answer]]:
        """Ask the model; answers are stored as they come, so that a run that was killed resumes where it was."""
        if not missing:
            return
        keys, requests = list(missing), list(missing.values())
        with self._keeping() as keep, _streaming(self._opened(), requests) as bursts:
            for burst in bursts:
                good = [(index, answer) for index, answer in burst if answer.finish != "error"]
                keep({self._key(requests[index], answer.system): answer for index, answer in good})
                for index, answer in burst:
                    yield keys[index], answer

    def _opened(self) -> Model:
        if self._model is None:
            self._model = self._load()
        return self._model

    @contextlib.contextmanager
    def _keeping(self) -> Iterator[Callable[[Mapping[str, Answer]], None]]:
        """Give what stores answers; at the end the store is brought back to its size."""
        if self._store is None:
            yield lambda _answers: None
            return
        try:
            with self._store.keeping(self.identity.fingerprint) as keep:
                yield keep
        finally:
            self._store.trim()

    def _key(self, request: Request, system: str) -> str:
        one = self.identity
        who = (one.fingerprint, one.dtype or "", one.device or "", self._version, *filter(None, [one.date, system]))
        return fingerprint_text(*who, _ASKED.encode(request))


class _ForeignError(sqlite3.DatabaseError):
    """An SQLite file that this version did not write."""


@contextlib.contextmanager
def _streaming(model: Model, requests: Sequence[Request]) -> Iterator[Iterable[Burst]]:
    """Give the answers as they come; when this is left early, the model stops at once."""
    if not isinstance(model, Streaming):
        yield [list(enumerate(model.answer(requests)))]
        return
    bursts = model.stream(requests)
    try:
        yield bursts
    finally:
        if isinstance(bursts, Generator):
            bursts.close()


def _is_corrupt(error: sqlite3.Error) -> bool:
    codes = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
    return isinstance(error, _ForeignError) or getattr(error, "sqlite_errorcode", None) in codes


def _checksum(key: str, text: str) -> int:
    """Sum up an answer with the key that it belongs to, so that it cannot pass under another one."""
    return zlib.crc32(f"{key} {text}".encode())


def _read(key: str, text: str, total: int) -> Answer | None:
    """Read a stored answer; ``None`` when a bit of it or its key has changed, or its fields are not today's.

    So it is too where its numbers are none: errors are never stored, and it reads as one.
    """
    try:
        if _checksum(key, text) != total:
            return None
        fields = json.loads(text)
        lists = {name: tuple(fields[name]) for name in ("logprobs", "choice_tokens")}
        lists["special"] = tuple(fields.get("special", ()))
        answer = Answer(**fields | lists | {"cached": True, "again": False})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return None if answer.finish == "error" else answer
