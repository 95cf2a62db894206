"""A talk with two scripted models, and a user who types from a list."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from tools.fake_model import FakeModel

from pytest_medeval.commands.chat.command import Chat
from pytest_medeval.commands.chat.show import Screen
from pytest_medeval.commands.chat.talk import Talk
from pytest_medeval.tasks.dialogue import Dialogue
from pytest_medeval.tasks.mcq import MCQ
from pytest_medeval.tasks.polarity import Polarity


class Plain:
    """A task of another package, which says only what every task must."""

    name = "plain"
    metrics = ()

    def __init__(self):
        self.request, self.read, self.gold = Dialogue().request, Dialogue().read, Dialogue().gold


TASKS = {"dialogue": Dialogue, "mcq": MCQ, "polarity": Polarity, "plain": Plain}


class Typist:
    """A chat whose user types ``lines``; ``text`` is what stood on the screen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = io.StringIO()
        self.talk: Talk | None = None

    def __call__(self, *lines, task="dialogue", candidate=None, baseline=None, cases=(), file=None):
        """Run a chat from its first line to its last and give what it showed."""
        models = {
            "candidate": candidate or FakeModel(default="Rest."),
            "baseline": baseline or FakeModel(default="Wait."),
        }
        self.talk = Talk(TASKS[task](), models, clock=lambda: datetime(2026, 2, 1, 9, 30, tzinfo=UTC))
        given = iter(lines)

        def read(prompt):
            line = next(given, None)
            if line is None:
                raise EOFError
            self.out.write(f"{prompt}{line}\n")
            return line

        screen = Screen(Console(file=self.out, width=100, no_color=True))
        Chat(self.talk, screen, read, list(cases), file, self.folder / "chat.medeval.yaml").run()
        return self.out.getvalue()


@pytest.fixture
def chat(tmp_path):
    """Give a typist in a folder of its own."""
    return Typist(tmp_path)
