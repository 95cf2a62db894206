"""Tables of names: what other packages add, by which names modules went before, and what is said when one fails."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.registry import _MOVED, Registry


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
        monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
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


def test_every_moved_module_is_where_the_table_says():
    """A module that moves again takes its old names along."""
    missing = [new for new in _MOVED.values() if importlib.util.find_spec(f"pytest_medeval.{new}") is None]
    assert not missing


GONE = "pytest_medeval.metrics.orders:nothing"
OLD = f"""
import sys, warnings
from pytest_medeval.core.registry import Registry

table = Registry("thing", {{}})
table.add({{
    "choice": "pytest_medeval.metrics.orders:consistency", "labels": "pytest_medeval.ratings.labels:Labels",
    "theirs": "old_fashioned:Thing", "gone": {GONE!r},
}})
for name in ("choice", "labels", "theirs"):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        print(name, table.resolve(name).__module__, *sorted(str(one.message) for one in told), sep=" | ")
try:
    table.resolve("gone")
except Exception as error:
    print(error)

from pytest_medeval.metrics import choice
from pytest_medeval.tasks import cases
assert sys.modules["pytest_medeval.metrics.orders"] is choice and choice.__name__ == "pytest_medeval.metrics.choice"
assert sys.modules["pytest_medeval.cases"] is cases
assert sys.modules["pytest_medeval.cases.find"] is sys.modules["pytest_medeval.tasks.cases.find"]
"""


def test_old_names_of_modules_work_and_warn(package):
    """In entries, and in what the modules imported for them import; each module is still there once."""
    folder = package(
        old_fashioned="""
        from pytest_medeval.cases.find import read_cases
        from pytest_medeval.types import Case

        class Thing(Case):
            pass
        """
    )
    found = subprocess.run(
        [sys.executable, "-c", OLD], capture_output=True, text=True, check=False, env={"PYTHONPATH": str(folder)}
    )
    assert found.stderr == ""
    said = "pytest_medeval.{} is pytest_medeval.{} now: the old name goes with the next release"
    assert found.stdout.splitlines() == [
        " | ".join(["choice", "pytest_medeval.metrics.choice", said.format("metrics.orders", "metrics.choice")]),
        " | ".join([
            "labels", "pytest_medeval.judges.ratings.labels", said.format("ratings", "judges.ratings"),
            said.format("ratings.labels", "judges.ratings.labels"),
        ]),
        " | ".join([
            "theirs", "old_fashioned", said.format("cases", "tasks.cases"),
            said.format("cases.find", "tasks.cases.find"), said.format("types", "core.types"),
        ]),
        f"thing 'gone' is {GONE}, which cannot be loaded: pytest_medeval.metrics.choice has no 'nothing'",
    ]  # fmt: skip


def test_what_a_folder_has_the_name_of_now_is_found_in_it(monkeypatch):
    """``models.gguf`` was a module, and is a folder: an entry may still name what the module held."""
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    table = Registry("thing", {})
    table.add({"old": "pytest_medeval.models.endpoint:open_endpoint"})
    with pytest.warns(DeprecationWarning, match=r"models\.endpoint is pytest_medeval\.models\.endpoint\.server now"):
        assert table.resolve("old").__module__ == "pytest_medeval.models.endpoint.server"


def test_what_a_session_brings_ends_with_it():
    """Names are there while they are lent, and no longer; others stay."""
    table = Registry("kind", {"ours": "json:loads"})
    with table.lent({"theirs": "json:dumps"}):
        assert set(table) == {"ours", "theirs"}
    assert set(table) == {"ours"}
