"""Polarity: is each finding of a dialogue present, absent, uncertain, or not about the patient."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Case, Message, Record, Reply, Request
from pytest_medeval.tasks.base import Keys, Sampled, take
from pytest_medeval.tasks.reading.labels import LABELS, Label, canonical_label, official_label
from pytest_medeval.tasks.reading.outcome import text_outcome
from pytest_medeval.tasks.reading.synonyms import SHIPPED, Canonicaliser, load_synonyms
from pytest_medeval.tasks.typed import NAME, TYPED, Ask, critical, listed, one_of, tags

# Reading ``finding: label`` lines from a reply.

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


# A reply laid on the gold findings of its case, and what does not fit.


@dataclass(frozen=True)
class Aligned:
    """What a reply says of each gold finding.

    ``labels``: gold finding -> label; ``none`` where the reply does not name it or contradicts itself about
    it. ``invented``: findings that the reply names and gold does not -> label, ``none`` where it contradicts
    itself. ``conflicts`` names the findings with two labels: which one is meant cannot be known, so neither
    counts. ``duplicates`` names a finding once for each line that repeats a label it has.
    """

    labels: Mapping[str, Label]
    invented: Mapping[str, Label]
    missing: tuple[str, ...]
    conflicts: tuple[str, ...]
    duplicates: tuple[str, ...]


def align(gold: Sequence[str], parsed: Parsed, table: Canonicaliser) -> Aligned:
    """Lay a reply on the gold findings, by any wording of labels and findings that is known."""
    names = list(dict.fromkeys(finding for finding, _ in parsed.pairs))
    return _lay(gold, parsed.pairs, canonical_label, table.align(names, gold))


def align_raw(gold: Sequence[str], parsed: Parsed) -> Aligned:
    """Lay a reply on the gold findings verbatim: findings as written, labels as offered."""
    return _lay(gold, parsed.pairs, official_label, {})


def _lay(
    gold: Sequence[str], pairs: Iterable[tuple[str, str]], read: Callable[[str], Label | None], meant: Mapping[str, str]
) -> Aligned:
    said: dict[str, list[Label]] = {}
    for finding, raw in pairs:
        label = read(raw)
        if label is not None:
            said.setdefault(meant.get(finding, finding), []).append(label)
    unlike = {name: len(set(labels)) for name, labels in said.items()}
    single: dict[str, Label] = {name: labels[0] if unlike[name] == 1 else "none" for name, labels in said.items()}
    return Aligned(
        labels={name: single.get(name, "none") for name in gold},
        invented={name: label for name, label in single.items() if name not in set(gold)},
        missing=tuple(name for name in gold if name not in said),
        conflicts=tuple(name for name in said if unlike[name] > 1),
        duplicates=tuple(name for name, labels in said.items() for _ in range(len(labels) - unlike[name])),
    )


SYSTEM = "你是一名医疗信息助手，负责判断对话中临床发现的阴阳性。"
ASK_GIVEN = "请判断对话中每个临床发现的阴阳性，每行写一个，格式为“临床发现：标签”。标签：阳性，阴性，不确定，无意义。"
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
    needs: ClassVar[tuple[str, ...]] = ("dialogue", "findings")
    keys: ClassVar[Keys] = Keys({"dialogue": str, "findings": dict}, {"prompt": str, "listed": bool})
    hub_type: ClassVar[str] = "token-classification"
    judged: ClassVar[bool] = False
    headline: ClassVar[str] = "micro_f1"
    metrics: ClassVar[tuple[str, ...]] = (
        "accuracy", "micro_precision", "micro_recall", "micro_f1", "macro_f1", "raw_accuracy",
        "raw_micro_precision", "raw_micro_recall", "raw_micro_f1", "raw_macro_f1", "pair_precision",
        "pair_recall", "pair_f1", "format_rate", "conflicts", "duplicates", "hallucinations", "missing", "cost",
    )  # fmt: skip
    synonyms: str | None = field(default=None, metadata={"file": True})
    costs: str | None = field(default=None, metadata={"file": True})
    max_new_tokens: int = 256

    def case(self, record: Record) -> PolarityCase:
        """Make a case of ``dialogue`` and ``findings`` (finding -> label), optionally ``prompt`` and ``listed``."""
        common = take(record, self.keys.required, self.keys.optional)
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

    def typed(self, text: str, ask: Ask) -> PolarityCase:
        """Ask for the findings of a dialogue; without any the model looks for them."""
        names = listed(ask("findings, separated by commas (empty: the model looks for them)"))
        return PolarityCase(
            id=NAME, source=TYPED, dialogue=text, findings=dict.fromkeys(names, "none"), listed=bool(names)
        )

    def kept(self, case: PolarityCase, ask: Ask, *, known: bool) -> dict[str, object] | None:
        """Ask for the label of each finding."""
        findings: dict[str, str] = {}
        for name in list(case.findings) or listed(ask("findings, separated by commas")):
            told = f"{name}: {', '.join(LABELS)}"
            label = one_of(ask, told, case.findings[name] if known else "", canonical_label)
            if not label:
                return None
            findings[name] = label
        if not findings:
            return None
        prompt = {"prompt": case.prompt} if case.prompt else {}
        open_ended = {} if case.listed else {"listed": False}
        fields = {"dialogue": case.dialogue, "findings": findings, **prompt, **open_ended}
        return fields | critical(ask) | tags(case)

    def correct(self, case: PolarityCase, reply: Reply) -> bool:
        """Demand the right label for every finding, after canonicalisation."""
        parsed = reply.prediction if isinstance(reply.prediction, Parsed) else Parsed()
        said = align(list(case.findings), parsed, load_synonyms(self.synonyms or SHIPPED))
        return all(said.labels[finding] == label for finding, label in case.findings.items())
