"""The four published sets, end to end: what is used and left out, and numbers made by other programs.

The expected numbers come from a second, plain reading of the files with the csv and json modules,
scikit-learn 1.9, scipy 1.17 and krippendorff 0.9; nothing of the package is used for them.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from itertools import combinations
from pathlib import Path

import krippendorff
import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import balanced_accuracy_score, cohen_kappa_score, f1_score, recall_score

from pytest_medeval.__main__ import main
from pytest_medeval.judges.ratings import read_ratings
from pytest_medeval.judges.ratings.consistency import hardly_vary

DATA = Path(__file__).parents[5] / "shared" / "data" / "judge_human"
KQA = DATA.parent / "kqa" / "NLI_medical_annotator.csv"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="needs the folder ../shared/data/judge_human")

ATTRIBUTES = ("Guidance", "Informativeness", "Relevance", "Safety", "Empathy", "Helpfulness", "Understanding")
MEDIEVAL_JUDGES = ("Gemini2F", "chatgpt_4o", "deepseek_671", "qwen_max_2025")
MENTALALIGN_JUDGES = ("claude", "gemini", "gpt-4o", "o4-mini")


def record(capsys, *arguments):
    """Run the command with ``--json`` and few resamples; give its record."""
    assert main(["agreement", "--json", "--resamples", "100", *map(str, arguments)]) == 0
    return json.loads(capsys.readouterr().out)


def left(found):
    """Add up what was left out by reason."""
    total = Counter()
    for entry in found["left_out"]:
        total[entry["reason"]] += entry["count"]
    return total


def expected(human, judge, steps, low, step):
    """Compute all statistics with other programs."""
    codes = [[math.floor((score - low) / step + 0.5) for score in side] for side in (human, judge)]
    kappas = {
        name: cohen_kappa_score(*codes, labels=range(steps), weights=weights)
        for name, weights in (("kappa", None), ("kappa_linear", "linear"), ("kappa_quadratic", "quadratic"))
    }
    return {
        **kappas,
        "alpha": krippendorff.alpha(codes, level_of_measurement="ordinal", value_domain=range(steps)),
        "spearman": scipy.stats.spearmanr(human, judge).statistic,
        "tau_b": scipy.stats.kendalltau(human, judge).statistic,
        "bias": np.mean(np.array(judge) - np.array(human)),
        "percent_agreement": np.mean(np.array(codes[0]) == np.array(codes[1])),
    }


def check(entry, human, judge, *, steps, low, step):
    """Compare one judge and dimension with the other programs to 1e-9; every interval holds its value."""
    assert entry["n"] == len(human)
    for name, number in expected(human, judge, steps, low, step).items():
        found = entry["statistics"][name]
        assert found["value"] == pytest.approx(number, abs=1e-9), name
        assert found["low"] <= found["value"] <= found["high"], name


def medieval(judge):
    """Pair Medieval's people and one judge by plain dictionaries: means, scores, cases."""
    people = json.loads((DATA / "medieval" / "scores-to-be-released.clean.json").read_text("utf-8"))
    scores = json.loads((DATA / "medieval" / f"{judge}.rate.json").read_text("utf-8"))
    human, given, cases = [], [], set()
    for case, replies in scores.items():
        for reply, score in replies.items():
            strengths = [one["strength"] for one in people.get(case, {}).get(reply, [])]
            strengths = [strength for strength in strengths if strength is not None]
            if strengths:
                human.append(sum(strengths) / len(strengths))
                given.append(float(score))
                cases.add(case)
    return human, given, cases


def test_medieval(capsys):
    """Four judges and 36 clinicians: numbers, and ids that the judge misspelt are listed."""
    folder = DATA / "medieval"
    found = record(
        capsys,
        "--human",
        folder / "scores-to-be-released.clean.json",
        "--judge",
        *(folder / f"{judge}.rate.json" for judge in MEDIEVAL_JUDGES),
    )
    assert [entry["judge"] for entry in found["agreement"]] == list(MEDIEVAL_JUDGES)
    assert [entry["n"] for entry in found["agreement"]] == [2349, 2366, 2364, 2366]
    for entry in found["agreement"]:
        human, judge, cases = medieval(entry["judge"])
        check(entry, human, judge, steps=21, low=0, step=0.5)
        assert entry["clusters"] == len(cases) == 338
        assert not entry["admissible"]
    reasons = left(found)
    assert reasons["strength is null"] == 1
    assert reasons["people gave no score for this reply"] == 3
    assert reasons["Gemini2F gave no score for this reply"] == 87


def test_medieval_names_who_wrote_each_reply(capsys):
    """GPT-4o likes CG4L's answers by 0.92 points more than G2FT's: counted again by plain dictionaries."""
    folder = DATA / "medieval"
    paths = folder / "scores-to-be-released.clean.json", folder / "chatgpt_4o.rate.json"
    (entry,) = record(capsys, "--human", paths[0], "--judge", paths[1])["agreement"]
    people, scores = (json.loads(path.read_text("utf-8")) for path in paths)
    residuals = {}
    for case, replies in scores.items():
        for reply, score in replies.items():
            given = [one["strength"] for one in people[case].get(reply, []) if one["strength"] is not None]
            if given:
                residuals.setdefault(reply.rpartition("-")[2], []).append(score - np.mean(given))
    assert {name: one["value"] for name, one in entry["systems"].items()} == pytest.approx(
        {name: np.mean(own) for name, own in residuals.items()}, abs=1e-9
    )
    (gap,) = [one["estimate"] for one in entry["gaps"] if (one["first"], one["second"]) == ("CG4L", "G2FT")]
    assert gap["value"] == pytest.approx(0.92, abs=0.005)
    assert 0.6 < gap["low"] < gap["high"] < 1.2


def test_medieval_people_among_themselves(capsys):
    """Alpha of two to five clinicians a reply is krippendorff's."""
    path = DATA / "medieval" / "scores-to-be-released.clean.json"
    found = record(capsys, "--human", path, "--dimension", "strength")
    replies = [reply for case in json.loads(path.read_text("utf-8")).values() for reply in case.values()]
    counts = np.zeros((len(replies), 21))
    for row, ratings in enumerate(replies):
        for one in ratings:
            if one["strength"] is not None:
                counts[row, round(one["strength"] * 2)] += 1
    alpha = krippendorff.alpha(value_counts=counts, level_of_measurement="ordinal")
    (people,) = found["people"]
    assert people["alpha"]["value"] == pytest.approx(alpha, abs=1e-9)
    assert len(people["raters"]) == 36


def mentalalign_rows(name):
    """Read one MentalAlign table: conversation -> context, reply columns without their prefix."""
    with (DATA / "mentalalign" / name).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    strip = re.compile(r"^\s*(human|judge)_response_")
    return {row["ConvID"]: {strip.sub("", key): value for key, value in row.items()} for row in rows}


def mentalalign_grades(cell):
    """Take what lies between the first and the last brace as JSON; nothing where that fails."""
    try:
        return json.loads(cell[cell.index("{") : cell.rindex("}") + 1])
    except ValueError:
        return {}


def mentalalign(judge, attribute):
    """Pair the expert and one judge on one attribute, where conversations really are the same."""
    people, given = mentalalign_rows("Human_judge.csv"), mentalalign_rows(f"{judge}_llm_judge.csv")
    human, scores = [], []
    for conversation, row in given.items():
        if people[conversation]["context"] != row["context"]:
            continue
        for model in row.keys() - {"ConvID", "context"}:
            pair = [mentalalign_grades(rows[conversation][model]).get(attribute) for rows in (people, given)]
            if all(isinstance(grade, int) and 1 <= grade <= 5 for grade in pair):
                human.append(pair[0])
                scores.append(pair[1])
    return human, scores


@pytest.mark.parametrize("judge", MENTALALIGN_JUDGES)
def test_mentalalign(capsys, judge):
    """Seven attributes of each judge; the ten shifted conversations are left out with 700 scores."""
    folder = DATA / "mentalalign"
    found = record(capsys, "--human", folder / "Human_judge.csv", "--judge", folder / f"{judge}_llm_judge.csv")
    assert [entry["dimension"] for entry in found["agreement"]] == list(ATTRIBUTES)
    for entry in found["agreement"]:
        check(entry, *mentalalign(judge, entry["dimension"]), steps=5, low=1, step=1)
        assert entry["clusters"] == 44
    reasons = left(found)
    assert reasons["the two files differ in what was rated"] == 700
    assert reasons["grade is null"] == 4
    assert reasons["grade is not on the scale 1 to 5"] == 1
    unreadable = sum(count for reason, count in reasons.items() if reason.startswith("unreadable reply"))
    assert unreadable == {"claude": 2, "gemini": 1, "gpt-4o": 0, "o4-mini": 1}[judge]
    assert reasons["empty cell"] == {"gemini": 5}.get(judge, 3)


def test_mentalalign_shifted_rows_are_real_ones(capsys):
    """The pairs left out are those of conversations 501 to 510, and no others."""
    folder = DATA / "mentalalign"
    people, given = mentalalign_rows("Human_judge.csv"), mentalalign_rows("claude_llm_judge.csv")
    shifted = [name for name in given if people[name]["context"] != given[name]["context"]]
    assert shifted == [str(number) for number in range(501, 511)]
    found = record(capsys, "--human", folder / "Human_judge.csv", "--judge", folder / "claude_llm_judge.csv")
    (entry,) = [one for one in found["left_out"] if one["reason"] == "the two files differ in what was rated"]
    assert entry["examples"][0]["detail"].startswith("501/")


def test_germediq(capsys):
    """Two raters a row in two groups: alpha over all 115 rows is krippendorff's."""
    found = record(capsys, "--human", DATA / "germediq" / "Human-Judgments.csv")
    with (DATA / "germediq" / "Human-Judgments.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    columns = ("rating1a", "rating1b", "rating2a", "rating2b")
    data = [[float(row[column] or "nan") for row in rows] for column in columns]
    (people,) = found["people"]
    alpha = krippendorff.alpha(data, level_of_measurement="ordinal")
    assert people["alpha"]["value"] == pytest.approx(alpha, abs=1e-9)
    assert (people["items"], people["scores"]) == (115, 230)
    assert found["left_out"] == []
    assert [pair["raters"] for pair in found["rater_pairs"]] == [
        "rating1b against rating1a",
        "rating2b against rating2a",
    ]
    for pair, group in zip(found["rater_pairs"], (columns[:2], columns[2:]), strict=True):
        sides = [[float(row[column]) for row in rows if row[column]] for column in group]
        check(pair, *sides, steps=5, low=1, step=1)


@pytest.mark.skipif(not KQA.is_file(), reason="needs the folder ../shared/data/kqa")
def test_physicians_labels_are_nominal(capsys, tmp_path):
    """Kappa without weights, nominal alpha, recall of each label: those of scikit-learn and krippendorff."""
    with KQA.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("Entailment", "Neutral", "Contradiction")
    raters = [[names.index(row[f"label_{rater}"]) for row in rows] for rater in range(3)]
    found = record(capsys, "--human", KQA)
    (people,) = found["people"]
    alpha = krippendorff.alpha(raters, level_of_measurement="nominal", value_domain=range(3))
    assert people["alpha"]["value"] == pytest.approx(alpha, abs=1e-9) == pytest.approx(0.70, abs=0.005)
    both = [[one for pair in combinations(raters, 2) for one in pair[turn]] for turn in (0, 1)]
    swapped = [both[0] + both[1], both[1] + both[0]]
    assert people["macro_f1"]["value"] == pytest.approx(f1_score(*swapped, average="macro"), abs=1e-9)
    for pair, (first, second) in zip(found["rater_pairs"], combinations(raters, 2), strict=True):
        told = {name: one["value"] for name, one in pair["statistics"].items()}
        assert (pair["n"], pair["clusters"]) == (len(rows), len({row["Question"] for row in rows}))
        assert told == pytest.approx(
            {
                "kappa": cohen_kappa_score(first, second),
                "alpha": krippendorff.alpha([first, second], level_of_measurement="nominal", value_domain=range(3)),
                "percent_agreement": np.mean(np.array(first) == np.array(second)),
                "balanced_accuracy": balanced_accuracy_score(first, second),
                "macro_f1": f1_score(first, second, average="macro"),
                **dict(
                    zip((f"recall of {name}" for name in names), recall_score(first, second, average=None), strict=True)
                ),
            },
            abs=1e-9,
        )
    judge = [{"item": row[""], "dimension": "entailment", "score": row["label_0"].upper()} for row in rows]
    (tmp_path / "judge.jsonl").write_text("\n".join(map(json.dumps, judge)), "utf-8")
    scale = ",".join(names)
    found = record(capsys, "--human", KQA, "--judge", tmp_path / "judge.jsonl", "--scale", scale)
    (entry,) = found["agreement"]
    both = [(names.index(row["majority_label"]), said) for row, said in zip(rows, raters[0], strict=True) if len(
        {row[f"label_{rater}"] for rater in range(3)}) < 3]  # fmt: skip
    assert entry["n"] == len(both) == len(rows) - left(found)["as many people gave one label as another"]
    assert entry["statistics"]["kappa"]["value"] == pytest.approx(cohen_kappa_score(*zip(*both, strict=True)), abs=1e-9)
    assert (entry["admissible"], entry["gaps"]) == (True, [])
    of_bard = [row for row in rows if row["llm_x"] == "bard" and len({row[f"label_{rater}"] for rater in range(3)}) < 3]
    more = np.mean([(row["label_0"] == names[0]) * 1.0 - (row["majority_label"] == names[0]) for row in of_bard])
    assert entry["systems"]["bard"]["value"] == pytest.approx(more, abs=1e-9)
    assert entry["reason"].startswith("lower end of kappa 0.")


@pytest.mark.parametrize(
    ("human", "judges"),
    [
        ("medieval/scores-to-be-released.clean.json", "medieval/*.rate.json"),
        ("mentalalign/Human_judge.csv", "mentalalign/*_llm_judge.csv"),
        ("germediq/Human-Judgments.csv", None),
        (None, "judgebench/*.jsonl"),
        ("../kqa/NLI_medical_annotator.csv", None),
    ],
)
def test_tables_fit(capsys, human, judges):
    """Each set's table keeps to 100 columns, names every judge and says what was left out."""
    paths = sorted(DATA.glob(judges)) if judges else []
    arguments = ["--human", str(DATA / human)] if human else []
    arguments += ["--judge", *map(str, paths)] if paths else []
    assert main(["agreement", "--resamples", "100", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith("judge   ") for line in lines) == len(paths)
    assert sum(line.startswith("left out") for line in lines) == 1
    gaps = {"medieval": 21, "mentalalign": 45}.get(str(human).partition("/")[0])
    told = [line for line in lines if "between systems: " in line]
    assert all(line.startswith(f"  largest of {gaps} gaps between systems: ") for line in told)
    assert bool(told) is bool(gaps)


def test_no_published_judge_is_called_useless():
    """Grades of eight language models vary, of GPT-4o on Medieval least (0.096 of the scale)."""
    for path in [*(DATA / "medieval").glob("*.rate.json"), *(DATA / "mentalalign").glob("*_llm_judge.csv")]:
        found = read_ratings(path)
        for name in {one.dimension for one in found.ratings}:
            grades = [one.score for one in found.ratings if one.dimension == name]
            assert hardly_vary({name: grades}, found.scales[name]) == "", (path.name, name)
            assert hardly_vary({name: [one / 8 for one in grades]}, found.scales[name]), (path.name, name)


def test_judgebench(capsys):
    """Accuracy and position consistency, counted again from the raw decisions."""
    paths = sorted((DATA / "judgebench").glob("*.jsonl"))
    found = record(capsys, "--judge", *paths)
    assert [entry["pairs"] for entry in found["judge_files"]] == [16, 17, 17]
    for path, audited in zip(paths, found["positions"].values(), strict=True):
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        said = [[one["decision"] for one in line["judgments"]] for line in lines]
        swapped = [(first, {"A>B": "B>A", "B>A": "A>B"}.get(second, second)) for first, second in said]
        right = [
            Counter(pair)[line["label"]] > len({"A>B", "B>A"} & set(pair) - {line["label"]})
            for line, pair in zip(lines, swapped, strict=True)
        ]
        assert audited["accuracy"]["count"] == sum(right)
        assert audited["consistent"]["count"] == sum(first == second for first, second in swapped)
        assert audited["flipped"]["count"] == sum(first == second != "A=B" for first, second in said)
    assert {name: audited["flipped"]["count"] for name, audited in found["positions"].items()} == {
        "claude-3-haiku-20240307": 3,
        "o1-mini-2024-09-12": 4,
        "Skywork/Skywork-Reward-Llama-3.1-8B": 0,
    }
