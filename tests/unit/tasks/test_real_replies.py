"""Reading letters from real replies of GPT-3.5 and GPT-4 (MIRAGE), with the counts of their SOURCE.md."""

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from pytest_medeval.tasks.reading.letters import read

DATA = Path(__file__).parents[3] / "../shared/data"
COUNTS = {
    "medqa_cot_gpt-35-turbo-16k": {"plain": 233, "letter and text": 61, "other": 2, "broken": 3, "empty": 1},
    "medqa_cot_gpt-4-32k": {"plain": 37, "letter and text": 260, "other": 2, "API error": 1},
    "medmcqa_cot_gpt-35-turbo-16k": {"plain": 100, "letter and text": 93, "other": 51, "broken": 2, "empty": 4},
    "pubmedqa_cot_gpt-35-turbo-16k": {"plain": 49, "letter and text": 51},
}
BROKEN = {
    "test_0059.json": "C",
    "test_0074.json": "C",
    "test_0255.json": "C",
    "dev_80066b5e-d621-4912-b7fd-f1e867a9c8d4.json": "C",
    "dev_e6ba5355-f5fe-4095-9b21-1bf140122c8f.json": None,  # "None of the above (E)"
}

TWO = {"dev_360f90ec-189e-464a-a60d-ed9d9bda46ef.json"}
"""Two options with their texts: ``A. 0.5-1 kg or B. 1.5-2.5 kg``."""


@cache
def _options_of_medmcqa() -> dict[str, dict[str, str]]:
    lines = (DATA / "medmcqa/dev.json").read_text(encoding="utf-8").splitlines()
    entries = map(json.loads, lines)
    return {entry["id"]: {letter: entry["op" + letter.lower()] for letter in "ABCD"} for entry in entries}


@cache
def _options_of_medqa() -> list[dict[str, str]]:
    lines = (DATA / "medqa/phrases_no_exclude_test.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["options"] for line in lines]


def _options(name: str, file: str) -> dict[str, str]:
    identity = file.partition("_")[2].removesuffix(".json")
    if name.startswith("medqa"):
        return _options_of_medqa()[int(identity)]
    if name.startswith("medmcqa"):
        return _options_of_medmcqa()[identity]
    return {"A": "yes", "B": "no", "C": "maybe"}


def _kind(reply: str) -> tuple[str, str | None]:
    """Sort a reply by hand-made rules that share nothing with the reader: its class and the letter in it."""
    if not reply.strip():
        return "empty", None
    if not reply.startswith("{"):
        return "API error", None
    try:
        choice = json.loads(reply).get("answer_choice", "")
    except ValueError:
        return "broken", None
    if re.fullmatch("[A-D]", choice):
        return "plain", choice
    return ("letter and text", choice[0]) if re.match(r"[A-D]\. ", choice) else ("other", None)


@pytest.mark.parametrize("name", COUNTS)
def test_every_reply_of_a_model(name: str):
    """Letters, with text or without, are read; "A/B", "None of the above", refusals and errors are not."""
    file = DATA / f"mcq_replies/{name}.jsonl"
    if not file.is_file():
        pytest.skip(f"{file.parent} is missing")
    counts: Counter[str] = Counter()
    for line in file.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        reply = entry["prediction"][0] if entry["prediction"] else ""
        kind, letter = _kind(reply)
        counts[kind] += 1
        if kind == "broken":
            letter = BROKEN[entry["file"]]
        if entry["file"] in TWO:
            letter = None
        assert read(reply, _options(name, entry["file"])).letter == letter, (entry["file"], reply[-80:])
    assert counts == COUNTS[name]
