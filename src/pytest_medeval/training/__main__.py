"""``python -m pytest_medeval.training RECIPE.toml``: recipe in, model folder out."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

from pytest_medeval.errors import MedevalError
from pytest_medeval.training import card, curve
from pytest_medeval.training.recipe import Recipe, load_recipe


def main(arguments: list[str] | None = None) -> int:
    """Train what a recipe says and print its provenance; a mistake in it is one line and exit code 2."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        recipe = load_recipe(options.recipe, options.data)
        if options.dry_run:
            _plan(recipe)
            return 0
        out = options.out or recipe.file.parent
        entry = _train(recipe, out, resume=options.resume)
        if not curve.draw(out):
            sys.stderr.write("warning: no curve is drawn: matplotlib is missing (extra 'train')\n")
        card.write(recipe, out, entry)
    except MedevalError as error:
        parser.error(str(error))
    sys.stdout.write(json.dumps(entry, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pytest_medeval.training", description=__doc__)
    parser.add_argument("recipe", type=Path, help="a recipe.toml")
    parser.add_argument("--out", type=Path, help="folder of the result (default: the recipe's own)")
    parser.add_argument("--data", type=Path, help="folder of published data sets, for files named data:...")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and what is missing; nothing is loaded or written"
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint of an interrupted run")
    return parser


def _plan(recipe: Recipe) -> None:
    from pytest_medeval.training.plan import make_plan, plan_lines

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries, about weights that are not there
        lines = list(plan_lines(make_plan(recipe)))
    sys.stdout.write("\n".join(lines) + "\n")


def _train(recipe: Recipe, out: Path, *, resume: bool) -> dict[str, Any]:
    if recipe.kind == "base":
        if resume:
            raise MedevalError(f"{recipe.file}: --resume goes on with adapters; a base of kind 'base' starts anew")
        from pytest_medeval.training.base import train_base

        return train_base(recipe, out)
    from pytest_medeval.training.lora import train_lora

    return train_lora(recipe, out, resume=resume)


if __name__ == "__main__":
    sys.exit(main())
