"""MIE (ACL 2020): dialogues as overlapping windows of five turns, each with the states of symptoms and tests.

One case a dialogue. Windows share four of five turns, so a case a window asks about the same sentence up
to five times, lets long dialogues weigh more, and needs 13 times as many questions for the same number of
independent dialogues. The dialogue is rebuilt from the last turn of each window. ``mie:windows`` reads a
case a window, grouped by dialogue, where the published window labels themselves are wanted.

Only symptoms are asked about: the state of a test or an operation says whether it was done or advised,
which is no finding. The state of a symptom in a dialogue is that of the last window that knows one (later
news replaces older; MIE's ``未知`` only says that it was mentioned). Within a window the doctor's word
stands above the patient's, and a patient who is cited with both yes and no is ``uncertain``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypedDict

from pytest_medeval.core.files.jsontext import Document, array, open_document
from pytest_medeval.core.types import Record, Skip, Source

TASK = "polarity"
KEYS = (frozenset({"utterances", "label"}),)
LABEL = re.compile(r"(症状|检查|手术|一般信息):(.+)-状态:(阳性|阴性|医生阳性|医生阴性|未知)", re.DOTALL)
SYMPTOM = "症状"
RANKS = (("医生阳性", "医生阴性"), ("阳性", "阴性"))
"""Who is believed first: the doctor, then the patient."""


class Window(TypedDict):
    """Five turns, and the states of what is spoken of in them."""

    utterances: list[str]
    label: list[str]


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one case a dialogue; ids count dialogues from 0."""
    document = open_document(path)
    for position, (at, windows) in enumerate(_dialogues(document)):
        turns = [window["utterances"][-1] for window in windows]
        yield _entry(Source(document.file, document.line(at)), f"mie-{position:04d}", turns, windows)


def read_windows(path: Path) -> Iterator[Record | Skip]:
    """Yield one case a window, grouped by dialogue; ids are ``mie-DIALOGUE-WINDOW``, both from 0."""
    document = open_document(path)
    for position, (at, windows) in enumerate(_dialogues(document)):
        group = f"mie-{position:04d}"
        starts = [start for start, _ in document.elements(at)]
        for number, (start, window) in enumerate(zip(starts, windows, strict=True)):
            source = Source(document.file, document.line(start))
            yield _entry(source, f"{group}-{number:02d}", window["utterances"], [window], group)


def _dialogues(document: Document) -> Iterator[tuple[int, list[Window]]]:
    for at, windows in array(document):
        if not isinstance(windows, list) or not windows or not all(map(_is_window, windows)):
            raise document.mistake(
                at, "not a dialogue; accepted: windows with 'utterances' and 'label', both lists of texts"
            )
        yield at, windows


def _is_window(window: object) -> bool:
    if not isinstance(window, dict):
        return False
    lists = [window.get("utterances"), window.get("label")]
    texts = all(isinstance(texts, list) and all(isinstance(text, str) for text in texts) for texts in lists)
    return texts and bool(lists[0])


def _entry(
    source: Source, name: str, turns: Sequence[str], windows: Sequence[Window], group: str | None = None
) -> Record | Skip:
    labels = [label for window in windows for label in window["label"]]
    if not labels:
        return Skip(source, "no label")
    if not all(map(LABEL.fullmatch, labels)):
        return Skip(source, "a label is not 'category:item-状态:state'")
    findings = _merged(map(_states, windows))
    if not findings:
        return Skip(source, "no symptom among the labels")
    fields = {"id": name, "dialogue": "\n".join(filter(None, turns)), "findings": findings}
    return Record(source, fields if group is None else {**fields, "group": group})


def _states(window: Window) -> dict[str, str]:
    """Give the label of each symptom in one window."""
    found: dict[str, set[str]] = {}
    for label in window["label"]:
        match = LABEL.fullmatch(label)
        if match is not None and match[1] == SYMPTOM:
            found.setdefault(match[2], set()).add(match[3])
    # the order of MIE's labels has no meaning; sorted, the same file gives the same prompt
    return {item: _label(found[item]) for item in sorted(found)}


def _label(states: set[str]) -> str:
    for yes, no in RANKS:
        if states & {yes, no}:
            return "uncertain" if {yes, no} <= states else "positive" if yes in states else "negative"
    return "uncertain"


def _merged(windows: Iterable[dict[str, str]]) -> dict[str, str]:
    """Let later windows replace earlier ones, unless they know nothing."""
    merged: dict[str, str] = {}
    for window in windows:
        for item, label in window.items():
            if label != "uncertain" or item not in merged:
                merged[item] = label
    return merged
