"""SmolLM2-135M-Instruct through the plugin, against plain computations that share no code with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, open_model
from pytest_medeval.models.spec import parse_model

QUESTIONS = [
    (
        "A 61-year-old man has crushing chest pain and sweats. Which drug is given first?",
        ("Aspirin", "Insulin", "Amoxicillin", "Metformin"),
    ),
    ("Which vitamin deficiency causes scurvy?", ("Vitamin A", "Vitamin B12", "Vitamin C", "Vitamin D")),
    (
        "A child has a barking cough and inspiratory stridor at night. What is the most likely diagnosis?",
        ("Croup", "Asthma", "Pneumonia", "Bronchiolitis obliterans with organising pneumonia"),
    ),
    ("Which organ makes insulin?", ("The liver", "The pancreas", "The spleen", "The thyroid gland")),
]
LETTERS = ("A", "B", "C", "D")


def _asked(scoring: str, shots: int) -> list[Request]:
    """Ask each question behind some of the others, answered."""
    found = []
    for place, (question, options) in enumerate(QUESTIONS):
        others = [one for at, one in enumerate(QUESTIONS * 2) if at % len(QUESTIONS) != place][:shots]
        told = "".join(f"{_text(*one)} {one[1][0] if scoring == 'texts' else 'A'}\n\n" for one in others)
        choices = options if scoring == "texts" else LETTERS
        found.append(Request((Message("user", told + _text(question, options)),), choices=choices))
    return found


def _text(question: str, options: tuple[str, ...]) -> str:
    listed = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=True))
    return f"{question}\n{listed}\nAnswer:"


@pytest.fixture(scope="module")
def plain(smollm2: Path) -> tuple[Any, Any]:
    """Load model and tokenizer as anybody would."""
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32).eval()
    return model, transformers.AutoTokenizer.from_pretrained(smollm2)


def _rendered(tokenizer: Any, request: Request) -> str:
    turns = [{"role": "user", "content": request.messages[0].content}]
    text: str = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return text


@pytest.mark.parametrize("shots", [0, 5])
@pytest.mark.parametrize("scoring", ["letters", "texts"])
def test_likelihoods_are_those_of_the_whole_text(smollm2, plain, scoring, shots):
    """Each choice's log-likelihood is within 1e-3 of prompt and choice read as one text; the best one is the same."""
    import torch

    model, tokenizer = plain
    requests = _asked(scoring, shots)
    answers = open_model(parse_model(str(smollm2), smollm2), Settings(device="cpu")).answer(requests)
    for request, answer in zip(requests, answers, strict=True):
        prompt = _rendered(tokenizer, request)
        size, own = len(tokenizer.encode(prompt, add_special_tokens=False)), []
        for choice in request.choices:
            ids = torch.tensor([tokenizer.encode(prompt + choice, add_special_tokens=False)])
            with torch.inference_mode():
                logits = model(ids).logits[0, size - 1 : -1].double().log_softmax(-1)
            own.append(float(logits.gather(1, ids[0, size:, None]).sum()))
        assert answer.logprobs == pytest.approx(own, abs=1e-3)
        assert answer.logprobs.index(max(answer.logprobs)) == own.index(max(own))


def test_replies_are_those_of_generate(smollm2, plain):
    """Replies in one batch, whose prompts differ in length, are those of ``generate`` one at a time."""
    import torch

    model, tokenizer = plain
    requests = [Request((Message("user", text),), max_new_tokens=24) for text, _ in QUESTIONS]
    opened = open_model(parse_model(str(smollm2), smollm2), Settings(device="cpu"))
    for request, answer in zip(requests, opened.answer(requests), strict=True):
        ids = tokenizer(_rendered(tokenizer, request), add_special_tokens=False, return_tensors="pt")
        with torch.inference_mode():
            found = model.generate(**ids, max_new_tokens=24, do_sample=False, pad_token_id=tokenizer.pad_token_id)
        assert answer.text == tokenizer.decode(found[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    assert opened.notices == []
