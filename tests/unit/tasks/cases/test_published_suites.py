"""The suites on published sets: every one reads cases from the real files, and is left out without them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases import expand, read_cases

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
    read = [read_cases(path, TASKS.resolve(task)(), suite.format) for path in expand(patterns, DATA)]
    cases = [case for found, _ in read for case in found]
    assert (len(cases), sum(len(skips) for _, skips in read)) == (usable, skipped)
    assert len({case.id for case in cases}) == usable


class Config:
    """The two questions that the conftest asks pytest's configuration."""

    def __init__(self, option=None, ini=None):
        self.option, self.ini = option, ini

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
