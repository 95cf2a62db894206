"""Few-shot examples are computed once: in token ids they are one shared beginning of all prompts of a suite."""

from __future__ import annotations

import pytest

from pytest_medeval.core.types import Source
from pytest_medeval.models.local.choices import GROUP_COST
from pytest_medeval.models.local.model import load_prompter
from pytest_medeval.models.local.tree import shared_prefixes
from pytest_medeval.tasks.cases.shots import Shots, with_turns
from pytest_medeval.tasks.mcq import MCQ, MCQCase

OPTIONS = {"A": "aspirin", "B": "heparin", "C": "warfarin", "D": "insulin"}


def cases(kind: str, count: int) -> list[MCQCase]:
    """Make questions."""
    return [
        MCQCase(
            id=str(at), source=Source("made"), question=f"{kind} {at}: which drug first?", options=OPTIONS, answer="B"
        )
        for at in range(count)
    ]


@pytest.mark.parametrize("template", [None, "chat"])
@pytest.mark.parametrize("rotations", [False, True])
def test_examples_are_one_shared_beginning(make_model, template, rotations):
    """With and without a chat template, in one order or all, no token of the examples is computed twice."""
    prompter = load_prompter(make_model("llama", template=None) if template is None else make_model("llama"))
    task, asked = MCQ(rotations=rotations), cases("Case", 6)
    shots = Shots(count=5, by="seed", source="train", pool=tuple(cases("Example", 5)), usable=5)
    requests = [
        with_turns(request, turns)
        for case, turns in zip(asked, shots.turns(task, asked), strict=True)
        for request in task.requests(case)
    ]
    prompts = [prompter.encode(request).ids for request in requests]
    (group,) = shared_prefixes([ids[:-1] for ids in prompts], cost=GROUP_COST)
    assert group.members == tuple(range(len(requests)))
    shown = prompter.decode(prompts[0][: group.shared])
    assert shown.count("which drug first?") == 5
    assert shown.rstrip().endswith("Case")
