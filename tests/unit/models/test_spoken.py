"""Between a model and all who read it: the reply alone, the thoughts beside it, and what has to be said of them."""

import pytest
from tools.fake_model import FakeModel
from tools.fake_server import FakeServer

from pytest_medeval.core.types import Answer, Message, Request
from pytest_medeval.judges.judge import Judging, judge_cases
from pytest_medeval.models import Settings, open_model
from pytest_medeval.models.spec import parse_model
from pytest_medeval.models.spoken import SpokenModel
from pytest_medeval.tasks.dialogue import Dialogue
from pytest_medeval.tasks.polarity import Polarity

ASKED = [Request((Message("user", "I have chest pain."),))]
THOUGHT, SAID = "An ambulance would be needed.", "Take a warm bath."


def spoken(*answers: Answer, tags: tuple[str, ...] | None = None) -> SpokenModel:
    """Give a model that makes these answers, in turn."""
    left = iter(answers)
    model = FakeModel(lambda _: next(left))
    return SpokenModel(model) if tags is None else SpokenModel(model, tags)


def test_the_reply_and_the_thoughts():
    """Thoughts in the text and thoughts that the server gave apart are put together."""
    (answer,) = spoken(Answer(f"<think>b</think>{SAID}", thoughts="a")).answer(ASKED)
    assert (answer.text, answer.thoughts, answer.unclosed) == (SAID, "a\n\nb", False)


def test_thoughts_that_are_no_unicode():
    """Half of a surrogate pair is marked in thoughts as in replies: both are written to files."""
    (answer,) = spoken(Answer("<think>a\ud83d</think>b\ud83d", thoughts="c\ud83d")).answer(ASKED)
    assert "\ud83d" not in answer.text + answer.thoughts


@pytest.mark.parametrize(
    "raw",
    [
        Answer(f"<think>{THOUGHT}", finish="length"),
        Answer("", thoughts=THOUGHT, finish="length"),
        Answer(f"<think>{THOUGHT}</think>\n", finish="length"),
        Answer(THOUGHT, lead="<|Assistant|><think>\n", finish="length"),
        Answer(f"<think>{THOUGHT}", finish="stop"),
    ],
)
def test_what_ends_in_thoughts_is_truncated(raw: Answer):
    """A token limit or a stop string within thoughts leaves no answer, whoever told them apart."""
    model = spoken(raw)
    (answer,) = model.answer(ASKED)
    assert (answer.text.strip(), answer.unclosed) == ("", True)
    assert model.notices == ["fake: 1 answers end inside thoughts and are none: allow more max_new_tokens"]
    assert Polarity().read(None, answer).outcome == "truncated"
    assert Dialogue().read(None, answer).outcome == "truncated"


def test_special_tokens_tell_and_go():
    """Special tokens that a local model wrote enclose thoughts, and are no part of thoughts or reply."""
    text = f"[THINK]{THOUGHT}<pad>[/THINK]{SAID}<pad>"
    (answer,) = spoken(Answer(text, special=("[THINK]", "[/THINK]", "<pad>"))).answer(ASKED)
    assert (answer.text, answer.thoughts, answer.special) == (SAID, THOUGHT, ())


def test_likelihoods_inside_thoughts_are_told():
    """The likelihood of a letter as the first word of a thought is no answer of the model."""
    scored = {"finish": "choice", "logprobs": (-1.0,), "choice_tokens": (1,)}
    model = spoken(Answer(lead="<|im_start|>assistant\n<think>\n", **scored), Answer(lead="assistant\n", **scored))
    model.answer(ASKED * 2)
    (notice,) = model.notices
    assert notice.startswith("fake: 1 answers compare the likelihoods of options inside thoughts")


def test_replies_that_may_be_thoughts_are_told():
    """A server whose template opens thoughts does not say so: a reply cut before they end looks like one."""
    model = spoken(Answer(f"{THOUGHT}</think>{SAID}"), Answer(THOUGHT, finish="length"))
    model.answer(ASKED * 2)
    assert "1 answers were cut at the token limit and may be thoughts" in model.notices[-1]


def test_other_tags_need_no_new_answers(tmp_path):
    """What is stored is what was generated: a warm cache gives another reply under other tags."""
    with FakeServer(lambda _: f"<think>a</think><reason>b</reason>{SAID}") as server:
        spec = parse_model(f"{server.url}#fake", tmp_path)
        found = [
            open_model(spec, Settings(cache=tmp_path / "c", thoughts=tags)).answer(ASKED)[0]
            for tags in (("think",), ("think", "reason"))
        ]
        assert [(one.text, one.thoughts) for one in found] == [(f"<reason>b</reason>{SAID}", "a"), (SAID, "a\n\nb")]
        assert len(server.asked) == 1


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_what_a_server_tells_apart(tmp_path, key):
    """The fields in which servers give thoughts are thoughts; null is none."""

    class Apart(FakeServer):
        def respond(self, path, body):
            status, answer = super().respond(path, body)
            answer["choices"][0]["message"] |= {"reasoning": None, key: THOUGHT}
            return status, answer

    with Apart(lambda _: SAID) as server:
        for _ in ("asked", "stored"):
            (answer,) = open_model(parse_model(f"{server.url}#fake", tmp_path), Settings(cache=tmp_path)).answer(ASKED)
            assert (answer.text, answer.thoughts) == (SAID, THOUGHT)
        assert len(server.asked) == 1


GRADES = '{"accuracy": 4, "comprehensiveness": 4, "helpfulness": 4, "relevance": 4}'
FIVES = GRADES.replace("4", "5")


@pytest.mark.parametrize(
    ("said", "grade"),
    [
        (f"<think>Perhaps {FIVES}</think>{GRADES}", 4),
        (f"Perhaps {FIVES}</think>\n{GRADES}", 4),
        (f"[THINK]{FIVES}[/THINK]{GRADES}", 4),
        (f"<think>{FIVES}", None),
    ],
)
def test_a_judge_is_read_after_its_thoughts(said: str, grade: int | None):
    """A grade that a judge only considers is none."""
    judge = SpokenModel(FakeModel(lambda _: Answer(said), name="http://judge/v1#j"))
    case = {"suite": "s", "id": "1", "asked": "I cough.", "gold": "Rest.", "candidate": {"reply": "Rest."}}
    judgement = judge_cases(judge, [case], how=Judging(style="json")).cases[0].replies["candidate"]
    if grade is None:
        assert {one.reason for one in judgement.unjudged.values()} == {"the answer ends inside thoughts"}
    else:
        assert set(judgement.grades.values()) == {grade}
