"""A parser of arguments whose complaints are one line, like all others."""

from __future__ import annotations

import argparse
from typing import NoReturn

from pytest_medeval.core.errors import MedevalError


class Parser(argparse.ArgumentParser):
    """Raises ``MedevalError`` where argparse would print its usage and leave."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is."""
        raise MedevalError(f"{message}; see: {self.prog} --help")
