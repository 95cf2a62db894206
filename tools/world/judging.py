"""Examples for a judge: the prompts that Track B asks of a local judge, the known grade as the reply."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pytest_medeval.judges.rubric import DEFAULT_RUBRIC
from pytest_medeval.judges.styles.base import fence_code
from pytest_medeval.judges.styles.grades import LOCAL_DIGITS, local_check_request, local_pair_request, local_request
from pytest_medeval.training.examples import Example
from tools.world.facts import World
from tools.world.judged import WAYS, Judged, judged_replies

HARD = ("wrong_disease", "wrong_disease")
"""Drawn more often than among the labels: all else is learnt from fewer examples."""
GRADED_EVERY = 3
"""Of so many replies, one is also graded: grades follow from the check, and are learnt soon."""
PAIR_EVERY = 6
"""Of so many patients, the two replies of one are also compared, in both orders."""


def judge_examples(world: World, count: int, seed: int) -> list[Example]:
    """Make the examples of a judge: of each reply its check, of some by turns one grade, and some pairs."""
    pairs = judged_replies(world, "train", count, seed, WAYS + HARD)
    single = [one for pair in pairs for one in pair]
    return [
        *checked(single, seed),
        *_by_turns(graded(single[::GRADED_EVERY], seed)),
        *compared(pairs[::PAIR_EVERY], seed),
    ]


def _by_turns(examples: Iterable[Example]) -> Iterator[Example]:
    """Of the first reply keep the first dimension, of the second the second, and so on."""
    every = len(DEFAULT_RUBRIC.dimensions)
    for place, example in enumerate(examples):
        reply, dimension = divmod(place, every)
        if reply % every == dimension:
            yield example


def checked(replies: Sequence[Judged], seed: int) -> Iterator[Example]:
    """Ask what each reply says and lacks: what its grades are made of."""
    for one in replies:
        code = fence_code(seed, one.id, [one.input, one.reference, one.reply], digits=LOCAL_DIGITS)
        request = local_check_request(one.input, one.reference, one.reply, code=code)
        yield Example(request.messages, check_of(one))


def check_of(one: Judged) -> str:
    """Write the check that a judge who misses nothing would write.

    The two diseases stand first: copied side by side they can be compared, which a model of this size does not
    learn to do across a prompt.
    """
    lines = {"expected": one.disease, "named": one.named, **one.facts}
    return "\n".join(f"{name} {value}" for name, value in lines.items())


def graded(replies: Sequence[Judged], seed: int) -> Iterator[Example]:
    """Ask for each grade of each reply, after its check."""
    for one in replies:
        code = fence_code(seed, one.id, [one.input, one.reference, one.reply], digits=LOCAL_DIGITS)
        for dimension in DEFAULT_RUBRIC.dimensions:
            request = local_request(dimension, one.input, one.reference, one.reply, check_of(one), code=code)
            yield Example(request.messages, str(one.grades[dimension.name]))


def compared(pairs: Sequence[tuple[Judged, Judged]], seed: int) -> Iterator[Example]:
    """Ask in both orders which of two replies is better, where the sums of their grades differ."""
    for pair in pairs:
        first, second = sorted(pair, key=lambda one: -sum(one.grades.values()))
        if sum(first.grades.values()) == sum(second.grades.values()):
            continue
        code = fence_code(seed, first.id, [first.input, first.reply, second.reply], digits=LOCAL_DIGITS)
        for two, better in (((first, second), "A"), ((second, first), "B")):
            replies, checks = [one.reply for one in two], [check_of(one) for one in two]
            request = local_pair_request(first.input, first.reference, replies, checks, code=code)
            yield Example(request.messages, better)
