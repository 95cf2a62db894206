"""Cases appended to suite files as text: whatever stood there stays, and the whole reads well."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.commands.chat.cases import append_case
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.tasks.cases import check_records, read_yaml_suite
from pytest_medeval.tasks.cases.find import _plain
from pytest_medeval.tasks.dialogue import Dialogue
from pytest_medeval.tasks.mcq import MCQ

FIELDS = {"input": "I cough.", "reference": "Rest."}

FILES = {
    "cases last": "task: dialogue\n# mine\ncases:\n  - id: a  # first\n    input: x\n    reference: y\n",
    "no newline": "task: dialogue\ncases:\n- id: a\n  input: x\n  reference: y",
    "gates behind": (
        "task: dialogue\ncases:\n    - id: a\n      input: x\n      reference: |\n        y\n\n# gates\ngates: []\n"
    ),
    "no cases": "# a suite\ntask: dialogue\n",
    "windows": "task: dialogue\r\ncases:\r\n  - id: a\r\n    input: x\r\n    reference: y\r\n",
    "mark": "\ufefftask: dialogue\ncases:\n  - {id: a, input: x, reference: y}\n",
}


def cases_of(path, task=None):
    """Read a suite file as pytest would."""
    return check_records(read_yaml_suite(path).records, task or Dialogue())


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_what_stood_there_stays(tmp_path, text):
    """Every line of the old file is in the new one, in its order; the new case is the last of the list."""
    path = tmp_path / "mine.medeval.yaml"
    path.write_bytes(text.encode())
    before = len(read_yaml_suite(path).records)
    name = append_case(path, Dialogue(), FIELDS, "why\nnot")
    new = path.read_bytes().decode()
    left = iter(new.splitlines())
    assert all(line in left for line in text.splitlines())
    assert "# why not" in new
    assert len(cases_of(path)) == before + 1
    assert (cases_of(path)[-1].id, cases_of(path)[-1].input) == (name, "I cough.")
    assert (new.count("\r\n") == new.count("\n")) is ("\r\n" in text)
    again = append_case(path, Dialogue(), {**FIELDS, "input": "I sneeze."})
    assert [case.id for case in cases_of(path)][-2:] == [name, again]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("task: mcq\ncases: []\n", ":1: task is 'mcq'; this exchange is of 'dialogue'"),
        ("task: dialogue\ncases: more.jsonl\n", ":2: 'cases' names files"),
        ("task: dialogue\ncases: [{id: a, input: x, reference: y}]\n", ":2: 'cases' stands in brackets"),
        ("task: [dialogue\n", "not YAML"),
        ("task: dialogue\ncases:\n", ":2: 'cases' is empty; accepted: a list of cases"),
        ("task: dialogue\ncases:\n  - id: a\n    input: x\n    reference: y\n...\n", "mine.medeval.yaml"),
    ],
)
def test_a_file_that_cannot_take_a_case_is_left_alone(tmp_path, text, told):
    """One line says why, and not a byte is changed."""
    path = tmp_path / "mine.medeval.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MedevalError) as caught:
        append_case(path, Dialogue(), FIELDS)
    assert told in str(caught.value)
    assert path.read_text(encoding="utf-8") == text


def test_the_same_exchange_is_kept_once(tmp_path):
    """A second time the message says where the case stands; a file needs the ending that pytest collects."""
    path = tmp_path / "mine.medeval.yaml"
    append_case(path, Dialogue(), FIELDS)
    with pytest.raises(MedevalError, match=r"mine\.medeval\.yaml:3: this exchange is a case there already"):
        append_case(path, Dialogue(), FIELDS)
    with pytest.raises(MedevalError, match=r"accepted as a file of cases: NAME\.medeval\.yaml"):
        append_case(tmp_path / "mine.yaml", Dialogue(), FIELDS)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text.strip())


@given(question=TEXT, options=st.lists(TEXT, min_size=2, max_size=4, unique_by=_plain))
@settings(max_examples=60, deadline=None)
def test_any_text_comes_back_as_it_was(tmp_path_factory, question, options):
    """Quotes, line ends of every kind, control characters, emoji: what is read is what was kept."""
    path = tmp_path_factory.mktemp("any") / "mine.medeval.yaml"
    lettered = dict(zip("ABCD", options, strict=False))
    append_case(path, MCQ(), {"question": question, "options": lettered, "answer": "A"}, question)
    (case,) = cases_of(path, MCQ())
    assert case.question == question.strip()
    assert case.options == {letter: text.strip() for letter, text in lettered.items()}
