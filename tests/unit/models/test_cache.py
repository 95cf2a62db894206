"""Stored answers: hit, missed, corrupt, foreign, bounded, shared by processes."""

import multiprocessing
import sqlite3
import time
from pathlib import Path

import pytest
from tools.fake_model import FakeModel

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Identity
from pytest_medeval.core.types import Answer, Message, Request
from pytest_medeval.models.cache import FILE, CachedModel, CacheInfo, Store


def _request(text: str, **fields) -> Request:
    return Request((Message("user", text),), **fields)


def _model(folder: Path, fingerprint: str = "f" * 64, version: str = "1", **script) -> CachedModel:
    fake = FakeModel(script, default="?")
    return CachedModel(Identity("fake", fingerprint), lambda: fake, Store(folder), version=version)


def test_second_run_loads_nothing(tmp_path):
    """The same requests are answered from disk, without the model."""
    requests = [_request("a"), _request("b", choices=("x", "y"))]
    first = _model(tmp_path, a="1", b="y").answer(requests)
    again = _model(tmp_path)
    assert again.answer(requests) == first
    assert not again.loaded
    assert (again.hits, again.misses, again.notices) == (2, 0, [])


@pytest.mark.parametrize("other", [{"fingerprint": "e" * 64}, {"version": "2"}])
def test_other_weights_or_code_miss(tmp_path, other):
    """Replies of other weights, or of other code, never pass as this model's."""
    _model(tmp_path, a="old").answer([_request("a")])
    assert _model(tmp_path, **other, a="new").answer([_request("a")])[0].text == "new"


@pytest.mark.parametrize("fields", [{"max_new_tokens": 7}, {"stop": ("x",)}, {"choices": ("x",)}])
def test_every_field_of_a_request_counts(tmp_path, fields):
    """Another token limit, stop string or choice is another request."""
    _model(tmp_path, a="old").answer([_request("a")])
    model = _model(tmp_path, a="new")
    model.answer([_request("a", **fields)])
    assert model.misses == 1


def test_equal_requests_are_asked_once():
    """Two cases with the same prompt cost one reply, and both get it; every request ticks."""
    fake, ticks = FakeModel({"a": "1"}), []
    model = CachedModel(Identity("fake", "f"), lambda: fake, None)
    answers = model.answer([_request("a"), _request("b"), _request("a")], ticks.append)
    assert [answer.text for answer in answers] == ["1", "", "1"]
    assert len(fake.asked) == 2
    assert sum(ticks) == 3


def test_corrupt_entry_is_computed_again_and_reported(tmp_path):
    """A changed byte in a stored reply is noticed, said, and mended."""
    _model(tmp_path, a="good").answer([_request("a")])
    base = sqlite3.connect(tmp_path / FILE)
    with base:
        base.execute("UPDATE answers SET answer = replace(answer, 'good', 'evil')")
    base.close()
    model = _model(tmp_path, a="good")
    assert model.answer([_request("a")])[0].text == "good"
    assert "1 corrupt replies are computed again" in model.notices[0]
    assert _model(tmp_path).answer([_request("a")])[0].text == "good"


def test_answer_under_another_key_is_foreign(tmp_path):
    """A whole and sound answer that stands where another one belongs is noticed: it may be another model's."""
    _model(tmp_path, a="1", b="2").answer([_request("a"), _request("b")])
    base = sqlite3.connect(tmp_path / FILE)
    with base:
        (one, two), (three, four) = base.execute("SELECT answer, sum FROM answers").fetchall()
        base.execute("UPDATE answers SET answer = ?, sum = ? WHERE answer = ?", (three, four, one))
    base.close()
    model = _model(tmp_path, a="1", b="2")
    assert [answer.text for answer in model.answer([_request("a"), _request("b")])] == ["1", "2"]
    assert (model.hits, model.misses) == (1, 1)
    assert "1 corrupt replies are computed again" in model.notices[0]
    assert two != four


def test_foreign_file_is_put_aside(tmp_path):
    """A file that is no cache is kept under another name, and a new one begun."""
    content = b"this is no database at all" * 100
    (tmp_path / FILE).write_bytes(content)
    model = _model(tmp_path, a="1")
    assert model.answer([_request("a")])[0].text == "1"
    assert "put aside as replies.corrupt" in model.notices[0]
    assert (tmp_path / "replies.corrupt").read_bytes() == content
    assert _model(tmp_path).answer([_request("a")])[0].text == "1"


def test_database_of_another_program_is_put_aside(tmp_path):
    """An SQLite file with other tables is not written to."""
    base = sqlite3.connect(tmp_path / FILE)
    base.execute("CREATE TABLE other (x)")
    base.close()
    model = _model(tmp_path, a="1")
    model.answer([_request("a")])
    assert "put aside" in model.notices[0]


def test_folder_that_cannot_be_written(tmp_path):
    """A cache that cannot be used costs time, not the run, and is said once."""
    (tmp_path / "file").write_text("")
    model = CachedModel(Identity("fake", "f"), lambda: FakeModel({"a": "1"}), Store(tmp_path / "file"))
    assert model.answer([_request("a")])[0].text == "1"
    assert len(model.notices) == 1
    assert "replies are not cached" in model.notices[0]


def test_errors_are_not_kept(tmp_path):
    """A model that could not be reached is asked again the next time."""
    failing = FakeModel(lambda _: Answer(finish="error", error="down"))
    CachedModel(Identity("m", "f"), lambda: failing, Store(tmp_path)).answer([_request("a")])
    assert Store(tmp_path).info().answers == 0


def test_interrupted_run_keeps_what_it_has(tmp_path):
    """Answers that came before an interruption are there afterwards."""

    class Breaking(FakeModel):
        def stream(self, requests):
            yield [(0, self.answer(requests[:1])[0])]
            raise KeyboardInterrupt

    model = CachedModel(Identity("m", "f"), lambda: Breaking({"a": "1"}), Store(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        model.answer([_request("a"), _request("b")])
    assert Store(tmp_path).info().answers == 1


class _Slow(FakeModel):
    """Gives two answers at a time, and looks into the store before each pair."""

    def stream(self, requests):
        """Note what is stored when more is asked for."""
        self.seen = []
        for start in range(0, len(requests), 2):
            self.seen.append(Store(self.folder).info().answers)
            self.before(start)
            yield [(start + place, answer) for place, answer in enumerate(self.answer(requests[start : start + 2]))]

    def before(self, _start):
        """Do nothing."""


def _slow(folder: Path, before=lambda _: None) -> CachedModel:
    model = _Slow()
    model.folder, model.before = folder, before
    return CachedModel(Identity("m", "f"), lambda: model, Store(folder))


SIX = [_request(text) for text in "abcdef"]


def test_an_answer_is_stored_before_the_next_is_asked(tmp_path):
    """Another process sees each pair while the model is still at work."""
    model = _slow(tmp_path)
    model.answer(SIX)
    assert model._model.seen == [0, 2, 4]


def test_an_interruption_stops_the_model_at_once(tmp_path):
    """Also where it comes while progress is shown: nobody goes on asking until the error is forgotten."""
    ended = []

    class Ending(FakeModel):
        def stream(self, requests):
            try:
                for index, request in enumerate(requests):
                    yield [(index, self.answer([request])[0])]
            finally:
                ended.append(len(self.asked))

    def stop(_):
        raise KeyboardInterrupt

    model = CachedModel(Identity("m", "f"), Ending, Store(tmp_path))
    with pytest.raises(KeyboardInterrupt) as stopped:
        model.answer(SIX, stop)
    assert ended == [1]
    assert stopped.traceback
    assert Store(tmp_path).info().answers == 1


def test_a_file_that_is_removed_meanwhile_is_made_again(tmp_path):
    """Another process clears the cache while replies come: those that follow are stored."""

    def clear(start):
        if start == 4:
            Store(tmp_path).clear()

    _slow(tmp_path, clear).answer(SIX)
    assert Store(tmp_path).info().answers == 2


def test_a_writer_that_stays_is_waited_for_once(tmp_path, monkeypatch):
    """Replies that cannot be stored just now wait for the end, and hold up no other."""
    monkeypatch.setattr("pytest_medeval.models.cache._WAIT", 0.3)
    Store(tmp_path).put("m", {"other": Answer()})
    base = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    held = []

    def hold(start):
        held.append(time.monotonic())
        base.execute("BEGIN IMMEDIATE" if start == 0 else "SELECT 1")

    class Releasing(_Slow):
        def stream(self, requests):
            yield from super().stream(requests)
            base.execute("ROLLBACK")

    model = Releasing()
    model.folder, model.before = tmp_path, hold
    cached = CachedModel(Identity("m", "f"), lambda: model, Store(tmp_path))
    cached.answer(SIX)
    base.close()
    assert held[1] - held[0] > 0.25 > held[2] - held[1]
    assert Store(tmp_path).info().answers == 7
    assert "database is locked" in cached.notices[0]


def test_size_is_bounded_by_last_use(tmp_path):
    """The answers used longest ago make room."""
    store = Store(tmp_path, limit=400)
    store.put("m", {"old": Answer("x" * 100)})
    with store._open() as base:
        base.execute("UPDATE answers SET used = 5")
    store.put("m", {"new": Answer("y" * 100)})
    store.trim()
    assert list(store.get(["old", "new"])) == ["new"]


def test_size_is_counted_in_bytes(tmp_path):
    """Chinese replies take three bytes a character, in what is told and in what makes room."""
    store = Store(tmp_path, limit=1000)
    store.put("m", {"old": Answer("咳" * 100), "new": Answer("热" * 100)})
    assert 600 < store.info().size <= 1000
    store.trim()
    assert store.info().answers == 2
    store.put("m", {"newer": Answer("痛" * 100)})
    store.trim()
    assert store.info().answers == 2


def test_what_was_asked_again_is_stored_as_any_other(tmp_path):
    """An answer that a replica died over is, from the store, only cached."""
    asking = FakeModel(lambda _: Answer("1", again=True))
    first = CachedModel(Identity("m", "f"), lambda: asking, Store(tmp_path))
    assert [answer.again for answer in first.answer([_request("a")])] == [True]
    again = CachedModel(Identity("m", "f"), lambda: asking, Store(tmp_path)).answer([_request("a")])
    assert [(answer.cached, answer.again) for answer in again] == [(True, False)]


def test_info_and_clear(tmp_path):
    """The counts are those of what is stored; clearing leaves nothing."""
    store = Store(tmp_path)
    store.put("one", {"a": Answer("1"), "b": Answer("2")})
    store.put("two", {"c": Answer("3")})
    assert store.info() == CacheInfo(
        3, store.info().size, {"one": 2, "two": 1}, store.info().oldest, store.info().newest
    )
    assert store.info().size > 3 * len('{"text": "1"}')
    assert abs(store.info().newest - time.time()) < 60
    store.clear()
    assert store.info() == CacheInfo()
    assert store.notices == []


def test_info_changes_nothing(tmp_path):
    """A folder without a cache stays empty; a foreign file stays where it is and is said to be one."""
    assert Store(tmp_path / "none").info() == CacheInfo()
    assert not (tmp_path / "none").exists()
    for content in (b"no database" * 100, b""):
        (tmp_path / FILE).write_bytes(content)
        with pytest.raises(MedevalError, match="no cache of this version"):
            Store(tmp_path).info()
        assert (tmp_path / FILE).read_bytes() == content


def _write(folder: Path, worker: int) -> None:
    for number in range(20):
        Store(folder).put("m", {f"{worker}-{number}": Answer(str(number))})


def test_many_processes_write_at_once(tmp_path):
    """Two processes that write at the same time lose nothing."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write, args=(tmp_path, worker)) for worker in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 2
    assert Store(tmp_path).info().answers == 40


def _begin(folder: Path, worker: int, together) -> None:
    for number in range(30):
        together.wait(60)
        Store(folder / str(number)).put("m", {f"{worker}": Answer("")})


def test_many_processes_begin_a_cache_at_once(tmp_path):
    """Four processes that find no file all make it, and each one's first answer is kept."""
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(4)
    workers = [context.Process(target=_begin, args=(tmp_path, worker, together)) for worker in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [Store(tmp_path / str(number)).info().answers for number in range(30)] == [4] * 30
    assert not list(tmp_path.rglob("*.corrupt"))
