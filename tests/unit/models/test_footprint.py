"""How much a process reads that loads all models of a run."""

from pathlib import Path

from pytest_medeval.models import parse_spec
from pytest_medeval.models.hub import weights_on_disk
from pytest_medeval.models.spec import HubSpec, parse_model

ROOT = Path(__file__).parents[3]


def test_adapters_share_their_base():
    """Three adapters, their bases and one of them in 8 bits: four files of weights, each counted once."""
    adapters = [ROOT / "adapters" / f"tiny-{name}" for name in ("dialogue", "mcq", "polarity")]
    specs = [parse_spec(str(folder), ROOT) for folder in adapters]
    more = [spec.base for spec in specs] + [parse_model(f"int8:{adapters[0]}", ROOT)]
    files = [folder / "adapter_model.safetensors" for folder in adapters]
    files.append(ROOT / "fixtures" / "tiny-base" / "model.safetensors")
    assert weights_on_disk([*specs, *more]) == sum(file.stat().st_size for file in files)


def test_what_is_not_here_is_not_counted():
    """Servers and stored replies load nothing; of a model on the hub nothing is known before it is fetched."""
    specs = [parse_model(text, ROOT) for text in ("https://host/v1#name", "replay:run.json")]
    assert weights_on_disk([*specs, HubSpec("nobody/nothing", "nobody/nothing")]) == 0
