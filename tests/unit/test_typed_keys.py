"""A misspelt key of a record is a mistake that mypy sees, wherever the record is read, built or handed on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

api = pytest.importorskip("mypy.api")
ROOT = Path(__file__).parents[2]
CODE = """\
from pathlib import Path
from pytest_medeval.core.record import CaseEntry, GateRecord, MetricRow, RunRecord
from pytest_medeval.plugin.outputs import leave
from pytest_medeval.runs.build import with_divergence
from pytest_medeval.runs.journal import Carried, Journal, SuiteManifest
from pytest_medeval.runs.record import read
from pytest_medeval.runs.reference import Reference
from pytest_medeval.verdicts.gates.data import GateResult

read(Path())["suite"]
read(Path())["suites"]["s"]["evaluted"]
read(Path())["suites"]["s"]["metrics"]["m"]["p_corected"]
read(Path())["suites"]["s"]["reference"]["metrics"]["m"]["refernce"]
read(Path())["cases"][0]["candidate"]["outcme"]
read(Path())["cases"][0]["judge"]["preferance"]
read(Path())["divergence"]["s"]["track_a"]["directon"]  # type: ignore[index]  # it may be null
read(Path())["human"]["suites"]["s"]["harm"]["flaged"]
read(Path())["judges"][0]["admisible"]
read(Path())["environment"]["repository"]["comit"]  # type: ignore[index]  # it may be null
Reference("run", read(Path())).facts([])["abscent"]
GateResult(suite="s", expression="e", verdict="pass", reason="").record("passed")["threshhold"]
Journal().suites["s"]["gate"]
Journal().entries["s"]["c"]["nodid"]
carried: Carried = {"entri": Journal().entries["s"]["c"]}
gate: GateRecord = {**read(Path())["gates"][0], "verdct": "pass"}
role = "candidate"
read(Path())["cases"][0][input()]
"""


def test_a_misspelt_key_fails_mypy(tmp_path):
    """Every line below the imports has one mistake; a line without a report would be a key that nobody checks."""
    file = tmp_path / "misspelt.py"
    file.write_text(CODE)
    flags = ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache"), "--no-pretty"]
    told, mistakes, _ = api.run([*flags, str(file)])
    assert not mistakes
    found = {
        int(line)
        for line in re.findall(r"misspelt\.py:(\d+): error: .*\[(?:typeddict-[\w-]+|literal-required)\]", told)
    }
    lines = CODE.splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if not line.startswith(("from", "role")) and line}
    assert found == wrong, told
