"""``python -m pytest_medeval.training RECIPE.toml``: recipe in, model folder out."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pytest_medeval.errors import MedevalError
from pytest_medeval.training import card
from pytest_medeval.training.recipe import load_recipe


def main(arguments: list[str] | None = None) -> int:
    """Train what a recipe says and print its provenance; a mistake in it is one line and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m pytest_medeval.training", description=__doc__)
    parser.add_argument("recipe", type=Path, help="a recipe.toml")
    parser.add_argument("--out", type=Path, help="folder of the result (default: the recipe's own)")
    options = parser.parse_args(arguments)
    try:
        recipe = load_recipe(options.recipe)
        out = options.out or recipe.file.parent
        if recipe.kind == "base":
            from pytest_medeval.training.base import train_base as train
        else:
            from pytest_medeval.training.lora import train_lora as train
        entry = train(recipe, out)
        card.write(recipe, out, entry)
    except MedevalError as error:
        parser.error(str(error))
    sys.stdout.write(json.dumps(entry, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
