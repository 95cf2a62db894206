"""Choices are scored as the tokens that they are behind their prompt, whatever kind of tokenizer cuts the border.

The yardstick knows no border: the likelihood of prompt and choice as one text, by a plain forward pass over the tokens
that the tokenizer itself gives for it. Two choices of one request differ by as much as their whole texts do.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers
from tools.fake_server import FakeServer

from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.models.local.model import load_prompter

SENTENCES = [
    "The answer is A. The answer is B. A cough and a fever: which drug is given first? Aspirin?\n\n",
    "Question: Which? A\n\nAnswer: B heparin C warfarin D\n\n",
    "患者咳嗽三天，无发热。咳嗽：阳性；发热：阴性",
]
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
TEMPLATES = {
    "none": None,
    "newline": "{% for m in messages %}<s>{{ m['content'] }}\nassistant:\n{% endfor %}",
    "blank": "{% for m in messages %}<s>{{ m['content'] }} Answer: {% endfor %}",
    "bracket": "{% for m in messages %}<s>[INST] {{ m['content'] }} [/INST]{% endfor %}",
}
CHOICES = {
    "letters": ("A", "B", "C", "D"),
    "texts": ("aspirin", "heparin and warfarin", " a blank before", "A"),
    "lines": ("\nA", "\n\nB", "?"),
    "Chinese": ("阳性", "阴性", "咳嗽：阳性；发热：阴性"),
}


def _sentencepiece_bpe() -> tokenizers.Tokenizer:
    """Cut as Llama 2 does: a blank is part of the word behind it, one stands before every text."""
    inner = tokenizers.Tokenizer(models.BPE(unk_token=SPECIAL["unk_token"], fuse_unk=True))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    inner.pre_tokenizer = pre_tokenizers.Split(tokenizers.Regex("▁[^▁\n]*|\n"), "isolated")
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(content=" ", left=1, right=0)]
    )
    return _trained(inner, trainers.BpeTrainer)


def _unigram() -> tokenizers.Tokenizer:
    """Cut as XGLM does: the likeliest pieces of each word."""
    inner = tokenizers.Tokenizer(models.Unigram())
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Metaspace()
    return _trained(inner, trainers.UnigramTrainer)


def _byte_level() -> tokenizers.Tokenizer:
    """Cut as Llama 3 does: a mark and the newlines behind it are one token."""
    inner = tokenizers.Tokenizer(models.BPE())
    pattern = tokenizers.Regex(r" ?\p{L}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+")
    inner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(pattern, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    inner.decoder = decoders.ByteLevel()
    return _trained(inner, trainers.BpeTrainer, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def _trained(inner: tokenizers.Tokenizer, trainer: Any, **more: Any) -> tokenizers.Tokenizer:
    unknown = {"unk_token": "<unk>"} if trainer is trainers.UnigramTrainer else {}
    special = ["<s>", "</s>", "<unk>"]
    inner.train_from_iterator(
        SENTENCES * 20, trainer(vocab_size=400, special_tokens=special, show_progress=False, **unknown, **more)
    )
    return inner


KINDS = {"SentencePiece BPE": _sentencepiece_bpe, "unigram": _unigram, "byte level": _byte_level}


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory):
    """Give a function (kind of tokenizer, template, whether it ends texts) -> folder of a random model."""
    made: dict[tuple[str, str, bool], Path] = {}

    def folder_of(kind: str, template: str, *, ends: bool = False) -> Path:
        if (kind, template, ends) not in made:
            folder = tmp_path_factory.mktemp("border")
            inner = KINDS[kind]()
            pieces = "<s> $A </s>" if ends else "<s> $A"
            inner.post_processor = processors.TemplateProcessing(
                single=pieces, special_tokens=[("<s>", 0), ("</s>", 1)]
            )
            tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, **SPECIAL)
            tokenizer.chat_template = TEMPLATES[template]
            tokenizer.save_pretrained(folder)
            torch.manual_seed(0)
            config = transformers.LlamaConfig(
                vocab_size=400, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                bos_token_id=0, eos_token_id=1,
            )  # fmt: skip
            model = transformers.AutoModelForCausalLM.from_config(config)
            with torch.no_grad():
                for weight in model.parameters():
                    if weight.ndim > 1:
                        weight.normal_(0, 0.3)
            model.save_pretrained(folder)
            made[kind, template, ends] = folder
        return made[kind, template, ends]

    return folder_of


def _whole(tokenizer: Any, request: Request, choice: str) -> tuple[str, list[int]]:
    """Give prompt and choice as one text and as the tokens of one text, as anybody would cut it."""
    asked = request.messages[0].content
    if tokenizer.chat_template:
        turns = [{"role": "user", "content": asked}]
        text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) + choice
        return text, tokenizer.encode(text, add_special_tokens=False)
    text = f"{asked}\n\n{choice}"
    return text, [0, *tokenizer.encode(text, add_special_tokens=False)]


def _likelihood(model: Any, ids: list[int]) -> float:
    with torch.inference_mode():
        logits = model(torch.tensor([ids])).logits[0, :-1].double().log_softmax(-1)
    return float(logits.gather(1, torch.tensor(ids[1:])[:, None]).sum())


@pytest.mark.parametrize(("template", "ends"), [*((name, False) for name in TEMPLATES), ("none", True)])
@pytest.mark.parametrize("kind", KINDS)
def test_choices_differ_as_their_whole_texts_do(make, kind, template, ends):
    """Letters, texts, blanks, newlines and Chinese, behind a blank, a newline, a bracket or a question mark."""
    folder = make(kind, template, ends=ends)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    requests = [Request((Message("user", "Which drug is given first?"),), choices=some) for some in CHOICES.values()]
    answers = open_model(parse_spec(str(folder), folder), Settings(device="cpu")).answer(requests)
    for request, answer in zip(requests, answers, strict=True):
        wholes = [_likelihood(model, _whole(tokenizer, request, choice)[1]) for choice in request.choices]
        ours = [one - answer.logprobs[0] for one in answer.logprobs]
        assert ours == pytest.approx([one - wholes[0] for one in wholes], abs=1e-4)


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("kind", KINDS)
def test_prompt_and_choice_are_the_tokens_of_their_text(make, kind, template):
    """Nothing is lost at the border, all choices of a request stand behind the same tokens."""
    prompter = load_prompter(make(kind, template, ends=True))
    for choices in CHOICES.values():
        request = Request((Message("user", "Which drug is given first?"),), choices=choices)
        prompt = prompter.encode(request)
        for choice, ids in zip(choices, prompt.choices, strict=True):
            assert list(prompt.ids + ids) == _whole(prompter.tokenizer, request, choice)[1]


def test_a_letter_behind_a_newline_is_the_letter(make):
    """The token of a letter at the head of a text, which a blank begins, is another one than the one meant here."""
    prompter = load_prompter(make("SentencePiece BPE", "newline"))
    prompt = prompter.encode(Request((Message("user", "Which?"),), choices=("A", "B")))
    assert prompter.tokenizer.convert_ids_to_tokens([ids[0] for ids in prompt.choices]) == ["A", "B"]
    assert prompter.tokenizer.tokenize("A") == ["▁A"]


def test_an_empty_choice_is_no_choice(make):
    """It has no likelihood, also where another choice moves the border."""
    model = open_model(parse_spec(str(make("unigram", "blank")), Path()), Settings(device="cpu"))
    (answer,) = model.answer([Request((Message("user", "Which?"),), choices=("A", ""))])
    assert (answer.finish, answer.error) == ("error", "the prompt or a choice is empty after tokenisation")


@pytest.mark.parametrize("ends", [False, True], ids=["open", "EOS"])
def test_prompts_without_template_end_where_the_reply_begins(make, ends):
    """A tokenizer that ends every text must not end the prompt: the reply would be the next text."""
    ids = load_prompter(make("unigram", "none", ends=ends)).encode(Request((Message("user", "Which?"),))).ids
    assert (ids[0], ids[-1] == 1) == (0, False)


@pytest.mark.parametrize("tokenize", [True, False], ids=["tokens", "text"])
@pytest.mark.parametrize("kind", KINDS)
def test_servers_are_asked_for_the_same_tokens(make, kind, tokenize):
    """By ``/tokenize`` or by text, choices differ as their whole texts do under the server's own tokenizer."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(make(kind, "none", ends=True))

    def logprob(before: int, token: int) -> float:
        return -((before * 31 + token * 7) % 97 + 1) / 50

    def encode(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=not tokenize)

    def summed(choice: str) -> float:
        text = f"<user>Which? A{choice}" if tokenize else f"Which? A\n\n{choice}"
        ids = tokenizer.encode(text, add_special_tokens=False)
        ids = ids if tokenize else [0, *ids]
        return sum(logprob(*pair) for pair in itertools.pairwise(ids))

    requests = [Request((Message("user", "Which? A"),), choices=some) for some in CHOICES.values()]
    with FakeServer(logprob=logprob, tokenize=tokenize, encode=encode, decode=tokenizer.decode) as server:
        answers = open_model(parse_spec(f"{server.url}#fake", Path()), Settings()).answer(requests)
    for request, answer in zip(requests, answers, strict=True):
        wholes = [summed(choice) for choice in request.choices]
        ours = [one - answer.logprobs[0] for one in answer.logprobs]
        assert ours == pytest.approx([one - wholes[0] for one in wholes])
