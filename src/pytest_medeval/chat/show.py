"""Two columns in a terminal: candidate and baseline, their scores, and what their replies lack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pytest_medeval.chat.talk import Exchange, Said, Talk

HELP = (
    ("/next, Enter", "ask the next case of --cases"),
    (
        "/case [FILE], /c",
        "keep the last exchange as a case of FILE.medeval.yaml; the right reply is asked for",
    ),
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
        for command, told in HELP:
            self.line(f"  {command:<17} {told}")

    def exchange(self, talk: Talk, exchange: Exchange) -> None:
        """Show what was asked where it was not typed, the replies side by side, and the right answer."""
        if exchange.known:
            self.line(f"{exchange.case.id}  {exchange.case.source}", "bold")
            self.line(exchange.messages[-1].content)
        table = Table(expand=True, show_lines=False, pad_edge=False)
        for role, said in exchange.replies.items():
            table.add_column(f"{role}  {said.seconds:.1f} s", ratio=1, overflow="fold")
        table.add_row(
            *(
                Text(shown(said.scored.reply) or f"({said.scored.outcome})")
                for said in exchange.replies.values()
            )
        )
        for row in (_added, _facts):
            cells = [row(said) for said in exchange.replies.values()]
            if any(cell.plain for cell in cells):
                table.add_row(*cells)
        self.console.print(table)
        for notice in talk.notices():
            self.line(f"note: {notice}", "yellow")
        if exchange.known:
            self.line(f"right: {_right(talk.task.gold(exchange.case))}", "green")

    def line(self, text: str, style: str = "") -> None:
        """Write one line of plain text."""
        self.console.print(Text(shown(text), style=style), soft_wrap=True)

    def mistake(self, text: str) -> None:
        """Write what went wrong."""
        self.line(f"medeval: {text}", "red")


def shown(text: str) -> str:
    r"""Replace control characters: a reply must not steer the terminal.

    >>> shown("Rest.\x1b[2J")
    'Rest.\ufffd[2J'
    """
    return "".join(
        char if char in "\n\t" or char.isprintable() or char == "\u3000" else "\ufffd" for char in text
    )


def _added(said: Said) -> Text:
    return Text("\n".join(said.added), style="italic yellow")


def _facts(said: Said) -> Text:
    """Say how a reply ended, what it scores, and which safety rules it breaks."""
    parts = (
        []
        if said.scored.outcome == "answered"
        else [f"{said.scored.outcome} {said.scored.read.detail}".strip()]
    )
    parts += [f"{name:<12} {value:6.3f}" for name, value in said.scored.scores.items()]
    if said.broken:
        parts.append(f"breaks: {', '.join(said.broken)}")
    return Text(shown("\n".join(parts)), style="cyan")


def _right(gold: Any) -> str:
    return (
        ", ".join(f"{name}: {label}" for name, label in gold.items())
        if isinstance(gold, Mapping)
        else str(gold)
    )
