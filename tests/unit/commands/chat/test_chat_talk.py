"""What a user of ``chat`` sees and keeps, with scripted models."""

import json
import os
import pty
import re
import select
import subprocess
import sys
import textwrap

import pytest
from tools.fake_model import FakeModel

from pytest_medeval.commands.chat.command import main
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Answer, Source
from pytest_medeval.tasks.cases import check_records, read_yaml_suite
from pytest_medeval.tasks.dialogue import Dialogue, DialogueCase
from pytest_medeval.tasks.mcq import MCQ
from pytest_medeval.tasks.polarity import Polarity

CASE = DialogueCase(id="cold", source=Source("made", 1), input="I cough.", reference="Rest and see your doctor.")


def test_both_models_answer_side_by_side_and_alone(chat):
    """Two columns on the same lines; a second message carries nothing of the first, as in a suite."""
    candidate = FakeModel(default="Drink tea.")
    shown = chat("I cough.", "And now?", candidate=candidate)
    assert any("Drink tea." in line and "Wait." in line for line in shown.splitlines())
    assert [request.messages[-1].content for request in candidate.asked] == ["I cough.", "And now?"]
    assert len(candidate.asked[1].messages) == 2
    assert "not saved: 2 exchanges" in shown


def test_a_reply_without_disclaimer_gets_one_that_is_no_part_of_it(chat):
    """The line stands below the reply that lacks it, in its language; the saved reply is the model's own."""
    shown = chat("I cough.", baseline=FakeModel(default="Please see your doctor."))
    assert shown.count("Not medical advice") == 1
    assert "breaks: referral" in shown
    said = chat.talk.exchanges[0].replies
    assert said["candidate"].scored.reply == "Rest."
    assert said["baseline"].added == ()
    assert "请咨询医生" in chat("我咳嗽。", candidate=FakeModel(default="多喝水。"))


def test_cases_of_a_file_are_stepped_through_with_scores(chat):
    """Enter asks the next case; scores and the right reply stand below."""
    shown = chat("", "/next", cases=[CASE], candidate=FakeModel(default=CASE.reference))
    assert "cold  made:1" in shown
    assert re.search(r"rougeL +1\.000", shown)
    assert f"right: {CASE.reference}" in shown
    assert "there is no next case" in shown


def test_an_exchange_becomes_a_case_that_a_suite_reads(chat):
    """One key and the right reply: what went wrong is a critical case of a suite file."""
    chat("Chest pain, left arm too.", "/c", "Call an ambulance.", "ambulance|emergency")
    path = chat.folder / "chat.medeval.yaml"
    suite = read_yaml_suite(path)
    (case,) = check_records(suite.records, Dialogue())
    assert suite.fields == {"task": "dialogue"}
    assert (case.input, case.reference) == ("Chest pain, left arm too.", "Call an ambulance.")
    assert (case.must_mention, case.critical) == (("ambulance|emergency",), True)
    assert "# chat of 2026-02-01T09:30:00+00:00; candidate fake sha256 " in path.read_text(encoding="utf-8")


def test_no_case_is_written_without_a_right_reply(chat):
    """Whoever gives up leaves no file behind, and keeping nothing is a mistake."""
    shown = chat("/case", "I cough.", "/case", "")
    assert "there is no exchange to keep yet" in shown
    assert "no case was written" in shown
    assert not (chat.folder / "chat.medeval.yaml").exists()


def test_a_question_is_typed_with_its_options(chat):
    """In mcq the options are asked for, and the right letter until it is one."""
    candidate = FakeModel(lambda _: Answer("", "choice", (-1.0, -2.0), (1, 1)))
    shown = chat(
        "Which drug?", "Aspirin", "Tea", "", "/c", "Z", "b", "y", task="mcq", candidate=candidate, baseline=candidate
    )
    assert "(A) Aspirin" in shown
    (case,) = check_records(read_yaml_suite(chat.folder / "chat.medeval.yaml").records, MCQ())
    assert (case.options, case.answer, case.critical) == ({"A": "Aspirin", "B": "Tea"}, "B", True)


def test_a_dialogue_of_several_lines_is_typed_with_its_findings(chat):
    """In polarity a backslash goes on in the next line, and each finding gets its label, in any known word."""
    reply = FakeModel(default="发热：阳性\n咳嗽：阴性")
    chat(
        "患者：我发烧。\\",
        "医生：咳嗽吗？",
        "发热，咳嗽",
        "/c",
        "阳性",
        "negative",
        "",
        task="polarity",
        candidate=reply,
    )
    (case,) = check_records(read_yaml_suite(chat.folder / "chat.medeval.yaml").records, Polarity())
    assert case.dialogue == "患者：我发烧。\n医生：咳嗽吗？"
    assert case.findings == {"发热": "positive", "咳嗽": "negative"}
    assert not case.critical


def test_the_session_names_the_models_by_fingerprint(chat, tmp_path):
    """Saved at the end where a file is named: who, when, what was asked and replied, and what was added."""
    file = tmp_path / "talk.json"
    chat("I cough.", "", cases=[CASE], file=file)
    saved = json.loads(file.read_text(encoding="utf-8"))
    first, second = saved["exchanges"]
    assert (saved["schema"], saved["started"]) == ("medeval-chat/1", "2026-02-01T09:30:00+00:00")
    assert saved["models"]["candidate"]["fingerprint"] == FakeModel().identity.fingerprint
    assert first["replies"]["candidate"]["reply"] == "Rest."
    assert first["replies"]["candidate"]["broken"] == ["referral"]
    assert "gold" not in first
    assert (second["case"], second["gold"]) == ("cold", CASE.reference)
    assert second["replies"]["baseline"]["scores"]["safety"] == 0.0


def test_saving_never_writes_over_another_file(chat, tmp_path):
    """A session may be saved again; a file that is none is left alone."""
    other = tmp_path / "notes.json"
    other.write_text("{}", encoding="utf-8")
    deep = tmp_path / "deep.json"
    deep.write_text("[" * 10**5, encoding="utf-8")
    shown = chat("/save", "Hi", f"/save {tmp_path / 'a.json'}", "Ho", "/s", f"/save {other}", f"/save {deep}")
    assert "/save needs a file the first time" in shown
    assert "session of 2 exchanges written" in shown
    assert shown.count("exists and is no chat session") == 2
    assert other.read_text(encoding="utf-8") == "{}"


def test_replies_cannot_steer_the_terminal(chat):
    """Escape sequences, markup and carriage returns of a reply are shown, not obeyed."""
    shown = chat("Hi", candidate=FakeModel(default="[red]x[/red]\x1b]0;evil\x07\rgone"))
    assert "[red]x[/red]" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_what_a_model_has_to_say_is_said_once(chat):
    """Notices of a model, such as an adapter that changes nothing, stand below the first exchange only."""
    shown = chat("Hi", "Ho", candidate=FakeModel(default="Rest.", notices=["the adapter changes nothing"]))
    assert shown.count("note: the adapter changes nothing") == 1


def test_a_model_out_of_reach_ends_nothing(chat):
    """The reason stands in the model's column, and the other one is heard."""
    lost = FakeModel(lambda _: Answer(finish="error", error="connection refused"))
    shown = chat("Hi", "/nonsense", candidate=lost)
    assert "connection refused" in shown
    assert "Wait." in shown
    assert "unknown command '/nonsense'" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "--medeval-model"),
        (["--medeval-model=m", "--task=mqc"], "unknown task 'mqc' (did you mean 'mcq'?)"),
        (["--medeval-model=m", "--cases=absent.jsonl"], "--cases=absent.jsonl: no such file"),
        (["--medeval-model=m", "--task=mcq", "--safety-rules=x"], "accepted: --task dialogue"),
        (["--medeval-model=./absent"], "no such folder"),
    ],
)
def test_mistakes_of_the_command_line_are_one_line(arguments, told):
    """As everywhere: what was found, what is accepted."""
    with pytest.raises(MedevalError) as caught:
        main(arguments)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_rich_the_command_says_what_to_install(monkeypatch):
    """One line with the command of pip."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MedevalError, match=r"pip install 'pytest-medeval\[chat\]'"):
        main(["--medeval-model=m"])


def test_in_a_terminal(tmp_path):
    """The command itself on a pseudo-terminal: asked, kept as a case, a line dropped, left with the end of input."""
    script = textwrap.dedent("""
        import fcntl, signal, sys, termios
        from pytest_medeval.__main__ import main
        from tools.fake_model import FakeModel
        from pytest_medeval.models.spec import MODEL_KINDS

        sys.modules["fakes"] = sys.modules["__main__"]

        def open_fake(spec, settings):
            return FakeModel(default=f"I am {spec.argument}.", name=spec.text)

        fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches this process,
        signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run behind a shell's &
        MODEL_KINDS.add({"fake": "fakes:open_fake"})
        sys.exit(main(["chat", "--medeval-model=fake:one", "--medeval-baseline=fake:two", "--save=talk.json"]))
    """)
    controller, terminal = pty.openpty()
    command = [sys.executable, "-c", script]
    told = {"TERM": "xterm", "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": os.pathsep.join(sys.path)}
    environment = {**os.environ, **told}
    with subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=tmp_path, env=environment, start_new_session=True
    ) as process:
        os.close(terminal)
        seen = b""
        typed = [b"Who are you?\n", b"/c\n", b"A doctor.\n", b"\n", b"I do not kn\x03", b"\x04"]
        try:
            while select.select([controller], [], [], 60)[0] and (part := os.read(controller, 4096)):
                seen += part
                if typed and re.search(rb"(dialogue> |: )\x1b\[0m$", seen):  # a whole prompt: the user's turn
                    os.write(controller, typed.pop(0))
            process.kill()  # it waits for what nobody types
        except OSError:  # what Linux says when the other end is closed
            pass
        assert process.wait(timeout=60) == 0
    os.close(controller)
    assert b"I am one." in seen
    assert b"I am two." in seen
    assert b"nothing was asked" in seen  # after Ctrl-C, which drops a line and not the session
    (case,) = check_records(read_yaml_suite(tmp_path / "chat.medeval.yaml").records, Dialogue())
    assert (case.input, case.reference) == ("Who are you?", "A doctor.")
    assert len(json.loads((tmp_path / "talk.json").read_text(encoding="utf-8"))["exchanges"]) == 1


def test_ctrl_c_and_the_end_of_a_question_drop_what_was_begun(chat):
    """The session goes on, and a case whose right reply is known is not written by accident."""

    def stop(_):
        raise KeyboardInterrupt

    shown = chat("I cough.", "", "/c", cases=[CASE], candidate=FakeModel(stop))
    assert shown.count("stopped; /quit or Ctrl-D leaves") == 2
    assert "there is no exchange to keep yet" in shown
    assert chat("", "/c", cases=[CASE])[len(shown) :].count("stopped; /quit or Ctrl-D leaves") == 1
    assert not (chat.folder / "chat.medeval.yaml").exists()


def test_a_task_that_cannot_be_typed_is_asked_from_a_file(chat):
    """Another package's task need not know of the chat: a message to it is a mistake, a case of a file is not."""
    typed = chat("I cough.", task="plain")
    assert "cases of task 'plain' cannot be typed; accepted: --cases=FILE" in typed
    case = DialogueCase(id="c", source=Source("f"), input="I cough.", reference="Rest.")
    assert "Rest." in chat("/next", task="plain", cases=[case])
