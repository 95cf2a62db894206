"""How far the models are: nothing is foretold from the first answers, which wait for the model."""

from __future__ import annotations

from pytest_medeval.plugin.session import ProgressLine


class Reporter:
    """Keeps what a log shows."""

    verbosity, isatty = 0, False

    def __init__(self):
        self.lines = []

    def write_line(self, text):
        """Keep a line."""
        self.lines.append(text)


def said(*ticks, total=100):
    """Tell of work: seconds since the one before, and how many are newly done; a line each time."""
    now = [0.0]
    reporter = Reporter()
    tick = ProgressLine(reporter, lambda: now[0])("suite: candidate answers", total)
    for seconds, newly in ticks:
        now[0] += seconds
        tick(newly)
    return [line.removeprefix("medeval: suite: candidate answers: ") for line in reporter.lines]


def test_the_first_answers_foretell_nothing():
    """A model that took 150 s to load and prove itself does not make 84 answers take three hours."""
    assert said((150, 1), (31, 4), (31, 15), (31, 80)) == [
        "1 of 100",
        "5 of 100, 0.1/s, 736 s left",
        "20 of 100, 0.3/s, 261 s left",
        "100 of 100 in 243.0 s (0.4/s)",
    ]


def test_little_of_the_work_foretells_nothing():
    """Neither under one in twenty, nor before ten seconds of answers."""
    assert said((31, 1), (31, 3), total=1000) == ["1 of 1000", "4 of 1000"]
    assert said((0, 50), (31, 49)) == ["99 of 100, 1.6/s, 1 s left"]
    assert said((31, 50), (0.5, 49), (0.5, 1)) == ["50 of 100", "100 of 100 in 32.0 s (3.1/s)"]


def test_before_the_first_answer_the_model_is_loaded():
    """A line that is due says what is waited for."""
    assert said((31, 0), (1, 100)) == ["0 of 100 (loading the model)", "100 of 100 in 32.0 s (3.1/s)"]
