"""General text of the world, for the base model: facts, cases, notes, lists, comparisons, small talk."""

from pytest_medeval.training.world.text.mix import KINDS, Document, documents

__all__ = ["KINDS", "Document", "documents"]
