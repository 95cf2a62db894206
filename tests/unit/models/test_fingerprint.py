"""Fingerprints of weights: over bytes and file names, remembered while a file is unchanged."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from pytest_medeval.core import fingerprint
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.fingerprint import fingerprint_text, fingerprint_weights

LARGE = b"x" * (1 << 20)


def _folder(path: Path, files: dict[str, bytes]) -> Path:
    path.mkdir(parents=True)
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def test_value_is_the_documented_one(tmp_path):
    """The value is SHA-256 over name and content digest of each file: anyone can check it with sha256sum."""
    folder = _folder(tmp_path / "m", {"b.safetensors": b"two", "a.safetensors": b"one", "config.json": b"{}"})
    lines = "".join(
        f"{name}\0{hashlib.sha256(content).hexdigest()}\n"
        for name, content in (("a.safetensors", b"one"), ("b.safetensors", b"two"))
    )
    assert fingerprint_weights(folder) == hashlib.sha256(lines.encode()).hexdigest()


def test_place_does_not_count_but_bytes_and_names_do(tmp_path):
    """Two folders with the same weights share a fingerprint; a changed byte or name does not."""
    one = _folder(tmp_path / "one", {"a.safetensors": b"weights"})
    same = _folder(tmp_path / "two", {"a.safetensors": b"weights"})
    byte = _folder(tmp_path / "three", {"a.safetensors": b"weightz"})
    name = _folder(tmp_path / "four", {"b.safetensors": b"weights"})
    prints = [fingerprint_weights(folder) for folder in (one, same, byte, name)]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_folder_without_weights_is_a_mistake(tmp_path):
    """A folder without safetensors files is named in the message."""
    with pytest.raises(MedevalError, match=r"empty: no weights: expected at least one \*\.safetensors file"):
        fingerprint_weights(_folder(tmp_path / "empty", {}))


def test_large_files_are_hashed_once(tmp_path, monkeypatch):
    """A second call with the same memory reads no large file; a changed file is read again."""
    folder = _folder(tmp_path / "m", {"a.safetensors": LARGE})
    memory = tmp_path / "cache"
    first = fingerprint_weights(folder, memory=memory)
    read = []
    digest = fingerprint._digest
    monkeypatch.setattr(fingerprint, "_digest", lambda file: read.append(file.name) or digest(file))
    assert fingerprint_weights(folder, memory=memory) == first == fingerprint_weights(folder)
    assert read == ["a.safetensors"], "only the call without memory may read the file"
    (folder / "a.safetensors").write_bytes(LARGE[:-1] + b"y")
    os.utime(folder / "a.safetensors", ns=(1, 1))
    assert fingerprint_weights(folder, memory=memory) != first


def test_a_replaced_file_is_read_again(tmp_path):
    """Another file under the same path, of the same size and time, has another inode: it is hashed."""
    folder, memory = _folder(tmp_path / "m", {"a.safetensors": LARGE}), tmp_path / "cache"
    file = folder / "a.safetensors"
    os.utime(file, ns=(1, 1))
    first = fingerprint_weights(folder, memory=memory)
    other = folder / "b"
    other.write_bytes(LARGE[:-1] + b"y")
    os.utime(other, ns=(1, 1))
    other.replace(file)
    assert file.stat().st_mtime_ns == 1
    assert fingerprint_weights(folder, memory=memory) == fingerprint_weights(folder) != first


def test_other_bytes_written_over_a_file_are_read(tmp_path, monkeypatch):
    """Weights copied over others keep path, size, inode and, with ``cp -p``, their time: the time of change tells."""
    folder, memory = _folder(tmp_path / "m", {"a.safetensors": LARGE}), tmp_path / "cache"
    file = folder / "a.safetensors"
    os.utime(file, ns=(1, 1))
    first = fingerprint_weights(folder, memory=memory)
    monkeypatch.setattr(fingerprint, "_sample", lambda *_: "")  # a sample alone would miss this byte
    file.write_bytes(LARGE[:5000] + b"y" + LARGE[5001:])
    os.utime(file, ns=(1, 1))
    assert fingerprint_weights(folder, memory=memory) == fingerprint_weights(folder) != first


@pytest.mark.parametrize("place", [0, len(LARGE) - 1, *range(2000, len(LARGE), 200_000)])
def test_a_sample_tells_other_weights_where_times_do_not(tmp_path, place):
    """Head, tail and 64 blocks are read each time: other weights differ everywhere, whatever a file system says."""
    file = tmp_path / "a"
    file.write_bytes(LARGE)
    before = fingerprint._sample(file, len(LARGE))
    file.write_bytes(LARGE[:place] + b"y" * 16_384 + LARGE[place + 16_384 :])
    assert fingerprint._sample(file, len(LARGE)) != before


@pytest.mark.parametrize("content", ["", "[]", "{broken", '{"key": 5}'])
def test_broken_memory_is_made_again(tmp_path, content):
    """A memory file that cannot be read costs time, never the run."""
    folder = _folder(tmp_path / "m", {"a.safetensors": LARGE})
    memory = _folder(tmp_path / "cache", {fingerprint.REMEMBERED: content.encode()})
    assert fingerprint_weights(folder, memory=memory) == fingerprint_weights(folder)
    assert len(json.loads((memory / fingerprint.REMEMBERED).read_text())) == 1


def test_texts_keep_their_borders():
    """Texts are hashed with their lengths, so moving a letter over a border changes the value."""
    assert fingerprint_text("ab", "c") != fingerprint_text("a", "bc")
