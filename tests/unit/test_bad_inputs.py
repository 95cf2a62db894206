"""Whatever stands in a file of a user's, it is read or told in lines that a user can act on."""

from __future__ import annotations

import os
import socket
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.bad_inputs import ADAPTER, BASE, KINDS, lay, seeded, watched
from tests.bad_inputs import settings as options

from pytest_medeval.core.errors import LONGEST, TOLD, MedevalError, Mistakes
from pytest_medeval.core.files.door import bounded, place
from pytest_medeval.core.files.jsontext import read_object
from pytest_medeval.core.files.tomltext import read_toml
from pytest_medeval.models.proof.adapter import prove_adapter, prove_sizes

SLOW = ("chat template",)
"""Kinds whose bounds take seconds each: ``benchmarks/fuzz.py`` tries them."""
SECONDS = 50.0
STARTED: list[float] = []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.name} {kind.file}")
def test_what_is_spoiled_was_sound(kind, tmp_path):
    """Each kind's own input is read; a mutation of what nobody reads would find nothing."""
    assert kind.read(lay(kind, tmp_path / "sound", None)) is not MedevalError


@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    kind=st.sampled_from([kind for kind in KINDS if kind.name not in SLOW]),
    seed=st.integers(min_value=0, max_value=2**32),
)
def test_spoiled_inputs_are_read_or_told(tmp_path_factory, kind, seed):
    """No other exception and no hang, whatever the kind; bounded in time, so that a slow machine tries fewer."""
    STARTED.append(time.monotonic())
    if STARTED[-1] - STARTED[0] > SECONDS:
        return
    path = lay(kind, tmp_path_factory.mktemp("spoiled") / "in", seeded(seed))
    told = "read"
    try:
        with watched(60):
            kind.read(path)
    except MedevalError as mistake:
        told = str(mistake)
    assert all(line.strip() and len(line) <= LONGEST + 5 for line in told.split("\n"))


def _socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


NO_FILES = {
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "socket": _socket,
    "folder": Path.mkdir,
}


@pytest.mark.parametrize("what", NO_FILES)
def test_what_is_no_file_is_told_and_not_waited_for(what, tmp_path, monkeypatch):
    """A pipe that nobody writes to, a device that never ends, a socket, a folder: where any kind's file should be."""
    for number, kind in enumerate(kind for kind in KINDS if kind.name not in ("options", "ini", *SLOW)):
        path = lay(kind, tmp_path / str(number), None)
        monkeypatch.chdir(path.parent)
        path.unlink()
        NO_FILES[what](path)
        with (
            watched(10),
            pytest.raises(MedevalError, match=f"{what}|no file|no such|no run|no chat|not a whole|neither"),
        ):
            kind.read(path)


DEEP = "[" * 5000
BROKEN = {
    "a.toml": {
        "x = 1\ny = " + "9" * 5000: ":2: a whole number of too many digits; accepted: up to 18",
        "x = 1\ny = " + "9" * 30: ":2: a whole number of too many digits; accepted: up to 18",
        "x = 1\n\n[t]\ny = inf": ":4: inf is no number; accepted: finite numbers",
        "y = " + DEEP: ":1: nested too deeply; accepted: up to 64 levels",
        "y = " + "[" * 70 + "]" * 70: ":1: nested too deeply; accepted: up to 64 levels",
        "x = 1\ny =": ":2: not TOML: Invalid value; accepted: a TOML file",
        "x = 1\nx = 2": ":2: not TOML: Cannot overwrite a value; accepted: a TOML file",
        "": ":1: the file is empty; accepted: a TOML file",
    },
    "a.json": {
        '{"x": 1,\n"y": ' + "9" * 5000 + "}": ":2: a whole number of too many digits; accepted: up to 31",
        '{"x":\n[0,\n{"y": 1e999}]}': ":3: inf is no number; accepted: finite numbers",
        '{"x":\nNaN}': ":2: NaN is not JSON; accepted: numbers",
        '{"x":\n' + DEEP: ":1: nested too deeply; accepted: up to 64 levels",
        '{"x": {"y": 1,\n"y": 2}}': ":1: key 'y' occurs twice in one object; accepted: once",
        "[]": ":1: found an array; accepted: a JSON object",
        '{"x": }': ":1: not JSON: Expecting value; accepted: a JSON object",
    },
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BROKEN.items() for text in texts])
def test_the_door_names_line_and_what_is_accepted(tmp_path, name, text):
    """Digits, depth, infinities, broken and empty files."""
    (tmp_path / name).write_text(text)
    with pytest.raises(MedevalError) as caught:
        (read_toml if name == "a.toml" else read_object)(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}{BROKEN[name][text]}")


def test_lines_of_toml_and_json_are_those_of_an_editor(tmp_path):
    """Tables, lists of tables, keys in quotes and with dots, texts and lists over several lines."""
    file = tmp_path / "a.toml"
    file.write_text('a=1\nt="""\n[x]\ny=3\n"""\n[[d]]\nn=1\n[d.s]\nq=[\n 1,\n 2]\n[[d]]\nn="x" # c\n"k k"=3\nz.y=4\n')
    paths = [
        ("a",),
        ("t",),
        ("d",),
        ("d", 0, "n"),
        ("d", 0, "s", "q"),
        ("d", 1, "n"),
        ("d", 1, "k k"),
        ("d", 1, "z", "y"),
    ]
    toml = read_toml(file)
    assert [int(toml.at(*path).rpartition(":")[2]) for path in paths] == [1, 2, 6, 7, 9, 13, 14, 15]
    assert toml.at("d", 0, "gone") == f"{file}:6"
    (tmp_path / "a.json").write_text('{"a": [1,\n {"b": 2,\n  "c": [[3],\n [4]]}]}')
    document = read_object(tmp_path / "a.json")
    lines = [int(document.at(*path).rpartition(":")[2]) for path in (("a",), ("a", 1, "c"), ("a", 1, "c", 1), ("a", 9))]
    assert lines == [1, 3, 4, 1]


@pytest.mark.parametrize("text", ["a\0b", "x" * 300, "~nouser/x", "y/" * 3000])
def test_no_path_is_told(tmp_path, text):
    """A NUL, a name that no file system takes, the home of nobody."""
    with pytest.raises(MedevalError, match=r"is no path .*; accepted: the path of a file or folder"):
        place(text, tmp_path)
    for name in ("json", "cache", "rubric", "storage", "data"):
        with pytest.raises(MedevalError, match=f"^--medeval-{name}"):
            options(tmp_path, {name: text})


def test_mistakes_of_one_file_are_told_together(tmp_path):
    """Of options too; more than a screen holds are counted."""
    with pytest.raises(MedevalError) as caught:
        options(tmp_path, {"limit": "9" * 5000, "seed": "x", "device": "gpu"})
    assert [line.split("=")[0] for line in str(caught.value).split("\n")] == [
        f"--medeval-{name}" for name in ("limit", "seed", "device")
    ]
    assert "set_int_max" not in str(caught.value)
    mistakes = Mistakes()
    for number in range(TOLD + 5):
        with mistakes:
            raise MedevalError(f"f:{number}: " + "x" * 10_000)
    with pytest.raises(MedevalError, match=r"and 5 mistakes more\)$") as caught:
        mistakes.tell()
    assert str(caught.value).count("\n") == TOLD - 1
    assert len(str(caught.value)) < TOLD * (LONGEST + 50)


def test_time_and_memory_of_templates_and_patterns_are_bounded():
    """A pattern that never ends and a text that fills the memory are one line each."""
    import re

    with pytest.raises(MedevalError, match=r"x: takes more than 1 s; accepted"), bounded("x", 1.0):
        re.fullmatch("(a+)+b", "a" * 40)
    with pytest.raises(MedevalError, match="x: takes more than 2 GiB"), bounded("x"):
        "x" * 10**11


SUITE = "task: mcq\ncases:\n- {id: a, question: q, options: {A: x, B: y}, answer: A}\n"
WRONG = {
    SUITE.replace("mcq", "[mcq]"): "t.medeval.yaml:1: task is ['mcq']; accepted: a text",
    SUITE + "gates: 3\n": "t.medeval.yaml:4: gates is 3; accepted: a list of texts",
    "task: mcq\ncases: 3\n": "t.medeval.yaml:2: cases is 3; accepted: a list of texts",
    SUITE + "name: [a]\n": "t.medeval.yaml:4: name is ['a']; accepted: a text",
    SUITE + "self: 3\n": "unknown argument of a mcq suite 'self'",
    SUITE + SUITE.split("\n")[2].replace("id: a", "id: 'a '") + "\n": "t.medeval.yaml:4: id 'a ' occurs twice, but for",
    SUITE.replace("id: a", "id: é")
    + SUITE.split("\n")[2].replace("id: a", f"id: {unicodedata.normalize('NFD', 'é')}")
    + "\n": "occurs twice, but for blanks or Unicode form, as 'é'",
    SUITE.replace("B: y", "B: 'x '"): "t.medeval.yaml:3: options A and B have one text; accepted: texts that differ",
    SUITE.replace("B: y", 'B: "x\\u200b"'): "options A and B have one text; accepted: texts that differ",
    SUITE + "    tags: &a [*b]\n": "t.medeval.yaml:4: not YAML",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_a_wrong_suite_is_told_with_its_line(tmp_path, text):
    """Types of what every suite may say; ids and options that people cannot tell apart."""
    kind = next(kind for kind in KINDS if kind.name == "YAML suite")
    (tmp_path / kind.file).write_text(text, encoding="utf-8")
    with pytest.raises(MedevalError) as caught:
        kind.read(tmp_path / kind.file)
    assert WRONG[text] in str(caught.value)


@pytest.mark.parametrize(
    ("file", "key", "value", "told"),
    [
        ("ad", "base_model_name_or_path", ".", "its base '.' is an adapter too"),
        ("ad", "target_modules", 3, "target_modules is 3; accepted: a pattern, or a list"),
        ("ad", "target_modules", "q_proj(", "no regular expression"),
        ("ad", "layers_to_transform", ["x"], "layers_to_transform is ['x']; accepted: whole numbers"),
        ("ad", "r", 10**6, "r is 1000000; accepted: a whole number from 1 to 4096"),
        ("base", "num_hidden_layers", 10**7, "num_hidden_layers is 10000000, and the weights are"),
    ],
)
def test_configs_of_models_that_cannot_be(tmp_path, file, key, value, told):
    """What would end in a traceback or take days to build is told by key and line."""
    import json

    kind = next(kind for kind in KINDS if kind.file.startswith(f"{file}/") and kind.file.endswith(".json"))
    path = lay(kind, tmp_path / "in", None)
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}, indent=1))
    with pytest.raises(MedevalError) as caught:
        kind.read(path)
    assert told in str(caught.value)
    assert f"{path.name}:" in str(caught.value)


def test_shipped_models_pass_these_proofs():
    """The bounds refuse nothing that ships."""
    prove_sizes(BASE)
    prove_adapter(ADAPTER, BASE)


def test_records_that_the_fuzz_found(tmp_path):
    """A matrix without a row for each label is told with its line; cases that stand apart may be left out."""
    import json

    from pytest_medeval.runs.record import digest

    kind = next(kind for kind in KINDS if kind.name == "record shown")
    path = lay(kind, tmp_path / "in", None)
    record = json.loads(path.read_text())
    for told in record["divergence"].values():
        told.pop("most_divergent", None)
    path.write_text(json.dumps(record | {"sha256": digest(record)}))
    assert kind.read(path) is not MedevalError
    suite = next(one for one in record["suites"].values() if one.get("confusion"))
    suite["confusion"]["labels"] = suite["confusion"]["labels"][:-1]
    path.write_text(json.dumps(record | {"sha256": digest(record)}))
    with pytest.raises(MedevalError, match=r"r\.json:1: matrix has \d+ rows; accepted: \d+, one a label"):
        kind.read(path)
