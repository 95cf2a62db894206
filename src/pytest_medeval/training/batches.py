"""Rows of token ids as the Trainer takes them: a dataset, and batches padded at the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_medeval.training.examples import IGNORED, Encoded


class RowSet:
    """Rows as the Trainer's dataset."""

    def __init__(self, rows: Sequence[Encoded]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Encoded:
        return self.rows[index]


class Padded:
    """Right-pad the rows of a batch; padding carries no loss and no attention."""

    def __init__(self, pad: int) -> None:
        self.pad = pad

    def __call__(self, rows: Sequence[Encoded]) -> dict[str, Any]:
        """Give input ids, labels and attention mask: int64 tensors of shape (rows, longest row)."""
        import torch

        width = max(len(row.input_ids) for row in rows)
        return {
            "input_ids": torch.tensor(
                [[*row.input_ids, *[self.pad] * (width - len(row.input_ids))] for row in rows]
            ),
            "labels": torch.tensor([[*row.labels, *[IGNORED] * (width - len(row.labels))] for row in rows]),
            "attention_mask": torch.tensor(
                [[1] * len(row.input_ids) + [0] * (width - len(row.input_ids)) for row in rows]
            ),
        }
