"""Half of a surrogate pair is marked wherever text comes in, and nothing of the text is lost beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_medeval.core.encodable import MARK, all_encodable, encodable, hide, inert, masked
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.jsontext import read_object
from pytest_medeval.core.options import OPTIONS
from pytest_medeval.core.settings import read_settings
from pytest_medeval.core.types import Answer
from pytest_medeval.judges.ratings.files import read_json_lines

HALF = "half \ud83d a sign"
MARKED = f"half {MARK} a sign"


@pytest.mark.parametrize("half", [chr(code) for code in (0xD800, 0xDBFF, 0xDC00, 0xDCFF, 0xDFFF)])
def test_a_half_is_marked_and_whole_text_is_itself(half):
    """Every half, one mark each; what UTF-8 can hold stays as it is, and twice is once."""
    assert encodable(f"a{half}{half}b") == f"a{MARK}{MARK}b"
    for whole in ("", "plain", "fièvre 熱 😀", MARK):
        assert encodable(whole) is whole
    assert all_encodable({half: [half, 1, None, {"x": half}]}) == {MARK: [MARK, 1, None, {"x": MARK}]}


def test_answers_and_mistakes_are_doors():
    """Whoever makes an answer or says what is wrong: its text can be written."""
    assert Answer(HALF, error=HALF) == Answer(MARKED, error=MARKED)
    assert str(MedevalError(HALF)) == MARKED


def test_files_with_json_escapes(tmp_path: Path):
    """Ratings and the files of model folders may spell halves."""
    file = tmp_path / "some.json"
    file.write_text(json.dumps({"text": HALF}))
    assert read_object(file).data == {"text": MARKED}
    assert [value for _, value in read_json_lines(file)] == [{"text": MARKED}]


@pytest.mark.parametrize("value", ["caf\udce9", ["plain", "caf\udce9"]])
def test_an_option_of_other_bytes_is_a_mistake(value, tmp_path: Path):
    """Bytes on the command line that are no UTF-8 are refused by name."""
    name = "model" if isinstance(value, list) else "json"
    with pytest.raises(MedevalError, match=f"--medeval-{name}=caf{MARK}: found bytes that are no UTF-8"):
        read_settings(lambda option: value if option.name == name else None, tmp_path)
    assert OPTIONS


def test_a_secret_is_masked_in_every_form(monkeypatch: pytest.MonkeyPatch):
    """As it is and percent-encoded, at any border; where it is as short as a word, standing alone, not in replies."""
    given = "sk-a+b/0123456789"
    monkeypatch.setenv("OPENAI_API_KEY", given)
    forms = (given, "sk-a%2Bb%2f0123456789", "sk%2Da%2bb/0123456789", f"key={given},x", f"glued{given}glued")
    assert not any(part in masked(form) for form in forms for part in ("012345", "sk-a", "sk%2D"))
    assert masked(f"I say {given}.", words=False) == "I say ***."
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    assert masked("drink k, vitamin%20k%20 and ask 'k'") == "drink ***, vitamin%20***%20 and ask '***'"
    assert masked("ék kβ k_1 密钥k无效") == "ék kβ ***_1 密钥***无效"
    assert masked("drink k", words=False) == "drink k"
    monkeypatch.delenv("OPENAI_API_KEY")
    hide("pass word9")
    assert (
        masked("pass%20word9 and http://me:x@y@host:8/v1?my_token=1&n=2#m")
        == "*** and http://***@host:8/v1?my_token=***&n=2#m"
    )
    assert str(MedevalError("no http://me:x@host")) == "no http://***@host"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Rest.\x1b]0;x\x07\x9b2J\x7f", "Rest.\\x1b]0;x\\x07\\x9b2J\\x7f"),
        ("a\r\nb\rc\td", "a\nb\\rc\td"),
        ("::error::x", "\\::error::x"),
        ("a\n \t::set-env name=x::y\nb::c", "a\n \t\\::set-env name=x::y\nb::c"),
        ("see ##[group]x and ##vso[task.setvariable]y", "see ##\\[group]x and ##\\vso[task.setvariable]y"),
        ("##teamcity[x]\n## Advice [1]", "##\\teamcity[x]\n## Advice [1]"),
        ("abc\u202etxt\u2066\u2028::error::", "abc\\u202etxt\\u2066\\u2028::error::"),
        ("\u0928\u200d \u200f 发热\u3000 é 😀", "\u0928\u200d \u200f 发热\u3000 é 😀"),
    ],
)
def test_shown_text_commands_nobody(raw: str, shown: str):
    """Terminals get no control characters, CI logs no commands; what is inert stays, and so do the signs of scripts."""
    assert inert(raw) == shown
    assert inert(shown) == shown
