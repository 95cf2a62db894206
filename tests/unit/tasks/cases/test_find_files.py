"""Which files a suite's ``cases`` mean, and which format a file has."""

from __future__ import annotations

import json
import sys
import types

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Record, Source
from pytest_medeval.tasks.cases import FORMATS, detect, expand, read_cases
from pytest_medeval.tasks.dialogue import Dialogue


@pytest.fixture
def folder(tmp_path):
    """Make a folder whose name is itself a pattern, with case files and a folder in it."""
    base = tmp_path / "a[1]"
    (base / "sub").mkdir(parents=True)
    (base / "none").mkdir()
    for name in ("b.jsonl", "a.jsonl", "sub/c.jsonl", "[x].jsonl"):
        (base / name).write_text("{}")
    return base


def names(paths, folder):
    """Give the names below the folder."""
    return [path.relative_to(folder).as_posix() for path in paths]


def test_patterns(folder):
    """Files of a pattern are sorted, patterns keep their order, a file named twice is read once."""
    assert names(expand("*.jsonl", folder), folder) == ["[x].jsonl", "a.jsonl", "b.jsonl"]
    assert names(expand(["sub/*.jsonl", "?.jsonl", "a.jsonl"], folder), folder) == ["sub/c.jsonl", "a.jsonl", "b.jsonl"]
    assert names(expand("**/*.jsonl", folder), folder) == ["[x].jsonl", "a.jsonl", "b.jsonl", "sub/c.jsonl"]


def test_a_name_is_no_pattern(folder):
    """A file whose name holds brackets is found by its name; an absolute path stands for itself."""
    assert names(expand("[x].jsonl", folder), folder) == ["[x].jsonl"]
    assert expand(str(folder / "a.jsonl"), folder.parent) == [folder / "a.jsonl"]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("d*.jsonl", "no such file"),
        ("none", "a folder without files of cases"),
        ("", "no such file"),
        ("x" * 1500, "no such file"),
        ("a\0b", "no such file"),
    ],
    ids=["none", "folder", "empty", "long", "null"],
)
def test_nothing_found(folder, pattern, why):
    """A pattern without a file is named, with the folder that was searched."""
    with pytest.raises(MedevalError) as caught:
        expand(["a.jsonl", pattern], folder)
    assert str(caught.value).startswith(f"cases {pattern!r}: {why} (looked in {folder}); accepted:")


FIRST = {
    "genmedgpt": [{"instruction": "", "input": "", "output": ""}],
    "medqa": {"question": "", "answer": "", "options": {}, "answer_idx": "A"},
    "medmcqa": {"id": "", "question": "", "opa": "", "cop": 1},
    "pubmedqa": {"123": {"QUESTION": "", "CONTEXTS": []}, "124": {}},
    "promptcblue": {"input": "", "target": "", "task_dataset": "", "sample_id": ""},
    "mie": [[{"utterances": [], "label": []}]],
    "native": {"id": "a", "question": "", "options": {}, "answer": ""},
}


@pytest.mark.parametrize("form", FIRST)
@pytest.mark.parametrize("suffix", [".json", ".JSONL"])
def test_keys_tell(tmp_path, form, suffix):
    """The keys of the first record tell the format, whatever the file's name."""
    path = tmp_path / f"x{suffix}"
    path.write_text("\ufeff" + json.dumps(FIRST[form]), encoding="utf-8")
    assert detect(path) == form


@pytest.mark.parametrize(
    "first",
    [
        {"question": "", "options": {}},
        {"options": {"A": ""}, "question": "", "optoins": {}},
        {"input": "", "reference": ""},
    ],
)
def test_native_without_id(tmp_path, first):
    """A native record without id, or with a mistyped key, is still native, so that the task can say so."""
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(first) + "\n{}")
    assert detect(path) == "native"


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("x.csv", "Which?,a,b,c,d,A\n", "mmlu"),
        ("x.csv", "Patient Note,Question,Calculator Name,Ground Truth Answer\n", "medcalc"),
        ("x.tsv", "Patient Note\tQuestion\tCalculator Name\tGround Truth Answer\n", "medcalc"),
        ("x.txt", "\ntrain@[]\n", "dxy"),
        ("x.yaml", "", "native"),
        ("x.yml", "", "native"),
    ],
)
def test_what_a_file_begins_with_tells(tmp_path, name, text, form):
    """Of tables the columns, or the first row where there is no header; of texts the first line."""
    (tmp_path / name).write_text(text)
    assert detect(tmp_path / name) == form


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "x.json",
            '[{"prompt": 1, "text": 2}]',
            "unknown format: the first record has the keys prompt, text; known formats: genmedgpt, ",
        ),
        ("x.json", "[3]", "the first record has the keys (none)"),
        ("x.json", "[]", "no cases: the array is empty"),
        ("x.json", " \n", "the file is empty"),
        ("x.json", '{"id": ', "not JSON: Expecting value"),
        ("x.json", "id: 3", "not JSON: Expecting value"),
        ("x.dat", "some words", "the first record has the keys (none); known formats: genmedgpt, "),
    ],
)
def test_unknown(tmp_path, name, text, message):
    """A format that is not known is refused with what was found and what is known."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(MedevalError) as caught:
        detect(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)


def test_third_party(tmp_path, monkeypatch):
    """A format that another package adds is found by its keys, ahead of our own, and read by its name."""
    reader = types.ModuleType("their_reader")
    reader.KEYS = (frozenset({"id", "prompt", "gold"}),)
    reader.read = lambda path: [Record(Source(str(path), 1), {"id": "a", "input": "b", "reference": "c"})]
    monkeypatch.setitem(sys.modules, "their_reader", reader)
    monkeypatch.setattr(FORMATS, "_given", dict(FORMATS))
    FORMATS.add({"theirs": "their_reader:read"})
    path = tmp_path / "x.json"
    path.write_text('{"id": "a", "prompt": "b", "gold": "c"}')
    assert detect(path) == "theirs"
    (case,), skips = read_cases(path, Dialogue(), "theirs")
    assert (case.reference, skips) == ("c", [])
    reader.read = lambda path: [Record(Source(str(path), 1), {"id": "a"})]
    assert [str(skip.source) for skip in read_cases(path, Dialogue(), "theirs")[1]] == [f"{path}:1"]
    reader.OWN = True  # the suite's author wrote the file
    with pytest.raises(MedevalError, match=r"x\.json:1: accepted: 'input', what the patient wrote"):
        read_cases(path, Dialogue(), "theirs")
    reader.read = lambda path: [Record(Source(str(path), 1), {"id": "a"}["fields"])]
    told = r"format 'theirs' is their_reader:read, which cannot read \S*x\.json: KeyError: 'fields' \(\S*\.py:\d+\)"
    with pytest.raises(MedevalError, match=told):
        read_cases(path, Dialogue(), "theirs")


def test_missing_file(tmp_path):
    """A file that is not there, or is a folder, is one line."""
    with pytest.raises(MedevalError, match=r"x.json: cannot be read: no such file"):
        detect(tmp_path / "x.json")
    (tmp_path / "y.json").mkdir()
    with pytest.raises(MedevalError, match=r"y.json: cannot be read: it is a folder"):
        detect(tmp_path / "y.json")
