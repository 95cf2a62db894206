"""``python -m tools.world --write``: write the held-out cases of the shipped suites."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from tools.world.build import case_files
from tools.world.facts import load_world


def main(arguments: list[str] | None = None) -> int:
    """Write the case files, or compare them with what is on disk; 1 when they differ."""
    parser = argparse.ArgumentParser(prog="python -m tools.world", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="the repository (default: here)")
    parser.add_argument("--write", action="store_true", help="write; without it, only compare")
    options = parser.parse_args(arguments)
    try:
        files = case_files(load_world(options.root / "fixtures" / "world"))
    except MedevalError as error:
        parser.error(str(error))
    different = 0
    for path, text in files.items():
        file = options.root / path
        same = file.is_file() and file.read_bytes() == text.encode()
        if options.write and not same:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode())
        different += not same
        sys.stdout.write(f"{path}: {'same' if same else 'written' if options.write else 'differs'}\n")
    return 0 if options.write else int(different > 0)


if __name__ == "__main__":
    sys.exit(main())
