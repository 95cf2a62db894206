"""The endpoint against a real server: ``transformers serve`` with a tiny random model."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_medeval.errors import MedevalError
from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.models.base import Traffic
from pytest_medeval.types import Message, Request

NEEDED = ("fastapi", "uvicorn", "openai", "rich")
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"pip install 'transformers[serving]' brings {', '.join(MISSING)}"
)
PATIENT = Settings(device="cpu", threads=1, traffic=Traffic(concurrency=4, timeout=120))


@pytest.fixture(scope="module")
def served(
    make_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Path]]:
    """Serve a tiny model; give the server's URL and the model's folder, which is also its name there."""
    folder = make_model("llama")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("home")
    (home / "hub").mkdir()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(home)}
    log = tmp_path_factory.mktemp("serve") / "log"
    command = [
        Path(sys.executable).with_name("transformers"),
        "serve",
        folder,
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--device",
        "cpu",
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output, env=environment) as server,
    ):
        try:
            _wait(f"http://127.0.0.1:{port}/health", server, log)
            yield f"http://127.0.0.1:{port}/v1", folder
        finally:
            server.terminate()


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 240
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own server on loopback
                return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"transformers serve did not start: {log.read_text(errors='replace')[-2000:]}", pytrace=False)


def test_replies_equal_those_of_the_local_model(served: tuple[str, Path]):
    """Greedy replies of a served model are those of the same folder opened here."""
    url, folder = served
    requests = [
        Request((Message("user", f"I have fever {'and cough ' * count}"),), max_new_tokens=8)
        for count in range(5)
    ]
    remote = open_model(parse_spec(f"{url}#{folder}", Path()), PATIENT).answer(requests)
    local = open_model(parse_spec(str(folder), Path()), PATIENT).answer(requests)
    assert [(answer.text.strip(), answer.prompt_tokens) for answer in remote] == [
        (answer.text.strip(), answer.prompt_tokens) for answer in local
    ]
    assert [answer.finish for answer in remote] == [answer.finish for answer in local]


def test_choices_are_read_from_replies(served: tuple[str, Path]):
    """This server gives no likelihoods: it is asked for replies instead, and that is said."""
    url, folder = served
    model = open_model(parse_spec(f"{url}#{folder}", Path()), PATIENT)
    (answer,) = model.answer([Request((Message("user", "Which?"),), choices=("A", "B"), max_new_tokens=4)])
    assert (answer.logprobs, answer.error) == ((), "")
    assert ["choices are read from replies" in notice for notice in model.notices] == [True]


def test_another_name_is_refused(served: tuple[str, Path]):
    """The server holds one model; asking for another one is one line."""
    model = open_model(parse_spec(f"{served[0]}#gpt-9", Path()), PATIENT)
    with pytest.raises(MedevalError, match="the server refuses: HTTP 400: Server is pinned to"):
        model.answer([Request((Message("user", "?"),))])
