"""Suites in YAML: lines, texts that stay as typed, and what is refused."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases import check_records, read_cases, read_yaml_suite
from pytest_medeval.tasks.cases.yamlsuite import read_yaml_cases

SUITE = """\
# chest pain
task: mcq
gates: ["accuracy >= 0.8"]
normalize: none
max_new_tokens: 64
cases:
  - id: 007
    question: What first?
    options: {A: 12.50, B: NO, C: 1:30, D: yes}
    answer: B
    critical: true
    tags: {specialty: cardiology, year: 2020}

  - id: on
    question: |
      Two
      lines.
    options:
      A: ~
      B: 0x1F
    answer: "A"
"""


def suite_of(tmp_path, text):
    """Write and read a suite file."""
    path = tmp_path / "s.medeval.yaml"
    path.write_text(text, encoding="utf-8")
    return read_yaml_suite(path)


def test_values_stay_as_typed(tmp_path):
    """Numbers, times and YAML 1.1's booleans stay text in cases; switches and options of the suite do not."""
    suite = suite_of(tmp_path, SUITE)
    assert suite.fields == {"task": "mcq", "gates": ["accuracy >= 0.8"], "normalize": "none", "max_new_tokens": 64}
    first, second = check_records(suite.records, TASKS.resolve("mcq")())
    assert (first.id, first.options, first.answer) == ("007", {"A": "12.50", "B": "NO", "C": "1:30", "D": "yes"}, "B")
    assert (first.critical, first.tags) == (True, {"specialty": "cardiology", "year": "2020"})
    assert (second.id, second.question, second.options) == ("on", "Two\nlines.", {"A": "~", "B": "0x1F"})


def test_lines(tmp_path):
    """Each key and each case knows its line."""
    suite = suite_of(tmp_path, SUITE)
    assert suite.lines == {"task": 2, "gates": 3, "normalize": 4, "max_new_tokens": 5, "cases": 6}
    assert [record.source.line for record in suite.records] == [7, 14]
    assert suite.source.line == 2


def test_windows_file(tmp_path):
    """A byte order mark and CRLF change nothing."""
    path = tmp_path / "s.medeval.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SUITE.replace("\n", "\r\n").encode())
    suite = read_yaml_suite(path)
    assert [record.source.line for record in suite.records] == [7, 14]
    assert suite.fields["task"] == "mcq"


def test_cases_may_name_files(tmp_path):
    """A name of a case file, or a list of names, stays a field."""
    assert suite_of(tmp_path, "task: mcq\ncases: a.jsonl").fields["cases"] == "a.jsonl"
    suite = suite_of(tmp_path, "task: mcq\ncases: [a.jsonl, b*.jsonl]")
    assert (suite.fields["cases"], suite.records) == (["a.jsonl", "b*.jsonl"], ())


def test_alias(tmp_path):
    """An alias gives the same options to a second case."""
    first = "- {id: a, question: q, options: &o {A: x, B: y}, answer: A}"
    text = f"task: mcq\ncases:\n{first}\n- {{id: b, question: q, options: *o, answer: B}}"
    first, second = check_records(suite_of(tmp_path, text).records, TASKS.resolve("mcq")())
    assert first.options == second.options == {"A": "x", "B": "y"}


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("on", "on"),
        ("12", 12),
        ("-0.5", -0.5),
        ("1e-3", 1e-3),
        ("null", None),
        ("~", None),
        ("'12'", "12"),
        ("1:30", "1:30"),
        (".nan", ".nan"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("2024-01-01", "2024-01-01"),
        ("9" * 5000, "9" * 5000),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
    ],
    ids=lambda value: str(value)[:12],
)
def test_options_follow_yaml_12(tmp_path, typed, value):
    """Above the cases a plain value is a boolean, a finite number or null as in YAML 1.2, else a text."""
    found = suite_of(tmp_path, f"task: mcq\noption: {typed}").fields["option"]
    assert found == value
    assert type(found) is type(value)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(
    texts=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
    unicode=st.booleans(),
)
def test_any_text_survives(tmp_path_factory, texts, style, unicode):
    """Whatever a writer of YAML puts into a case comes back, and each case points at its own line."""
    path = tmp_path_factory.getbasetemp() / "any.medeval.yaml"
    cases = [{"id": f"c{at}", "input": one, "reference": other} for at, (one, other) in enumerate(texts)]
    text = yaml.safe_dump(
        {"task": "dialogue", "cases": cases}, default_style=style, allow_unicode=unicode, sort_keys=False
    )
    assume(yaml.safe_load(text)["cases"] == cases)  # PyYAML writes U+0085 so that it reads as a blank
    path.write_text(text, encoding="utf-8", newline="")
    suite = read_yaml_suite(path)
    assert [dict(record.fields) for record in suite.records] == cases
    lines = text.split("\n")
    shown = ["\n".join(lines[record.source.line - 1 :][:3]) for record in suite.records]
    assert all(f"c{at}" in text for at, text in enumerate(shown))


@given(text=st.text(st.sampled_from("-:[]{}&*!|>'\"%@`#?, ab1\n\t\\"), min_size=1, max_size=40))
def test_no_other_exception(tmp_path_factory, text):
    """Whatever the text, it is read or refused in one line."""
    path = tmp_path_factory.getbasetemp() / "odd.medeval.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    refused = f"{path}: read"
    try:
        read_yaml_suite(path)
    except MedevalError as error:
        refused = str(error)
    assert refused.startswith(f"{path}:")
    assert "\n" not in refused


BAD = [
    ("task: mcq\ncases:\n  - id: [a", ":3: not YAML: expected ',' or ']'"),
    ("task: mcq\n\tcases: []", ":2: not YAML: "),
    ("task: mcq\ntask: polarity", ":2: key 'task' occurs twice, first on line 1"),
    ("task: mcq\ncases:\n- id: a\n  options: {A: x,\n    A: y}", ":5: key 'A' occurs twice, first on line 4"),
    ("task: mcq\n---\ntask: mcq", ": not YAML: but found another document"),
    ("- id: a", ":1: found a list; accepted: a mapping with 'task' and 'cases'"),
    ("just a text", ":1: found the text 'just a text'; accepted: a mapping"),
    ("# nothing", ": no cases: the file holds only comments"),
    ("", ":1: the file is empty"),
    ("task: mcq\ncases:\n", ":2: 'cases' is empty; accepted: a list of cases"),
    ("task: mcq\ncases: {id: a}", ":2: 'cases' is a mapping; accepted: a list of cases"),
    ("task: mcq\ncases:\n- id: a\n- text", ":4: a case is the text 'text'; accepted: a mapping"),
    (
        "task: mcq\noption: !!python/name:os.system x",
        ":2: tag 'tag:yaml.org,2002:python/name:os.system' is not accepted",
    ),
    ("task: mcq\noption: !secret x", ":2: tag '!secret' is not accepted"),
    ("task: mcq\noption: &a [*a]", ":2: an alias stands inside the value that it names"),
    ("task: mcq\noption: *nobody", ":2: not YAML: found undefined alias 'nobody'"),
    ("task: mcq\n? [a, b]\n: c", ":2: found a list as a key; accepted: a text"),
    ("task: mcq\noption: a\x07b", ":2: not YAML: character #x0007 is not allowed"),
    ('task: mcq\noption: "\\ud800"', ":2: half of a surrogate pair"),
    ("a: " + "[" * 1500, ":1: nested too deeply"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[bad[1][:50] for bad in BAD])
def test_broken_yaml(tmp_path, text, message):
    """What cannot be read is one line with file and line."""
    with pytest.raises(MedevalError) as caught:
        suite_of(tmp_path, text)
    assert message in str(caught.value).replace(str(tmp_path / "s.medeval.yaml"), "", 1)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_many_aliases_cost_little(tmp_path):
    """Aliases are shared, not copied; those of aliases are refused before a small file fills the memory."""
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)]
    suite = suite_of(tmp_path, f"task: mcq\na0: &a0 [x]\n{''.join(levels[:4])}")
    assert suite.fields["a4"][0] is suite.fields["a4"][9]
    with pytest.raises(MedevalError, match=r"s.medeval.yaml:7: aliases make more than 100000 values"):
        suite_of(tmp_path, f"task: mcq\na0: &a0 [x]\n{''.join(levels)}")


def test_cases_alone(tmp_path):
    """A case file in YAML is a list of cases, or a mapping with ``cases`` only."""
    path = tmp_path / "c.yaml"
    task = TASKS.resolve("dialogue")()
    for text in ("- {id: 1, input: a, reference: b}", "cases:\n- {id: 1, input: a, reference: b}"):
        path.write_text(text)
        assert [case.id for case in read_cases(path, task)[0]] == ["1"]
    path.write_text("task: dialogue\ncases: []")
    with pytest.raises(
        MedevalError, match=r"c.yaml:1: found the keys task, cases; accepted: a list of cases, or only 'cases'"
    ):
        read_cases(path, task)
    path.write_text("[]")
    with pytest.raises(MedevalError, match=r"c.yaml:1: no cases"):
        read_cases(path, task)


@pytest.mark.parametrize(
    ("typed", "message"),
    [("maybe", "'critical' is 'maybe'"), ("'true'", "'critical' is 'true'"), ("", "'critical' is ''")],
)
def test_switches_are_true_or_false(tmp_path, typed, message):
    """``critical`` takes true or false, nothing near it."""
    suite = suite_of(tmp_path, f"task: dialogue\ncases:\n- id: a\n  input: b\n  reference: c\n  critical: {typed}")
    with pytest.raises(MedevalError, match=message):
        check_records(suite.records, TASKS.resolve("dialogue")())


def test_same_id_twice(tmp_path):
    """Two cases of one id are refused with both lines."""
    suite = suite_of(
        tmp_path, "task: dialogue\ncases:\n- {id: a, input: b, reference: c}\n- {id: a, input: b, reference: c}"
    )
    with pytest.raises(MedevalError, match=r"yaml:4: id 'a' occurs twice; first at .*yaml:3"):
        check_records(suite.records, TASKS.resolve("dialogue")())


def test_true_and_false_are_no_texts_whatever_the_key(tmp_path):
    """A task of another package has switches of its own; quoted, and inside other values, both stay texts."""
    path = tmp_path / "x.yaml"
    path.write_text("- {id: a, urgent: true, note: 'true', options: {A: true}}\n- {id: b, urgent: False, note: no}\n")
    first, second = (dict(record.fields) for record in read_yaml_cases(path))
    assert first == {"id": "a", "urgent": True, "note": "true", "options": {"A": "true"}}
    assert second == {"id": "b", "urgent": False, "note": "no"}
