"""``medeval COMMAND``, or ``python -m pytest_medeval COMMAND``: what can be done without a test run."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from pytest_medeval.core.errors import MedevalError, NoneYetError
from pytest_medeval.core.registry import Registry

COMMANDS = Registry(
    "command",
    {
        "agreement": "pytest_medeval.commands.agreement:main",
        "cache": "pytest_medeval.commands.cache:main",
        "chat": "pytest_medeval.commands.chat.command:main",
        "fetch": "pytest_medeval.commands.fetch:main",
        "init": "pytest_medeval.commands.init:main",
        "merge": "pytest_medeval.commands.merge:main",
        "plan": "pytest_medeval.commands.plan:main",
        "runs": "pytest_medeval.commands.runs:main",
        "schema": "pytest_medeval.commands.schema:main",
        "show": "pytest_medeval.commands.show:main",
    },
)
"""Name -> ``main(arguments) -> exit code``."""

MISTAKE = 2
"""Exit code of a command that could not be carried out as asked."""

NONE_YET = 3
"""Exit code where what was asked for does not exist yet, such as the reference of a first release."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; a user's mistake is one line on stderr and exit code 2 (3: none yet)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    usage = f"medeval (python -m pytest_medeval) COMMAND [options]; commands: {', '.join(sorted(COMMANDS))}"
    if given and given[0] in ("-h", "--help"):
        sys.stdout.write(f"{usage}\n")
        return 0
    if not given:
        sys.stderr.write(f"medeval: no command; {usage}\n")
        return MISTAKE
    try:
        code = COMMANDS.resolve(given[0])(given[1:])
        sys.stdout.flush()
    except MedevalError as error:
        sys.stderr.write(f"medeval: {error}\n")
        return NONE_YET if isinstance(error, NoneYetError) else MISTAKE
    except BrokenPipeError:
        # the reader (head, less) has gone: nothing more to say, and Python must not say so at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
