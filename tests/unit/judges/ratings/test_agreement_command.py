"""``python -m pytest_medeval agreement``: what a user types, sees, and gets wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pytest_medeval.__main__ import main

LEVELS = (1, 2, 3, 4, 5)


@pytest.fixture
def files(tmp_path):
    """Write labels of two people and scores of two judges: one agrees, one gives 3 to everything."""
    people, good, flat = [], [], []
    for index in range(40):
        grade = LEVELS[index % 5]
        about = {"item": f"r{index}", "dimension": "accuracy", "cluster": f"case{index // 2}"}
        people += [{**about, "rater": "dr1", "score": grade}, {**about, "rater": "dr2", "score": LEVELS[index % 4]}]
        wrote = {"system": "candidate" if index % 2 else "baseline"} if index else {}
        good.append({**about, **wrote, "rater": "good", "score": LEVELS[min(4, index % 5 + (index % 7 == 0))]})
        flat.append({**about, "rater": "flat", "score": 3})
    good[0]["score"] = None
    flat[1]["item"] = "unknown"
    for name, entries in (("people", people), ("good", good), ("flat", flat)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries), "utf-8")
    return tmp_path


def run(capsys, *arguments):
    """Run the command in this process: exit code, lines of stdout, lines of stderr."""
    code = main(["agreement", "--resamples", "200", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err.splitlines()


def test_table(files, capsys):
    """Both judges, the people and what was left out are in a table of at most 100 columns."""
    code, lines, errors = run(
        capsys, "--human", files / "people.jsonl", "--judge", files / "good.jsonl", files / "flat.jsonl"
    )
    text = "\n".join(lines)
    assert (code, errors) == (0, [])
    assert max(map(len, lines)) <= 100
    for part in (
        "people  people.jsonl: 80 scores of 40 replies by 2 raters",
        "judge good against people",
        "judge flat against people",
        "  admissible, lower end of quadratic kappa or alpha at least 0.40: accuracy 0.",
        "  advisory, lower end of quadratic kappa or alpha below 0.40: accuracy ",
        "  refused with as many labels, a judge of this true agreement: accuracy ",
        "  labels of 60 clusters are asked for: accuracy 20",
        "  bias by system, accuracy: baseline ",
        "  Spearman: undefined: the scores do not vary",
        "people among themselves",
        "judges among themselves (panel)",
        "      1  not rated: good.jsonl:1 (r0 accuracy: None)",
        "      1  people gave no score for this reply: flat.jsonl:2 (unknown)",
        "      1  good gave no score for this reply: people.jsonl:1 (r0)",
    ):
        assert part in text


def test_json_says_the_same(files, capsys):
    """``--json`` is one object, without NaN, with reasons where the table has a dash."""
    arguments = ("--human", files / "people.jsonl", "--judge", files / "good.jsonl", "--judge", files / "flat.jsonl")
    code, lines, _ = run(capsys, *arguments, "--json", "--seed", "3", "--floor", "0.99")
    record = json.loads("\n".join(lines), parse_constant=lambda name: pytest.fail(f"{name} in JSON"))
    good, flat = record["agreement"]
    assert code == 0
    assert record["settings"] == {"floor": 0.99, "seed": 3, "resamples": 200}
    assert (good["judge"], good["n"], good["clusters"]) == ("good", 39, 20)
    assert not good["admissible"]
    assert good["refused"] > 0.5
    assert flat["statistics"]["spearman"] == {
        "value": None,
        "low": None,
        "high": None,
        "reason": "undefined: the scores do not vary",
    }
    assert {entry["reason"]: entry["count"] for entry in record["left_out"]}["not rated"] == 1
    assert record["people"][0]["raters"] == ["dr1", "dr2"]


def test_same_seed_same_output(files, capsys):
    """Two runs give the same bytes; another seed moves an interval."""
    arguments = ("--human", files / "people.jsonl", "--judge", files / "good.jsonl", "--json")
    runs = [run(capsys, *arguments, "--seed", seed)[1] for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_dimension_chooses(files, capsys):
    """``--dimension`` keeps one; an unknown one is named with what there is."""
    arguments = ("--human", files / "people.jsonl", "--judge", files / "good.jsonl", "--dimension")
    assert run(capsys, *arguments, "accuracy")[0] == 0
    code, _, errors = run(capsys, *arguments, "acuracy")
    assert code == 2
    assert errors == ["medeval: unknown dimension 'acuracy' (did you mean 'accuracy'?); accepted: accuracy"]


MISTAKES = [
    ((), "nothing to compare; give --human FILE, --judge FILE, or both"),
    (("--human", "none.jsonl"), "none.jsonl: cannot be read: no such file"),
    (("--judge", "good.jsonl"), "one judge alone cannot be compared"),
    (("--human", "good.jsonl"), "good.jsonl: one rater alone cannot be compared"),
    (("--human", "people.jsonl", "--judge", "people.csv"), "people.csv: no reply joins people.jsonl"),
    (("--human", "people.jsonl", "--judge", "good.jsonl", "good2.jsonl"), "judge 'good' is in good.jsonl as well"),
    (("--human", "people.jsonl", "--judge", "medieval.json"), "medieval.json: no reply joins"),
    (("--human", "medieval.json"), "medieval.json: holds a judge's scores; give it as --judge"),
    (("--human", "people.jsonl", "--judge", "bench.jsonl"), "bench.jsonl: brings its own label; leave --human out"),
    (("--judge", "bench.jsonl", "--dimension", "x"), "decisions on pairs have no dimensions"),
    (("--human", "people.jsonl", "--format", "exel"), "unknown rating format 'exel'"),
    (("--human", "people.jsonl", "--format", "germediq"), "people.jsonl:2: no column id"),
    (("--human", "people.jsonl", "--scale", "5:1"), "found '5:1'; accepted: LOW:HIGH or LOW:HIGH:STEP"),
    (("--human", "people.jsonl", "--scale", "0:1:0.3"), "found '0:1:0.3'"),
    (("--human", "people.jsonl", "--scale", "nan:5"), "found 'nan:5'"),
    (("--human", "people.jsonl", "--scale", "1:5:1:2"), "found '1:5:1:2'"),
    (("--human", "people.jsonl", "--scale", "yes,no,Yes"), "or names that differ, such as yes,no"),
    (
        ("--human", "people.jsonl", "--scale", "yes,no"),
        "people.jsonl:1: no score could be read (label is none of yes, no",
    ),
    (("--human", "people.jsonl", "--floor", "2"), "found '2'; accepted: a number from 0 to 1"),
    (("--human", "people.jsonl", "--floor", "nan"), "found 'nan'"),
    (("--human", "people.jsonl", "--seed", "-1"), "found '-1'; accepted: a whole number, 0 or more"),
    (("--human", "people.jsonl", "--resamples", "5"), "found '5'; accepted: a whole number, 100 or more"),
    (("--humans", "people.jsonl"), "unrecognized arguments: --humans"),
    (("--judge",), "expected at least one argument"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=lambda value: " ".join(value) or "nothing")
def test_a_mistake_is_one_line_and_exit_code_2(files, monkeypatch, capsys, arguments, message):
    """Each mistake says in one line what was found; nothing is printed on stdout."""
    monkeypatch.chdir(files)
    (files / "people.csv").write_text("item,score\nx,1\n", "utf-8")
    (files / "good2.jsonl").write_text('{"item": "r1", "score": 2, "rater": "good"}', "utf-8")
    (files / "medieval.json").write_text('{"case": {"A-B": 5}}', "utf-8")
    bench = {
        "pair_id": "p",
        "original_id": 1,
        "label": "A>B",
        "response_A": "a",
        "response_B": "b",
        "judgments": [{"decision": "A>B"}, {"decision": "B>A"}],
    }
    (files / "bench.jsonl").write_text(json.dumps(bench), "utf-8")
    code = main(["agreement", *arguments])
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert message in captured.err
    assert captured.err.startswith("medeval: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        ([], 2, "medeval: no command; "),
        (["agrement"], 2, "medeval: unknown command 'agrement' (did you mean 'agreement'?); accepted: "),
        (["--help"], 0, "medeval (python -m pytest_medeval) COMMAND"),
    ],
)
def test_dispatcher(capsys, arguments, code, line):
    """No command and an unknown one are a line and exit code 2; ``--help`` lists the commands."""
    assert main(arguments) == code
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert text.startswith(line)
    assert "agreement" in text
    assert text.count("\n") == 1


def test_as_a_program_needs_no_model(files):
    """The command imports neither torch nor pytest nor what is slow to import."""
    probe = (
        "import sys; from pytest_medeval.__main__ import main; "
        f"code = main(['agreement', '--human', r'{files / 'people.jsonl'}', '--resamples', '100']); "
        "sys.exit(code or bool({'torch', 'pytest', 'scipy.stats', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "people among themselves" in done.stdout


def test_a_reader_that_leaves_is_no_error(files):
    """Piped into something that reads nothing, the command ends quietly."""
    command = [sys.executable, "-m", "pytest_medeval", "agreement", "--human", str(files / "people.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0
