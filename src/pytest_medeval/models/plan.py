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


def padded_batches(lengths: Sequence[int], *, tokens: int, cost: int) -> list[list[int]]:
    """Group indices of ``lengths``, the longest first, so that the least is computed.

    A batch counts its tokens, padded to its longest member, and ``cost`` on top: what a forward pass takes besides.
    It holds at most ``tokens`` with padding, or one member alone. Found by dynamic programming over the sorted
    lengths, in which every batch is a run.

    >>> padded_batches([9, 100, 98, 10], tokens=1000, cost=20)
    [[1, 2], [3, 0]]
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    best, begins = [0], [0]
    for end in range(1, len(order) + 1):
        options = [(best[end - 1] + lengths[order[end - 1]] + cost, end - 1)]
        for begin in range(end - 2, -1, -1):
            size = (end - begin) * lengths[order[begin]]
            if size > tokens:
                break
            options.append((best[begin] + size + cost, begin))
        least, begin = min(options)
        best.append(least)
        begins.append(begin)
    found, end = [], len(order)
    while end:
        found.append(order[begins[end] : end])
        end = begins[end]
    return found[::-1]
