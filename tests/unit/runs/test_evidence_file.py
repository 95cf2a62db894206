"""An evidence file shows every later change: by path where a value changed, else by place."""

from __future__ import annotations

import json
import random

import pytest

from pytest_medeval.__main__ import main
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.runs.evidence import evidence, is_evidence, prints, read_sha256, verify, write_evidence
from pytest_medeval.runs.store import save
from pytest_medeval.verdicts.verdict import decide


@pytest.fixture
def written(quiz, tmp_path):
    """Write the evidence of a small run; give its path and its SHA-256."""
    path = tmp_path / "evidence.json"
    record = quiz.run({1}, count=6, gates=["accuracy >= 0.5"])
    return path, write_evidence(record, quiz.manifests, path)


def test_unchanged_evidence_is_proved(written, capsys):
    """The file verifies, states its SHA-256, and holds record, manifests, verdicts and environment."""
    path, digest = written
    assert verify(path.read_bytes()) == []
    assert main(["runs", "verify", str(path), "--sha256", digest]) == 0
    assert digest in capsys.readouterr().out
    body = json.loads(path.read_text())["body"]
    assert body["verdicts"]["passed"] is True
    assert len(body["suites"]["quiz"]["contents"]) == 6
    assert "numpy" in body["environment"]["packages"]
    assert body["record"]["schema"] == "medeval-run/1"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"reply":"(B) no"', '"reply":"(A) no"', "$.body.record.cases["),
        ('"verdict":"pass"', '"verdict":"fail"', '$.body.record.gates[0].verdict: was changed, is now "fail"'),
        ('"passed":true', '"passed":false', "$.body.verdicts.passed: was changed, is now false"),
        ('"seed":0', '"sead":0', "$.body.record.sead: was added"),
        ('"schema":"medeval-evidence/1"', '"schema":"medeval-evidence/2"', "$.schema: is 'medeval-evidence/2'"),
        ('{"body"', '{"body" ', "byte 7: the values are the same, but not in canonical form"),
        ('"prints":{', '"prints":[', "$: no longer JSON"),
    ],
)
def test_a_changed_byte_is_named(written, capsys, old, new, told):
    """The JSON path of the value that differs is said, and the exit code is 1."""
    path, _ = written
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    assert verify(path.read_bytes())[0].startswith(told)
    assert main(["runs", "verify", str(path)]) == 1
    assert told in capsys.readouterr().out


def test_no_byte_can_change_unseen(written):
    """Whatever byte is replaced, verification fails and says where."""
    path, _ = written
    data = path.read_bytes()
    rng = random.Random(1)
    for place in rng.sample(range(len(data)), 60):
        changed = bytearray(data)
        changed[place] = (changed[place] + rng.randrange(1, 256)) % 256
        assert verify(bytes(changed)), place


def test_other_hashes_do_not_pass(written, capsys):
    """A file that is sound in itself and not the one that was noted is told apart."""
    path, _ = written
    assert main(["runs", "verify", str(path), "--sha256", "0" * 64]) == 1
    assert "noted was 000" in capsys.readouterr().out


def test_changed_hashes_are_told_from_changed_values(written):
    """Whoever edits a hash is not told that a value changed."""
    path, digest = written
    text = path.read_text(encoding="utf-8")
    found = json.loads(text)
    short = found["prints"]["record"]["seed"]
    assert verify(text.replace(f'"seed":"{short}"', '"seed":"00000000"', 1).encode())[0].startswith(
        "$.prints, the hash of $.body.record.seed"
    )
    assert verify(text.replace(digest, "0" * 64).encode()) == ["$.sha256: is not that of the file"]
    assert verify(text.replace(found["body_sha256"], "0" * 64).encode()) == ["$.body_sha256: is not that of $.body"]


def test_a_stored_run_is_proved_by_the_hash_it_carries(quiz, storage, tmp_path, capsys):
    """Verify takes stored runs too; a plain record has no hash, and a missing file is one line."""
    record = quiz.run(count=2)
    path = save(record, storage, "one")
    where = ["--storage", str(storage)]
    assert main(["runs", "verify", "one", *where]) == 0
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1'))
    assert main(["runs", "verify", "one", *where]) == 1
    assert "was changed after it was saved" in capsys.readouterr().out
    plain = tmp_path / "plain.json"
    plain.write_text(json.dumps(record))
    assert main(["runs", "verify", str(plain), *where]) == 2
    assert "carries no SHA-256" in capsys.readouterr().err
    assert main(["runs", "verify", "nowhere.json", *where]) == 2


def test_what_changed_is_named_by_place(written):
    """Five values by path, and how many more; lists by their length; what was added or is missing."""
    path, _ = written
    found = json.loads(path.read_text(encoding="utf-8"))

    def told(change):
        other = json.loads(json.dumps(found))
        change(other["body"]["record"])
        return verify(json.dumps(other).encode())

    def spoil(count):
        return lambda record: [case.update(gold="x") for case in record["cases"][:count]]

    assert told(spoil(5)) == [f'$.body.record.cases[{n}].gold: was changed, is now "x"' for n in range(5)]
    assert told(spoil(6))[4:] == ['$.body.record.cases[4].gold: was changed, is now "x"', "and 1 more"]
    assert told(lambda record: record["cases"].pop()) == ["$.body.record.cases: has 5 entries, had 6"]
    assert told(lambda record: record.pop("seed")) == ["$.body.record.seed: is missing"]
    assert told(lambda record: record.update(cases=3)) == ["$.body.record.cases: was changed, is now 3"]
    assert told(lambda record: record.update(version=["x" * 90]))[0].endswith(f'is now ["{"x" * 55}...')
    assert told(lambda record: record.update(version="y" * 58))[0].endswith(f'is now "{"y" * 58}"')


def test_what_is_no_evidence_is_said():
    """Other JSON, none at all, constants that JSON does not have, and keys beside the four."""
    assert verify(b"[]") == ["$.schema: is 'list'; accepted: 'medeval-evidence/1'"]
    assert verify(b"{}") == ["$.schema: is None; accepted: 'medeval-evidence/1'"]
    assert verify(b'{"body": NaN}') == ["$: no longer JSON: NaN is no JSON"]


def test_an_added_key_is_named(written):
    """Beside body and hashes nothing may stand."""
    path, digest = written
    found = json.loads(path.read_text(encoding="utf-8"))
    assert verify(json.dumps({**found, "note": 1, "a": 2}).encode()) == ["$.a: was added", "$.note: was added"]
    assert read_sha256(path.read_bytes()) == digest == found["sha256"]
    longer = path.read_bytes() + b" "
    assert verify(longer) == [f"byte {len(path.read_bytes())}: the values are the same, but not in canonical form"]


def test_the_evidence_says_what_was_decided(quiz, tmp_path):
    """Verdict, reason and gates; passed only where the release may go out; an unreadable file is one line."""
    for gates, word in ((["accuracy >= 0.5"], "MAY GO OUT"), (["accuracy > 1"], "MAY NOT GO OUT"), ([], "UNDECIDED")):
        record = quiz.run({1}, count=6, gates=gates)
        said = evidence(record, quiz.manifests)["body"]["verdicts"]
        assert (said["verdict"], said["passed"], said["gates"]) == (word, word == "MAY GO OUT", record["gates"])
        assert said["why"] == decide(record["gates"]).why
    write_evidence(record, quiz.manifests, tmp_path / "evidence.json")
    (tmp_path / "record.json").write_text("{}")
    assert is_evidence(tmp_path / "evidence.json")
    assert not is_evidence(tmp_path / "record.json")
    with pytest.raises(MedevalError, match="cannot be read"):
        is_evidence(tmp_path / "gone.json")
    assert prints({"a": [1, 2], "b": [{"c": 1}, 2]}).keys() == {"a", "b"}
    assert isinstance(prints([1, 2]), str)
    assert [type(one) for one in prints([{"c": 1}, 2])] == [dict, str]
    assert len(prints(1)) == 8
