"""What each task asks, reads and calls right: records into cases, requests, replies, targets."""

from __future__ import annotations

import math

import pytest
import scipy.special

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Message, Record, Reply, Request, Source
from pytest_medeval.tasks.base import Sampled, reply_of, requests_of, seeded
from pytest_medeval.tasks.dialogue import INSTRUCTION, Dialogue
from pytest_medeval.tasks.making import make, options_of
from pytest_medeval.tasks.mcq import MCQ, chosen, combined, turned, written
from pytest_medeval.tasks.polarity import ASK_GIVEN, ASK_OPEN, SYSTEM, Parsed, Polarity, parse_findings
from pytest_medeval.tasks.typed import listed, one_of

PLACE = Source("a.jsonl", 7)
TALK = {"id": "a", "input": " I cough. ", "reference": " Rest. "}
HEAD = [{"role": "system", "content": "Be brief."}]
CHAT = [
    {"role": "user", "content": "I cough."},
    {"role": "assistant", "content": "Since when?"},
    {"role": "user", "content": [{"type": "text", "text": "Monday."}]},
]
QUIZ = {"id": "q", "question": " Which? ", "options": {"A": " rest ", "B": "heparin"}, "answer": "B"}
FINDINGS = {"id": "p", "dialogue": " 咳嗽吗？有。 ", "findings": {" 咳嗽 ": "positive", "发热": "none"}}


def case(task, fields, **more):
    """Make a case of a record."""
    return task.case(Record(PLACE, {**fields, **more}))


@pytest.mark.parametrize(
    ("task", "fields", "told"),
    [
        (Dialogue(), {**TALK, "refrence": "x"}, "unknown key 'refrence' (did you mean 'reference'?); accepted: "),
        (Dialogue(), {"id": "a", "reference": "x"}, "accepted: 'input', what the patient wrote, or 'messages', a"),
        (Dialogue(), {**TALK, "messages": CHAT}, "accepted: 'input', what the patient wrote, or 'messages', a"),
        (Dialogue(), {"id": "a", "messages": []}, "'messages' is []; accepted: a list of turns with 'role' and"),
        (Dialogue(), {"id": "a", "messages": ["x"]}, "a turn of 'messages' is 'x'; accepted: 'role' and 'content'"),
        (Dialogue(), {"id": "a", "messages": CHAT[:2]}, "the last of 'messages' is of 'assistant'; accepted: 'user'"),
        (Dialogue(), {"id": "a", "messages": CHAT[1:] + HEAD + CHAT}, "'messages' has a system turn behind others"),
        (Dialogue(), {"id": "a", "messages": [{"role": "tool", "content": "x"}]}, "unknown role 'tool'; accepted: "),
        (Dialogue(), {"id": "a", "messages": [{"role": "user", "content": " "}]}, "a turn of 'user' is ' '; accepted"),
        (Dialogue(), {"id": "a", "messages": HEAD + CHAT, "instruction": "x"}, "'instruction' and a system turn of"),
        (Dialogue(), {**TALK, "references": ["x", "y"]}, "'references' is ['x', 'y']; accepted: a list of different"),
        (Dialogue(), {"id": "a", "input": "x", "references": ["x", "x"]}, "'references' is ['x', 'x']; accepted: a"),
        (Dialogue(), {"id": "a", "input": "x", "references": ["x", 3]}, "'references' is ['x', 3]; accepted: a list"),
        (Dialogue(), {"id": "a", "input": "x", "references": ["x", " "]}, "'references' is ['x', ' ']; accepted: a"),
        (Dialogue(), {"id": "a", "input": "x", "references": []}, "'references' is []; accepted: a list of different"),
        (Dialogue(), {**TALK, "input": 3}, "'input' is a whole number; accepted: a text"),
        (Dialogue(), {**TALK, "input": None}, "accepted: 'input', what the patient wrote, or 'messages', a"),
        (Dialogue(), {**TALK, "input": " "}, "'input' is empty"),
        (Dialogue(), {**TALK, "instruction": 2.5}, "'instruction' is a number; accepted: a text"),
        (Dialogue(), {**TALK, "must_mention": "x"}, "'must_mention' is a text; accepted: a list"),
        (Dialogue(), {**TALK, "id": True}, "'id' is True; accepted: a short text, unique in the suite"),
        (Dialogue(), {**TALK, "id": " "}, "'id' is ' '; accepted"),
        (Dialogue(), {**TALK, "id": None}, "'id' is None; accepted"),
        (Dialogue(), {**TALK, "critical": "yes"}, "'critical' is 'yes'; accepted: true or false"),
        (Dialogue(), {**TALK, "tags": ["x"]}, "'tags' is ['x']; accepted: a mapping of names to texts"),
        (Dialogue(), {**TALK, "tags": {"x": ["y"]}}, "'tags' is {'x': ['y']}; accepted"),
        (Dialogue(), {**TALK, "critical": True}, "a critical dialogue case needs 'must_mention'"),
        (Dialogue(), {**TALK, "must_mention": ["fever", " | "]}, "'must_mention' holds ' | '; accepted: words, or"),
        (MCQ(), {**QUIZ, "options": "x"}, "'options' is a text; accepted: a mapping"),
        (MCQ(), {**QUIZ, "options": {"A": "x"}}, "options are lettered A; accepted: A, B, ... in order, 2 to 26"),
        (MCQ(), {**QUIZ, "options": {}}, "options are lettered (none); accepted"),
        (MCQ(), {**QUIZ, "options": {"B": "x", "A": "y"}}, "options are lettered B, A; accepted"),
        (MCQ(), {**QUIZ, "options": {"A": "x", "C": "y"}}, "options are lettered A, C; accepted"),
        (MCQ(), {**QUIZ, "options": dict.fromkeys("ABCDEFGHIKJ", "x")}, "options are lettered A, B, C, D, E, F, G, H"),
        (MCQ(), {**QUIZ, "options": {"A": "x", "B": " "}}, "an option is empty"),
        (MCQ(), {**QUIZ, "options": {"A": "x", "B": None}}, "an option is empty"),
        (MCQ(), {**QUIZ, "answer": "C"}, "answer 'C' is not among the options A, B"),
        (Polarity(), {**FINDINGS, "findings": {}}, "'findings' is empty"),
        (Polarity(), {**FINDINGS, "findings": {"x": "yes"}}, "label 'yes' of finding 'x'; accepted: positive,"),
        (Polarity(), {**FINDINGS, "listed": "no"}, "'listed' is a text; accepted: true or false"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_record_is_one_line(task, fields, told):
    """File and line, the key, what was found and what is accepted."""
    with pytest.raises(MedevalError) as raised:
        case(task, fields)
    assert str(raised.value).startswith(f"a.jsonl:7: {told}")


def test_what_all_cases_share():
    """Numbers as ids, tags and groups become texts; what is not given is empty."""
    made = case(Dialogue(), TALK, id=7, tags={"age": 70, 3: 1.5}, group=4, critical=False)
    assert (made.id, made.tags, made.group, made.critical) == ("7", {"age": "70", "3": "1.5"}, "4", False)
    plain = case(Dialogue(), TALK, tags=None)
    assert (plain.id, plain.tags, plain.group, plain.critical, plain.source) == ("a", {}, None, False, PLACE)


def test_a_dialogue_is_asked_with_its_instruction():
    """The case's own or that of GenMedGPT; the reply is the whole text, without blanks around it."""
    task, made = Dialogue(max_new_tokens=9), case(Dialogue(), TALK)
    assert (made.input, made.reference, made.must_mention) == ("I cough.", "Rest.", ())
    request = task.request(made)
    assert request.messages == (Message("system", INSTRUCTION), Message("user", "I cough."))
    assert (request.max_new_tokens, request.temperature, request.top_p) == (9, 0.0, 1.0)
    drawn = Dialogue(temperature=0.5, top_p=0.9).request(made)
    assert (drawn.temperature, drawn.top_p) == (0.5, 0.9)
    own = case(task, TALK, instruction="Be kind.")
    assert task.request(own).messages[0].content == "Be kind."
    reply = task.read(made, Answer(" Rest now. "))
    assert (reply.text, reply.prediction, reply.outcome, reply.detail) == ("Rest now.", "Rest now.", "answered", "")
    lost = task.read(made, Answer(finish="error", error="gone"))
    assert (lost.outcome, lost.detail) == ("error", "gone")
    assert (task.question(made), task.target(made), task.gold(made)) == ("I cough.", "Rest.", "Rest.")


@pytest.mark.parametrize(
    ("mentions", "reply", "right"),
    [
        ([], "Anything", None),
        (["ambulance"], "Call an AMBULANCE.", True),
        (["ambulance"], "Wait.", False),
        (["ambulance | emergency room", "aspirin"], "Emergency room, and aspirin!", True),
        (["ambulance | emergency room", "aspirin"], "Emergency room!", False),
        (["|fever|"], "a Fever", True),
        (["cafe\u0301"], "Café", True),
        (["38"], "38.5", True),
    ],
)
def test_a_right_dialogue_reply_mentions_all_that_it_must(mentions, reply, right):
    """One word of each text is enough, whatever its case; without such texts nobody can tell."""
    made = case(Dialogue(), TALK, must_mention=mentions, critical=bool(mentions))
    assert Dialogue().correct(made, Reply(reply, "answered")) is right


def test_a_question_is_asked_as_it_is_scored():
    """Options listed and lettered, or as replies to compare; a context before the question."""
    made = case(MCQ(), QUIZ, context=" He bleeds. ")
    assert (made.question, made.context, made.options) == ("Which?", "He bleeds.", {"A": "rest", "B": "heparin"})
    asked = "He bleeds.\n\nWhich?"
    listed_ = f"{asked}\n(A) rest\n(B) heparin\nAnswer with the letter of the right option."
    for task, text, choices in (
        (MCQ(), listed_, ("A", "B")), (MCQ(scoring="texts"), asked, ("rest", "heparin")),
        (MCQ(scoring="reply", max_new_tokens=5), listed_, ()),
    ):  # fmt: skip
        request = task.request(made)
        assert (request.messages[-1].content, tuple(request.choices or ())) == (text, choices)
        assert request.messages[0].content == "You are a knowledgeable medical AI assistant."
    assert task.request(made).max_new_tokens == 5
    assert MCQ().request(case(MCQ(), QUIZ)).messages[-1].content.startswith("Which?\n(A)")
    targets = {how: MCQ(scoring=how).target(made) for how in ("letters", "texts", "reply")}
    assert targets == {"letters": "B", "texts": "heparin", "reply": "(B) heparin"}
    assert (MCQ().question(made), MCQ().gold(made)) == ("Which?", "B")
    assert ("consistency" in MCQ().metrics, "consistency" in MCQ(rotations=True).metrics) == (False, True)


@pytest.mark.parametrize(
    ("options", "logprobs", "tokens", "letter"),
    [
        ({"scoring": "letters"}, (-1.0, -2.0), (1, 1), "A"),
        ({"scoring": "letters"}, (-2.0, -1.0), (9, 1), "B"),
        ({"scoring": "texts", "normalize": "none"}, (-3.0, -4.0), (1, 2), "A"),
        ({"scoring": "texts", "normalize": "characters"}, (-3.0, -4.0), (1, 1), "B"),  # 4 and 7 characters
        ({"scoring": "texts", "normalize": "tokens"}, (-3.0, -4.0), (1, 2), "B"),
        ({"scoring": "texts", "normalize": "tokens"}, (-3.0, -4.0), (1, 1), "A"),
        ({"scoring": "letters"}, (-1.0, -1.0), (1, 1), None),
    ],
)
def test_the_likeliest_option_is_chosen(options, logprobs, tokens, letter):
    """By the length of texts or not; options exactly as likely are no answer; the answer is the most probable."""
    made = case(MCQ(), QUIZ)
    reply = MCQ(**options).read(made, Answer("", "choice", logprobs, tokens))
    assert (reply.prediction, reply.outcome) == (letter, "answered" if letter else "no_answer")
    lengths = {"characters": (4, 7), "tokens": tokens}.get(options.get("normalize"), (1, 1))
    scores = [sum(lengths) / 2 * logprob / length for logprob, length in zip(logprobs, lengths, strict=True)]
    assert list(reply.confidence.values()) == pytest.approx(scipy.special.softmax(scores))
    assert letter is None or reply.confidence[letter] == max(reply.confidence.values())
    assert reply.text == {"A": "(A) rest", "B": "(B) heparin", None: ""}[letter]
    assert reply.detail == ("" if letter else "equally likely: A, B")


def test_what_a_model_may_give_instead():
    """An error, the wrong number of likelihoods, or a text where likelihoods were asked for."""
    made = case(MCQ(), QUIZ)
    lost = MCQ().read(made, Answer("half", finish="error", error="gone"))
    assert (lost.outcome, lost.detail, lost.text) == ("error", "gone", "half")
    three = MCQ().read(made, Answer("", "choice", (-1.0, -2.0, -3.0), (1, 1, 1)))
    assert (three.outcome, three.detail) == ("error", "the model gave 3 log-likelihoods for 2 options")
    said = MCQ().read(made, Answer(" (B) "))
    assert (said.prediction, said.outcome, said.text, said.confidence) == ("B", "answered", "(B)", None)
    both = MCQ(scoring="reply").read(made, Answer("(A)", "stop", (-1.0, -2.0), (1, 1)))
    assert (both.prediction, both.detail) == ("A", "read by: first line: letter")
    vague = MCQ(scoring="reply").read(made, Answer("Who knows?"))
    assert (vague.prediction, vague.outcome, vague.detail) == (None, "no_answer", "not read: no option")
    cut = MCQ(scoring="reply").read(made, Answer("It may", "length"))
    assert (cut.prediction, cut.outcome) == (None, "truncated")


def test_orders_of_options():
    """Turned by hand: the option that stands second comes first, and the right letter moves with its text."""
    made = case(MCQ(), QUIZ, options={"A": "w", "B": "x", "C": "y"}, answer="A")
    assert turned(made, 0) is made
    assert (turned(made, 1).options, turned(made, 1).answer) == ({"A": "x", "B": "y", "C": "w"}, "C")
    assert [written("ABC", letter, 2) for letter in "ABC"] == ["C", "A", "B"]
    assert len(MCQ(rotations=True).requests(made)) == 3
    task = MCQ(rotations=True, scoring="reply")
    whole = reply_of(task, made, [Answer("(A)"), Answer("(C)"), Answer("(B)")])
    assert (whole.prediction, whole.outcome, whole.text, len(whole.parts)) == ("A", "answered", "(A)", 3)
    assert task.correct(made, whole)
    once = reply_of(task, made, [Answer("(A)"), Answer("(A)"), Answer("(B)")])
    assert (once.prediction, task.correct(made, once)) == ("A", False)
    assert MCQ().correct(made, Reply("", "answered", "A"))
    assert not MCQ().correct(made, Reply("", "no_answer", None))
    assert requests_of(MCQ(), made) == (MCQ().request(made),)


def test_one_reply_of_several_orders():
    """The highest mean probability; a fault of an order is the reply's; unlike scorings fall back on what was named."""
    made = case(MCQ(), QUIZ)

    def part(a, outcome="answered", detail=""):
        return Reply("x", outcome, "A" if a > 0.5 else "B", confidence={"A": a, "B": 1 - a}, detail=detail)

    found = combined(made, (part(0.9), part(0.2)))  # in the second order the letters are exchanged
    assert (found.prediction, found.outcome) == ("A", "answered")
    assert found.confidence == pytest.approx({"A": 0.85, "B": 0.15})
    tied = combined(made, (part(0.7), part(0.7)))
    assert (tied.prediction, tied.outcome, tied.detail) == (None, "no_answer", "equally likely: A, B")
    fault = combined(made, (part(0.9, "truncated", "cut"), part(0.2)))
    assert (fault.prediction, fault.outcome, fault.detail) == ("A", "truncated", "order 1: cut")
    second = combined(made, (part(0.9), part(0.2, "truncated", "cut")))
    assert second.detail == "order 2: cut"
    named = combined(made, (part(0.9), Reply("B", "answered", "B")))
    assert (named.prediction, named.confidence) == ("A", None)
    error = combined(made, (part(0.9), Reply("", "error", "A", detail="gone")))
    assert (error.outcome, error.prediction, error.detail, len(error.parts)) == ("error", None, "gone", 2)
    assert chosen({"A": "x"}, ["A"], {"A": 1.0}).text == "(A) x"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"scoring": "letters", "temperature": 0.5}, "temperature=0.5 changes nothing with scoring='letters'"),
        ({"scoring": "texts", "rotations": True}, "rotations=True changes nothing with scoring='texts'"),
        ({"temperature": -0.1}, "temperature is -0.1"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"top_p": 1.01}, "top_p is 1.01"),
        ({"top_p": 0.9}, "top_p=0.9 changes nothing without a temperature"),
    ],
)
def test_options_that_change_nothing_are_refused(options, told):
    """Each in one line; at the bounds they are accepted."""
    with pytest.raises(MedevalError, match=told.replace("(", r"\(")):
        MCQ(**options)
    assert MCQ(scoring="reply", temperature=0.5, top_p=1.0, rotations=True).temperature == 0.5
    assert Sampled(temperature=0.1, top_p=0.1).top_p == 0.1


def test_each_case_draws_with_a_seed_of_its_own():
    """SHA-256 of run and case, below 2 ** 31 (a golden number); greedy requests have none."""
    greedy = Request((Message("user", "x"),))
    assert seeded(greedy, 3, "a") is greedy
    drawn = Sampled(temperature=1.0).reply_request(greedy)
    seeds = [seeded(drawn, run, name).seed for run in (0, 1) for name in ("a", "b")]
    assert len(set(seeds)) == 4
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seeds[0] == 955224039  # int.from_bytes(sha256(b"0:a").digest()[:8]) % 2**31


def test_polarity_is_asked_for_given_or_for_all_findings():
    """Findings named, or to be found; a published prompt goes before both; the target is in the prompt's words."""
    made = case(Polarity(), FINDINGS)
    assert (made.dialogue, made.findings, made.listed) == ("咳嗽吗？有。", {"咳嗽": "positive", "发热": "none"}, True)
    asked = {
        "given": case(Polarity(), FINDINGS), "open": case(Polarity(), FINDINGS, listed=False),
        "own": case(Polarity(), FINDINGS, prompt=" 请判断。 "),
    }  # fmt: skip
    said = {name: Polarity().request(one).messages for name, one in asked.items()}
    assert {messages[0].content for messages in said.values()} == {SYSTEM}
    assert {name: messages[1].content for name, messages in said.items()} == {
        "given": f"{ASK_GIVEN}\n对话：\n咳嗽吗？有。\n临床发现：咳嗽，发热",
        "open": f"{ASK_OPEN}\n对话：\n咳嗽吗？有。",
        "own": "请判断。",
    }  # fmt: skip
    assert Polarity().target(made) == "咳嗽：阳性\n发热：无意义"
    assert (Polarity().question(made), Polarity().gold(made)) == ("咳嗽吗？有。", made.findings)


def test_a_right_polarity_reply_names_every_finding_rightly():
    """Synonyms and any wording count; what is left out is none; a reply that was not read is right about nothing."""
    task, made = Polarity(), case(Polarity(), FINDINGS)
    for text, right in (
        ("咳嗽：阳性\n发热：无意义", True), ("咳嗽：有", True), ("咳嗽：阴性", False),
        ("发热：阳性\n咳嗽：阳性", False), ("咳嗽：阳性\n咳嗽：阴性", False),
    ):  # fmt: skip
        reply = task.read(made, Answer(text))
        assert (reply.outcome, task.correct(made, reply)) == ("answered", right)
    prose = task.read(made, Answer(" 多喝水。 "))
    assert (prose.outcome, prose.text, prose.prediction.pairs) == ("no_answer", "多喝水。", ())
    assert not task.correct(made, prose)
    assert not task.correct(made, Reply("", "error", None))
    cut = task.read(made, Answer("多喝", "length"))
    assert (cut.outcome, isinstance(cut.prediction, Parsed)) == ("truncated", True)


def asking(*answers):
    """Answer questions in turn; keep what was asked."""
    given = iter(answers)

    def ask(prompt):
        ask.asked.append(prompt)
        return next(given)

    ask.asked = []
    return ask


def test_a_typed_question_becomes_a_case():
    """Options until an empty line, two at the least, as many as there are letters; kept with the right one."""
    task = MCQ()
    made = task.typed("Which?", asking("rest", "heparin", ""))
    assert (made.question, made.options, made.answer) == ("Which?", {"A": "rest", "B": "heparin"}, "A")
    assert len(task.typed("Which?", asking(*"abcdefghijklmnopqrstuvwxyz")).options) == 26
    with pytest.raises(MedevalError, match="a question needs two options or more"):
        task.typed("Which?", asking("rest", ""))
    ask = asking("z", "b", "YES")
    kept = task.kept(made, ask, known=False)
    assert kept == {
        "question": "Which?", "options": {"A": "rest", "B": "heparin"}, "answer": "B", "critical": True,
    }  # fmt: skip
    assert ask.asked[0] == ask.asked[1] == "the right option: A, B (empty: no case)"
    assert task.kept(made, asking(""), known=False) is None
    tagged = case(task, QUIZ, context="He bleeds.", tags={"k": "v"})
    ask = asking("", "no")
    known = task.kept(tagged, ask, known=True)
    assert known == {
        "question": "Which?", "context": "He bleeds.", "options": tagged.options, "answer": "B", "tags": {"k": "v"},
    }  # fmt: skip
    assert ask.asked == ["the right option: A, B (empty: B)", "must every release get it right? [y/N]"]


def test_a_typed_message_becomes_a_dialogue():
    """With the right reply; what must be mentioned makes it critical; without a reply there is no case."""
    task = Dialogue()
    made = task.typed("I cough.", asking())
    assert (made.input, made.reference) == ("I cough.", "")
    assert task.kept(made, asking(""), known=False) is None
    assert task.kept(made, asking("Rest.", ""), known=False) == {"input": "I cough.", "reference": "Rest."}
    kept = task.kept(made, asking("Rest.", "rest|sleep, water"), known=False)
    assert (kept["must_mention"], kept["critical"]) == (["rest|sleep", "water"], True)
    own = case(task, TALK, instruction="Be kind.", tags={"k": "v"})
    ask = asking("", "")
    assert task.kept(own, ask, known=True) == {
        "input": "I cough.", "reference": "Rest.", "instruction": "Be kind.", "tags": {"k": "v"},
    }  # fmt: skip
    assert ask.asked[0] == "the right reply (empty: the case's own)"


def test_typed_findings_become_a_case():
    """Named or to be found; each with a label, in any wording; without one the user gave up."""
    task = Polarity()
    made = task.typed("咳嗽。", asking("咳嗽，发热"))
    assert (list(made.findings), made.listed) == (["咳嗽", "发热"], True)
    found = task.typed("咳嗽。", asking(""))
    assert (dict(found.findings), found.listed) == ({}, False)
    kept = task.kept(made, asking("有", "absent", "n"), known=False)
    assert kept == {"dialogue": "咳嗽。", "findings": {"咳嗽": "positive", "发热": "negative"}}
    assert task.kept(made, asking("有", ""), known=False) is None
    assert task.kept(found, asking(""), known=False) is None
    opened = task.kept(found, asking("咳嗽", "有", "y"), known=False)
    assert opened == {"dialogue": "咳嗽。", "findings": {"咳嗽": "positive"}, "listed": False, "critical": True}
    own = case(task, FINDINGS, prompt="请判断。", tags={"k": "v"})
    assert task.kept(own, asking("", "", ""), known=True) == {
        "dialogue": "咳嗽吗？有。", "findings": own.findings, "prompt": "请判断。", "tags": {"k": "v"},
    }  # fmt: skip
    assert listed(" a ,， b，") == ["a", "b"]
    assert one_of(asking("x", ""), "p", "", lambda _: None) == ""


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"scorring": "reply"}, "scorring"),
        ({"scoring": "words"}, "unknown scoring 'words'; accepted: letters, reply, texts"),
        ({"max_new_tokens": "9"}, "max_new_tokens is '9'; accepted: a whole number"),
        ({"max_new_tokens": True}, "max_new_tokens is True; accepted: a whole number"),
        ({"max_new_tokens": 9.5}, "max_new_tokens is 9.5; accepted: a whole number"),
        ({"rotations": 1}, "rotations is 1; accepted: true or false"),
        ({"temperature": "hot"}, "temperature is 'hot'; accepted: a number"),
        ({"temperature": True}, "temperature is True; accepted: a number"),
    ],
)
def test_options_are_held_against_their_types(tmp_path, options, told):
    """What a suite gives a task, in one line."""
    with pytest.raises(MedevalError) as raised:
        make("mcq", options, tmp_path, beside=("cases",))
    assert told in str(raised.value)


def test_a_task_is_made_of_its_options(tmp_path, monkeypatch):
    """Whole numbers are numbers; a file beside the suite is named from the working directory, others as given."""
    monkeypatch.chdir(tmp_path)
    drawn = make("mcq", {"scoring": "reply", "temperature": 1}, tmp_path, beside=())
    assert drawn.temperature == 1
    assert make("mcq", {"rotations": True}, tmp_path, beside=()).rotations is True
    assert options_of(drawn)["temperature"] == 1
    assert "temperature" not in options_of(MCQ())
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "own.toml").write_text("")
    made = make("polarity", {"synonyms": "own.toml", "costs": "other.toml"}, tmp_path / "suite", beside=())
    assert (made.synonyms, made.costs) == ("suite/own.toml", "other.toml")
    assert make("polarity", {"synonyms": None}, tmp_path, beside=()).synonyms is None
    assert make("dialogue", {"rouge_beta": 2}, tmp_path, beside=()).rouge_beta == 2


def test_fences_and_rules_say_nothing():
    """Code fences with a word behind them are no line of a reply; a heading is none before the first pair."""
    found = parse_findings("结果：\n```text\n咳嗽：阳性\n---\n```\n其他：\n多喝水。")
    assert (found.pairs, found.drift, found.lines) == ((("咳嗽", "阳性"),), ("其他：", "多喝水。"), 3)
