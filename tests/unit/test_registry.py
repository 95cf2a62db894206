"""Tables of names: what other packages add, and what is said when one fails."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.registry import Registry


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write a package of somebody else's, with what its metadata offers."""

    def write(entry_points: str = "", **modules: str) -> Path:
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")
        info = tmp_path / "theirs-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(textwrap.dedent(entry_points), encoding="utf-8")
        monkeypatch.syspath_prepend(tmp_path)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (None, "ModuleNotFoundError: No module named 'broken'"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError: No module named 'nothing_of_this_name' ({}:1)"),
        ("x = 1\nraise ValueError('not today')\n", "ValueError: not today ({}:2)"),
        ("x = 1\n", "broken has no 'Thing'"),
    ],
)
def test_an_entry_that_cannot_be_loaded_is_one_line(package, module, told):
    """The kind, the name, what it is, what went wrong and where: the author finds it without a traceback."""
    folder = package(**({} if module is None else {"broken": module}))
    table = Registry("metric", {})
    table.add({"mine": "broken:Thing"})
    with pytest.raises(MedevalError) as caught:
        table.resolve("mine")
    sys.modules.pop("broken", None)
    wanted = told.format(folder / "broken.py")
    assert str(caught.value) == f"metric 'mine' is broken:Thing, which cannot be loaded: {wanted}"


def test_our_own_entries_fail_as_they_are():
    """A fault of ours is no mistake of the user's: it keeps its traceback."""
    with pytest.raises(AttributeError):
        Registry("metric", {"own": "math:nothing"}).resolve("own")


def test_what_another_package_raises_is_one_line():
    """Its own mistakes for the user stay as they are, and so do our faults."""
    table = Registry("thing", {"ours": "math:pi"})
    table.add({"theirs": "elsewhere:thing"})
    with (
        pytest.raises(
            MedevalError, match=r"^thing 'theirs' is elsewhere:thing, which fails: KeyError: 1 \(.*py:\d+\)$"
        ),
        table.blamed("theirs"),
    ):
        raise KeyError(1)
    with pytest.raises(MedevalError, match=r"^as it is$"), table.blamed("theirs"):
        raise MedevalError("as it is")
    with pytest.raises(KeyError), table.blamed("ours"):
        raise KeyError(1)


def test_entry_points_are_entries(package, monkeypatch):
    """They are there at the first look, in errors too; a name that is taken is a mistake that names both."""
    from importlib.metadata import entry_points

    from pytest_medeval.core import registry

    package(
        """
        [pytest_medeval.things]
        theirs = theirs_module:Thing
        sqrt = theirs_module:sqrt
        """,
        theirs_module="class Thing: pass",
    )
    monkeypatch.setattr(registry, "_points", entry_points)
    with pytest.raises(MedevalError) as caught:
        list(Registry("thing", {"sqrt": "math:sqrt"}, offered="things"))
    assert str(caught.value) == "thing 'sqrt' is already math:sqrt; theirs_module:sqrt must choose another name"
    table = Registry("thing", {"pi": "math:pi"}, offered="things")
    with pytest.raises(MedevalError) as caught:
        table.resolve("their")
    assert str(caught.value) == "unknown thing 'their' (did you mean 'theirs'?); accepted: pi, sqrt, theirs"
    assert table.added == {"theirs", "sqrt"}
    assert table.resolve("theirs").__name__ == "Thing"
    assert set(Registry("thing", {"pi": "math:pi"})) == {"pi"}


def test_what_a_session_brings_ends_with_it():
    """Names are there while they are lent, and no longer; others stay."""
    table = Registry("kind", {"ours": "json:loads"})
    with table.lent({"theirs": "json:dumps"}):
        assert set(table) == {"ours", "theirs"}
    assert set(table) == {"ours"}
