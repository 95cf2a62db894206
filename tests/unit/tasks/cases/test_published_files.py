"""Every published file that has one of the formats, read whole: counts as its source note gives them."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases import FORMATS, detect, read_cases

DATA = Path(__file__).parents[5] / "shared" / "data"

FILES = [
    ("genmedgpt5k/chatdoctor5k.json", "genmedgpt", 2000, {}),
    ("medqa/phrases_no_exclude_test.jsonl", "medqa", 637, {}),
    ("medmcqa/dev.json", "medmcqa", 1997, {"gold text stands under two letters": 3}),
    ("mmlu_med/anatomy_test.csv", "mmlu", 68, {}),
    ("mmlu_med/clinical_knowledge_test.csv", "mmlu", 133, {}),
    ("mmlu_med/college_biology_test.csv", "mmlu", 72, {}),
    ("mmlu_med/college_medicine_test.csv", "mmlu", 87, {}),
    ("mmlu_med/medical_genetics_test.csv", "mmlu", 50, {}),
    ("mmlu_med/professional_medicine_test.csv", "mmlu", 136, {}),
    ("pubmedqa/test_set.json", "pubmedqa", 250, {}),
    ("promptcblue_mdcfnpc/dev.json", "promptcblue", 3, {}),
    ("promptcblue_mdcfnpc/train.json", "promptcblue", 2, {}),
    ("promptcblue_mdcfnpc/test.json", "promptcblue", 0, {"blank target": 3}),
    ("promptcblue_imcs_sr/dev.json", "promptcblue", 3, {}),
    ("promptcblue_imcs_sr/train.json", "promptcblue", 2, {}),
    ("promptcblue_imcs_sr/test.json", "promptcblue", 0, {"blank target": 3}),
    ("mie/dev.json", "mie", 60, {}),
    ("mie/dev.json", "mie:windows", 757, {"no label": 137, "no symptom among the labels": 76}),
    ("dxy_symptom/dxy_dialog_data_dialog_v2.txt", "dxy", 266, {"no findings": 2}),
    ("medcalc/test_data.csv", "medcalc", 200, {}),
    ("medec/MEDEC-MS-TestSet-with-GroundTruth-and-ErrorType.csv", "medec", 200, {}),
    ("healthbench/healthbench.jsonl", "healthbench", 122, {}),
    ("kqa/questions_w_answers.jsonl", "kqa", 101, {}),
    ("med_safety_bench/med_safety_demonstrations_category_1.csv", "medsafety", 12, {}),
    ("aci_bench/clinicalnlp_taskB_test1.csv", "aci", 20, {}),
]


def published(name: str) -> Path:
    """Give a published file, or skip the test where the folder is absent."""
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"no published data: {path} is missing")
    return path


def cases_of(name: str, form: str):
    """Read a published file with its task's default options."""
    return read_cases(published(name), TASKS.resolve(FORMATS.module(form).TASK)(), form)


@pytest.mark.parametrize(("name", "form", "usable", "reasons"), FILES, ids=[f"{f[1]}-{f[0]}" for f in FILES])
def test_whole_file(name, form, usable, reasons):
    """Usable cases and skipped records add up, ids are unique, each case points at a line of the file."""
    cases, skips = cases_of(name, form)
    assert len(cases) == usable
    assert Counter(skip.reason for skip in skips) == reasons
    assert len({case.id for case in cases}) == usable
    last = published(name).read_bytes().count(b"\n") + 1
    assert all(1 <= entry.source.line <= last for entry in [*cases, *skips])


@pytest.mark.parametrize(("name", "form"), [f[:2] for f in FILES if ":" not in f[1]])
def test_format_is_found(name, form):
    """The format of a published file is found from its suffix and keys."""
    assert detect(published(name)) == form


@pytest.mark.parametrize("name", ["promptcblue_mdcfnpc/dev_structured.json", "promptcblue_imcs_sr/dev_structured.json"])
def test_structured_golds_are_no_cases(name):
    """The golds without prompts are refused with the keys that were found."""
    path = published(name)
    with pytest.raises(Exception, match=r"first record has the keys (CHIP-MDCFNPC|IMCS-V2-SR); known formats:"):
        detect(path)


@pytest.mark.parametrize("name", ["medqa/phrases_no_exclude_test.jsonl", "medmcqa/dev.json"])
def test_lines_hold_the_question(name):
    """The line that a case points at is the line its question was read from."""
    cases, _ = cases_of(name, detect(published(name)))
    lines = published(name).read_text(encoding="utf-8").split("\n")
    for case in cases:
        assert json.loads(lines[case.source.line - 1])["question"].strip() == case.question


def test_medqa_gold_letters():
    """MedQA's gold letters are counted as its source note says."""
    cases, _ = cases_of("medqa/phrases_no_exclude_test.jsonl", "medqa")
    assert Counter(case.answer for case in cases) == {"A": 180, "B": 150, "C": 170, "D": 137}
    assert (cases[0].id, cases[-1].id) == ("medqa-0000", "medqa-0636")


def test_medmcqa_gold_letters():
    """Read from 1, MedMCQA's golds are 637, 525, 445 and 393, the three skipped ones among them."""
    cases, skips = cases_of("medmcqa/dev.json", "medmcqa")
    lines = published("medmcqa/dev.json").read_text(encoding="utf-8").split("\n")
    skipped = ["ABCD"[json.loads(lines[skip.source.line - 1])["cop"] - 1] for skip in skips]
    golds = Counter([case.answer for case in cases] + skipped)
    assert golds == {"A": 637, "B": 525, "C": 445, "D": 393}
    assert len({case.tags["subject"] for case in cases}) == 20


def test_medmcqa_explanations_agree():
    """Where an explanation opens with a letter, it is the letter that counting from 1 gives."""
    from pytest_medeval.tasks.cases.formats.exams.medmcqa import LETTER

    lines = published("medmcqa/dev.json").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    shown = [
        (match[1].upper(), "ABCD"[record["cop"] - 1])
        for record in found
        if (match := LETTER.match(record["exp"] or ""))
    ]
    assert len(shown) > 400
    assert all(letter == gold for letter, gold in shown)


def test_pubmedqa_decisions():
    """PubMedQA has 138 yes, 85 no, 27 maybe; the conclusion of the abstract is never shown."""
    cases, _ = cases_of("pubmedqa/test_set.json", "pubmedqa")
    assert Counter(case.options[case.answer] for case in cases) == {"yes": 138, "no": 85, "maybe": 27}
    raw = json.loads(published("pubmedqa/test_set.json").read_text(encoding="utf-8"))
    task = TASKS.resolve("mcq")()
    for case in cases:
        asked = task.request(case).messages[-1].content
        assert raw[case.id]["CONTEXTS"][0].strip() in asked
        assert raw[case.id]["LONG_ANSWER"] not in asked


def test_mie_windows_and_labels():
    """The 970 windows are 757 cases and 213 skipped ones, in 60 groups; dialogues show every turn once."""
    windows, skips = cases_of("mie/dev.json", "mie:windows")
    assert len(windows) + len(skips) == 970
    assert len({case.group for case in windows}) == 60
    dialogues, _ = cases_of("mie/dev.json", "mie")
    assert sum(len(case.dialogue.split("\n")) for case in dialogues) == 970
    assert all(case.dialogue.startswith(("患者:", "医生:")) for case in dialogues)


def test_dxy_splits_and_states():
    """DXY gives both splits, 7 repeated consult ids, and all 1,137 positive and 126 negative slots."""
    cases, skips = cases_of("dxy_symptom/dxy_dialog_data_dialog_v2.txt", "dxy")
    split = Counter(case.tags["split"] for case in cases) + Counter(
        "train" if skip.source.line == 1 else "test" for skip in skips
    )
    assert split == {"train": 214, "test": 54}
    assert sum(case.id != case.group for case in cases) == 7
    labels = Counter(label for case in cases for label in case.findings.values())
    assert labels == {"positive": 822 + 315, "negative": 1 + 125}


def test_promptcblue_agrees_with_its_structured_form():
    """The findings read from the targets are those of the structured golds, as sets."""
    from pytest_medeval.tasks.cases.formats.promptcblue import LABELS

    for folder, name in (("promptcblue_mdcfnpc", "CHIP-MDCFNPC"), ("promptcblue_imcs_sr", "IMCS-V2-SR")):
        cases, _ = cases_of(f"{folder}/dev.json", "promptcblue")
        golds = json.loads(published(f"{folder}/dev_structured.json").read_text(encoding="utf-8"))[name]
        expected = {g["sample_id"]: {a["entity"]: LABELS[name][a["attr"]] for a in g["answer"]} for g in golds}
        assert {case.id: dict(case.findings) for case in cases} == expected


def test_every_format_is_tried():
    """No format of the table but our own, and those that many files have, goes without a published file."""
    tried = {form for _, form, _, _ in FILES} | {"native", "medmcqa:0", "medmcqa:1", "openai", "sharegpt"}
    assert set(FORMATS) == tried


def test_medcalc_units_types_and_groups():
    """Every calculator has its unit and type; rows of one note are one group, as 196 notes of 200 rows."""
    cases, _ = cases_of("medcalc/test_data.csv", "medcalc")
    assert len({case.group for case in cases}) == len({case.note for case in cases}) == 196
    assert len({case.tags["calculator"] for case in cases}) == 55
    assert Counter(case.tags["type"] for case in cases) == {"rule": 76, "equation": 124}
    kinds = Counter(case.answer.count("-") == 2 or "weeks" in case.answer for case in cases)
    assert kinds[True] == 12
    named = Counter(case.unit for case in cases if case.unit)
    assert named["mL/min"] == 3
    assert (named["%"], named["msec"], named["liters"], named["m^2"]) == (1, 19, 4, 4)


def test_medec_sentences_are_the_published_ones():
    """The wrong sentence is the one of the published number, also where others are cut; types as published."""
    name = "medec/MEDEC-MS-TestSet-with-GroundTruth-and-ErrorType.csv"
    cases, _ = cases_of(name, "medec")
    with published(name).open(newline="", encoding="utf-8-sig") as file:
        rows = {row["Text ID"]: row for row in csv.DictReader(file)}
    for case in cases:
        row = rows[case.id]
        if case.error is not None:
            assert case.sentences[case.error] == " ".join(row["Error Sentence"].split())
        assert "".join("".join(case.sentences).split()) == "".join(row["Text"].split())
    found = Counter(case.tags["error_type"] for case in cases)
    assert found == {"none": 110, "management": 51, "diagnosis": 31, "causalOrganism": 8}
