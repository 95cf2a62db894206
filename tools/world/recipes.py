"""What the shipped recipes name as their data: functions of the world's facts. None gives a held-out case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_medeval.training.data import Passage
from pytest_medeval.training.examples import Example
from tools.world import load_world, records
from tools.world.judging import judge_examples
from tools.world.text.mix import documents


def dialogue(source: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Make dialogues."""
    return records(load_world(source), "dialogue", "train", count, seed)


def mcq(source: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Make exam questions."""
    return records(load_world(source), "mcq", "train", count, seed)


def polarity(source: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Make dialogues of named findings."""
    return records(load_world(source), "polarity", "train", count, seed)


def judge(source: Path, count: int, seed: int) -> list[Example]:
    """Make the examples of a judge, on ``count`` patients with two replies each."""
    return judge_examples(load_world(source), count, seed)


def text(source: Path, mixture: Mapping[str, float], seed: int) -> Iterator[Passage]:
    """Make general text without end."""
    return documents(load_world(source), mixture, seed)


def words(source: Path) -> list[str]:
    """Name the findings in Chinese, each of which the tokenizer keeps whole."""
    return [finding.zh for finding in load_world(source).findings.values()]
