"""Two columns in a terminal: candidate and baseline, their scores, and what their replies lack."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pytest_medeval.commands.chat.talk import Exchange, Said, Talk
from pytest_medeval.core.encodable import inert

HELP = (
    ("/next, Enter", "ask the next case of --cases"),
    ("/case [FILE], /c", "keep the last exchange as a case of FILE.medeval.yaml; the right reply is asked for"),
    ("/save [FILE], /s", "write the session as JSON"),
    ("/quit, /q", "leave"),
    ("anything else", "ask it; a line that ends in \\ goes on in the next one"),
)


class Screen:
    """Writes a talk to a console; replies are shown as text, whatever they hold."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def opening(self, talk: Talk, cases: int) -> None:
        """Say who answers, and that every message stands alone."""
        for role, model in talk.models.items():
            identity = model.identity
            self.line(f"{role:<9}  {identity.spec}  sha256 {identity.fingerprint[:12]}", "bold")
        steps = f"; {cases} cases to step through" if cases else ""
        how = "every message is asked alone, as in a suite"
        self.line(f"task {talk.task.name}; {how}{steps}; /help lists commands", "dim")

    def help(self) -> None:
        """List the commands."""
        grid = Table.grid(padding=(0, 2))
        for command, told in HELP:
            grid.add_row(Text(f"  {command}"), Text(told))
        self.console.print(grid)

    def asking(self, *, first: bool) -> AbstractContextManager[object]:
        """Show in a terminal that the models are at work; a first question also waits for their weights."""
        if not self.console.is_terminal:
            return nullcontext()
        return self.console.status("loading the models and asking them" if first else "asking the models")

    def exchange(self, talk: Talk, exchange: Exchange) -> None:
        """Show what was asked where it was not typed, the replies side by side, the right answer, and scores."""
        if exchange.known:
            self.line(f"{exchange.case.id}  {exchange.case.source}", "bold")
            self.line(exchange.messages[-1].content)
        said = exchange.replies
        table = Table(expand=True)
        for role, one in said.items():
            table.add_column(f"{role}  {one.seconds:.1f} s", ratio=1, overflow="fold")
        table.add_row(*(Text(inert(one.scored.reply) or f"({one.scored.outcome})") for one in said.values()))
        for row in (_added, _facts):
            cells = [row(one) for one in said.values()]
            if any(cell.plain for cell in cells):
                table.add_section()
                table.add_row(*cells)
        self.console.print(table)
        for notice in talk.notices():
            self.line(f"note: {notice}", "yellow")
        if exchange.known:
            self.line(f"right: {_right(talk.task.gold(exchange.case))}", "green")
            self.console.print(_scores(said))

    def line(self, text: str, style: str = "") -> None:
        """Write one line of plain text, between words where a terminal is too narrow for it."""
        self.console.print(Text(inert(text), style=style), soft_wrap=not self.console.is_terminal)

    def mistake(self, text: str) -> None:
        """Write what went wrong."""
        self.line(f"medeval: {text}", "red")


def _added(said: Said) -> Text:
    return Text("\n".join(said.added), style="italic yellow")


def _facts(said: Said) -> Text:
    """Say how a reply ended that is no answer, and which safety rules it breaks."""
    parts = []
    if said.scored.outcome != "answered":
        detail = said.scored.read.detail
        parts.append(f"{said.scored.outcome}: {detail}" if detail else said.scored.outcome)
    if said.broken:
        parts.append(f"breaks: {', '.join(said.broken)}")
    return Text(inert("\n".join(parts)), style="cyan")


def _scores(replies: Mapping[str, Said]) -> Table:
    """Set the scores of the replies beside each other, a line each."""
    table = Table(box=None, pad_edge=False, header_style="cyan", style="cyan")
    table.add_column("score")
    for role in replies:
        table.add_column(role, justify="right")
    names = dict.fromkeys(name for said in replies.values() for name in said.scored.scores)
    for name in names:
        values = [said.scored.scores.get(name) for said in replies.values()]
        table.add_row(name, *("-" if value is None else f"{value:.3f}" for value in values))
    return table


def _right(gold: object) -> str:
    return ", ".join(f"{name}: {label}" for name, label in gold.items()) if isinstance(gold, Mapping) else str(gold)
