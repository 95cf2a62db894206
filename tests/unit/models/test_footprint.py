"""How much a process reads that loads all models of a run, and what it says meanwhile."""

import sys
from pathlib import Path

import pytest

from pytest_medeval.models import parse_spec
from pytest_medeval.models.hub import hush, weights_on_disk
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


def test_importing_peft_warns_of_nothing_but_what_is_new(tmp_path, monkeypatch):
    """What bitsandbytes makes torch warn of is known; any other warning of an import is shown."""
    known, other = "`torch.jit.script_method` is deprecated.", "peft is deprecated"
    (tmp_path / "peft.py").write_text(
        f"import warnings\nfor told in ({known!r}, {other!r}): warnings.warn(told, DeprecationWarning)\n"
    )
    monkeypatch.setitem(sys.modules, "peft", sys)  # what stands there now comes back
    del sys.modules["peft"]
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.warns(DeprecationWarning, match=other) as told:
        hush()
    assert [str(one.message) for one in told] == [other]
