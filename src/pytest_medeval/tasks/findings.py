"""Reading ``finding: label`` lines from a reply."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pytest_medeval.tasks.labels import canonical_label

LONGEST = 80
"""A finding of more characters is prose."""

_MARKER = re.compile(r"\A\s*(?:[-*•·●]\s+|[(（]?\d{1,3}[.)、）．](?!\d)\s*|[①-⑳]\s*)")
_BOLD = re.compile(r"\*\*|__|`")
_EDGE = " \t\r\n\"'“”‘’{}[]【】,，;；"
_SENTENCE = re.compile(r"[。！？!?]|\. ")
_COLON = re.compile("[：:]")


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reply holds: the pairs (finding, label) as written, and the lines that are in no such form.

    ``lines`` counts the lines that say something, but for a heading; a line of several pairs is read and is
    drift too.
    """

    pairs: tuple[tuple[str, str], ...] = ()
    drift: tuple[str, ...] = ()
    lines: int = 0


def parse_findings(text: str) -> Parsed:
    r"""Read the lines ``finding: label`` of a reply; a line counts only when its label is a known one.

    Either colon separates; list markers, bold and quotes fall away. A line that ends in a colon is a heading
    as long as no pair has come, and lines without a letter or digit (rules, code fences) say nothing.

    >>> parse_findings("结果如下：\n1. **咳嗽**：阳性\n- 发热: 没有\n多喝水。")
    Parsed(pairs=(('咳嗽', '阳性'), ('发热', '没有')), drift=('多喝水。',), lines=3)
    """
    pairs: list[tuple[str, str]] = []
    drift: list[str] = []
    lines = 0
    for line in text.splitlines():
        if not any(character.isalnum() for character in line) or line.strip().startswith("```"):
            continue
        plain = _BOLD.sub("", _MARKER.sub("", line)).strip()
        if not pairs and plain.endswith(("：", ":")):
            continue
        lines += 1
        found = _several(plain) or tuple(_single(plain))
        pairs += found
        if len(found) != 1:
            drift.append(line.strip())
    return Parsed(tuple(pairs), tuple(drift), lines)


def _single(line: str) -> Iterator[tuple[str, str]]:
    """Give the pair of the first colon that has a finding before it and a known label behind it."""
    for colon in _COLON.finditer(line):
        finding, label = line[: colon.start()].strip(_EDGE), line[colon.end() :].strip(_EDGE)
        if finding and len(finding) <= LONGEST and not _SENTENCE.search(finding) and canonical_label(label):
            yield finding, label
            return


def _several(line: str) -> tuple[tuple[str, str], ...]:
    """Give the pairs of a line such as ``咳嗽：阳性，发热：阴性``; nothing unless each part is one pair."""
    if len(_COLON.findall(line)) < 2:  # noqa: PLR2004 - one colon is one pair
        return ()
    parts = [part for part in re.split(r"[，,；;、]", line) if part.strip()]
    read = [pair for part in parts if len(_COLON.findall(part)) == 1 for pair in _single(part)]
    return tuple(read) if len(read) == len(parts) > 1 else ()
