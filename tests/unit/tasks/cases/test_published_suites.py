"""The suites on published sets: every one reads cases from the real files, and is left out without them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases import expand, read_files
from pytest_medeval.tasks.polarity import Polarity

ROOT = Path(__file__).parents[4]
DATA = ROOT.parent / "shared" / "data"
SUITES = {
    "genmedgpt": ("dialogue", 2000, 0),
    "medqa": ("mcq", 637, 0),
    "medmcqa": ("mcq", 1997, 3),
    "mmlu_medical": ("mcq", 546, 0),
    "pubmedqa": ("mcq", 250, 0),
    "promptcblue_mdcfnpc": ("polarity", 3, 3),
    "promptcblue_imcs_sr": ("polarity", 3, 3),
    "mie": ("polarity", 60, 0),
    "dxy": ("polarity", 266, 2),
    "medcalc": ("number", 200, 0),
    "medec": ("error_detection", 200, 0),
    "med_safety_bench": ("refusal", 108, 0),
    "aci_bench": ("note", 20, 0),
    "healthbench": ("criteria", 122, 0),
    "kqa": ("criteria", 101, 0),
}


def load(name):
    """Import a file of the published suites by its path."""
    spec = importlib.util.spec_from_file_location(f"published_{name}", ROOT / "suites" / "published" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_file_a_set():
    """There is a suite for each published set, and no other file."""
    found = {path.stem for path in (ROOT / "suites" / "published").glob("test_*.py")}
    assert found == {f"test_{name}" for name in SUITES}


@pytest.mark.parametrize("name", SUITES)
def test_cases_are_read(name):
    """A suite's patterns, task and format give the cases of the real files, with ids that all differ."""
    suite = load(f"test_{name}").suite
    task, usable, skipped = SUITES[name]
    patterns = [pattern.removeprefix("data:") for pattern in suite.cases]
    assert all(pattern.startswith("data:") for pattern in suite.cases)
    assert suite.task == task
    if not DATA.is_dir():
        pytest.skip(f"no published data: {DATA} is missing")
    cases, skips = read_files(expand(patterns, DATA), TASKS.resolve(task)(), suite.format)
    assert (len(cases), len(skips)) == (usable, skipped)
    assert len({case.id for case in cases}) == usable


def test_files_that_count_their_records_keep_their_ids_apart(tmp_path):
    """MIE's dev and test both begin with mie-0000; groups of windows are kept apart too, and real ids clash as ever."""
    window = {"utterances": ["医生:头晕吗", "患者:头晕"], "label": ["症状:头晕-状态:阳性"]}
    paths = [tmp_path / "dev.json", tmp_path / "test.json"]
    for path in paths:
        path.write_text(json.dumps([[window]]), encoding="utf-8")
    assert [case.id for case in read_files(paths, Polarity(), "mie")[0]] == ["mie-0000", "test-mie-0000"]
    windows, _ = read_files(paths, Polarity(), "mie:windows")
    assert [(case.id, case.group) for case in windows] == [
        ("mie-0000-00", "mie-0000"),
        ("test-mie-0000-00", "test-mie-0000"),
    ]
    own = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path in own:
        path.write_text(json.dumps({"id": "x-0001", "dialogue": "a", "findings": {"b": "none"}}), encoding="utf-8")
    assert [case.id for case in read_files(own, Polarity())[0]] == ["x-0001", "x-0001"]  # Suite refuses them


def test_sets_that_are_not_there_are_left_out_by_name(tmp_path):
    """One missing file stops no other suite; a folder that holds no set at all is a mistake that suites tell."""
    conftest, config = load("conftest"), Config(option=tmp_path.name, rootpath=tmp_path.parent)
    folder = ROOT / "suites" / "published"
    assert not any(conftest.pytest_ignore_collect(folder / f"test_{name}.py", config) for name in SUITES)
    (tmp_path / "mie").mkdir()
    (tmp_path / "mie" / "test.json").write_text("[]", encoding="utf-8")
    left = {name for name in SUITES if conftest.pytest_ignore_collect(folder / f"test_{name}.py", config)}
    assert left == SUITES.keys() - {"mie"}
    lines: list[str] = []
    conftest.pytest_terminal_summary(SimpleNamespace(write_line=lines.append), config)
    (line,) = lines
    assert line.startswith(
        f"medeval: published sets that {tmp_path.name} does not hold are left out: aci_bench, dxy_symptom, "
    )
    assert "mie" not in line.split(": ")[-1]


def test_the_page_on_data_shows_every_file():
    """Its table has the folder and the pattern of each suite."""
    page = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    for name in SUITES:
        for pattern in load(f"test_{name}").suite.cases:
            folder, file = pattern.removeprefix("data:").split("/")
            row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` "))
            assert f"`{folder}/`" in row
            assert all(f"`{one}`" in row for one in (["dev.json", "test.json"] if "[" in file else [file]))


class Config:
    """The two questions that the conftest asks pytest's configuration."""

    def __init__(self, option=None, ini=None, rootpath=ROOT):
        self.option, self.ini, self.rootpath = option, ini, rootpath

    def getoption(self, name, default):
        """Give the command line's value."""
        assert name == "medeval_data"
        return default if self.option is None else self.option

    def getini(self, name):
        """Give the ini file's value, as pytest does for a key that nobody declared."""
        if self.ini is None:
            raise ValueError(f"unknown configuration value: {name!r}")
        return self.ini


@pytest.mark.parametrize(
    ("config", "ignored"),
    [(Config(), True), (Config(ini=""), True), (Config(option="data"), None), (Config(ini="data"), None)],
    ids=["no-plugin", "nothing-given", "option", "ini"],
)
def test_left_out_without_data(config, ignored):
    """Without a data folder the tests are not collected; with one, others decide."""
    ignore = load("conftest").pytest_ignore_collect
    assert ignore(ROOT / "suites" / "published" / "test_medqa.py", config) is ignored
    assert ignore(ROOT / "suites" / "published" / "README.md", config) is None
