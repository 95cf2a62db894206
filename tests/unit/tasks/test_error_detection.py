"""Errors in texts: what a reply says of which sentence, and what it leaves open."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Record, Source
from pytest_medeval.tasks.cases.formats.medec import numbered
from pytest_medeval.tasks.cases.formats.medec import read as read_medec
from pytest_medeval.tasks.error_detection import ErrorDetection
from pytest_medeval.tasks.reading.corrections import Correction, read_correction

TASK = ErrorDetection()
TEXT = ["He coughs.", "He has cholera.", "He rests."]
FLU = Correction(error=True, sentence=1, text="He has influenza.")
FINE = Correction(error=False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1 He has influenza.", FLU),
        ("**1** He has influenza.", FLU),
        ("1. He has influenza.", FLU),
        ('Sentence 1: "He has influenza."', FLU),
        ("Sentence: 1\nCorrection: He has influenza.", FLU),
        ("Error: yes\nSentence: 1\nCorrected sentence: He has influenza.", FLU),
        ('{"error_sentence_id": 1, "corrected_sentence": "He has influenza."}', FLU),
        ('Here it is:\n{"error": true, "sentence": "Sentence 1", "correction": "He has influenza."}', FLU),
        ('Sentence 1 is incorrect. It should be "He has influenza."', FLU),
        ("The wrong one is below.\n0 He coughs.\n1 He has influenza.\n2 He rests.", FLU),
        ("Sentence 1 is wrong.", Correction(error=True, sentence=1)),
        ("This text contains a medical error.", Correction(error=True)),
        ("INCORRECT", Correction(error=True)),
        ("The text is not correct.", Correction(error=True)),
        ("CORRECT", FINE),
        ("**Correct.**", FINE),
        ("-1", FINE),
        ("The text is medically correct.", FINE),
        ("There are no errors in the text.", FINE),
        ("The text does not contain any medical errors.", FINE),
        ('{"error_flag": 0}', FINE),
        ("Error: no", FINE),
        ("Error: no\nSentence: -1\nCorrection: NA", FINE),
    ],
)
def test_what_is_said_is_read(text, found):
    """Numbered lines, fields, objects, prose."""
    assert read_correction(text, TEXT) == found


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "names no single sentence"),
        ("I do not know.", "names no single sentence"),
        ("He has influenza.", "names no single sentence"),
        ("0 He coughs.\n1 He has cholera.\n2 He rests.", "names no single sentence"),
        ("1 He has influenza.\n2 He runs.", "several sentences are corrected: 1, 2"),
        ("Either sentence 1 or sentence 2 is wrong.", "names no single sentence"),
        ("CORRECT\n1 He has influenza.", "calls the text correct and corrects it"),
        ("Error: yes\nSentence: -1", "contradict each other"),
        ("Error: no\nSentence: 1", "contradict each other"),
        ("Sentence: 7\nCorrection: He has influenza.", "there is no sentence 7"),
        ("Sentence: 3\nCorrection: He has influenza.", "there is no sentence 3"),
        ("Error: perhaps\nSentence: 1", "names no single sentence"),
    ],
)
def test_what_is_open_is_no_answer(text, why):
    """Two sentences, a contradiction, a repeated text: nothing is guessed."""
    assert why in read_correction(text, TEXT)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=100))
def test_no_text_breaks_the_reader(text):
    """There is a correction of a sentence that exists, or a reason."""
    found = read_correction(text, TEXT)
    assert isinstance(found, str) or found.sentence is None or 0 <= found.sentence < 3


def case(**fields):
    """Make a case."""
    return TASK.case(Record(Source("a.jsonl", 7), {"id": "a", "sentences": TEXT, **fields}))


def test_a_case_is_asked_and_read():
    """Sentences stand behind their numbers; what is wanted is read as right, and cut-off replies keep their outcome."""
    wrong, fine = case(error="1", correction=" He has influenza. "), case()
    assert TASK.request(wrong).messages[-1].content.endswith("\n\n0 He coughs.\n1 He has cholera.\n2 He rests.")
    for one in (wrong, fine):
        reply = TASK.read(one, Answer(TASK.target(one)))
        assert (reply.outcome, TASK.correct(one, reply)) == ("answered", True)
    assert TASK.gold(wrong) == {"error": True, "sentence": 1, "text": "He has influenza."}
    assert not TASK.correct(fine, TASK.read(fine, Answer("1 He has influenza.")))
    assert not TASK.correct(wrong, TASK.read(wrong, Answer("There is an error.")))
    assert TASK.read(wrong, Answer("1 He has", finish="length")).outcome == "truncated"
    assert TASK.read(wrong, Answer("Hm.")).outcome == "no_answer"
    assert TASK.read(wrong, Answer(finish="error", error="gone")).detail == "gone"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"sentences": []}, "'sentences' holds no text, or an empty one"),
        ({"sentences": ["a", " "]}, "'sentences' holds no text, or an empty one"),
        ({"error": 3, "correction": "x"}, "'error' is 3; accepted: a number of a sentence, 0 to 2"),
        ({"error": True, "correction": "x"}, "'error' is True; accepted"),
        ({"error": 1}, "accepted: 'error' and 'correction' together, or neither"),
        ({"correction": "x"}, "accepted: 'error' and 'correction' together, or neither"),
    ],
)
def test_a_mistake_in_a_case_is_one_line(fields, told):
    """File, line, what was found and what is accepted."""
    with pytest.raises(MedevalError) as raised:
        case(**fields)
    assert str(raised.value).startswith(f"a.jsonl:7: {told}")


def test_numbered_lines():
    """A line that does not bring the next number goes on with the sentence before it."""
    assert numbered("0 BP is\n120/70.\n1 Hg.\r\n7 more\n\n2 End.") == ["BP is 120/70.", "Hg. 7 more", "End."]


def test_a_published_text_whose_wrong_sentence_is_not_there_is_skipped(tmp_path):
    """The number of a sentence lies below their count."""
    path = tmp_path / "medec.csv"
    head = "Text ID,Sentences,Error Flag,Error Sentence ID,Corrected Sentence\n"
    path.write_text(head + "".join(f'a,"0 One.\n1 Two.",1,{at},Right.\n' for at in (1, 2, "x")), encoding="utf-8")
    found = list(read_medec(path))
    assert [getattr(one, "reason", "") for one in found] == ["", *["the wrong sentence is not among the sentences"] * 2]
    assert found[0].fields["error"] == 1
