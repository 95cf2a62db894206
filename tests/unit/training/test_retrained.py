"""benchmarks/retrained.py reads the figures of the shipped cards, and says which are outside."""

import shutil
import sys
from pathlib import Path

import pytest
from tests.scripts import benchmark

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def retrained():
    """Load the script, which is no part of the package."""
    with benchmark("retrained") as module:
        yield module


@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("tiny-dialogue", {"bleu", "rouge1", "rouge2", "rougeL", "meteor", "length_ratio"}),
        ("tiny-mcq", {"accuracy", "macro_f1", "answered"}),
        ("tiny-polarity", {"micro_f1", "macro_f1", "raw_micro_f1", "pair_f1", "format_rate"}),
        ("tiny-mcq-ppo", {"accuracy", "macro_f1", "answered", "reward"}),
        ("tiny-judge", {"accuracy", "comprehensiveness", "helpfulness", "relevance"}),
    ],
)
def test_every_figure_of_a_card_is_read(retrained, name, metrics):
    """With its interval, in which its own value lies."""
    found = retrained.promises((ROOT / "adapters" / name / "CARD.md").read_text(encoding="utf-8"))
    assert found.keys() == metrics
    assert all(promise.holds(promise.value) for promise in found.values())


def test_a_value_or_a_difference_has_the_interval(retrained):
    """Two columns before the interval are baseline and candidate, one is the value; digits are the card's."""
    found = retrained.promises(
        "| accuracy | 0.4500 | 0.9625 | +0.4496 to +0.5750 | < 0.001 |\n| helpfulness | 0.643 | 0.472 to 0.787 | 1 |\n"
    )
    assert found["accuracy"].value == pytest.approx(0.5125)
    assert (found["helpfulness"].value, found["helpfulness"].low) == (0.643, 0.472)
    assert found["accuracy"].holds(0.57504)
    assert not found["accuracy"].holds(0.5752)
    assert not found["accuracy"].holds(0.4495)


def test_what_is_outside_is_counted(retrained, tmp_path, monkeypatch, capsys):
    """Exit code 1 where one figure is outside or missing, 0 where all are inside, 2 where nothing is there."""
    monkeypatch.setattr(sys, "argv", ["retrained.py", str(tmp_path)])
    assert retrained.main() == 2
    shutil.copytree(ROOT / "adapters" / "tiny-mcq", tmp_path / "tiny-mcq")
    for found, code in (
        ({"accuracy": 0.51, "macro_f1": 0.5, "answered": 0.0}, 0),
        ({"accuracy": 0.4, "macro_f1": 0.5, "answered": 0.0}, 1),
        ({"accuracy": 0.51, "macro_f1": 0.5}, 1),
    ):
        monkeypatch.setattr(retrained, "differences", lambda *_, found=found: found.items())
        assert retrained.main() == code
    said = capsys.readouterr().out
    assert "the same bytes as the shipped ones" in said
    assert said.count("OUTSIDE") == 2
    assert "missing" in said
