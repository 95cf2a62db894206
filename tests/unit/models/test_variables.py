"""Variables of chat templates: read from SPEC and manifest, part of who answers, refused where they change nothing."""

import json

import pytest
from tools.fake_server import FakeServer

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, check_spec, open_model
from pytest_medeval.models.spec import baseline_of, parse_model, parse_spec, queried

ASKED = [Request((Message("user", "Rash?"),), max_new_tokens=4)]
SCORED = [Request((Message("user", "Rash?"),), choices=("A", "B"))]


@pytest.mark.parametrize(
    ("text", "named", "variables"),
    [
        ("m?enable_thinking=false", "m", {"enable_thinking": False}),
        ("m?a=True&b=-2&c=0.5&d=high", "m", {"a": True, "b": -2, "c": 0.5, "d": "high"}),
        ("https://h/v1?api-version=1#m", "https://h/v1?api-version=1#m", {}),
        ("https://h/v1#m?a=1", "https://h/v1#m", {"a": 1}),
        ("org/name", "org/name", {}),
    ],
)
def test_what_stands_behind_a_spec(text: str, named: str, variables: dict):
    """A value is true, false, a number or a text; a URL's own query is left alone."""
    found = queried(text)
    assert (found[0], dict(found[1])) == (named, variables)
    assert [type(value) for _, value in found[1]] == [type(variables[name]) for name, _ in found[1]]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("org/m?a", "'a' sets no variable of a chat template; accepted: [?]NAME=VALUE"),
        ("org/m?a=", "'a=' sets no variable"),
        ("org/m?", "'' sets no variable"),
        ("org/m?a-b=1", "'a-b=1' sets no variable"),
        ("org/m?a=1&a=2", "variable 'a' is set twice"),
        ("org/m?messages=x", "variable 'messages' is set by every run itself"),
    ],
)
def test_mistakes(tmp_path, text: str, told: str):
    """One line says what is accepted."""
    with pytest.raises(MedevalError, match=told) as caught:
        parse_model(text, tmp_path)
    assert "\n" not in str(caught.value)


def test_an_adapter_and_its_base_are_asked_alike(tmp_path):
    """The adapter's own base gets the same variables, in few bits too."""
    folder = tmp_path / "a"
    folder.mkdir()
    config = {"peft_type": "LORA", "base_model_name_or_path": "org/base"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(b"")
    for text in ("a?x=1", "int8:a?x=1"):
        spec = parse_model(text, tmp_path)
        base = baseline_of(spec)
        assert spec.text == text
        assert base.text == text.replace("a?", "org/base?")
        assert getattr(base, "inner", base).variables == (("x", 1),)


def test_a_manifest_sets_them_in_a_table(tmp_path):
    """Beside 'spec', in TOML's own types: a text that looks like a number stays one."""
    (tmp_path / "r.toml").write_text('[models]\nmcq = "org/m?x=1"\n[models.dialogue]\nspec = "org/m"\nx = "1"\n')
    models = parse_spec("r.toml", tmp_path).models
    assert models["mcq"].variables == (("x", 1),)
    assert models["dialogue"].variables == (("x", "1"),)
    assert models["dialogue"].text == "org/m?x=1"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("x = 1\n", "accepted: a text, or a table of 'spec' and variables"),
        ('spec = "org/m"\nx = [1]\n', r"x is \[1\]; accepted: true, false, a number or a text"),
        ('spec = "org/m?x=1"\ny = 2\n', "behind the SPEC and beside it"),
        ('spec = "replay:r"\ny = 2\n', "only chat templates have variables"),
    ],
)
def test_mistakes_of_a_manifest(tmp_path, table: str, told: str):
    """They are told with their line."""
    (tmp_path / "r.toml").write_text(f"[models.mcq]\n{table}")
    with pytest.raises(MedevalError, match=f"r.toml:1: .*{told}"):
        parse_spec("r.toml", tmp_path)


THINKING = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% else %}<think>\n"
    "{% endif %}{% endif %}"
)


def test_a_template_that_opens_thoughts(make_model, tmp_path):
    """Its replies begin inside thoughts, its choices are told to; with the variable neither."""
    pytest.importorskip("torch")
    folder = make_model(template=THINKING)
    settings = Settings(device="cpu", threads=1, cache=tmp_path)
    thinks = open_model(parse_model(str(folder), tmp_path), settings)
    speaks = open_model(parse_model(f"{folder}?enable_thinking=false", tmp_path), settings)
    assert thinks.identity.fingerprint != speaks.identity.fingerprint
    assert thinks.identity.chat_template == speaks.identity.chat_template
    (thought,), (said,) = thinks.answer(ASKED), speaks.answer(ASKED)
    assert (thought.text, thought.unclosed) == ("", True)
    assert thought.thoughts
    assert (said.thoughts, said.unclosed) == ("", False)
    assert said.text
    assert thought.prompt_hash != said.prompt_hash
    thinks.answer(SCORED)
    speaks.answer(SCORED)
    assert any("inside thoughts, which the chat template opens" in notice for notice in thinks.notices)
    assert speaks.notices == []


@pytest.mark.parametrize(("template", "told"), [(THINKING, "has no variable 'think'"), (None, "has no chat template")])
def test_a_variable_that_changes_nothing_is_a_mistake(make_model, tmp_path, template: str | None, told: str):
    """A mistyped name would leave thoughts on, in silence."""
    pytest.importorskip("torch")
    with pytest.raises(MedevalError, match=told):
        check_spec(parse_model(f"{make_model(template=template)}?think=false", tmp_path), Settings(device="cpu"))


def test_special_tokens_enclose_thoughts(make_model):
    """Marks that are special tokens of the vocabulary are kept until thoughts are told from the reply."""
    transformers = pytest.importorskip("transformers")
    from pytest_medeval.models.prompts import Prompter

    tokenizer = transformers.AutoTokenizer.from_pretrained(make_model())
    marks = ["[THINK]", "[/THINK]"]
    tokenizer.add_special_tokens({"additional_special_tokens": marks})
    prompter = Prompter(tokenizer)
    ids = tokenizer.encode("[THINK]rash[/THINK]cough")
    assert prompter.decode(ids) == "[THINK]rash[/THINK]cough"
    assert prompter.special(ids) == tuple(marks)
    assert prompter.special(tokenizer.encode("cough")) == ()
    assert tokenizer.decode(ids, skip_special_tokens=True) == "rashcough"


def test_a_server_is_told_the_variables(tmp_path):
    """They stand in vLLM's field, and are part of the key of stored replies."""
    settings = Settings(cache=tmp_path)
    with FakeServer() as server:
        for query in ("?enable_thinking=false", "?enable_thinking=true", ""):
            open_model(parse_model(f"{server.url}#fake{query}", tmp_path), settings).answer(ASKED)
        told = [body.get("chat_template_kwargs") for _, body in server.asked]
    assert told == [{"enable_thinking": False}, {"enable_thinking": True}, None]


def test_a_server_that_refuses_them_is_a_mistake(tmp_path):
    """Left out they would be another model's replies."""
    with FakeServer(refuse=("chat_template_kwargs",)) as server:
        model = open_model(parse_model(f"{server.url}#fake?a=1", tmp_path))
        with pytest.raises(MedevalError, match=r"the server refuses.*chat_template_kwargs"):
            model.answer(ASKED)


def test_likelihoods_at_a_server_are_asked_with_them(tmp_path):
    """The route that renders the template is told them; without it choices are read from replies."""
    for tokenize in (True, False):
        with FakeServer(lambda _: "A", logprob=lambda *_: -1.0, tokenize=tokenize) as server:
            model = open_model(parse_model(f"{server.url}#fake?a=1", tmp_path))
            (answer,) = model.answer(SCORED)
            assert answer.finish == ("choice" if tokenize else "stop")
            route = "/tokenize" if tokenize else "/v1/chat/completions"
            body = next(body for path, body in server.asked if path == route and "messages" in body)
            assert body["chat_template_kwargs"] == {"a": 1}
