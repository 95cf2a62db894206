"""Few-shot examples: which ones stand before a case, and as which turns of its prompt."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, TypeAlias, TypeVar, cast, get_args

from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.types import Case, FloatArray, Message, Request
from pytest_medeval.core.words import folded, words
from pytest_medeval.tasks.base import Exemplary, Task, Trainable

C = TypeVar("C", bound=Case)
By: TypeAlias = Literal["seed", "similarity"]

_CELLS = 2_000_000
"""Similarities that are held in memory at once."""
_DIGITS = 9
"""Similarities that agree so far are ties: their last bits hang on the order of summation."""


@dataclass(frozen=True, kw_only=True)
class Shots:
    """Examples of a suite, each shown as a turn of the user and the reply that is wanted.

    ``by="seed"``: ``pool`` holds the ``count`` examples that stand before every case, in their order.
    ``by="similarity"``: it holds all usable ones in the order of the file, and each case gets its nearest.
    ``usable``, ``asked``, ``repeated``: records of ``source`` that could be drawn, that were left out
    because the suite asks them, and that were left out because an earlier one asks the same.
    """

    count: int
    by: By
    source: str
    pool: tuple[Case, ...]
    usable: int
    asked: int = 0
    repeated: int = 0

    def turns(self, task: Task, cases: Sequence[Case]) -> list[tuple[Message, ...]]:
        """Give the turns that stand before each case.

        Nearest examples stand in the order of the file and not of their similarity: cases that share
        examples then share the beginning of their prompts, which is computed once.
        """
        trainable = cast("Trainable", task)  # as ``check_shots`` has seen
        shown = [example(trainable, case) for case in self.pool]
        if self.by == "seed":
            return [tuple(turn for pair in shown for turn in pair)] * len(cases)
        texts = [trainable.question(case) for case in self.pool]
        near = nearest(texts, [trainable.question(case) for case in cases], self.count)
        return [tuple(turn for index in chosen for turn in shown[index]) for chosen in near]


def check_shots(count: object, file: object, by: object, task: Task) -> tuple[int, str, By, Exemplary]:
    """Check what a suite says of its examples, and its task; ``MedevalError`` names what is accepted."""
    if not isinstance(count, int) or isinstance(count, bool) or count < 1 or not isinstance(file, str):
        raise MedevalError(
            f"shots is {count!r} and shots_from is {file!r}; accepted: a whole number, 1 or more, and a file"
        )
    if by not in get_args(By):
        raise MedevalError(accepted("shots_by", by, get_args(By)))
    if not isinstance(task, Exemplary):
        raise MedevalError(f"task {task.name!r} has no 'question' and 'target', of which examples are made")
    return count, file, cast("By", by), task


def usable(candidates: Sequence[C], cases: Sequence[Case], task: Exemplary) -> tuple[list[C], int, int]:
    """Leave out what the suite itself asks, and what an earlier candidate asks; count both.

    Judged by the question's normalised text (NFKC, letter case, punctuation and blanks do not count), never
    by id: the same question with its options in another order is the same question.
    """
    asked = {plain(task.question(case)) for case in cases}
    first: dict[str, C] = {}
    for case in candidates:
        first.setdefault(plain(task.question(case)), case)
    kept = [case for text, case in first.items() if text not in asked]
    overlapping = sum(plain(task.question(case)) in asked for case in candidates)
    return kept, overlapping, len(candidates) - overlapping - len(kept)


def draw(pool: Sequence[C], count: int, seed: int, task: Exemplary) -> tuple[C, ...]:
    """Draw ``count`` examples by seed and content: a new record replaces one of them at the most."""

    def place(case: Case) -> str:
        return hashlib.sha256(f"{seed}:{plain(task.question(case))}".encode("utf-8", "surrogatepass")).hexdigest()

    return tuple(sorted(pool, key=place)[:count])


def example(task: Trainable, case: Case) -> tuple[Message, ...]:
    """Give an example's turns: the question as it is asked, the reply that is wanted."""
    asked = (turn for turn in task.request(case).messages if turn.role != "system")
    return (*asked, Message("assistant", task.target(case)))


def with_turns(request: Request, turns: tuple[Message, ...]) -> Request:
    """Put examples behind a request's system turn, before the case's own turns."""
    head = [turn for turn in request.messages if turn.role == "system"]
    return replace(request, messages=(*head, *turns, *request.messages[len(head) :]))


def plain(text: str) -> str:
    """Reduce a text to its words.

    >>> plain("Which  drug, FIRST?") == plain("which drug first")
    True
    """
    return " ".join(words(folded(text)))


def nearest(pool: Sequence[str], texts: Sequence[str], count: int) -> list[list[int]]:
    """Give, for each text, the indices of its ``count`` nearest in ``pool``, in ascending order.

    Cosine similarity of TF-IDF vectors (scikit-learn, sublinear term frequency, document frequencies of the
    pool) over words and pairs of words; scripts without blanks by characters. Of equally near ones the earlier is
    taken.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer=_terms, sublinear_tf=True)
    kept = vectorizer.fit_transform(pool)
    step = max(1, _CELLS // len(pool))
    found: list[list[int]] = []
    for start in range(0, len(texts), step):
        similar = (vectorizer.transform(texts[start : start + step]) @ kept.T).toarray().round(_DIGITS)
        found += [_highest(row, count) for row in similar]
    return found


def _terms(text: str) -> list[str]:
    words = plain(text).split() or [text]
    return words + [f"{one} {two}" for one, two in pairwise(words)]


def _highest(row: FloatArray, count: int) -> list[int]:
    import numpy as np

    near = np.flatnonzero(row >= np.partition(row, -count)[-count])
    return sorted(near[np.argsort(-row[near], kind="stable")[:count]].tolist())
