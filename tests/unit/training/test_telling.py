"""While a recipe is trained, a line now and then says how far it is."""

import pytest

from pytest_medeval.training import telling
from pytest_medeval.training.telling import Teller


@pytest.fixture
def clock():
    """Give a clock that goes on by what it is told."""

    class Clock:
        now = 100.0

        def __call__(self):
            return self.now

    return Clock()


def test_a_line_every_ten_seconds(clock, capsys):
    """What is left follows from the pace so far, of the steps of this run alone."""
    teller = Teller("stage 0, step", begun=20, clock=clock)
    for step in range(21, 31):
        clock.now += 4
        teller.tell(step, 80, "loss 0.5")
    assert capsys.readouterr().err.splitlines() == [
        "stage 0, step 23 of 80, loss 0.5, about 4 min left",
        "stage 0, step 26 of 80, loss 0.5, about 4 min left",
        "stage 0, step 29 of 80, loss 0.5, about 3 min left",
    ]


def test_a_short_run_says_nothing(clock, capsys):
    """And seconds are seconds."""
    teller = Teller("PPO batch", clock=clock)
    clock.now += 9
    teller.tell(3, 5, "reward 0.400")
    assert capsys.readouterr().err == ""
    clock.now += 1
    teller.tell(4, 5, "reward 0.500")
    assert capsys.readouterr().err == "PPO batch 4 of 5, reward 0.500, about 2 s left\n"


def test_training_tells_its_steps_and_loss(house, monkeypatch, capsys):
    """Every stage of the toy base, to its last step, with the loss that was logged last."""
    pytest.importorskip("peft", reason="training needs the extra 'train'")
    from pytest_medeval.training.__main__ import main

    monkeypatch.setattr(telling, "EVERY", 0.0)
    out = house / "build" / "told"
    assert main([str(house / "fixtures" / "toy-base" / "recipe.toml"), f"--out={out}"]) == 0
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stage ")]
    for stage in (0, 1):
        own = [line for line in told if line.startswith(f"stage {stage}, step ")]
        steps = len(own)
        assert own[0].startswith(f"stage {stage}, step 1 of {steps}, no loss yet, about ")
        assert own[-1].startswith(f"stage {stage}, step {steps} of {steps}, loss ")
        assert own[-1].endswith(", about 0 s left")
