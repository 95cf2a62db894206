"""``init``: a folder of suites that runs: cases in YAML and in JSONL, pytest's settings, a workflow for CI."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from pytest_medeval.commands import schema, tell
from pytest_medeval.commands.parser import Parser
from pytest_medeval.core.files.writing import check_folder, write_new

FILES = {
    "suites/talks.medeval.yaml": "talks.yaml",
    "suites/questions.jsonl": "questions.jsonl",
    "suites/test_questions.py": "questions.py.txt",
    ".github/workflows/medeval.yml": "workflow.yml",
}
"""What is written -> its text beside this module, under names that no tool takes for tests or settings of its own."""
SCHEMA = "suites/medeval.schema.json"
SETTINGS = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
"""Where pytest may find its settings: it reads one of them, so a new file would put another one out of use."""
MODELS = "the folder of an adapter or model, a name on the hub, or https://host/v1#name for a server"


def main(arguments: Sequence[str]) -> int:
    """Write what is not there yet, change nothing that is, and say what comes next."""
    folder = _parser().parse_args(arguments).folder
    tell(_made(folder))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="medeval init", description=__doc__, allow_abbrev=False)
    parser.add_argument("folder", metavar="FOLDER", nargs="?", type=Path, default=Path(), help="default: this one")
    return parser


def _made(folder: Path) -> Iterator[str]:
    for name, source in FILES.items():
        yield _written(folder / name, _text(source))
    yield _written(folder / SCHEMA, schema.text())
    settings = _text("settings.toml")
    if there := [name for name in SETTINGS if (folder / name).exists()]:
        yield f"{folder / there[0]}: is there, and stays as it is; settings to add, as pyproject.toml has them:"
        yield from (f"  {line}" for line in settings.splitlines())
    else:
        yield _written(folder / "pyproject.toml", settings)
    enter = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    yield f"next, with SPEC {MODELS}:"
    yield f"  {enter}python -m pytest suites --medeval-model=SPEC"


def _text(name: str) -> str:
    return (files(__package__) / "starter" / name).read_text(encoding="utf-8")


def _written(path: Path, text: str) -> str:
    check_folder(path.parent, "medeval init")
    return f"{path}: {'written' if write_new(path, text.encode(), path.name) else 'is there, and stays as it is'}"
