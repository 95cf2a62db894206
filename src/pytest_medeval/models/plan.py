"""Many requests, few batches: pure functions over lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def batches(lengths: Sequence[int], *, tokens: int, rows: int) -> Iterator[list[int]]:
    """Group indices of ``lengths`` into batches of similar length, the longest first.

    A batch padded to its longest member holds at most ``tokens`` tokens and ``rows`` rows; a row that is
    longer than ``tokens`` makes a batch of its own. Every index comes exactly once; equal lengths keep their
    order. Longest first, so that memory that does not suffice shows at once and not after hours.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batch: list[int] = []
    for index in order:
        longest = max(1, lengths[batch[0]] if batch else lengths[index])
        if batch and (len(batch) == rows or (len(batch) + 1) * longest > tokens):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
