"""What ``medeval`` offers: a module a command, with ``main(arguments) -> exit code``."""

import sys
from collections.abc import Iterable

from pytest_medeval.core.encodable import inert


def tell(lines: Iterable[str]) -> None:
    """Write lines, inert whatever they tell, to standard output."""
    sys.stdout.writelines(f"{inert(line)}\n" for line in lines)
