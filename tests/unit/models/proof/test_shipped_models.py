"""The shipped adapters belong to the shipped base, and each answers otherwise than that base."""

from pathlib import Path

import pytest

from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, baseline_of, open_model, parse_specs

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("task", ["dialogue", "mcq", "polarity"])
def test_release_answers(task):
    """A shipped adapter is proved against the base by fingerprint, and changes what is likely."""
    pytest.importorskip("torch", reason="torch is not installed (extra: local)")
    if not (ROOT / "fixtures" / "tiny-base" / "model.safetensors").is_file():
        pytest.skip("fixtures/tiny-base has no weights")
    spec = parse_specs([str(ROOT / "adapters" / "release.toml")], ROOT)[task]
    candidate = open_model(spec, Settings(device="cpu", threads=1))
    baseline = open_model(baseline_of(spec), Settings(device="cpu", threads=1))
    assert candidate.identity.base == baseline.identity.base
    asked = [Request((Message("user", "A patient with chest pain."),), choices=("aspirin", "insulin"))]
    (one,), (two,) = candidate.answer(asked), baseline.answer(asked)
    assert one.prompt_hash == two.prompt_hash
    assert one.logprobs != two.logprobs
    assert candidate.notices == baseline.notices == []
