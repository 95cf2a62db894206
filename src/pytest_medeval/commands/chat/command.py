"""``chat``: talk to candidate and baseline side by side; keep what went wrong as a case."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_medeval.commands.parser import Parser
from pytest_medeval.core.errors import MedevalError, accepted

if TYPE_CHECKING:
    from rich.console import Console

    from pytest_medeval.commands.chat.show import Screen
    from pytest_medeval.commands.chat.talk import Talk
    from pytest_medeval.core.types import Case
    from pytest_medeval.models import Model
    from pytest_medeval.tasks import Task
    from pytest_medeval.tasks.typed import Typed

CASE_FILE = "chat.medeval.yaml"
"""Where ``/case`` puts cases until another file is named."""

_EPILOG = """\
Each message is asked alone, in the prompt of a suite. A reply without a disclaimer or referral gets one below
it, which is no part of the reply. Nothing is kept unless you say so: /case FILE, /save FILE.
"""


def main(arguments: Sequence[str]) -> int:
    """Talk until the user leaves; the exit code is 0."""
    options = _parser().parse_args(arguments)
    if importlib.util.find_spec("rich") is None:
        raise MedevalError("chat needs the package rich: pip install 'pytest-medeval[chat]'")
    from rich.console import Console

    from pytest_medeval.commands.chat.keep import check_place
    from pytest_medeval.commands.chat.show import Screen
    from pytest_medeval.commands.chat.talk import Talk

    if options.save is not None:
        check_place(options.save)
    task = _task(options)
    cases = _cases(options.cases, task) if options.cases else []
    talk = Talk(task, _models(options, task.name))
    console = Console(highlight=False)
    Chat(talk, Screen(console), lambda prompt: _input(console, prompt), cases, options.save).run()
    return 0


@dataclass
class Chat:
    """The loop over what the user types.

    ``read`` gives one line for a prompt and raises ``EOFError`` when there is no more; ``left`` are the cases
    that are still to be asked; ``file`` is where the session is written.
    """

    talk: Talk
    screen: Screen
    read: Callable[[str], str]
    left: list[Case]
    file: Path | None = None
    case_file: Path = Path(CASE_FILE)
    saved: int = 0

    def run(self) -> None:
        """Answer line after line; a mistake is said and ends nothing."""
        self.screen.opening(self.talk, len(self.left))
        while self._step():
            pass
        self._leave()

    def _step(self) -> bool:
        """Do what one line asks for; False to leave. Ctrl-C drops what is typed, asked or answered just now."""
        try:
            text = self._message()
        except EOFError:
            self.screen.line("")
            return False
        except KeyboardInterrupt:
            self.screen.line("")
            self.screen.mistake("nothing was asked; /quit or Ctrl-D leaves")
            return True
        command, _, rest = text.partition(" ")
        if command in ("/quit", "/q"):
            return False
        try:
            if command.startswith("/"):
                self._command(command, rest.strip())
            elif text:
                self._ask(text)
            elif self.left:
                self._next()
        except MedevalError as mistake:
            self.screen.mistake(str(mistake))
        except (KeyboardInterrupt, EOFError):
            self.screen.line("")
            self.screen.mistake("stopped; /quit or Ctrl-D leaves")
        return True

    def _message(self) -> str:
        """Read a message; a line that ends in a backslash goes on in the next one."""
        lines = [self.read(f"{self.talk.task.name}> ")]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(self.read("... "))
        return "\n".join(lines).strip()

    def _command(self, command: str, rest: str) -> None:
        known: dict[str, Callable[[], None]] = {
            "/next": self._next,
            "/case": lambda: self._keep(rest),
            "/c": lambda: self._keep(rest),
            "/save": lambda: self._save(rest),
            "/s": lambda: self._save(rest),
            "/help": self.screen.help,
        }
        if command not in known:
            raise MedevalError(accepted("command", command, [*known, "/quit", "/q"]))
        known[command]()

    def _ask(self, text: str) -> None:
        self._answer(self._typed().typed(text, self._question), known=False)

    def _typed(self) -> Typed:
        from pytest_medeval.tasks.typed import Typed

        if not isinstance(self.talk.task, Typed):
            raise MedevalError(f"cases of task {self.talk.task.name!r} cannot be typed; accepted: --cases=FILE")
        return self.talk.task

    def _next(self) -> None:
        if not self.left:
            raise MedevalError("there is no next case; --cases=FILE names a file of them")
        self._answer(self.left[0], known=True)
        del self.left[0]

    def _answer(self, case: Case, *, known: bool) -> None:
        with self.screen.asking(first=not self.talk.exchanges):
            exchange = self.talk.ask(case, known=known)
        self.screen.exchange(self.talk, exchange)

    def _keep(self, name: str) -> None:
        from pytest_medeval.commands.chat.cases import append_case

        if not self.talk.exchanges:
            raise MedevalError("there is no exchange to keep yet")
        self.case_file = Path(name).expanduser() if name else self.case_file
        exchange = self.talk.exchanges[-1]
        keys = self._typed().kept(exchange.case, self._question, known=exchange.known)
        if keys is None:
            self.screen.line("no case was written", "yellow")
            return
        who = "; ".join(
            f"{role} {model.identity.spec} sha256 {model.identity.fingerprint[:12]}"
            for role, model in self.talk.models.items()
        )
        case = append_case(self.case_file, self.talk.task, keys, f"chat of {exchange.time}; {who}")
        self.screen.line(f"case {case} written to {self.case_file}", "green")

    def _save(self, name: str) -> None:
        from pytest_medeval.commands.chat.keep import save

        file = Path(name).expanduser() if name else self.file
        if file is None:
            raise MedevalError("/save needs a file the first time: /save FILE")
        save(self.talk, file)
        self.file = file
        self.saved = len(self.talk.exchanges)
        self.screen.line(f"session of {_exchanges(self.saved)} written to {self.file}", "green")

    def _leave(self) -> None:
        """Write the session where a file is known; else say that it is lost."""
        unsaved = len(self.talk.exchanges) - self.saved
        if unsaved and self.file is not None:
            self._save("")
        elif unsaved:
            self.screen.line(f"not saved: {_exchanges(unsaved)}", "yellow")

    def _question(self, prompt: str) -> str:
        return self.read(f"  {prompt}: ").strip()


def _exchanges(count: int) -> str:
    return f"{count} exchange{'' if count == 1 else 's'}"


def _input(console: Console, prompt: str) -> str:
    """Read a line; in a terminal with readline it can be edited, recalled, and longer than the terminal's 4,095."""
    from rich.text import Text

    if not (console.is_terminal and sys.stdin.isatty() and importlib.util.find_spec("readline")):
        return str(console.input(Text(prompt, style="bold")))
    import readline  # noqa: F401 - input() uses it once it is imported

    # readline must know which characters of the prompt take no room
    return input(f"\x01\x1b[1m\x02{prompt}\x01\x1b[0m\x02" if console.color_system else prompt)


def _task(options: argparse.Namespace) -> Task:
    from pytest_medeval.metrics.safety import load_rules
    from pytest_medeval.tasks import TASKS

    kind: Callable[..., Task] = TASKS.resolve(options.task)
    if options.safety_rules is None:
        return kind()
    ruled = [name for name in TASKS if any(field.name == "safety_rules" for field in fields(TASKS.resolve(name)))]
    if options.task not in ruled:
        raise MedevalError(
            f"--safety-rules: replies of task {options.task!r} have none; accepted: --task {' or '.join(ruled)}"
        )
    load_rules(options.safety_rules)
    return kind(safety_rules=options.safety_rules)


def _cases(file: Path, task: Task) -> list[Case]:
    from pytest_medeval.commands.chat.cases import SUFFIXES
    from pytest_medeval.tasks.cases import check_records, read_cases, read_yaml_suite

    if not file.is_file():
        raise MedevalError(f"--cases={file}: no such file")
    if not file.name.endswith(SUFFIXES):
        return list(read_cases(file, task)[0])
    suite = read_yaml_suite(file)
    if suite.fields.get("task") != task.name:
        raise MedevalError(f"{file}: task is {suite.fields.get('task')!r}; give --task {suite.fields.get('task')}")
    return list(check_records(suite.records, task))


def _models(options: argparse.Namespace, task: str) -> dict[str, Model]:
    from pytest_medeval.models import Settings
    from pytest_medeval.models.roles import Roles

    roles = Roles(options.models, options.baselines, Path(), Settings(device=options.device))
    found = {role: model for role in ("candidate", "baseline") if (model := roles.model(role, task))}
    if "candidate" not in found:
        raise MedevalError(f"no model answers {task}; give --medeval-model={task}=SPEC")
    return found


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="medeval chat",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--medeval-model",
        dest="models",
        action="append",
        required=True,
        metavar="[TASK=]SPEC",
        help="the candidate, as for pytest",
    )
    parser.add_argument(
        "--medeval-baseline",
        dest="baselines",
        action="append",
        default=[],
        metavar="[TASK=]SPEC|none",
        help="the model beside it (default: the adapter's own base)",
    )
    parser.add_argument("--medeval-device", dest="device", default="auto", metavar="NAME", help="default: auto")
    parser.add_argument("--task", default="dialogue", metavar="TASK", help="dialogue (default), mcq or polarity")
    parser.add_argument("--cases", type=Path, metavar="FILE", help="cases to step through, with scores")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the session as JSON at the end")
    parser.add_argument("--safety-rules", metavar="FILE", help="a TOML file instead of the shipped safety rules")
    return parser
