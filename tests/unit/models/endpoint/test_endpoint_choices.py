"""Choices behind a server: by log-likelihood where it echoes them, else by reply."""

import math
from pathlib import Path

import pytest
from tools.fake_server import FakeServer

from pytest_medeval.core.model import Traffic
from pytest_medeval.core.types import Answer, Message, Request, Source
from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.tasks.mcq import MCQ, MCQCase

MESSAGES = (Message("system", "Be brief."), Message("user", "Which drug?"))
REQUEST = Request(MESSAGES, choices=("A", "heparin", "咳嗽"))


def logprob(before: int, token: int) -> float:
    """Give a made-up log-probability of a character behind another one."""
    return -((before * 31 + token * 7) % 97 + 1) / 50


def summed(prompt: str, choice: str) -> float:
    """Add up a choice's log-probabilities behind a prompt, in a way of our own."""
    text = prompt + choice
    return math.fsum(logprob(ord(text[at - 1]), ord(text[at])) for at in range(len(prompt), len(text)))


def answers(server: FakeServer, requests: list[Request]) -> tuple[list[Answer], list[str]]:
    """Ask the server; give answers and notices."""
    settings = Settings(traffic=Traffic(concurrency=4, timeout=2, retries=1))
    model = open_model(parse_spec(f"{server.url}#fake", Path()), settings)
    return model.answer(requests), model.notices


def test_likelihoods_behind_the_chat_template():
    """Where the server tokenises, prompts go through its template and choices stand right behind."""
    with FakeServer(logprob=logprob, tokenize=True) as server:
        (answer,), notices = answers(server, [REQUEST])
    prompt = "<system>Be brief.<user>Which drug?"
    assert answer.finish == "choice"
    assert answer.logprobs == pytest.approx([summed(prompt, choice) for choice in REQUEST.choices])
    assert answer.choice_tokens == (1, 7, 2)
    assert answer.prompt_tokens == len(prompt)
    assert notices == []


def test_likelihoods_of_plain_text():
    """Without a tokeniser, messages are joined by blank lines, as for a local model without a template."""
    with FakeServer(logprob=logprob) as server:
        (answer,), notices = answers(server, [REQUEST])
    prompt = "Be brief.\n\nWhich drug?"
    assert answer.logprobs == pytest.approx([summed(prompt, f"\n\n{choice}") for choice in REQUEST.choices])
    assert notices == []


def test_what_the_server_offers_is_found_out_once():
    """After the first request, only the way that works is gone."""
    with FakeServer(logprob=logprob) as server:
        answers(server, [REQUEST] * 3 + [Request(MESSAGES, choices=("A", "B"))])
    assert [path for path, _ in server.asked] == ["/tokenize", "/v1/completions", "/v1/completions"]


def test_choices_by_reply_where_there_are_no_likelihoods():
    """Such a server is asked for a reply that names a choice; that is said once, and nothing is guessed."""
    with FakeServer(reply=lambda _: "heparin") as server:
        found, notices = answers(server, [REQUEST, Request(MESSAGES, choices=("A", "B"))])
    assert [answer.text for answer in found] == ["heparin"] * 2
    assert all(answer.finish == "stop" and answer.logprobs == () for answer in found)
    sent = server.asked[-1][1]["messages"][-1]["content"]
    assert sent == "Which drug?\nAnswer with exactly one of these, and nothing else:\nA\nB"
    assert notices == [f"{server.url}#fake: no log-likelihoods (no such route); choices are read from replies"]


@pytest.mark.parametrize(
    ("said", "letter", "outcome"),
    [("The answer is B.", "B", "answered"), ("heparin", "B", "answered"), ("Ask your doctor.", None, "no_answer")],
)
def test_a_question_is_read_from_such_a_reply(said: str, letter: str | None, outcome: str):
    """The multiple-choice task reads the option that the reply names, or none."""
    task = MCQ()
    case = MCQCase(id="1", source=Source("f"), question="Which?", options={"A": "aspirin", "B": "heparin"}, answer="B")
    with FakeServer(reply=lambda _: said) as server:
        (answer,), _ = answers(server, [task.request(case)])
    reply = task.read(case, answer)
    assert (reply.prediction, reply.outcome, reply.confidence) == (letter, outcome, None)


def test_a_fault_is_not_taken_for_a_missing_route():
    """A server that is out of order when first asked is an error, and is asked for likelihoods afterwards."""
    with FakeServer(logprob=logprob, tokenize=True, faults=lambda number: "500" if number < 2 else None) as server:
        settings = Settings(traffic=Traffic(concurrency=1, timeout=2, retries=1))
        model = open_model(parse_spec(f"{server.url}#fake", Path()), settings)
        broken, fine = model.answer([REQUEST, Request(MESSAGES, choices=("A", "B"))])
    assert (broken.finish, fine.finish) == ("error", "choice")
