"""PromptCBLUE's two polarity tasks, CHIP-MDCFNPC and IMCS-V2-SR: one object a line, prompt and target.

The published ``input`` is asked as it is; the dialogue is cut out of it for display. The target's first
line is a heading, then follows one ``finding：label`` a line. Labels are sentences that hold the list
separators themselves, so a line is read from its end: it ends in a known label or the record is skipped.
A finding given twice with the same label counts once (sets, not multisets); with two labels the record
has no single right answer and is skipped. In CHIP-MDCFNPC the prompt names the findings, in IMCS-V2-SR
they have to be found (``listed`` false).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pytest_medeval.core.files.rows import rows
from pytest_medeval.core.types import Record, Skip, Source

TASK = "polarity"
KEYS = (frozenset({"input", "target", "task_dataset"}),)
LABELS = {
    "CHIP-MDCFNPC": {
        "已有症状疾病或者假设未来可能发生的疾病等": "positive",
        "未患有症状疾病": "negative",
        "没有回答、不知道、回答不明确或者模棱两可不好推断": "uncertain",
        "无实际意义的不标注或者和病人当前的状态独立不标注": "none",
    },
    "IMCS-V2-SR": {
        "患有该症状": "positive",
        "没有患有该症状": "negative",
        "无法根据上下文确定病人是否患有该症状": "uncertain",
    },
}
COLON = "："
SPEAKERS = ("患者：", "医生：")
PARTS = ("对话历史：", "当前对话：")


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one prompt a record; records of PromptCBLUE's other tasks are skipped, each counted."""
    for position, (line, found) in enumerate(rows(path)):
        source = Source(str(path), line)
        name = found.get("task_dataset")
        if not isinstance(name, str) or name not in LABELS:
            yield Skip(source, f"not a polarity task: {name}")
            continue
        findings = _findings(found.get("target"), LABELS[name])
        if isinstance(findings, str):
            yield Skip(source, findings)
            continue
        prompt = found.get("input")
        yield Record(
            source,
            {
                "id": found.get("sample_id") or f"promptcblue-{position:04d}",
                "prompt": prompt,
                "dialogue": _dialogue(prompt) if isinstance(prompt, str) else prompt,
                "findings": findings,
                "listed": name == "CHIP-MDCFNPC",
                "tags": {"dataset": name},
            },
        )


def _findings(target: object, labels: dict[str, str]) -> dict[str, str] | str:
    """Give finding -> label, or the reason why there is none."""
    if not isinstance(target, str) or not target.strip():
        return "blank target"
    lines = [line.strip() for line in target.splitlines() if line.strip()]
    if lines[0].endswith(COLON):
        del lines[0]
    findings: dict[str, str] = {}
    for line in lines:
        finding, _, raw = (part.strip() for part in line.rpartition(COLON))
        if not finding or raw not in labels:
            return "a line of the target is not 'finding：label' with a label of the task"
        if findings.setdefault(finding, labels[raw]) != labels[raw]:
            return "one finding has two labels"
    return findings or "no findings in the target"


def _dialogue(prompt: str) -> str:
    """Cut the turns, with the headings of history and current turn, out of a prompt."""
    lines = prompt.splitlines()
    marked = [at for at, line in enumerate(lines) if line.startswith(SPEAKERS + PARTS)]
    return "\n".join(lines[marked[0] : marked[-1] + 1]) if marked else prompt
