"""The list of stored runs is kept, and never older than the runs."""

from __future__ import annotations

import json
import os

import pytest
from tests.page_record import whole_record

from pytest_medeval.commands import listing
from pytest_medeval.commands.listing import KEPT, listed
from pytest_medeval.runs.store import save


@pytest.fixture
def storage(tmp_path):
    """Store three runs."""
    for name in ("one", "two", "three"):
        save(whole_record(9), tmp_path, name)
    return tmp_path


@pytest.fixture
def read(monkeypatch):
    """Note which records are read."""
    names = []

    def noted(path, whole=listing.read):
        names.append(path.name)
        return whole(path)

    monkeypatch.setattr(listing, "read", noted)
    return names


def test_a_run_is_read_once(storage, read):
    """The second list is that of the first, and reads nothing; a new run is read alone."""
    first = listed(storage)
    assert [row["run"] for row in first] == ["0001_one", "0002_two", "0003_three"]
    assert len(read) == 3
    assert listed(storage) == first
    save(whole_record(9), storage, "four")
    assert [row["run"] for row in listed(storage)][:-1] == [row["run"] for row in first]
    assert read[3:] == ["0004_four.json"]


def test_a_changed_run_is_read_again(storage, read):
    """Also where size and time of change were put back: the inode's own time tells."""
    listed(storage)
    path = storage / "0002_two.json"
    before = path.stat()
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"seed"', '"sead"'), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    rows = listed(storage)
    assert "0002_two.json" in rows[1]["error"]
    assert read[3:] == ["0002_two.json"]
    path.unlink()
    assert [row["run"] for row in listed(storage)] == ["0001_one", "0003_three"]


@pytest.mark.parametrize("kept", ["", "[]", "{", '{"sha256": "x", "rows": {}}', "[" * 9999, "tampered"])
def test_what_is_not_as_it_was_written_is_not_believed(storage, read, kept):
    """Another program's file, half a file, a row that somebody changed: all runs are read."""
    first = listed(storage)
    if kept == "tampered":
        found = json.loads((storage / KEPT).read_text(encoding="utf-8"))
        found["rows"]["0001_one.json"]["row"]["verdict"] = "MAY GO OUT!"
        kept = json.dumps(found)
    (storage / KEPT).write_text(kept, encoding="utf-8")
    assert listed(storage) == first
    assert len(read) == 6


def test_a_store_that_cannot_be_written_is_listed(storage, read, monkeypatch):
    """Whoever may read the runs may list them."""

    def refuse(path, data, what):
        raise listing.MedevalError(f"{what} cannot be written: {path}, {len(data)} bytes")

    monkeypatch.setattr(listing, "write_whole", refuse)
    assert listed(storage) == listed(storage)
    assert len(read) == 6
    assert not (storage / KEPT).exists()
