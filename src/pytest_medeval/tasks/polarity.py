"""Polarity: is each finding of a dialogue present, absent, uncertain, or not about the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pytest_medeval.errors import MedevalError
from pytest_medeval.tasks.aligned import align
from pytest_medeval.tasks.base import take
from pytest_medeval.tasks.findings import Parsed, parse_findings
from pytest_medeval.tasks.labels import LABELS, Label
from pytest_medeval.tasks.outcome import text_outcome
from pytest_medeval.tasks.sampling import Sampled
from pytest_medeval.tasks.synonyms import SHIPPED, load_synonyms
from pytest_medeval.types import Answer, Case, Message, Record, Reply, Request

__all__ = ["LABELS", "Label", "Polarity", "PolarityCase"]

SYSTEM = "你是一名医疗信息助手，负责判断对话中临床发现的阴阳性。"
ASK_GIVEN = (
    "请判断对话中每个临床发现的阴阳性，每行写一个，格式为“临床发现：标签”。标签：阳性，阴性，不确定，无意义。"
)
ASK_OPEN = "请找出对话中的临床发现并判断阴阳性，每行写一个，格式为“临床发现：标签”。标签：阳性，阴性，不确定，无意义。"
WORDS: Mapping[Label, str] = {"positive": "阳性", "negative": "阴性", "uncertain": "不确定", "none": "无意义"}
"""The label words that the prompt offers."""


@dataclass(frozen=True, kw_only=True)
class PolarityCase(Case):
    """A dialogue and the gold label of each finding.

    ``prompt`` replaces the task's own question where a published record brings a whole prompt;
    ``listed`` says whether the findings are named in the question or have to be found.
    """

    dialogue: str
    findings: Mapping[str, Label]
    prompt: str = ""
    listed: bool = True


@dataclass(frozen=True, kw_only=True)
class Polarity(Sampled):
    """Options of a polarity suite.

    ``synonyms``: a TOML file that replaces the shipped table of finding groups; ``costs``: a TOML file that replaces
    the costs of wrong labels in the metric ``cost``. Both are found beside the suite, else from the folder in which
    pytest runs.
    """

    name: ClassVar[str] = "polarity"
    judged: ClassVar[bool] = False
    headline: ClassVar[str] = "micro_f1"
    metrics: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "micro_precision",
        "micro_recall",
        "micro_f1",
        "macro_f1",
        "raw_accuracy",
        "raw_micro_precision",
        "raw_micro_recall",
        "raw_micro_f1",
        "raw_macro_f1",
        "pair_precision",
        "pair_recall",
        "pair_f1",
        "format_rate",
        "conflicts",
        "duplicates",
        "hallucinations",
        "missing",
        "cost",
    )
    synonyms: str | None = field(default=None, metadata={"file": True})
    costs: str | None = field(default=None, metadata={"file": True})
    max_new_tokens: int = 256

    def case(self, record: Record) -> PolarityCase:
        """Make a case of ``dialogue`` and ``findings`` (finding -> label), optionally ``prompt`` and ``listed``."""
        common = take(record, {"dialogue": str, "findings": dict}, {"prompt": str, "listed": bool})
        findings = record.fields["findings"]
        if not findings:
            raise MedevalError(f"{record.source}: 'findings' is empty")
        for finding, label in findings.items():
            if label not in LABELS:
                raise MedevalError(
                    f"{record.source}: label {label!r} of finding {finding!r}; accepted: {', '.join(LABELS)}"
                )
        return PolarityCase(
            **common,
            source=record.source,
            dialogue=record.fields["dialogue"].strip(),
            findings={str(finding).strip(): label for finding, label in findings.items()},
            prompt=(record.fields.get("prompt") or "").strip(),
            listed=record.fields.get("listed", True),
        )

    def request(self, case: PolarityCase) -> Request:
        """Ask in S3's form: dialogue, findings, one ``finding: label`` a line as the reply."""
        question = case.prompt
        if not question and case.listed:
            question = f"{ASK_GIVEN}\n对话：\n{case.dialogue}\n临床发现：{'，'.join(case.findings)}"
        elif not question:
            question = f"{ASK_OPEN}\n对话：\n{case.dialogue}"
        messages = (Message("system", SYSTEM), Message("user", question))
        return self.reply_request(Request(messages, max_new_tokens=self.max_new_tokens))

    def read(self, case: PolarityCase, answer: Answer) -> Reply:  # noqa: ARG002 - the task protocol
        """Read ``finding: label`` lines; prose without a single such line is no answer."""
        parsed: Parsed = parse_findings(answer.text)
        outcome = text_outcome(answer)
        if not parsed.pairs and outcome == "answered":
            outcome = "no_answer"
        return Reply(answer.text.strip(), outcome, prediction=parsed, detail=answer.error)

    def question(self, case: PolarityCase) -> str:
        """Give the dialogue."""
        return case.dialogue

    def target(self, case: PolarityCase) -> str:
        """Write one ``finding: label`` a line, in the words of the prompt."""
        return "\n".join(f"{finding}：{WORDS[label]}" for finding, label in case.findings.items())

    def gold(self, case: PolarityCase) -> dict[str, Label]:
        """Give the label of each finding."""
        return dict(case.findings)

    def correct(self, case: PolarityCase, reply: Reply) -> bool:
        """Demand the right label for every finding, after canonicalisation."""
        parsed = reply.prediction if isinstance(reply.prediction, Parsed) else Parsed()
        said = align(list(case.findings), parsed, load_synonyms(self.synonyms or SHIPPED))
        return all(said.labels[finding] == label for finding, label in case.findings.items())
