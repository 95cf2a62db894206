"""``python -m pytest_medeval cache``: what is stored, and forgetting it."""

from __future__ import annotations

import io

import pytest

from pytest_medeval.__main__ import main
from pytest_medeval.core.types import Answer
from pytest_medeval.models.cache import FILE, Store


class Terminal(io.StringIO):
    """A user who types."""

    def isatty(self) -> bool:
        """Say that there is somebody to ask."""
        return True


@pytest.fixture
def folder(tmp_path):
    """Make a cache of three replies by two models, one of them used long ago."""
    store = Store(tmp_path / "cache")
    store.put("a" * 64, {"one": Answer("1"), "two": Answer("2")})
    store.put("b" * 64, {"three": Answer("3")})
    with store._open() as base:
        base.execute("UPDATE answers SET used = 86400 WHERE key = 'one'")
        base.execute("UPDATE answers SET used = 172800 WHERE key != 'one'")
    return tmp_path / "cache"


def test_info_tells_what_is_stored(folder, capsys):
    """Replies, size, bound, days of last use, and the models with most replies first."""
    assert main(["cache", "info", "--cache", str(folder)]) == 0
    first, days, *models = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{folder / FILE}: 3 replies, ")
    assert " of at most 1.0 GiB, " in first
    assert days == "last used between 1970-01-02 and 1970-01-03 (UTC)"
    assert models == [f"  sha256 {'a' * 12}: 2 replies", f"  sha256 {'b' * 12}: 1 reply"]


def test_clear_with_yes_asks_nothing(folder, capsys):
    """The replies are gone; a second time there is nothing to remove, and that is no failure."""
    assert main(["cache", "clear", "--yes", "--cache", str(folder)]) == 0
    assert not (folder / FILE).exists()
    for command in ("clear", "info"):
        assert main(["cache", command, "--cache", str(folder)]) == 0
    assert (
        capsys.readouterr().out.splitlines()[1:]
        == [f"no cache in {folder}: a run of pytest with --medeval-model makes one"] * 2
    )


@pytest.mark.parametrize(
    ("typed", "code", "left"), [("y\n", 0, False), ("\n", 1, True), ("no\n", 1, True), ("", 1, True)]
)
def test_clear_asks_first(folder, monkeypatch, capsys, *, typed, code, left):
    """Only a yes removes anything."""
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    assert main(["cache", "clear", "--cache", str(folder)]) == code
    assert (folder / FILE).exists() == left
    assert capsys.readouterr().out.startswith(f"remove all replies in {folder}? [y/N] ")


def test_clear_without_a_terminal_needs_yes(folder, monkeypatch, capsys):
    """In a script nothing is removed by accident: one line, exit code 2."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(["cache", "clear", "--cache", str(folder)]) == 2
    assert capsys.readouterr().err.endswith("accepted: --yes\n")
    assert (folder / FILE).exists()


def test_a_foreign_file_is_said_and_can_be_cleared(tmp_path, capsys):
    """Info changes nothing about a file that it cannot read; clear removes it, and what was put aside."""
    (tmp_path / FILE).write_text("no database" * 100)
    assert main(["cache", "info", "--cache", str(tmp_path)]) == 2
    assert "no cache of this version" in capsys.readouterr().err
    Store(tmp_path).put("m", {"a": Answer("1")})
    assert Store(tmp_path).aside.exists()
    assert main(["cache", "clear", "--yes", "--cache", str(tmp_path)]) == 0
    assert list(tmp_path.iterdir()) == []


def test_mistakes_are_one_line(capsys):
    """An unknown command and an unknown option say where help is."""
    for arguments in (["cache"], ["cache", "wipe"], ["cache", "clear", "--force"]):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "--help" in error
