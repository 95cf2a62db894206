"""Files of any layout: what they hold tells their form, and a map of columns makes cases of their records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files import rows as files
from pytest_medeval.tasks.cases import expand, read_cases, read_files
from pytest_medeval.tasks.cases.columns import check_columns, read_mapped, to_paste
from pytest_medeval.tasks.cases.tuning import read_tuning
from pytest_medeval.tasks.dialogue import Dialogue
from pytest_medeval.tasks.mcq import MCQ
from pytest_medeval.tasks.number import Number

DATA = Path(__file__).parents[5] / "shared" / "data"
MAP = {"question": "stem", "options": ["opa", "opb", "opc", "opd"], "answer": "cop-1", "tags": {"field": "subject"}}
TABLE = [
    ("stem", "opa", "opb", "opc", "opd", "cop", "subject"),
    ("Which drug, first?", "aspirin", "heparin", "rest", "none; wait", "2", "cardiology"),
    ('He said "go"\nand went.', "yes", "no", "maybe", "", "3", ""),
]
OBJECTS = [dict(zip(TABLE[0], row, strict=True)) for row in TABLE[1:]]


def quoted(divider):
    """Write the table with a divider, every cell in quotation marks."""
    return "".join(divider.join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in TABLE)


def facts(cases):
    """Give what a case asks."""
    return [(case.question, dict(case.options), case.answer, dict(case.tags)) for case in cases]


WANTED = [
    (
        "Which drug, first?",
        {"A": "aspirin", "B": "heparin", "C": "rest", "D": "none; wait"},
        "B",
        {"field": "cardiology"},
    ),
    ('He said "go"\nand went.', {"A": "yes", "B": "no", "C": "maybe"}, "C", {}),
]
TEXTS = {
    "comma": quoted(","),
    "semicolon": quoted(";"),
    "tab": quoted("\t"),
    "bar": quoted("|"),
    "lines": "\n".join(map(json.dumps, OBJECTS)),
    "array": json.dumps(OBJECTS, indent=1),
    "numbers": json.dumps([one | {"cop": int(one["cop"])} for one in OBJECTS]),
    "keyed": json.dumps({f"q{at}": one for at, one in enumerate(OBJECTS)}, indent=1),
    "mark": "\ufeff" + quoted(";"),
}


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".txt", ".data"])
@pytest.mark.parametrize("form", TEXTS)
def test_what_a_file_holds_tells_its_form_whatever_its_name(tmp_path, form, suffix):
    """The same two questions, written in nine ways under six names, are the same two cases."""
    path = tmp_path / f"x{suffix}"
    path.write_text(TEXTS[form], encoding="utf-8")
    cases, skips = read_cases(path, MCQ(), columns=MAP)
    assert (facts(cases), skips) == (WANTED, [])
    assert [case.id for case in cases] == ["columns-0000", "columns-0001"]


def test_a_divider_that_stays_open_is_asked_for(tmp_path):
    """Where two of them cut all rows alike only the name can tell; a row of another length is told with its line."""
    path = tmp_path / "x.txt"
    path.write_text("question,a;answer\nWhy,b;c\n")
    with pytest.raises(MedevalError, match=r"x.txt:1: both a comma and a semicolon divide all rows alike; accepted: "):
        list(files.rows(path))
    path.with_suffix(".csv").write_text(path.read_text())
    assert list(files.rows(path.with_suffix(".csv"))) == [(2, {"question": "Why", "a;answer": "b;c"})]
    path.write_text("a;b\n1;2\n3\n")
    with pytest.raises(MedevalError, match=r"x.txt:3: found 1 columns; accepted: 2, as in the header"):
        list(files.rows(path))
    path.write_text("a,b,a\n1,2,3\n")
    with pytest.raises(MedevalError, match=r"x.txt:1: column 'a' occurs twice"):
        list(files.rows(path))
    path.write_text("only words\nand words\n")
    with pytest.raises(MedevalError, match=r"x.txt:1: no records are found; accepted: JSON, JSONL, a table"):
        list(files.rows(path))


@pytest.mark.parametrize(
    ("record", "columns", "wanted"),
    [
        ({"q": "Why?", "c": {"text": ["a", "b"], "label": ["1", "2"]}, "k": "2"}, {"options": "c", "answer": "k"}, "B"),
        ({"q": "Why?", "c": [{"key": "X", "value": "a"}, {"key": "Y", "value": "b"}], "k": "Y"},
         {"options": "c", "answer": "k"}, "B"),
        ({"q": "Why?", "c": ["a", "b"], "k": 0}, {"options": "c", "answer": "k-0"}, "A"),
        ({"q": "Why?", "c": ["a", "b"], "k": "b"}, {"options": "c", "answer": "k"}, "B"),
        ({"q": "Why?", "c": {"A": "a", "B": "b", "C": None}, "k": "A"}, {"options": "c", "answer": "k"}, "A"),
        ({"q": "Why?", "c": '["a", "b"]', "k-1": "a"}, {"options": "c", "answer": "k-1"}, "A"),
        ({"q": "Why?", "in": {"c": ["a", "b"], "k": 2}}, {"options": "in.c", "answer": "in.k-1"}, "B"),
    ],
    ids=["labels", "pairs", "from-0", "text", "mapping", "cell", "inside"],
)  # fmt: skip
def test_options_in_every_layout(tmp_path, record, columns, wanted):
    """Lists, mappings, labels beside texts; the right one by name, by text, or by a number with its start."""
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(record))
    ((case,), skips) = read_cases(path, MCQ(), columns={"question": "q"} | columns)
    assert (dict(case.options), case.answer, skips) == ({"A": "a", "B": "b"}, wanted, [])


def test_a_number_is_never_guessed(tmp_path):
    """MedMCQA's own trap: 1-based golds read as 0-based; one that is an option's text by chance is no answer."""
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(json.dumps({"q": "n", "c": ["2", "4"], "k": at}) for at in (2, 1)))
    with pytest.raises(MedevalError, match=r"x.jsonl:2: columns: answer is '1', and nothing says whether it counts"):
        read_cases(path, MCQ(), columns={"question": "q", "options": "c", "answer": "k"})
    path.write_text(json.dumps({"q": "n", "c": ["a", "b"], "k": 2}) + "\n" + json.dumps({"q": "n", "c": "a", "k": 1}))
    with pytest.raises(MedevalError, match=r"x.jsonl:1: columns make no case .* points at no option; accepted: 0 to 1"):
        read_cases(path, MCQ(), columns={"question": "q", "options": "c", "answer": "k-0"})
    cases, skips = read_cases(path, MCQ(), columns={"question": "q", "options": "c", "answer": "k-1"})
    assert ([case.answer for case in cases], [skip.source.line for skip in skips]) == (["B"], [2])


@pytest.mark.parametrize("answer", ["A", "B"])
def test_an_answer_that_is_a_name_and_another_options_text_is_none(tmp_path, answer):
    """Whichever of them stands first; where name and text are of one option it is that one."""
    path = tmp_path / "x.jsonl"
    columns = {"question": "q", "options": "c", "answer": "k"}
    path.write_text(json.dumps({"q": "n", "c": {"A": "B", "B": "A"}, "k": answer}))
    with pytest.raises(MedevalError, match="is the name of one option and the text of another"):
        read_cases(path, MCQ(), columns=columns)
    path.write_text(json.dumps({"q": "n", "c": {"A": "A", "B": "B"}, "k": answer}))
    assert read_cases(path, MCQ(), columns=columns)[0][0].answer == answer


@pytest.mark.skipif(not DATA.is_dir(), reason=f"no published data: {DATA} is missing")
def test_a_map_reads_medmcqa_as_its_own_reader_does():
    """Two readers, one set of cases: options, golds and what is left out."""
    path = DATA / "medmcqa" / "dev.json"
    own, left = read_cases(path, MCQ())
    columns = {"id": "id", "question": "question", "options": ["opa", "opb", "opc", "opd"], "answer": "cop-1"}
    mapped, skips = read_cases(path, MCQ(), columns=columns)
    assert [(one.id, one.options, one.answer) for one in mapped] == [(one.id, one.options, one.answer) for one in own]
    assert [one.source for one in skips] == [one.source for one in left]


def test_other_tasks(tmp_path):
    """Numbers become texts, several columns several references, a blank cell is nothing, a switch is a switch."""
    path = tmp_path / "x.csv"
    path.write_text("who,q,a1,a2,must\nx,Why?,Rest.,Sleep.,true\ny,How?,Eat.,,\n")
    columns = {"id": "who", "input": "q", "references": ["a1", "a2"], "tags": ["who"]}
    cases, _ = read_cases(path, Dialogue(), columns=columns)
    assert [(case.id, case.known, dict(case.tags)) for case in cases] == [
        ("x", ("Rest.", "Sleep."), {"who": "x"}),
        ("y", ("Eat.",), {"who": "y"}),
    ]
    path.write_text(json.dumps([{"q": "How much?", "value": "V", "u": "mg"}]).replace('"V"', "12.50"))
    columns = {"question": "q", "answer": "value", "unit": "u"}
    (record,) = read_mapped(path, columns)
    assert record.fields["answer"] == "12.50"
    (case,), _ = read_cases(path, Number(), columns=columns)
    assert case.unit == "mg"
    path.write_text("q,a,must\nx,Rest.,TRUE\n")
    with pytest.raises(MedevalError, match=r"x.csv:2: columns make no case .* a critical dialogue case needs"):
        read_cases(path, Dialogue(), columns={"input": "q", "reference": "a", "critical": "must"})


@pytest.mark.parametrize(
    ("name", "text", "task", "told"),
    [
        ("x.csv", quoted(";"), MCQ(),
         '"options": ["opa", "opb", "opc", "opd"], "answer": "cop-?"} (\'-1\' counts from 1, \'-0\' from 0)'),
        ("x.csv", "Question,A,B,C,Answer\nq,a,b,c,3\n", MCQ(),
         'columns={"question": "Question", "options": ["A", "B", "C"], "answer": "Answer-1"}'),
        ("x.jsonl", '{"id": 7, "stem": "q", "choices": ["a"], "label": 0}', MCQ(),
         'columns={"id": "id", "question": "stem", "options": "choices", "answer": "label"}'),
        ("x.json", '[{"prompt": 1, "text": 2}]', Dialogue(), 'columns={"input": "prompt", "reference": "?"}'),
    ],
    ids=["table", "letters", "id", "dialogue"],
)  # fmt: skip
def test_an_unknown_file_names_its_columns_and_a_map(tmp_path, name, text, task, told):
    """What was found, what the task needs, and a map to paste into the suite."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(MedevalError) as caught:
        read_cases(path, task)
    assert str(caught.value).startswith(f"{path}: unknown format: the first record has the keys ")
    assert told in str(caught.value)


def test_a_map_that_was_pasted_is_read(tmp_path):
    """The proposal reads the file that it was made for."""
    path = tmp_path / "x.csv"
    path.write_text("Question,A,B,C,Answer\nq,a,b,c,3\n")
    told = to_paste(path, MCQ())
    columns = json.loads(told[told.index("{") : told.index("}") + 1])
    assert read_cases(path, MCQ(), columns=check_columns(columns))[0][0].answer == "C"


@pytest.mark.parametrize(
    "columns",
    [{}, [], "stem", {"question": 3}, {"question": []}, {"question": {"a": "b"}}, {1: "a"}, {"options": ["a", 3]}],
)
def test_a_map_of_another_form_is_refused(columns):
    """A mapping from keys to columns, and nothing else."""
    with pytest.raises(MedevalError, match=r"^columns is .*; accepted: a mapping from keys of a case to columns"):
        check_columns(columns)


def test_a_column_that_is_not_there(tmp_path):
    """The columns that are there are named, and the likely one."""
    path = tmp_path / "x.csv"
    path.write_text(quoted(","))
    with pytest.raises(
        MedevalError, match=r"x.csv: columns: unknown column 'stm' \(did you mean 'stem'\?\); accepted:"
    ):
        read_cases(path, MCQ(), columns=MAP | {"question": "stm"})


def test_a_key_that_the_task_does_not_have(tmp_path):
    """It is a mistake of the map, told with the first record."""
    path = tmp_path / "x.csv"
    path.write_text(quoted(","))
    with pytest.raises(MedevalError, match=r"x.csv:2: columns make no case of this record: unknown key 'why'"):
        read_cases(path, MCQ(), columns=MAP | {"why": "subject"})


# Folders of a data set, and Parquet.


def test_a_folder_is_its_one_split(tmp_path):
    """Shards in order, without what is about them; several splits are named with a pattern for each."""
    base = tmp_path / "set"
    (base / "data").mkdir(parents=True)
    for name in ("README.md", "dataset_info.json", ".cache.json"):
        (base / name).write_text("{}")
    with pytest.raises(MedevalError, match="cases 'set': a folder without files of cases"):
        expand("set", tmp_path)
    for number in (1, 0):
        text = json.dumps({"q": f"q{number}", "a": "Rest."})
        (base / "data" / f"test-0000{number}-of-00002.jsonl").write_text(text)
    paths = expand("set", tmp_path)
    assert [path.name for path in paths] == ["test-00000-of-00002.jsonl", "test-00001-of-00002.jsonl"]
    cases, _ = read_files(paths, Dialogue(), columns={"input": "q", "reference": "a"})
    assert [case.input for case in cases] == ["q0", "q1"]
    assert len({case.id for case in cases}) == 2
    (base / "data" / "train-00000-of-00001.jsonl").write_text("{}")
    told = r"set: holds several splits or subsets; accepted: one of 'set/data/test\*.jsonl', 'set/data/train-00000"
    with pytest.raises(MedevalError, match=told):
        expand("set", tmp_path)
    assert expand("set/data/test*.jsonl", tmp_path) == paths


@pytest.fixture(scope="module")
def arrow():
    """Give pyarrow, which reads what Hugging Face's data sets are kept in."""
    return pytest.importorskip("pyarrow", reason="pip install 'pytest-medeval[parquet]' brings pyarrow")


def stored(arrow, path, form, records):
    """Write records in one of the three forms."""
    from pyarrow import parquet

    table = arrow.Table.from_pylist(records)
    if form == "parquet":
        parquet.write_table(table, path)
        return
    opened = arrow.ipc.new_stream if form == "stream" else arrow.ipc.new_file
    with opened(str(path), table.schema) as sink:
        sink.write_table(table)


@pytest.mark.parametrize("form", ["parquet", "stream", "file"])
def test_parquet_and_arrow(tmp_path, arrow, form):
    """Lists and structures inside cells are kept, numbers and dates are texts, NaN is nothing; the row is the line."""
    from datetime import date

    path = tmp_path / "x.json"  # the name decides nothing
    records = [
        {"q": "Why?", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "k": 1, "on": date(2020, 1, 2), "x": 1.5},
        {"q": "How?", "choices": {"text": ["c", "d"], "label": ["A", "B"]}, "k": 0, "on": None, "x": float("nan")},
    ]
    stored(arrow, path, form, records)
    columns = {"question": "q", "options": "choices", "answer": "k-0", "tags": ["on", "x"]}
    cases, skips = read_cases(path, MCQ(), columns=columns)
    assert [(case.answer, dict(case.tags), case.source.line) for case in cases] == [
        ("B", {"on": "2020-01-02", "x": "1.5"}, 1),
        ("A", {}, 2),
    ]
    assert skips == []
    with pytest.raises(MedevalError, match=r'keys q, choices, k, on, x; task mcq needs .* "options": "choices"'):
        read_cases(path, MCQ())


def test_published_layouts_in_parquet(tmp_path, arrow):
    """A copy of a published set is found by its columns, and a tuning file gives its texts."""
    medmcqa = [{"id": str(at), "question": f"q{at}", "opa": "a", "opb": "b", "opc": "c", "opd": "d", "cop": at}
               for at in range(3)]  # fmt: skip
    stored(arrow, tmp_path / "a.parquet", "parquet", medmcqa)
    assert [case.answer for case in read_cases(tmp_path / "a.parquet", MCQ())[0]] == ["A", "B", "C"]
    turns = [{"role": "user", "content": "I cough."}, {"role": "assistant", "content": "Rest."}]
    stored(arrow, tmp_path / "b.parquet", "parquet", [{"messages": turns}])
    assert read_cases(tmp_path / "b.parquet", Dialogue())[0][0].reference == "Rest."
    (tuned,) = read_tuning(tmp_path / "b.parquet")
    assert set(tuned.texts) == {"user", "I cough.", "assistant", "Rest."}


def mistake(path):
    """Give what is told of a file that cannot be read; nothing where it was read all the same."""
    try:
        read_cases(path, Dialogue(), columns={"input": "q", "reference": "a"})
    except MedevalError as told:
        return str(told).startswith(str(path))
    return ""


@pytest.mark.parametrize("form", ["parquet", "stream", "file"])
def test_spoiled_parquet_is_told(tmp_path, arrow, form):
    """A file that is cut off or overwritten ends in one line, whatever pyarrow raises."""
    path = tmp_path / "x.parquet"
    stored(arrow, path, form, [{"q": "Why?" * 50, "a": "Rest."}] * 20)
    sound = path.read_bytes()
    spoiled = [sound[:length] for length in (8, 60, len(sound) // 2, len(sound) - 3)]
    spoiled += [sound[:at] + b"\xff" * 9 + sound[at + 9 :] for at in range(10, len(sound) - 9, len(sound) // 9)]
    told = 0
    for data in spoiled:
        path.write_bytes(data)
        told += bool(mistake(path))
    assert told >= 4


def test_what_a_small_file_unpacks_to_is_bounded(tmp_path, arrow, monkeypatch):
    """Parquet keeps a text of many rows once; what comes out of it is bounded as any file is."""
    from pytest_medeval.core.files import parquet

    path = tmp_path / "x.parquet"
    stored(arrow, path, "parquet", [{"q": "x" * 10_000}] * 3000)
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(parquet, "LARGEST", 5_000_000)
    with pytest.raises(MedevalError, match="its rows are too large; accepted: at most 5000000 bytes"):
        list(files.rows(path))
    stored(arrow, path, "parquet", [{"q": {"n": [2**62]}}])
    with pytest.raises(MedevalError, match=r"x.parquet:1: q.n.0: a whole number of too many digits"):
        list(files.rows(path))


def test_without_pyarrow(tmp_path, monkeypatch):
    """The extra that brings it is named."""
    import sys

    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1....PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MedevalError, match=r"x.parquet: Parquet and Arrow need pyarrow; accepted: pip install"):
        read_cases(path, MCQ())
