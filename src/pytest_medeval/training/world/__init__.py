"""A small closed medical world: facts as data, cases and general text made from them, split by meaning."""

from pytest_medeval.training.world.build import held_out, records
from pytest_medeval.training.world.facts import World, load_world

__all__ = ["World", "held_out", "load_world", "records"]
