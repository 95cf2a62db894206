"""Reading ``finding: label`` lines."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.tasks.polarity import Parsed, align_raw, parse_findings
from pytest_medeval.tasks.reading.labels import canonical_label

DATA = Path(__file__).parents[3] / "../shared/data"
PAIR = ("咳嗽", "阳性")


@pytest.mark.parametrize(
    "line",
    [
        "咳嗽：阳性", "咳嗽:阳性", "咳嗽 ： 阳性", "1. 咳嗽：阳性", "1、咳嗽：阳性", "（1）咳嗽：阳性",
        "①咳嗽：阳性", "- 咳嗽：阳性",
        "* 咳嗽：阳性", "• 咳嗽：阳性", "**咳嗽**：阳性", "**咳嗽：**阳性", '"咳嗽": "阳性",', "`咳嗽`: 阳性",
        "  咳嗽：阳性；",
    ],
)  # fmt: skip
def test_forms_of_a_line(line: str):
    """Both colons, list markers, bold, quotes: the same pair, and in form."""
    assert parse_findings(line) == Parsed(pairs=(PAIR,), drift=(), lines=1)


def test_headings_rules_and_fences_say_nothing():
    """A heading before the first pair, blank lines, rules and code fences are not counted."""
    text = "上述对话中临床发现实体以及其阴阳性判别如下：\n\n```\n---\n咳嗽：阳性\n发热：阴性\n```\n"
    assert parse_findings(text) == Parsed(pairs=(PAIR, ("发热", "阴性")), drift=(), lines=2)


def test_long_labels_with_commas():
    """The sentences of PromptCBLUE, with 、 in them, are one label each."""
    text = (
        "量多：没有回答、不知道、回答不明确或者模棱两可不好推断\n腹泻：无实际意义的不标注或者和病人当前的状态独立不标注"
    )
    assert [canonical_label(raw) for _, raw in parse_findings(text).pairs] == ["uncertain", "none"]
    assert parse_findings(text).drift == ()


@pytest.mark.parametrize(
    "line",
    [
        "多喝水，注意休息。",
        "建议：多休息",
        "咳嗽",
        "咳嗽：严重",
        "咳嗽：",
        "阳性",
        "患者有咳嗽。结论：阳性",
        "| 咳嗽 | 阳性 |",
    ],
)
def test_drift(line: str):
    """Prose, unknown labels, a finding without a label: out of form, and no pair."""
    assert parse_findings("发热：阳性\n" + line) == Parsed((("发热", "阳性"),), (line,), 2)


def test_several_pairs_in_a_line_are_read_and_are_drift():
    """They were asked for one a line; what they say is clear all the same."""
    line = "咳嗽：阳性，发热：阴性；皮疹：不确定"
    parsed = parse_findings(line)
    assert parsed == Parsed((PAIR, ("发热", "阴性"), ("皮疹", "不确定")), (line,), 1)


def test_repeated_and_conflicting_lines_are_kept():
    """The parser judges nothing: repetitions and contradictions come through as written."""
    parsed = parse_findings("咳嗽：阳性\n咳嗽：阳性\n咳嗽：阴性")
    assert parsed.pairs == (PAIR, PAIR, ("咳嗽", "阴性"))


@pytest.mark.parametrize("text", ["", "\n \n", "多喝水", "。。。"])
def test_no_pair(text: str):
    """Silence and prose hold no pair."""
    assert parse_findings(text).pairs == ()


@pytest.mark.parametrize("folder", ["promptcblue_mdcfnpc", "promptcblue_imcs_sr"])
def test_published_targets_are_read_whole(folder: str):
    """Every line of PromptCBLUE's own targets is a pair; dev golds equal their structured form."""
    if not (DATA / folder).is_dir():
        pytest.skip(f"{DATA / folder} is missing")
    structured = json.loads((DATA / folder / "dev_structured.json").read_text(encoding="utf-8"))
    gold = {entry["sample_id"]: entry["answer"] for entry in next(iter(structured.values()))}
    for name in ("train.json", "dev.json"):
        for line in (DATA / folder / name).read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            parsed = parse_findings(entry["target"])
            assert parsed.drift == ()
            assert len(parsed.pairs) == entry["target"].count("\n")
            if entry["sample_id"] in gold:
                expected = [(item["entity"], item["attr"]) for item in gold[entry["sample_id"]]]
                assert list(parsed.pairs) == expected


PIECES = ["咳嗽", "：", ":", "阳性", "，", "\n", "1. ", "**", "没有", "。", "fever", " no"]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_gives_a_consistent_reading(text: str):
    """Known labels only, never more drift than lines, and plain JSON."""
    parsed = parse_findings(text)
    assert all(finding and canonical_label(raw) for finding, raw in parsed.pairs)
    assert len(parsed.drift) <= parsed.lines <= len(parsed.pairs) + len(parsed.drift)
    read_back = json.loads(json.dumps(asdict(parsed)))
    assert Parsed(**{key: _tuples(value) for key, value in read_back.items()}) == parsed


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


@settings(deadline=None)
@given(st.text(max_size=200))
def test_never_crashes(text: str):
    """Any text can be read."""
    assert parse_findings(text).lines >= 0


def test_a_reply_is_laid_on_the_gold_findings_as_written():
    """Findings verbatim and labels as offered: another wording is missing and invented, two labels are a conflict."""
    parsed = parse_findings("发热：阳性\n发烧：阳性\n咳嗽：有\n皮疹：阴性\n皮疹：阳性")
    found = align_raw(["发热", "咳嗽", "皮疹", "腹泻"], parsed)
    assert found.labels == {"发热": "positive", "咳嗽": "none", "皮疹": "none", "腹泻": "none"}
    assert (found.conflicts, list(found.invented)) == (("皮疹",), ["发烧"])
    assert "腹泻" in found.missing
