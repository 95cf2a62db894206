"""The store holds whole runs, finds them by pytest-benchmark's words, and says in one line what is wrong."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import datetime
from importlib import metadata
from pathlib import Path

import pytest

from pytest_medeval.__main__ import main
from pytest_medeval.core.errors import MedevalError, NoneYetError
from pytest_medeval.core.files import writing as files
from pytest_medeval.runs import store
from pytest_medeval.runs.environment import environment, repository
from pytest_medeval.runs.record import problems, read
from pytest_medeval.runs.store import find, load, prune, rescue, save, stored

ROOT = Path(__file__).parents[3]
KILLING = """
import os, random, signal, sys, time
from pathlib import Path
from pytest_medeval.runs.store import save

from tests.page_record import whole_record

record = whole_record(200)
for number in range(20):
    saved, told = os.pipe()
    saver = os.fork()
    if saver == 0:
        while True:
            save(record, Path(sys.argv[1]), "killed")
            os.write(told, b".")
    os.read(saved, 1)
    time.sleep(random.Random(number).uniform(0.0, 0.05))
    os.kill(saver, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(saver, 0)[1]) == -signal.SIGKILL
"""
"""Twenty processes that do nothing but save are killed, each after its first save at a random moment."""


def test_runs_are_numbered_and_found_again(quiz, storage):
    """A run is found by number, name, both, ``latest`` and path, and comes back as it was."""
    record = quiz.run()
    first, second = save(record, storage, "one"), save(record, storage, "two")
    assert [path.name for path in (first, second)] == ["0001_one.json", "0002_two.json"]
    for word in ("1", "0001", "one", "0001_one", "0001_one.json", str(first)):
        assert find(storage, word) == first
    assert find(storage, "latest") == second
    name, loaded = load(storage, "two")
    assert name == "0002_two"
    assert {key: value for key, value in loaded.items() if key != "sha256"} == record
    assert problems(loaded) == []


def test_the_newest_of_a_name_is_meant(quiz, storage):
    """Saving under one name twice keeps both; the name means the newer."""
    record = quiz.run(count=2)
    assert save(record, storage, "same") != save(record, storage, "same")
    assert find(storage, "same").name == "0002_same.json"


def test_latest_passes_over_refused_and_partial_runs(quiz, storage):
    """A release that its gates refused, or of which a part is missing, is no reference."""
    good = save(quiz.run(gates=["accuracy >= 0.9"]), storage, "good")
    save(quiz.run(set(range(20)), gates=["accuracy >= 0.9"]), storage, "refused")
    partial = quiz.run()
    partial["suites"]["quiz"]["complete"] = False
    save(partial, storage, "partial")
    assert find(storage, "latest") == good


@pytest.mark.parametrize(
    ("word", "told"),
    [("thr33", "no run 'thr33' in .*; stored: 0001_one, 0002_two"), ("9", "no run '9'"), ("missing.json", "no run")],
)
def test_a_missing_run_names_those_that_are_there(quiz, storage, word, told):
    """Whoever mistypes a run sees what is stored."""
    record = quiz.run(count=2)
    save(record, storage, "one")
    save(record, storage, "two")
    with pytest.raises(MedevalError, match=told):
        find(storage, word)


def test_an_empty_store_says_how_to_fill_it(storage):
    """The first release has no reference yet."""
    with pytest.raises(MedevalError, match=r"no run is stored in .* yet; --medeval-save stores one"):
        find(storage, "latest")


def test_a_store_that_is_a_file_is_refused(tmp_path):
    """A file in the place of the folder is one line, when listing and when looking before a run."""
    (tmp_path / "runs").write_text("")
    with pytest.raises(MedevalError, match="is a file"):
        stored(tmp_path / "runs")
    with pytest.raises(MedevalError, match=r"--medeval-storage: .* cannot be written"):
        files.check_folder(tmp_path / "runs" / "below", "--medeval-storage")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda text: text[: len(text) // 2], "not JSON: .*; accepted: a run record"),
        (lambda _: "", ":1: the file is empty; accepted: a run record"),
        (lambda _: "[" * 100_000, ":1: nested too deeply"),
        (lambda _: "{}", "schema is None"),
        (
            lambda text: text.replace("medeval-run/1", "medeval-run/2"),
            "schema is 'medeval-run/2'; accepted: 'medeval-run/1'; a newer pytest-medeval wrote it",
        ),
        (lambda text: text.replace('"answered": 40', '"answered": 41'), "was changed after it was saved"),
    ],
)
def test_a_damaged_run_is_one_line(quiz, storage, damage, told):
    """Cut, emptied, of a newer schema, edited by hand: said with the file, never taken."""
    path = save(quiz.run(), storage, "one")
    path.write_text(damage(path.read_text()))
    with pytest.raises(MedevalError, match=told) as caught:
        load(storage, "one")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("code", [28, 30])
def test_a_disk_that_refuses_leaves_nothing_behind(quiz, storage, monkeypatch, code):
    """Full (28) or read-only (30): one line, no half file, and older runs as they were."""
    record = quiz.run(count=2)
    first = save(record, storage, "one")
    before = first.read_bytes()

    def refuse(_handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "fsync", refuse)
    with pytest.raises(MedevalError, match=f"the stored run cannot be written: {os.strerror(code)}"):
        save(record, storage, "two")
    assert [path.name for path in storage.iterdir()] == ["0001_one.json"]
    assert first.read_bytes() == before


def test_a_really_full_device_is_one_line(tmp_path):
    """Writing to /dev/full fails as a full disk does."""
    if not os.path.exists("/dev/full"):  # noqa: PTH110 - a device
        pytest.skip("this system has no /dev/full")
    path = tmp_path / "out.json"
    (tmp_path / f".out.json.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(MedevalError, match="the run record cannot be written: No space left on device"):
        files.write_whole(path, b"x" * 100_000, "the run record")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_is_written_to_and_a_link_stays(tmp_path, capfd):
    """A device, a pipe or ``/dev/stdout`` is not replaced by a file; of a link, the file behind it is replaced."""
    (tmp_path / "out.json").symlink_to("deep/real.json")
    (tmp_path / "deep").mkdir()
    for text in (b"one", b"two"):
        files.write_whole(tmp_path / "out.json", text, "the run record")
    assert (tmp_path / "out.json").is_symlink()
    assert (tmp_path / "deep" / "real.json").read_bytes() == b"two"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_whole(pipe, [b"a", b"b"], "the run record")
    assert os.read(reader, 9) == b"ab"
    assert pipe.is_fifo()
    os.close(reader)
    (tmp_path / "stdout").symlink_to("/dev/stdout")
    files.write_whole(tmp_path / "stdout", b"seen", "the run record")
    files.write_whole(files.Path("/dev/null"), b"unseen", "the run record")
    assert files.Path("/dev/null").is_char_device()
    assert capfd.readouterr().out == "seen"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep", "out.json", "pipe", "stdout"]


def test_standard_output_sent_to_a_file_goes_on_where_it_was(tmp_path):
    """With ``> log`` the record stands in the log between what was printed before and after."""
    code = (
        "import sys; from pathlib import Path; from pytest_medeval.core.files.writing import write_whole;"
        "print('before', flush=True); write_whole(Path('/dev/stdout'), b'record\\n', 'it'); print('after')"
    )
    with (tmp_path / "log").open("wb") as log:
        subprocess.run([sys.executable, "-c", code], stdout=log, check=True)
    assert (tmp_path / "log").read_text().split() == ["before", "record", "after"]


def test_a_refused_run_is_kept_elsewhere(quiz, monkeypatch, tmp_path):
    """Hours of replies are not lost because the store is full."""
    monkeypatch.setattr(store.tempfile, "mkdtemp", lambda **_: str(tmp_path))
    record = quiz.run(count=2)
    assert read(rescue(record, "one"))["cases"] == record["cases"]


def test_two_writers_never_overwrite_each_other(quiz, storage):
    """A name that another process took in the meantime is left alone."""
    record = quiz.run(count=2)
    first = save(record, storage, "one")
    before = first.read_bytes()
    assert files.write_new(first, b"{}", "the stored run") is False
    assert first.read_bytes() == before
    assert len(list(storage.iterdir())) == 1


def test_prune_keeps_the_newest_and_the_reference(quiz, storage):
    """Old runs go; the one that ``latest`` means stays, however old."""
    good, bad = quiz.run(gates=["accuracy >= 0.9"]), quiz.run(set(range(20)), gates=["accuracy >= 0.9"])
    save(good, storage, "old")
    save(good, storage, "reference")
    for name in ("a", "b", "c"):
        save(bad, storage, name)
    leftover = storage / ".0009_x.json.1.part"
    leftover.write_text("half")
    os.utime(leftover, (0, 0))
    assert [path.name for path in prune(storage, 2)] == ["0001_old.json", "0003_a.json", ".0009_x.json.1.part"]
    assert [run.run for run in stored(storage)] == ["0002_reference", "0004_b", "0005_c"]


def test_sigkill_at_20_random_moments_leaves_whole_runs_only(tmp_path):
    """Whenever the process dies, each file of the store is a whole run that its own hash proves."""
    storage = tmp_path / "runs"
    subprocess.run([sys.executable, "-c", KILLING, str(storage)], check=True, timeout=120, cwd=ROOT)
    runs = stored(storage)
    assert len(runs) >= 20
    assert len({run.number for run in runs}) == len(runs)
    for run in runs:
        assert len(read(run.path)["cases"]) == 200


def test_the_automatic_name_says_commit_and_time():
    """Without a repository the name says so, as pytest-benchmark's does."""
    now = datetime(2026, 2, 1, 9, 30)  # noqa: DTZ001 - only printed
    assert store.automatic_name(None, now) == "unversioned_20260201_093000"


def test_git_may_be_absent_or_hang(tmp_path, monkeypatch):
    """No git, no repository and a git that does not come back are all no commit, and no error."""
    assert repository(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert repository(tmp_path) is None
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 10\n")
    slow.chmod(0o755)
    monkeypatch.setattr("pytest_medeval.runs.environment.TIMEOUT", 0.1)
    assert repository(tmp_path) is None


def test_a_text_that_utf8_cannot_hold_is_stored_all_the_same(quiz, storage):
    """A lone surrogate in a reply costs no run."""
    record = quiz.run(count=2)
    record["cases"][0]["candidate"]["reply"] = "half \ud83d a sign"
    assert (
        json.loads(save(record, storage, "one").read_text())["cases"][0]["candidate"]["reply"] == "half \ud83d a sign"
    )
    assert load(storage, "one")[1]["cases"][0]["candidate"]["reply"] == "half \ufffd a sign"


def test_none_yet_is_told_from_what_cannot_be_read(quiz, storage, monkeypatch):
    """Nothing stored, or nothing that passed, is one state; a folder or a newest file that cannot be read another."""
    for word in ("latest", "latest-or-none"):
        with pytest.raises(NoneYetError, match="no run is stored in"):
            find(storage, word)
    assert main(["runs", "show", "latest", "--storage", str(storage)]) == 3
    save(quiz.run(set(range(20)), gates=["accuracy >= 0.9"]), storage, "refused")
    with pytest.raises(NoneYetError, match="is whole and passed its gates"):
        find(storage, "latest-or-none")
    save(quiz.run(), storage, "good")
    broken = storage / "0003_broken.json"
    broken.write_text("{")
    for word in ("latest", "latest-or-none"):
        with pytest.raises(MedevalError, match=r"0003_broken\.json:1: not JSON") as caught:
            find(storage, word)
        assert not isinstance(caught.value, NoneYetError)
    assert main(["runs", "show", "latest", "--storage", str(storage)]) == 2
    assert [path.name for path in prune(storage, 1)] == ["0001_refused.json"]

    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.listdir", refuse)
    with pytest.raises(MedevalError, match="cannot be read: Permission denied") as caught:
        find(storage, "latest-or-none")
    assert not isinstance(caught.value, NoneYetError)


def test_a_store_that_is_a_link_to_nothing_is_not_empty(tmp_path):
    """A volume that is not mounted is no first release."""
    (tmp_path / "runs").symlink_to(tmp_path / "gone")
    with pytest.raises(MedevalError, match="is a link to nothing"):
        find(tmp_path / "runs", "latest-or-none")


def test_what_a_word_may_mean(quiz, storage, tmp_path):
    """A name that is a number goes before the number; a number of two files, or a file below a root, is told."""
    record = quiz.run(count=2)
    save(record, storage, "first")
    named = save(record, storage, "1")
    assert find(storage, "1") == named
    assert find(storage, "0001").name == "0001_first.json"
    (storage / "0001_twin.json").write_bytes(named.read_bytes())
    with pytest.raises(MedevalError, match="run '0001' may be 0001_first, 0001_twin; accepted: one of these names"):
        find(storage, "0001")
    (tmp_path / "own.json").write_bytes(named.read_bytes())
    assert find(storage, "own.json", tmp_path) == tmp_path / "own.json"
    assert [(run.number, run.name) for run in stored(storage)] == [(1, "first"), (1, "twin"), (2, "1")]


def test_other_files_of_the_folder_are_no_runs(quiz, storage):
    """Numbers of four digits and more, then a name; the next number is one above the highest."""
    save(quiz.run(count=2), storage, "one")
    for name in ("001_short.json", "0007_.json", "0007_x.json.part", "x0008_y.json", "notes.txt"):
        (storage / name).write_text("{}")
    (storage / "12345_far.json").write_bytes((storage / "0001_one.json").read_bytes())
    assert [run.run for run in stored(storage)] == ["0001_one", "12345_far"]
    assert save(quiz.run(count=2), storage, "next").name == "12346_next.json"


def test_a_message_names_five_runs_and_counts_the_older(quiz, storage):
    """The newest by name, the others by number."""
    record = quiz.run(count=2)
    for number in range(5):
        save(record, storage, f"r{number}")
    with pytest.raises(MedevalError, match=r"stored: 0001_r0, 0002_r1, 0003_r2, 0004_r3, 0005_r4$"):
        find(storage, "gone")
    save(record, storage, "r5")
    save(record, storage, "r6")
    with pytest.raises(MedevalError, match=r"stored: 2 older, 0003_r2, 0004_r3, 0005_r4, 0006_r5, 0007_r6$"):
        find(storage, "gone")


def test_numbers_that_others_take_are_passed_over(quiz, storage, monkeypatch):
    """Up to a hundred; then one line, and nothing is overwritten."""
    record = quiz.run(count=2)
    taken = []

    def full(path, _data, _what):
        taken.append(path.name)
        return len(taken) > free

    monkeypatch.setattr(store, "write_new", full)
    free = 3
    assert save(record, storage, "x").name == "0004_x.json"
    taken.clear()
    free = 1000
    with pytest.raises(MedevalError, match="no free number for the run after 100 tries"):
        save(record, storage, "x")
    assert (len(taken), taken[-1]) == (100, "0100_x.json")


def test_a_run_passes_whole_and_with_its_gates(quiz):
    """Without gates a whole run passes; a part, or one that a gate stopped, does not."""
    assert store.passed(quiz.run())
    assert store.passed(quiz.run(gates=["accuracy >= 0.5"]))
    assert not store.passed(quiz.run(gates=["accuracy > 1"]))
    assert not store.passed(quiz.run(only={"q1"}))


def test_prune_spares_what_latest_may_mean(quiz, storage):
    """A newer run that cannot be read may have been it; a part that is being written is left alone."""
    good, bad = quiz.run(), quiz.run(gates=["accuracy > 1"])
    for name, record in (("a", good), ("b", good), ("c", bad), ("d", bad), ("e", bad)):
        save(record, storage, name)
    (storage / "0004_d.json").write_text("{")
    (storage / ".0009_x.json.1.part").write_text("half")
    assert [path.name for path in prune(storage, 1)] == ["0001_a.json", "0003_c.json"]
    assert list(prune(storage, 9)) == []
    assert [run.run for run in stored(storage)] == ["0002_b", "0004_d", "0005_e"]
    assert [path.name for path in prune(storage, 0)] == ["0005_e.json"]


def test_the_repository_names_commit_and_changes(tmp_path):
    """The commit at HEAD; dirty where tracked files differ, not where files are new."""
    assert repository(tmp_path) is None

    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        told = subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True, text=True)
        return told.stdout.strip()

    git("init", "-q")
    assert repository(tmp_path) is None
    (tmp_path / "a.txt").write_text("one")
    git("add", "a.txt")
    git("commit", "-q", "-m", "one")
    (tmp_path / "b.txt").write_text("new")
    commit = git("rev-parse", "HEAD")
    assert repository(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "a.txt").write_text("two")
    assert repository(tmp_path) == {"commit": commit, "dirty": True}
    now = datetime(2026, 2, 1, 9, 30)  # noqa: DTZ001 - only printed
    assert store.automatic_name(repository(tmp_path), now) == f"{commit[:12]}_20260201_093000_uncommitted-changes"
    assert store.automatic_name({"commit": commit, "dirty": None}, now) == f"{commit[:12]}_20260201_093000"


def test_the_environment_names_what_numbers_depend_on(tmp_path):
    """Python, machine, cores, and the versions of packages that are there; no commit where there is none."""
    found = environment(tmp_path)
    assert found["repository"] is None
    assert found["python"] == platform.python_version()
    assert (found["platform"], found["machine"]) == (platform.platform(), platform.machine())
    assert found["cores"] == os.cpu_count()
    assert found["packages"]["numpy"] == metadata.version("numpy")
    assert "" not in found["packages"].values()
