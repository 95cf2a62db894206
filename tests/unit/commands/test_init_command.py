"""``medeval init``: what it writes, and that it changes nothing that is there."""

from __future__ import annotations

import pytest

from pytest_medeval.__main__ import main
from pytest_medeval.commands.init import FILES, SCHEMA

ALL = {*FILES, SCHEMA, "pyproject.toml"}


def written(folder):
    """Name the files of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_second_time_changes_nothing(tmp_path, capsys):
    """All files are written once; what was edited or deleted since is kept, and written again."""
    folder = tmp_path / "a clinic"
    assert main(["init", str(folder)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert set(written(folder)) == ALL
    assert told[: len(ALL)] == [f"{folder / name}: written" for name in (*FILES, SCHEMA, "pyproject.toml")]
    assert told[-1] == f"  cd '{folder}' && python -m pytest suites --medeval-model=SPEC"
    (folder / "suites" / "questions.jsonl").write_text("mine")
    (folder / "suites" / "test_questions.py").unlink()
    assert main(["init", str(folder)]) == 0
    again = capsys.readouterr().out
    assert again.count("is there, and stays as it is") == len(ALL) - 1
    assert f"{folder / 'suites' / 'test_questions.py'}: written\n" in again
    assert written(folder)["suites/questions.jsonl"] == "mine"


@pytest.mark.parametrize("name", ["pyproject.toml", "pytest.ini", "setup.cfg"])
def test_settings_that_are_there_stay(tmp_path, monkeypatch, capsys, name):
    """Pytest reads one file of settings: a second one would put the first out of use, so it is said what to add."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("# mine\n")
    assert main(["init"]) == 0
    told = capsys.readouterr().out
    assert set(written(tmp_path)) == ALL - {"pyproject.toml"} | {name}
    assert written(tmp_path)[name] == "# mine\n"
    assert f"{name}: is there, and stays as it is; settings to add, as pyproject.toml has them:\n" in told
    assert '  medeval_html = "medeval.html"' in told
    assert told.endswith("\n  python -m pytest suites --medeval-model=SPEC\n")


def test_a_folder_that_cannot_be_made_is_a_line(tmp_path, capsys):
    """A file of that name is no folder."""
    (tmp_path / "file").touch()
    assert main(["init", str(tmp_path / "file")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("medeval: medeval init: ")
    assert error.count("\n") == 1
