"""``python -m pytest_medeval.training RECIPE.toml...``: recipes in, model folders out."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.signals import terminated_as_interrupted
from pytest_medeval.models.hub import hush
from pytest_medeval.training import card
from pytest_medeval.training.checkpoints import Provenance
from pytest_medeval.training.plan import Job, check_jobs, left_to_do, plan_jobs
from pytest_medeval.training.recipe import Recipe

MISTAKE = 2
"""Exit code of a command that could not be carried out as asked."""
STOPPED = 130
"""Exit code after Ctrl-C or SIGTERM, as a shell gives it for Ctrl-C."""


@terminated_as_interrupted()
def main(arguments: list[str] | None = None) -> int:
    """Train what recipes say, one after the other; a mistake in any of them is one line before the first begins."""
    options = _parser().parse_args(arguments)
    hush()
    try:
        jobs = plan_jobs(options.recipes, options.out, options.data)
        if options.dry_run:
            sys.stdout.write("\n".join(_plan(job.recipe) for job in jobs))
        else:
            check_jobs(jobs)
            _train_all(left_to_do(jobs) if options.resume else [(job, False) for job in jobs])
    except MedevalError as error:
        sys.stderr.write(f"medeval: {error}\n")
        return MISTAKE
    except KeyboardInterrupt:
        sys.stderr.write("\nmedeval: stopped; the same command with --resume goes on from the last checkpoint\n")
        return STOPPED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pytest_medeval.training", description=__doc__)
    parser.add_argument("recipes", nargs="+", type=Path, metavar="RECIPE", help="a recipe.toml")
    parser.add_argument(
        "--out", type=Path, help="folder of the result, of several recipes of their folders (default: the recipe's own)"
    )
    parser.add_argument("--data", type=Path, help="folder of published data sets, for files named data:...")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the plan and what is missing; nothing is loaded or written"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on where an interrupted run stopped; what it finished stays as it is"
    )
    return parser


def _plan(recipe: Recipe) -> str:
    from pytest_medeval.training.plan import make_plan, plan_lines

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries, about weights that are not there
        return "\n".join(plan_lines(make_plan(recipe))) + "\n"


def _train_all(jobs: Sequence[tuple[Job, bool]]) -> None:
    """Train, draw the curve, write the card and print the provenance of each."""
    for number, (job, resume) in enumerate(jobs, 1):
        if len(jobs) > 1:
            sys.stderr.write(f"{number} of {len(jobs)}: {job.recipe.name} into {job.out}\n")
        with warnings.catch_warnings():
            # peft asks Transformers by an older name, and looks for the base from the working directory
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            warnings.filterwarnings("ignore", "Could not find a config file", UserWarning)
            entry = _train(job.recipe, job.out, resume=resume)
        if not card.draw(job.out):
            sys.stderr.write("warning: no curve is drawn: matplotlib is missing (extra 'train')\n")
        card.write(job.recipe, job.out, entry)
        sys.stdout.write(json.dumps(entry, indent=2) + "\n")
        sys.stdout.flush()


def _train(recipe: Recipe, out: Path, *, resume: bool) -> Provenance:
    if recipe.kind == "base":
        from pytest_medeval.training.base import train_base

        return train_base(recipe, out, resume=resume)
    from pytest_medeval.training.lora import train_lora

    return train_lora(recipe, out, resume=resume)


if __name__ == "__main__":
    sys.exit(main())
