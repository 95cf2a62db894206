"""SIGTERM raises what Ctrl-C raises, where nobody else has a use for it."""

import os
import signal
import threading

import pytest

from pytest_medeval.core.signals import handler_kept, terminated_as_interrupted
from pytest_medeval.training.__main__ import STOPPED, main


@pytest.fixture(autouse=True)
def _as_a_process_begins():
    """Begin with what SIGTERM does in a new process: another test's library may have set a handler in this one."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def test_sigterm_is_an_interruption_meanwhile():
    """Before and after, it is what it was."""
    with pytest.raises(KeyboardInterrupt), terminated_as_interrupted():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_the_program_stays():
    """Who handles SIGTERM goes on doing so."""
    heard = []
    signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    try:
        with terminated_as_interrupted():
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert heard == [signal.SIGTERM]


def test_a_library_does_not_take_it_away():
    """A handler that is set meanwhile, as Ray sets one, is gone afterwards."""
    with terminated_as_interrupted():
        ours = signal.getsignal(signal.SIGTERM)
        with handler_kept():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGTERM) is ours
    with handler_kept():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, "also where nobody has set one"


def test_other_threads_set_nothing():
    """Only the main thread may; elsewhere nothing happens, and nothing fails."""
    seen = []

    def look():
        with terminated_as_interrupted(), handler_kept():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]


def test_training_stops_as_by_ctrl_c(monkeypatch, capsys):
    """With the words and the exit code of an interruption."""
    monkeypatch.setattr("pytest_medeval.training.__main__.plan_jobs", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    assert main(["recipe.toml"]) == STOPPED
    assert "--resume goes on from the last checkpoint" in capsys.readouterr().err
