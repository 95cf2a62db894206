"""The four polarity labels, and the words by which models and data sets name them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

Label: TypeAlias = Literal["positive", "negative", "uncertain", "none"]
LABELS: tuple[Label, ...] = ("positive", "negative", "uncertain", "none")

OFFICIAL: Mapping[Label, tuple[str, ...]] = {
    "positive": ("positive", "阳性", "已有症状疾病或者假设未来可能发生的疾病等", "患有该症状"),
    "negative": ("negative", "阴性", "未患有症状疾病", "没有患有该症状"),
    "uncertain": (
        "uncertain",
        "不确定",
        "其他",
        "没有回答、不知道、回答不明确或者模棱两可不好推断",
        "无法根据上下文确定病人是否患有该症状",
    ),
    "none": ("none", "无意义", "不标注", "无实际意义的不标注或者和病人当前的状态独立不标注"),
}
"""The label words of the prompt, of CHIP-MDCFNPC, and the sentences that PromptCBLUE and IMCS-V2-SR put for
them."""

_ALSO: Mapping[Label, tuple[str, ...]] = {
    "positive": (
        "医生阳性", "陽性", "有", "是", "存在", "已有", "患有", "确诊", "肯定", "出现", "有症状", "pos", "present",
        "yes", "true", "affirmed", "confirmed", "+", "(+)",
    ),
    "negative": (
        "医生阴性", "陰性", "未患有该症状", "无", "没有", "否", "未见", "不存在", "未患有", "否定", "否认", "未出现",
        "无症状", "neg", "absent", "no", "false", "denied", "denies", "not present", "-", "(-)",
    ),
    "uncertain": (
        "其它", "未知", "不明确", "不知道", "不清楚", "不详", "无法确定", "不能确定", "无法判断", "无法推断", "可疑",
        "疑似", "待定", "可能", "没有回答", "模棱两可", "unknown", "unclear", "unsure", "possible", "possibly",
        "maybe", "not sure", "undetermined", "indeterminate", "equivocal", "other", "?", "cannot be determined",
        "cannot tell",
    ),
    "none": (
        "无实际意义", "无关", "不相关", "不适用", "not labelled", "not labeled", "irrelevant", "no meaning",
        "no practical meaning", "not applicable", "n/a",
    ),
}  # fmt: skip
LONGEST = 25
"""A known word is looked for inside a label of at most this many characters; longer ones are prose."""

_EDGE = " \t\r\n*_`\"'“”‘’。.,;:!、[]【】<>《》"
_BRACKETS = re.compile(r"\s*\([^()]*\)\s*\Z")
_NEGATED = re.compile(r"(?:[不未非没无否]|\b(?:not|no|non)[ -])\Z")


def _fold(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().strip(_EDGE)
    return re.sub(r"\s+", " ", folded)


def _table(words: Iterable[tuple[Label, tuple[str, ...]]]) -> dict[str, Label]:
    return {_fold(word): label for label, spellings in words for word in spellings}


_OFFICIAL = _table(OFFICIAL.items())
_EXACT = _OFFICIAL | _table(_ALSO.items())
_INSIDE = sorted((word for word in _EXACT if len(word) > 1 and word[0].isalpha()), key=len, reverse=True)
_PATTERNS = (rf"\b{re.escape(word)}\b" if word.isascii() else re.escape(word) for word in _INSIDE)
_WORD = re.compile("|".join(_PATTERNS))


def official_label(raw: str) -> Label | None:
    """Read a label that is written as a prompt offers it, apart from case and punctuation at its ends."""
    return _OFFICIAL.get(_fold(raw))


def canonical_label(raw: str) -> Label | None:
    """Read a label in any wording known: as it stands, without a bracketed remark, or inside a short phrase.

    Inside a phrase the longest words are found first, so that 没有患有该症状 is not taken for 患有该症状; a
    phrase with words of two labels, or with a negation before the word, names none.

    >>> [canonical_label(raw) for raw in ("没有患有该症状", "Present (twice)", "阳性或阴性", "非阳性")]
    ['negative', 'positive', None, None]
    """
    folded = _fold(raw)
    for text in (folded, _BRACKETS.sub("", folded)):
        if text in _EXACT:
            return _EXACT[text]
    head = re.split(r"[,;。(]|\. ", folded, maxsplit=1)[0].strip(_EDGE)
    if head in _EXACT:
        rest = {_EXACT[match.group()] for match in _WORD.finditer(folded[len(head) :])}
        return _EXACT[head] if rest <= {_EXACT[head]} else None
    if len(folded) > LONGEST:
        return None
    found = list(_WORD.finditer(folded))
    if any(_NEGATED.search(folded[: match.start()]) for match in found):
        return None
    labels = {_EXACT[match.group()] for match in found}
    return labels.pop() if len(labels) == 1 else None
