"""The endpoint against a real server: ``transformers serve`` with a tiny random model."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.serving import MISSING, WHY, transformers_serve

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.model import Traffic
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, open_model, parse_spec

pytestmark = pytest.mark.skipif(bool(MISSING), reason=WHY)
PATIENT = Settings(device="cpu", threads=1, traffic=Traffic(concurrency=4, timeout=120))


@pytest.fixture(scope="module")
def served(make_model: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Serve a tiny model; give the server's URL and the model's folder, which is also its name there."""
    folder = make_model("llama")
    with transformers_serve(folder, tmp_path_factory.mktemp("serve")) as url:
        yield url, folder


def test_replies_equal_those_of_the_local_model(served: tuple[str, Path]):
    """Greedy replies of a served model are those of the same folder opened here."""
    url, folder = served
    requests = [
        Request((Message("user", f"I have fever {'and cough ' * count}"),), max_new_tokens=8) for count in range(5)
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
