"""Few-shot examples: never a case of the suite, the same on every machine, nearest ones by TF-IDF."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.settings import read_settings
from pytest_medeval.core.types import Source
from pytest_medeval.runs.suite import Suite, resolve
from pytest_medeval.tasks.cases.shots import Shots, check_shots, draw, nearest, plain, usable
from pytest_medeval.tasks.dialogue import Dialogue, DialogueCase
from pytest_medeval.tasks.mcq import MCQ, MCQCase
from pytest_medeval.tasks.polarity import Polarity, PolarityCase


def case_of(question: str, answer: str = "A", name: str = "1") -> MCQCase:
    """Make a question with two options."""
    return MCQCase(id=name, source=Source("made"), question=question, options={"A": "yes", "B": "no"}, answer=answer)


def resolved(
    folder: Path,
    train: list[str],
    *,
    cases: tuple[str, ...] = ("Is fever a sign?",),
    limit: int | None = None,
    seed: int = 0,
    **options,
):
    """Resolve a suite with examples; both files are written first."""
    for name, questions in (("cases", cases), ("train", train)):
        lines = [
            {"id": f"{name}{at}", "question": text, "options": {"A": "yes", "B": "no"}, "answer": "AB"[at % 2]}
            for at, text in enumerate(questions)
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    given = {"limit": limit, "seed": seed}
    settings = read_settings(lambda option: given.get(option.name), folder)
    suite = Suite("mcq", str(folder / "cases.jsonl"), name="quiz", shots_from=str(folder / "train.jsonl"), **options)
    return resolve(suite, settings)


TRAIN = [f"Is number {at} a sign of it?" for at in range(30)]


def test_examples_are_earlier_turns(tmp_path):
    """System message, then question and wanted reply of each example, then the case itself."""
    suite = resolved(tmp_path, TRAIN, shots=2)
    ((request,),) = suite.requests(suite.cases)
    assert [turn.role for turn in request.messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    bare = suite.task.request(suite.cases[0])
    assert (request.messages[0], request.messages[-1], request.choices) == (
        bare.messages[0],
        bare.messages[-1],
        bare.choices,
    )
    for example, asked, wanted in zip(
        suite.shots.pool, request.messages[1:-1:2], request.messages[2:-1:2], strict=True
    ):
        assert asked.content == suite.task.request(example).messages[-1].content
        assert wanted.content == example.answer


@pytest.mark.parametrize(
    ("task", "case", "question", "target"),
    [
        (MCQ(), case_of("Which?", "B"), "Which?", "B"),
        (MCQ(scoring="texts"), case_of("Which?", "B"), "Which?", "no"),
        (MCQ(scoring="reply"), case_of("Which?", "B"), "Which?", "(B) no"),
        (Dialogue(), DialogueCase(id="1", source=Source("made"), input="hi", reference="ho"), "hi", "ho"),
        (
            Polarity(),
            PolarityCase(
                id="1", source=Source("made"), dialogue="咳嗽", findings={"咳嗽": "positive", "发热": "negative"}
            ),
            "咳嗽",
            "咳嗽：阳性\n发热：阴性",
        ),
    ],
)
def test_every_task_shows_what_it_reads(task, case, question, target):
    """The wanted reply of an example is in the form that the task's own reader reads as right."""
    assert (task.question(case), task.target(case)) == (question, target)


def test_no_example_is_a_case_whatever_its_id():
    """Letter case, blanks, punctuation and width of letters do not hide a question; ids say nothing."""
    cases = [case_of("Which drug, first?", name="x")]
    candidates = [
        case_of("which  DRUG first", name="a"),
        case_of("Ｗｈｉｃｈ drug first？", name="b"),
        case_of("Which drug last?", name="x"),
        case_of("which drug LAST", "B", name="c"),
    ]
    kept, asked, repeated = usable(candidates, cases, MCQ())
    assert (kept, asked, repeated) == ([candidates[2]], 2, 1)


def test_cases_beyond_the_sample_are_no_examples_either(tmp_path):
    """--medeval-limit takes cases out of the run, not out of the test set."""
    asked = tuple(TRAIN[:20])
    suite = resolved(tmp_path, TRAIN, cases=asked, limit=1, shots=10)
    assert {plain(case.question) for case in suite.shots.pool} == {plain(text) for text in TRAIN[20:]}
    assert (suite.shots.usable, suite.shots.asked, suite.shots.repeated) == (10, 20, 0)


def test_the_seed_draws_and_the_suite_signature_knows(tmp_path):
    """Equal seeds draw equal examples; another seed, number or way makes another suite."""
    first, again = (resolved(tmp_path, TRAIN, shots=3) for _ in range(2))
    assert first.signature == again.signature
    assert first.requests(first.cases) == again.requests(again.cases)
    others = [
        resolved(tmp_path, TRAIN, shots=3, seed=1),
        resolved(tmp_path, TRAIN, shots=4),
        resolved(tmp_path, TRAIN[:29], shots=3, shots_by="similarity"),
        resolved(tmp_path, TRAIN, shots=3, shots_by="similarity"),
    ]
    assert len({suite.signature for suite in [first, *others]}) == 5


@given(st.lists(st.integers(0, 50), min_size=4, max_size=20, unique=True), st.integers(0, 5))
def test_a_new_record_replaces_one_example_at_the_most(numbers, seed):
    """Examples are drawn by content, so the order of the file and other records hardly matter."""
    pool = [case_of(f"question {number}") for number in numbers]
    before, after = draw(pool[1:], 3, seed, MCQ()), draw(pool[::-1], 3, seed, MCQ())
    assert sum(case not in before for case in after) <= 1
    assert draw(pool, 4, seed, MCQ())[:3] == draw(pool, 3, seed, MCQ())


WORDS = st.lists(st.sampled_from(["cough", "fever", "rash", "pain", "drug", "heart"]), min_size=1, max_size=6).map(
    " ".join
)


@given(st.lists(WORDS, min_size=3, max_size=12), WORDS)
def test_nearest_are_those_of_scikit_learns_cosine(pool, text):
    """No example that was left out is nearer than one that was taken; TfidfVectorizer of scikit-learn 1.9."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))
    similar = (vectorizer.fit_transform(pool) @ vectorizer.transform([text]).T).toarray().ravel().round(9)
    (chosen,) = nearest(pool, [text], 2)
    assert chosen == sorted(sorted(range(len(pool)), key=lambda at: (-similar[at], at))[:2])


def test_ties_go_to_the_earlier_and_chinese_has_words():
    """Equal texts: the first of the file; Chinese is compared by characters; no words are no error."""
    assert nearest(["fever", "cough", "cough", "cough"], ["cough", "nothing alike"], 2) == [[1, 2], [0, 1]]
    assert nearest(["患者腹痛", "患者咳嗽三天", "头晕"], ["咳嗽有痰"], 1) == [[1]]
    assert nearest(["???", "!!!"], ["..."], 1) == [[0]]


def test_nearest_examples_stand_in_the_order_of_the_file():
    """Cases that share examples share the beginning of their prompts, whichever is nearer."""
    pool = [case_of("cough and fever"), case_of("rash and itch"), case_of("broken leg")]
    shots = Shots(count=2, by="similarity", source="train", pool=tuple(pool), usable=3)
    one, two = shots.turns(MCQ(), [case_of("a fever and an itch rash"), case_of("cough, fever; some itch")])
    assert one == two
    assert [turn.content.splitlines()[0] for turn in one[::2]] == ["cough and fever", "rash and itch"]


def test_many_cases_are_compared_in_pieces(monkeypatch):
    """The size of a piece changes nothing."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(["cough", "fever", "rash", "pain", "leg"], 4)) for _ in range(40)]
    whole = nearest(texts[:20], texts[20:], 3)
    monkeypatch.setattr("pytest_medeval.tasks.cases.shots._CELLS", 45)
    assert nearest(texts[:20], texts[20:], 3) == whole


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"shots": 31}, "shots is 31, and .*train.jsonl has 30 usable examples"),
        ({"shots": 0}, "shots is 0 and shots_from is"),
        ({"shots": True}, "shots is True"),
        ({"shots": "5"}, "shots is '5' and shots_from is .*; accepted: a whole number, 1 or more, and a file"),
        ({"shots": 2, "shots_by": "random"}, "unknown shots_by 'random'; accepted: seed, similarity"),
    ],
)
def test_mistakes_name_the_line_of_the_suite(tmp_path, options, words):
    """Too many, none, or drawn in an unknown way: one line that says what is accepted."""
    with pytest.raises(MedevalError, match=rf"test_shots\.py:\d+: {words}"):
        resolved(tmp_path, TRAIN, **options)


def test_examples_need_a_file():
    """A number without one, or the other way round, is a mistake."""
    for count, file in ((2, None), (2, 5), (None, "train.jsonl")):
        with pytest.raises(MedevalError, match=f"shots is {count} and shots_from is"):
            check_shots(count, file, "seed", MCQ())
    assert check_shots(1, "train.jsonl", "similarity", MCQ())[:3] == (1, "train.jsonl", "similarity")
