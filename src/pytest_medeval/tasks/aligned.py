"""A reply laid on the gold findings of its case, and what does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pytest_medeval.tasks.findings import Parsed
from pytest_medeval.tasks.labels import Label, canonical_label, official_label
from pytest_medeval.tasks.synonyms import Canonicaliser


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
    gold: Sequence[str],
    pairs: Iterable[tuple[str, str]],
    read: Callable[[str], Label | None],
    meant: Mapping[str, str],
) -> Aligned:
    said: dict[str, list[Label]] = {}
    for finding, raw in pairs:
        label = read(raw)
        if label is not None:
            said.setdefault(meant.get(finding, finding), []).append(label)
    unlike = {name: len(set(labels)) for name, labels in said.items()}
    single: dict[str, Label] = {
        name: labels[0] if unlike[name] == 1 else "none" for name, labels in said.items()
    }
    return Aligned(
        labels={name: single.get(name, "none") for name in gold},
        invented={name: label for name, label in single.items() if name not in set(gold)},
        missing=tuple(name for name in gold if name not in said),
        conflicts=tuple(name for name in said if unlike[name] > 1),
        duplicates=tuple(name for name, labels in said.items() for _ in range(len(labels) - unlike[name])),
    )
