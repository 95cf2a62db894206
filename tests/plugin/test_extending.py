"""Every extension of docs/extending.md runs on the shipped world: from a project, and from an installed package."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools.fake_server import FakeServer

from pytest_medeval import MedevalError, Suite
from pytest_medeval.core.settings import read_settings
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.judges.styles import JUDGE_STYLES
from pytest_medeval.metrics import METRICS, metrics_for
from pytest_medeval.models.spec import MODEL_KINDS, parse_model
from pytest_medeval.report import INKS
from pytest_medeval.runs.suite import make_task
from pytest_medeval.runs.track_b import judge_plan
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases.formats import FORMATS
from pytest_medeval.tasks.dialogue import Dialogue

pytest.importorskip("peft", reason="peft is not installed (extra: local)")
pytest.importorskip("openai", reason="openai is not installed (extra: endpoint)")
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
FILES = [(found[1], code) for _, code in BLOCKS if (found := re.match(r"# (\S+)\n", code))]
MODULES = {name: code for name, code in FILES if name not in ("conftest.py", "pyproject.toml")}
TESTS = {name: code for name, code in MODULES.items() if name.startswith("test_")}
(COMMAND,) = (code for kind, code in BLOCKS if kind == "console")
MISTAKES = [line for kind, code in BLOCKS if kind == "text" for line in code.splitlines()]
CASES, NOTES = 8, 240


def hooks() -> dict[str, dict[str, str]]:
    """Join what the page's functions of a conftest.py return: hook -> name -> entry."""
    joined: dict[str, dict[str, str]] = {}
    for code in (code for name, code in FILES if name == "conftest.py"):
        space: dict[str, object] = {}
        exec(code, space)  # noqa: S102 - the page's own code
        for name, hook in space.items():
            if name.startswith("pytest_medeval_"):
                joined.setdefault(name, {}).update(hook())
    return joined


def groups() -> dict[str, dict[str, str]]:
    """Join the page's entry points: group -> name -> entry."""
    joined: dict[str, dict[str, str]] = {}
    for code in (code for name, code in FILES if name == "pyproject.toml"):
        for group, entries in tomllib.loads(code)["project"]["entry-points"].items():
            joined.setdefault(group, {}).update(entries)
    return joined


def as_project(folder: Path) -> None:
    """Put the modules beside a conftest.py."""
    for name, code in MODULES.items():
        (folder / name).write_text(code, encoding="utf-8")
    conftest = "".join(f"def {name}():\n    return {entries!r}\n\n" for name, entries in hooks().items())
    (folder / "conftest.py").write_text(conftest, encoding="utf-8")


def as_package(folder: Path) -> None:
    """Put the modules into an installed package: its folder, and its metadata as pip writes it."""
    package, info = folder / "site" / "clinic_tools", folder / "site" / "clinic_tools-1.0.dist-info"
    for made in (package, info):
        made.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name, code in MODULES.items():
        (folder if name in TESTS else package).joinpath(name).write_text(code, encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: clinic-tools\nVersion: 1.0\n")
    told = (
        f"[{group}]\n" + "".join(f"{name} = {entry}\n" for name, entry in own.items())
        for group, own in groups().items()
    )
    (info / "entry_points.txt").write_text("\n".join(told))


def cases(folder: Path) -> None:
    """Take the cases from the shipped dialogues: the world's emergencies cannot wait."""
    lines = (ROOT / "suites" / "dialogue" / "dialogue.jsonl").read_text(encoding="utf-8").splitlines()
    (folder / "talk.jsonl").write_text("\n".join(lines[:CASES]), encoding="utf-8")
    with (folder / "notes.ward").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(["id", "note", "urgent"])
        for case in map(json.loads, lines[:NOTES]):
            rows.writerow([case["id"], case["input"], "yes" if "cannot wait" in case["reference"] else "no"])
        rows.writerow(["last", "Nobody said.", ""])


def judge(body: dict) -> str:
    """Grade in lines, every reply the same, and prefer the first of two."""
    asked = body["messages"][-1]["content"]
    return "A" if "A or B?" in asked else "\n".join(f"{name}: 4" for name in DEFAULT_RUBRIC.names)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeServer]:
    """Serve the judge."""
    with FakeServer(judge, models=({"id": "judge", "object": "model"},)) as running:
        yield running


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """Keep replies for both runs: the models are the same."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.parametrize("install", [as_project, as_package], ids=["project", "package"])
def test_all_extensions_in_one_run(install, tmp_path, server, cache):
    """The page's command runs, and its terminal, record and report hold what the extensions add."""
    install(tmp_path)
    cases(tmp_path)
    (tmp_path / "adapters").symlink_to(ROOT / "adapters")
    arguments = COMMAND.removeprefix("$ pytest ").replace("\\\n", " ").replace("http://127.0.0.1:8000/v1", server.url)
    more = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly", f"--medeval-cache={cache}", "--rootdir=."]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{tmp_path}:{tmp_path / 'site'}"}
    environment.pop("PYTEST_ADDOPTS", None)
    command = [sys.executable, "-m", "pytest", *arguments.split(), *more]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "MAY GO OUT: all 3 gates passed" in done.stdout
    record = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))
    check_record(record)
    rows = (tmp_path / "run.tsv").read_text(encoding="utf-8").splitlines()
    told = {row.split("\t")[0]: row.split("\t")[1:] for row in rows}
    assert told["verdict"] == ["MAY GO OUT"]
    recall = record["suites"]["ward"]["metrics"]["recall"]
    assert told["ward.recall"] == [str(recall["candidate"]), str(recall["baseline"])]
    summary = (tmp_path / "run.md").read_text(encoding="utf-8")
    assert all(name in summary for name in ("hedges", "recall", "words:pain,breath", "urgent is neither yes nor no"))


def check_record(record: dict) -> None:
    """Find each extension in the record, with what comes for nothing: tests, counts, coverage."""
    talk, ward = record["suites"]["talk"], record["suites"]["ward"]
    assert set(talk["metrics"]) >= {"rougeL", "hedges", "judge.accuracy", "judge.preference"}
    assert (talk["metrics"]["hedges"]["signature"], talk["evaluated"]) == ("hedges|words:5|version:1", CASES)
    assert (ward["task"], ward["headline"], ward["evaluated"], ward["judged"]) == ("urgency", "recall", NOTES, False)
    assert 0 < ward["metrics"]["recall"]["p_value"] < 1
    assert ward["metrics"]["recall"]["n"] < NOTES
    assert ward["skipped"]["reasons"] == {"urgent is neither yes nor no": 1}
    assert ward["skipped"]["records"][0]["source"].endswith(f"notes.ward:{NOTES + 2}")
    assert record["models"]["candidate"]["tasks"]["urgency"]["spec"] == "words:pain,breath"
    (judge,) = record["judges"]
    assert (judge["style"], judge["coverage"]["accuracy"], judge["failed"]) == ("lines", [CASES, CASES], 0)
    assert talk["metrics"]["judge.accuracy"]["candidate"] == 4


@pytest.fixture
def extended(tmp_path, monkeypatch) -> None:
    """Add the page's entries to the tables of this process, and take them away again."""
    as_project(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    for table in (TASKS, FORMATS, METRICS, MODEL_KINDS, JUDGE_STYLES, INKS):
        monkeypatch.setattr(table, "_given", dict(table))
        table.add(hooks()[f"pytest_medeval_{table.offered}"])


def misspelt() -> None:
    """Name a module that is not there."""
    METRICS._given["dialogue.hedges"] = "hedgse:hedges"
    metrics_for(Dialogue(), ["hedges"])


def style(name: str) -> None:
    """Choose a style as the option does."""
    judge_plan(read_settings(lambda option: name if option.flag == "--medeval-judge-style" else None, Path()))


WRONG = (
    lambda: metrics_for(Dialogue(), ["hedge"]),
    lambda: make_task(Suite(task="urgncy")),
    lambda: FORMATS.resolve("wards"),
    lambda: style("line"),
    lambda: parse_model("word:pain", Path()),
    lambda: INKS.resolve("tabel"),
    misspelt,
)


@pytest.mark.parametrize(("wrong", "told"), list(zip(WRONG, MISTAKES, strict=True)))
@pytest.mark.usefixtures("extended")
def test_mistakes_say_what_the_page_says(wrong, told):
    """In one line, with the names that the extensions added; where the page has dots, names that are built in."""
    with pytest.raises(MedevalError) as caught:
        wrong()
    assert re.search(re.escape(told).replace(re.escape("..."), ".*") + r"\Z", str(caught.value))


def test_the_page_imports_from_the_package_alone():
    """No name of an inner module is needed, and no exported name of the page is missing."""
    for code in MODULES.values():
        assert not re.search(r"pytest_medeval\.\w", code)
    groups_of_hooks = {f"pytest_medeval.{name.removeprefix('pytest_medeval_')}": own for name, own in hooks().items()}
    packaged = {
        group: {name: entry.removeprefix("clinic_tools.") for name, entry in own.items()}
        for group, own in groups().items()
    }
    assert packaged == groups_of_hooks
