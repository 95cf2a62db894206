"""Suites on files of any layout, from the map in the suite to the exit code."""

from __future__ import annotations

import json
import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
SUITE = re.search(r"```yaml\n(task: mcq\ncases: exam.*?)```", PAGE, re.DOTALL)[1]
HEAD = "stem;opa;opb;opc;opd;cop;subject"


def test_the_map_of_the_page(project):
    """The page's suite reads its CSV; the mistakes of both kinds of suite stand at the line of the map."""
    right = {f"w{at}": "ABCD".index("ABCD"[at % 4]) + 1 for at in range(6)}
    rows = [f"Question {word} ?;a;b;c;d;{gold};ward" for word, gold in right.items()]
    project.write("exam.csv", "\n".join([HEAD, *rows, "Nothing;a;b;c;d;9;ward"]) + "\n")
    project.write("exam.medeval.yaml", SUITE)
    result = project.run("--medeval-json=run.json", "-v", model="fake:1.0")
    assert result.ret == 0, result.outlines
    record = project.record()
    assert record["suites"]["exam"]["metrics"]["accuracy"]["candidate"] == 1
    assert record["cases"][0]["tags"] == {"subject": "ward"}
    assert "points at no option" in json.dumps(record["suites"]["exam"])
    project.write("exam.medeval.yaml", SUITE.replace("cop-1", "cop"))
    project.write("test_b.py", PYTHON)
    result = project.run(model="fake:1.0")
    assert result.ret == 4
    result.stderr.fnmatch_lines(
        [
            "*exam.csv:2: columns: answer is '1', and nothing says whether it counts from 1 or from 0; accepted: *",
            "*test_b.py:3: columns is {'question': 3}; accepted: a mapping from keys of a case to columns*",
        ]
    )


PYTHON = """import pytest
from pytest_medeval import Suite
suite = Suite(task="mcq", cases="exam.csv", columns={"question": 3})
@pytest.mark.medeval(suite)
def test_b(evaluation):
    pass
"""
