"""The words for polarity labels."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.tasks.reading.labels import LABELS, OFFICIAL, canonical_label, official_label

WORDINGS = {
    "positive": [
        "阳性", "阳性。", "**阳性**", "医生阳性", "有", "存在", "患有该症状",
        "已有症状疾病或者假设未来可能发生的疾病等",
        "判断为阳性", "阳性（患者自述）", "阳性，患者提到", "Positive", "present", "Yes", "true",
        "present (twice)", "+", "阳性，" + "患者提到这几天都有一点" * 5,
    ],
    "negative": [
        "阴性", "没有", "无", "否", "未患有症状疾病", "没有患有该症状", "未患有该症状", "医生阴性",
        "标签：阴性",
        "negative", "Absent.", "no", "not present", "denied", "-",
    ],
    "uncertain": [
        "不确定", "未知", "其他", "不清楚", "没有回答、不知道、回答不明确或者模棱两可不好推断",
        "无法根据上下文确定病人是否患有该症状", "uncertain", "Unknown", "not sure", "maybe", "?", "？",
    ],
    "none": [
        "无意义", "不标注", "无实际意义", "无实际意义的不标注或者和病人当前的状态独立不标注", "none",
        "not applicable", "N/A",
    ],
}  # fmt: skip

UNKNOWN = [
    "", " ", "严重", "3天", "阳性或阴性", "非阳性", "不阳性", "未确诊", "yes and no", "not positive",
    "non-positive", "无力", "有痰",
    "患者自述这几天都有一点咳嗽但是不太严重而且没有发烧医生认为是阳性",
    "present in the morning, absent at night",
]  # fmt: skip


@pytest.mark.parametrize(("raw", "label"), [(raw, label) for label, raws in WORDINGS.items() for raw in raws])
def test_wordings(raw: str, label: str):
    """Each known wording, in either language and with ornaments, gives its label."""
    assert canonical_label(raw) == label


@pytest.mark.parametrize("raw", UNKNOWN)
def test_unknown(raw: str):
    """What is no label, two labels, or a negated one is not read."""
    assert canonical_label(raw) is None


def test_official_words_are_a_part_of_the_known():
    """The strict reading accepts the offered words only."""
    for label, words in OFFICIAL.items():
        assert {read(word) for word in words for read in (official_label, canonical_label)} == {label}
    assert [official_label(raw) for raw in ("有", "present", "判断为阳性")] == [None, None, None]
    assert [official_label(raw) for raw in ("阳性。", "Positive")] == ["positive", "positive"]


@settings(deadline=None)
@given(st.text(max_size=60))
def test_never_crashes(raw: str):
    """Any text gives one of four labels or None."""
    assert canonical_label(raw) in {None, *LABELS}
    assert official_label(raw) in {None, canonical_label(raw)}
