"""A parser of arguments whose complaints are one line, like all others."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import NoReturn

from pytest_medeval.core.errors import MedevalError


class Parser(argparse.ArgumentParser):
    """Raises ``MedevalError`` where argparse would print its usage and leave."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is."""
        raise MedevalError(f"{message}; see: {self.prog} --help")


def whole(least: int) -> Callable[[str], int]:
    """Give the type of an argument: a whole number from ``least``."""

    def read(text: str) -> int:
        if not re.fullmatch("[0-9]{1,18}", text) or int(text) < least:
            raise argparse.ArgumentTypeError(f"found {text!r}; accepted: a whole number, {least} or more")
        return int(text)

    return read
