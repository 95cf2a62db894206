"""DXY: two lines, ``train@`` and ``test@``, each followed by a Python list literal (not JSON).

Symptoms of the patient's own report (``explicit_inform_slots``) and those asked later
(``implicit_inform_slots``) are both asked about: both can be read from the dialogue shown, and the first
are the only ones in natural words. Nearly all of the first are positive, so read macro-F1 and not
accuracy. The turns carry no speaker; they alternate, and the patient begins. ``consult_id`` occurs more
than once: the second one gets ``-2``, and equal ids share a group.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.door import read_text
from pytest_medeval.core.types import Record, Skip, Source

TASK = "polarity"
SUFFIX = ".txt"
SPLITS = ("train", "test")
SPEAKERS = ("患者：", "医生：")
SLOTS = ("explicit_inform_slots", "implicit_inform_slots")


def fits(path: Path) -> bool:
    """Say whether a text file begins with one of the splits."""
    return read_text(path).lstrip().startswith(tuple(f"{split}@" for split in SPLITS))


def read(path: Path) -> Iterator[Record | Skip]:
    """Yield one dialogue a record, tagged ``split`` and ``disease``; each split stands on one line."""
    seen: Counter[str] = Counter()
    for line, text in enumerate(read_text(path).split("\n"), start=1):
        if not text.strip():
            continue
        source = Source(str(path), line)
        split, mark, literal = text.partition("@")
        if not mark or split not in SPLITS:
            raise MedevalError(f"{source}: found {text[:20]!r}; accepted: 'train@[...]' or 'test@[...]'")
        for found in _list(source, literal):
            name = str(found.get("consult_id") or "dxy")
            seen[name] += 1
            again = f"-{seen[name]}" if seen[name] > 1 else ""
            yield _entry(source, split, name, name + again, found)


def _list(source: Source, literal: str) -> list[dict[str, object]]:
    try:
        found = ast.literal_eval(literal.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        told = str(error).splitlines()[0][:80]
        raise MedevalError(f"{source}: not a Python list literal: {told}; accepted: a list of dictionaries") from error
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise MedevalError(f"{source}: found {type(found).__name__}; accepted: a list of dictionaries")
    return found


def _entry(source: Source, split: str, group: str, name: str, found: Mapping[str, object]) -> Record | Skip:
    goal, turns = found.get("goal"), found.get("dialog")
    slots = [goal.get(key) for key in SLOTS] if isinstance(goal, dict) else []
    if not slots or not all(isinstance(slot, dict) for slot in slots):
        return Skip(source, "goal has no symptom slots")
    if not isinstance(turns, list) or not all(isinstance(turn, str) for turn in turns):
        return Skip(source, "dialog is no list of texts")
    states = [pair for slot in slots if slot for pair in slot.items()]
    if not states:
        return Skip(source, "no findings")
    if any(not isinstance(state, bool) for _, state in states):
        return Skip(source, "a symptom is neither True nor False")
    spoken = (f"{SPEAKERS[at % 2]}{turn.strip()}" for at, turn in enumerate(turns))
    return Record(
        source,
        {
            "id": name,
            "group": group,
            "dialogue": "\n".join(spoken),
            "findings": {finding: "positive" if state else "negative" for finding, state in states},
            "tags": {"split": split, "disease": str(found.get("disease_tag") or "unknown")},
        },
    )
