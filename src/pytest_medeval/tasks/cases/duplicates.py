"""Which of some texts stand, whole or nearly so, among many others? Character n-grams, compared as they are.

The one rule for near-duplicates: of suites in tuning data (leakage), and of held-out cases in training texts.

Texts are compared without case, width, blanks, punctuation and single Latin letters (the A, B, C of options).
A gram is eight bytes, where an ASCII character counts one byte and any other two: eight letters, or four
Chinese characters. It fills one machine word, so no gram is hashed and no two are mistaken for one another.

The similarity is containment: the share of a text's distinct grams that stand in the other one, |G(a) & G(b)|
/ |G(a)| (Broder 1997). Unlike Jaccard's it does not fall when the other text goes on (an answer, an
explanation). Candidates come from an index of each text's rarer half of grams, by the prefix filter of
Chaudhuri, Ganti and Kaushik (2006): a pair that shares ``least`` of all grams shares at least
``least - 0.5`` of all among that half, so the index loses no pair. Each candidate is then counted in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pytest_medeval.core.words import folded, letters_only

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

GRAM = 8
"""Bytes of a gram."""
FEWEST_GRAMS = 12
"""A text with fewer grams of its own says too little: only an equal text is its duplicate."""
SURE_GRAMS = 30
"""A text with fewer grams of its own, one short sentence, must stand there whole: half of it is a phrase."""
FORM_TEXTS = 4
"""From so many texts on, a group's form is left out: grams of prompts, headings, and stock phrases ..."""
FORM_SHARE, FORM_LEAST = 0.1, 10
"""... that more than this share of its texts hold, and more than so many, or more than half of them."""
CANDIDATES = 16
"""Most candidates of one text that each chunk counts in full, those that share most rare grams first."""
CHUNK = 1 << 20
"""Characters that are searched at once: bounds the memory."""

_LONE = re.compile(r"\b[a-z]\b")
_BITS = 24
_MIX = np.uint64(0x9E3779B97F4A7C15)

Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Match:
    """Where a text was found: the number of the other text, and the share of its grams that stand there."""

    where: int
    share: float


def plain(text: str) -> str:
    """Give the form in which texts are compared.

    >>> plain("(A) Is it  Covid-19？")
    'isitcovid19'
    """
    return letters_only(_LONE.sub(" ", folded(text)))


def plain_lines(text: str) -> str:
    """Give a text's lines in the form in which texts are compared; an option or a turn stands on its own."""
    return "\n".join(line for part in text.splitlines() if (line := plain(part)))


def grams(texts: Sequence[str]) -> tuple[Words, Numbers]:
    """Give the grams of plain texts, in order, and the number of the text of each: two (n,) arrays."""
    pieces = [_bytes(text) for text in texts]
    lengths = np.array([len(data) for data, _ in pieces], dtype=np.int64)
    total = int(lengths.sum())
    if total < GRAM:
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    data = np.concatenate([data for data, _ in pieces])
    starts = np.concatenate([starts for _, starts in pieces])
    owners = np.repeat(np.arange(len(texts)), lengths)
    room = np.repeat(np.cumsum(lengths), lengths) - np.arange(total)
    whole = (starts & (room >= GRAM))[: total - GRAM + 1]
    words = np.ndarray((total - GRAM + 1,), np.uint64, data.tobytes(), strides=(1,))
    return words[whole], owners[: total - GRAM + 1][whole]


def _bytes(text: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Write a text as bytes, one for an ASCII character and two for any other; say where characters start."""
    if text.isascii():
        data = np.frombuffer(text.encode(), np.uint8)
        return data, np.ones(len(data), np.bool_)
    pairs = np.frombuffer(text.encode("utf-16-be", "surrogatepass"), np.uint8).reshape(-1, 2)
    single = (pairs[:, 0] == 0) & (pairs[:, 1] < 128)  # noqa: PLR2004 - ASCII
    kept = np.stack([~single, np.ones_like(single)], axis=1).ravel()
    starts = np.stack([~single, single], axis=1).ravel()
    return pairs.ravel()[kept], starts[kept]


class Index:
    """Some texts, to be found among others: ``groups`` of texts, plain line by line; each group has its form."""

    def __init__(self, groups: Sequence[Sequence[str]], least: float) -> None:
        from scipy import sparse  # not at the top: most runs search nothing

        self._sizes = [len(group) for group in groups]
        self._whole = {joined(text) for group in groups for text in group} - {""}
        found = [_distinct(group) for group in groups]
        offsets = np.cumsum([0, *self._sizes])
        words = np.concatenate([words for words, _ in found]) if found else np.zeros(0, np.uint64)
        owners = np.concatenate(
            [owners + at for (_, owners), at in zip(found, offsets, strict=False)] or [np.zeros(0, np.int64)]
        )
        self._words, places = np.unique(words, return_inverse=True)
        self.counts = np.bincount(owners, minlength=int(offsets[-1]))
        """Grams of each text."""
        self._least = np.where(self.counts < SURE_GRAMS, 1.0, least)
        shape = (len(self._words), int(offsets[-1]))
        rare = _rarer_half(places, owners, self.counts)
        self._all = sparse.csr_matrix((np.ones(len(places), np.int32), (owners, places)), shape=shape[::-1])
        self._rare = sparse.csr_matrix((np.ones(len(rare), np.int32), (places[rare], owners[rare])), shape=shape)
        chosen = np.bincount(owners[rare], minlength=shape[1])
        self._needed = np.maximum(1, np.ceil(chosen - (1 - least) * self.counts - 1e-9))
        self._filter = np.zeros(1 << _BITS, np.bool_)
        self._filter[_cell(self._words)] = True

    def search(self, texts: Sequence[str]) -> list[list[Match | None]]:
        """Find for each text of each group the one of plain ``texts`` that holds most of it, the first such.

        None where no text holds ``least`` of it, or all of one with fewer than ``SURE_GRAMS`` grams; and for
        fewer than ``FEWEST_GRAMS``.
        """
        best = np.zeros(len(self.counts))
        where = np.full(len(self.counts), -1)
        for start, chunk in _chunks(texts):
            for text, wanted, share in self._near(chunk):
                if share > best[wanted]:
                    best[wanted], where[wanted] = share, start + text
        found = iter([Match(int(at), float(share)) if at >= 0 else None for at, share in zip(where, best, strict=True)])
        return [[next(found) for _ in range(size)] for size in self._sizes]

    def holders(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Say of each of plain ``texts`` whether it holds ``least`` of any text here, or is equal to one: (n,)."""
        found = np.array([text in self._whole for text in texts], np.bool_)
        for start, chunk in _chunks(texts):
            for text, _, _ in self._near(chunk, most=len(chunk)):
                found[start + text] = True
        return found

    def _near(self, chunk: Sequence[str], most: int = CANDIDATES) -> Iterator[tuple[int, int, float]]:
        held = self._held(chunk)
        shared = (held @ self._rare).tocoo()
        enough = (shared.data >= self._needed[shared.col]) & (self.counts[shared.col] >= FEWEST_GRAMS)
        order = np.lexsort((shared.row[enough], -shared.data[enough], shared.col[enough]))
        texts, wanted = shared.row[enough][order], shared.col[enough][order]
        first = np.concatenate([[0], np.flatnonzero(np.diff(wanted)) + 1]) if len(wanted) else np.zeros(0, np.int64)
        rank = np.arange(len(wanted)) - np.repeat(first, np.diff([*first, len(wanted)]))
        texts, wanted = texts[rank < most], wanted[rank < most]
        if not len(wanted):
            return
        both = np.asarray(held[texts].multiply(self._all[wanted]).sum(axis=1)).ravel()
        shares = both / self.counts[wanted]
        for text, one, share in sorted(zip(texts.tolist(), wanted.tolist(), shares.tolist(), strict=True)):
            if share >= self._least[one]:
                yield text, one, share

    def _held(self, chunk: Sequence[str]) -> csr_matrix:
        """Give which grams of the index each text of a chunk holds: a sparse 0/1 matrix (texts, grams)."""
        from scipy import sparse

        words, owners = grams(chunk)
        likely = self._filter[_cell(words)]
        words, owners = words[likely], owners[likely]
        places = np.minimum(np.searchsorted(self._words, words), len(self._words) - 1)
        known = self._words[places] == words
        held = sparse.csr_matrix(
            (np.ones(int(known.sum()), np.int32), (owners[known], places[known])), shape=(len(chunk), len(self._words))
        )
        held.sum_duplicates()
        held.data[:] = 1
        return held


def joined(text: str) -> str:
    """Give a text of plain lines as one line, as other texts are searched."""
    return text.replace("\n", "")


def _cell(words: Words) -> Words:
    """Spread words over the filter's cells."""
    cells: Words = (words * _MIX) >> np.uint64(64 - _BITS)
    return cells


def _distinct(texts: Sequence[str]) -> tuple[Words, Numbers]:
    """Give each text's grams once, those of the group's form left out; no gram crosses a line's end."""
    lines = [(at, line) for at, text in enumerate(texts) for line in text.split("\n")]
    words, places = grams([line for _, line in lines])
    owners = np.array([at for at, _ in lines], dtype=np.int64)[places]
    order = np.lexsort((words, owners))
    words, owners = words[order], owners[order]
    fresh = np.ones(len(words), np.bool_)
    fresh[1:] = (np.diff(owners) != 0) | (words[1:] != words[:-1])
    words, owners = words[fresh], owners[fresh]
    _, same, counts = np.unique(words, return_inverse=True, return_counts=True)
    own = counts[same] <= _most(len(texts))
    return words[own], owners[own]


def _most(texts: int) -> float:
    """Say how many of a group's texts may share a gram that is not form."""
    if texts < FORM_TEXTS:
        return texts
    return min(texts / 2, max(FORM_LEAST, texts * FORM_SHARE))


def _rarer_half(places: Numbers, owners: Numbers, counts: Numbers) -> Numbers:
    """Choose of each text the half of its grams that fewest texts share; rounded up."""
    frequency = np.bincount(places)[places] if len(places) else places
    order = np.lexsort((places, frequency, owners))
    firsts = np.cumsum(counts) - counts
    rank = np.arange(len(order)) - firsts[owners[order]]
    chosen: Numbers = order[2 * rank < counts[owners[order]]]
    return chosen


def _chunks(texts: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    """Cut texts into runs of about ``CHUNK`` characters."""
    start, size = 0, 0
    for at, text in enumerate(texts):
        size += len(text)
        if size >= CHUNK:
            yield start, texts[start : at + 1]
            start, size = at + 1, 0
    if start < len(texts):
        yield start, texts[start:]
