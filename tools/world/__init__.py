"""A small closed medical world: facts as data, cases and general text made from them, split by meaning."""

from tools.world.build import held_out, records
from tools.world.facts import World, load_world

__all__ = ["World", "held_out", "load_world", "records"]
