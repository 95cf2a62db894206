"""Finding WordNet, and copying the one of Debian into a shape that NLTK opens."""

import zipfile
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.metrics import meteor as wordnet

HEADER = "  5 WordNet 3.0 Copyright 2006 by Princeton University.  All rights reserved.  \n"


@pytest.fixture
def debian(tmp_path: Path, monkeypatch) -> Path:
    """Lay out the files that Debian installs, nearly empty, and hide what this machine has."""
    folder = tmp_path / "usr-share-wordnet"
    folder.mkdir()
    for name in wordnet._COPIED:
        (folder / name).write_text(HEADER if name == "data.adj" else "")
    monkeypatch.setattr(wordnet, "DEBIAN", folder)
    monkeypatch.setattr(wordnet, "nltk_folders", lambda: [tmp_path / "nltk_data"])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wordnet.wordnet_version.cache_clear()
    yield folder
    wordnet.wordnet_version.cache_clear()


@pytest.mark.usefixtures("debian")
def test_debians_copy_is_found():
    """Its version is read from the licence at the head of a data file."""
    assert wordnet.wordnet_version() == "3.0"


def test_an_incomplete_copy_is_none(debian: Path):
    """One file short is no WordNet."""
    (debian / "verb.exc").unlink()
    assert wordnet.wordnet_version() is None


@pytest.mark.usefixtures("debian")
@pytest.mark.parametrize("packed", [True, False])
def test_nltks_own_comes_first(packed: bool):
    """Unpacked or as the archive that NLTK downloads."""
    corpora = wordnet.nltk_folders()[0] / "corpora"
    (corpora / "wordnet").mkdir(parents=True)
    newer = HEADER.replace("3.0", "3.1")
    if packed:
        with zipfile.ZipFile(corpora / "wordnet.zip", "w") as archive:
            archive.writestr("wordnet/data.adj", newer)
    else:
        (corpora / "wordnet" / "data.adj").write_text(newer)
    assert wordnet.wordnet_version() == "3.1"


def test_copy_has_all_files_that_nltk_opens(debian: Path, tmp_path: Path):
    """The 13 of Debian, the table of lexicographer files and an empty sense index."""
    from nltk.corpus.reader import WordNetCorpusReader

    folder = wordnet.copy_debian(debian, tmp_path / "made") / "corpora" / "wordnet"
    assert {file.name for file in folder.iterdir()} == set(WordNetCorpusReader._FILES)
    rows = (folder / "lexnames").read_text().splitlines()
    assert len(rows) == 45
    assert rows[3] == "03\tnoun.Tops\t1"
    assert rows[44] == "44\tadj.ppl\t3"
    assert list(folder.parent.iterdir()) == [folder]


def test_copy_is_made_once(debian: Path, tmp_path: Path):
    """A second call leaves the first copy alone."""
    folder = wordnet.copy_debian(debian, tmp_path / "made")
    (folder / "corpora" / "wordnet" / "noun.exc").write_text("kept")
    (debian / "noun.exc").unlink()
    assert wordnet.copy_debian(debian, tmp_path / "made") == folder
    assert (folder / "corpora" / "wordnet" / "noun.exc").read_text() == "kept"


def test_a_copy_that_fails_leaves_nothing(debian: Path):
    """Half a database is never left behind, and the mistake is one line."""
    (debian / "noun.exc").unlink()
    with pytest.raises(MedevalError, match="WordNet cannot be copied") as caught:
        wordnet._copied()
    assert "\n" not in str(caught.value)
    assert not list((wordnet.cache_folder() / "corpora").iterdir())


def test_folders_are_nltks():
    """Every folder that NLTK searches is searched, but for those of other systems."""
    import nltk

    ours = {str(folder) for folder in wordnet.nltk_folders()}
    own = str(Path("pytest-medeval", "nltk_data"))  # a test with a home of its own may have left one of ours
    assert {folder for folder in nltk.data.path if not folder.endswith(own)} <= ours
