"""``gguf:FILE``: the same tokens and replies as the folder it was written from; what is wrong is one line."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, baseline_of, open_model
from pytest_medeval.models.spec import GgufSpec, parse_model

ROOT = Path(__file__).parents[4]
BASE = ROOT / "fixtures" / "tiny-base"
HERE = Settings(device="cpu", threads=1)
ASKED = [
    Request((Message("user", "Which drug is given for asthma?"),), choices=("salbutamol", "insulin", "aspirin")),
    Request((Message("user", "I have a rash and a fever."),), choices=("yes", "no")),
    Request((Message("user", "患者咳嗽、发热三天。"),), max_new_tokens=12),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write the shipped base in three types."""
    pytest.importorskip("gguf", reason="gguf is not installed (extra: gguf)")
    from tests.write_gguf import convert

    folder = tmp_path_factory.mktemp("gguf")
    return {kind: convert(BASE, folder / f"{kind}.gguf", kind) for kind in ("F32", "F16", "Q8_0")}


@pytest.fixture
def models(written):
    """Give the files where something can compute them."""
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed (extra: gguf)")
    return written


def opened(file: Path, settings: Settings = HERE):
    """Open a GGUF file."""
    return open_model(parse_model(f"gguf:{file}", ROOT), settings)


def test_spec_names_a_file(tmp_path):
    """A path starts at the root; a file of another kind and a missing one are told apart; there is no base."""
    (tmp_path / "m.gguf").write_bytes(b"GGUF and more")
    (tmp_path / "m.bin").write_bytes(b"PK")
    spec = parse_model("gguf:m.gguf", tmp_path)
    assert spec == GgufSpec("gguf:m.gguf", (tmp_path / "m.gguf").resolve())
    assert baseline_of(spec) is None
    with pytest.raises(MedevalError, match="no GGUF file: it does not begin with GGUF"):
        parse_model("gguf:m.bin", tmp_path)
    with pytest.raises(MedevalError, match=r"no such file: .*none\.gguf; accepted: gguf:FILE"):
        parse_model("gguf:none.gguf", tmp_path)


@pytest.mark.parametrize("package", ["llama_cpp", "gguf"])
def test_missing_package_is_one_line(tmp_path, package, monkeypatch):
    """Without one of its packages the line names the extra to install."""
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None if name == package else object())
    with pytest.raises(MedevalError, match=r"pip install 'pytest-medeval\[gguf\]'"):
        opened(tmp_path / "m.gguf")


def test_header_says_who_it_is(written):
    """Type, template and tokenizer are read from the file; weights of another type are another model."""
    from pytest_medeval.models.gguf.file import Header

    headers = {kind: Header(file) for kind, file in written.items()}
    assert [header.dtype for header in headers.values()] == ["f32", "f16", "q8_0"]
    assert headers["F32"].template == (BASE / "chat_template.jinja").read_text(encoding="utf-8")
    assert len({header.tokenizer() for header in headers.values()}) == 1


@pytest.mark.parametrize(("size", "found"), [(4, "cut off or broken"), (3000, "cut off"), (3_000_000, "cut off")])
def test_cut_files_are_one_line(written, tmp_path, size, found):
    """A file that ends too early is refused before llama.cpp sees it."""
    from pytest_medeval.models.gguf.file import Header

    (tmp_path / "cut.gguf").write_bytes(written["F32"].read_bytes()[:size])
    with pytest.raises(MedevalError, match=f"not a whole GGUF file, {found}") as caught:
        Header(tmp_path / "cut.gguf")
    assert "\n" not in str(caught.value)


def test_parts_belong_together(written, tmp_path):
    """A model in parts is named by its first; a missing part is told."""
    from pytest_medeval.models.gguf.file import shards

    first, second = (tmp_path / f"m-0000{part}-of-00002.gguf" for part in (1, 2))
    first.write_bytes(b"GGUF")
    with pytest.raises(MedevalError, match="this part of the model is missing"):
        shards(first)
    second.write_bytes(b"GGUF")
    assert shards(first) == [first, second]
    with pytest.raises(MedevalError, match="is part 2 of 2; accepted: the first part"):
        shards(second)
    assert shards(written["F32"]) == [written["F32"]]


def test_rows_stand_as_in_the_folder(written):
    """Weights are read back under the folder's names, queries and keys in the folder's order."""
    from pytest_medeval.models.gguf.file import gguf_rows
    from pytest_medeval.models.proof.shipped import folder_rows

    folder, whole, few = folder_rows(BASE), gguf_rows(written["F32"]), gguf_rows(written["Q8_0"])
    for layer in ("q_proj", "k_proj", "v_proj", "o_proj"):
        name = f"model.layers.1.self_attn.{layer}.weight"
        assert np.array_equal(whole(name, 64), folder(name, 64)), name
        assert 0 < np.abs(few(name, 64) - folder(name, 64)).max() < np.abs(folder(name, 64)).max() / 127
    assert whole("model.layers.9.self_attn.q_proj.weight", 64) is None


def test_file_answers_as_its_folder(models):
    """Token for token the same prompts, likelihoods within rounding of the 16-bit cache, the same greedy reply."""
    pytest.importorskip("torch", reason="torch is not installed (extra: local)")
    whole = opened(models["F32"]).answer(ASKED)
    folder = open_model(parse_model(str(BASE), ROOT), HERE).answer(ASKED)
    assert [answer.prompt_hash for answer in whole] == [answer.prompt_hash for answer in folder]
    assert [answer.choice_tokens for answer in whole] == [answer.choice_tokens for answer in folder]
    for one, two in zip(whole[:2], folder[:2], strict=True):
        assert np.allclose(one.logprobs, two.logprobs, atol=0.02)
    assert (whole[2].text, whole[2].reply_tokens) == (folder[2].text, folder[2].reply_tokens)
    few = opened(models["Q8_0"]).answer(ASKED)
    gaps = np.subtract(few[0].logprobs, whole[0].logprobs)
    assert 0 < np.abs(gaps).max() < 1


def test_no_answer_depends_on_another(models):
    """Each request starts from nothing: any order gives the same numbers."""
    there = opened(models["F32"]).answer(ASKED)
    back = opened(models["F32"]).answer(ASKED[::-1])
    assert there == back[::-1]


@pytest.mark.parametrize("name", ["mcq", "polarity", "dialogue"])
def test_texts_become_the_same_tokens(models, name):
    """llama.cpp splits every string of the shipped cases as the folder's own tokenizer does."""
    tokenizers = pytest.importorskip("tokenizers", reason="tokenizers is not installed (extra: local)")
    from pytest_medeval.models.gguf.engine import Llama

    theirs = tokenizers.Tokenizer.from_file(str(BASE / "tokenizer.json"))
    engine = Llama(models["F32"], gpu=False, threads=1)
    lines = (ROOT / "suites" / name / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [text for line in lines for text in json.loads(line).values() if isinstance(text, str)]
    assert len(texts) > len(lines)
    for text in texts:
        ids = engine.ids(text, special=False)
        assert ids == theirs.encode(text, add_special_tokens=False).ids
        assert engine.text(ids) == text


def test_ends_stops_and_limits(models):
    """A reply ends before a stop string, or at the limit of new tokens, and says which."""
    (whole,) = opened(models["F32"]).answer(ASKED[2:])
    assert (whole.finish, whole.reply_tokens) in [("length", 12), ("stop", whole.reply_tokens)]
    stop = whole.text[2:4]
    request = Request(ASKED[2].messages, max_new_tokens=12, stop=(stop,))
    (short,) = opened(models["F32"]).answer([request])
    assert (short.text, short.finish) == (whole.text[: whole.text.index(stop)], "stop")
    assert short.reply_tokens < whole.reply_tokens


def test_what_cannot_be_asked_is_an_error_answer(models):
    """A prompt that does not fit is not cut, sampling is not offered, and an empty choice has no likelihood."""
    requests = [
        Request((Message("user", "cough " * 2000),), max_new_tokens=1),
        Request(ASKED[2].messages, max_new_tokens=1, temperature=0.7),
        Request(ASKED[2].messages, choices=("yes", "")),
    ]
    answers = opened(models["F32"]).answer(requests)
    assert {answer.finish for answer in answers} == {"error"}
    told = ["more than the model's context of 1024", "a GGUF model replies greedily", "empty after tokenisation"]
    assert all(part in answer.error for part, answer in zip(told, answers, strict=True))


def test_a_device_that_cannot_be_had_is_one_line(models):
    """A build for the CPU says how to get one for a GPU; a device of torch's alone is not accepted."""
    from pytest_medeval.models.gguf.engine import offloads

    if not offloads():
        with pytest.raises(MedevalError, match="was built for the CPU"):
            opened(models["F32"], Settings(device="cuda"))
    with pytest.raises(MedevalError, match="device 'mps'; accepted: auto, cpu, cuda"):
        opened(models["F32"], Settings(device="mps"))


def test_llama_cpp_says_why_it_cannot_load(models, tmp_path, capfd):
    """An architecture that llama.cpp does not know is named, and nothing else is written to the terminal."""
    data = bytearray(models["F32"].read_bytes())
    place = data.find(b"llama", data.find(b"general.architecture"))
    data[place : place + 5] = b"other"
    (tmp_path / "other.gguf").write_bytes(data)
    with pytest.raises(MedevalError, match=r"llama\.cpp cannot load this model: unknown model architecture: 'other'"):
        opened(tmp_path / "other.gguf").answer(ASKED)
    assert capfd.readouterr() == ("", "")


def test_answers_are_kept(models, tmp_path):
    """A second run of the same file asks nothing; another type is another model."""
    settings = Settings(device="cpu", threads=1, cache=tmp_path)
    opened(models["F32"], settings).answer(ASKED)
    again = opened(models["F32"], settings)
    assert all(answer.cached for answer in again.answer(ASKED))
    assert not again.inner.loaded
    assert not any(answer.cached for answer in opened(models["F16"], settings).answer(ASKED))


REFUSING = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    "[{{ m.content }}]{% endfor %}"
)


def test_templates_render_as_in_transformers(models):
    """Control tokens, ``raise_exception``, ``tojson`` and ``strftime_now`` are there; a broken template is one line."""
    from pytest_medeval.models.gguf.engine import Llama
    from pytest_medeval.models.gguf.tokens import Tokenizer
    from pytest_medeval.models.prompts import Prompter

    engine = Llama(models["F32"], gpu=False, threads=1)
    asked = Request((Message("system", "Be brief."), Message("user", "Rash?")))
    folded = Prompter(Tokenizer(engine, REFUSING)).encode(asked)
    assert engine.text(folded.ids) == "[Be brief.\n\nRash?]"
    turns = [{"role": "user", "content": "é"}]
    rich = Tokenizer(engine, "{{ messages | tojson }}{{ eos_token }}{{ strftime_now('%Y') | length }}")
    assert rich.apply_chat_template(turns, add_generation_prompt=True) == ('[{"role": "user", "content": "é"}]<|end|>4')
    with pytest.raises(MedevalError, match="chat template cannot be read: line 1"):
        Tokenizer(engine, "{% if %}")
    bare = Prompter(Tokenizer(engine, None)).encode(asked)
    assert engine.text(bare.ids) == "Be brief.\n\nRash?\n\n"
