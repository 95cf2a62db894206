"""Where WordNet is, without a download and without importing NLTK.

NLTK's own data folders come first. Debian's package ``wordnet-base`` installs the same database under
``/usr/share/wordnet`` but for two of the files that NLTK opens, and NLTK refuses links that leave its folder,
so its files are copied once to the user's cache.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path
from typing import Any, Final

from pytest_medeval.errors import MedevalError

DEBIAN: Final = Path("/usr/share/wordnet")
_COPIED: Final = (
    "cntlist.rev",
    *(f"{kind}.{part}" for kind in ("index", "data") for part in ("adj", "adv", "noun", "verb")),
    *(f"{part}.exc" for part in ("adj", "adv", "noun", "verb")),
)
_LEXNAMES: Final = """
    adj.all adj.pert adv.all noun.Tops noun.act noun.animal noun.artifact noun.attribute noun.body
    noun.cognition noun.communication noun.event noun.feeling noun.food noun.group noun.location
    noun.motive noun.object noun.person noun.phenomenon noun.plant noun.possession noun.process
    noun.quantity noun.relation noun.shape noun.state noun.substance noun.time verb.body verb.change
    verb.cognition verb.communication verb.competition verb.consumption verb.contact verb.creation
    verb.emotion verb.motion verb.perception verb.possession verb.social verb.stative verb.weather
    adj.ppl
""".split()  # noqa: SIM905 - 45 quoted names are harder to compare with the manual page
"""The lexicographer files in the order of their numbers: manual page lexnames(5WN) of WordNet 3.0."""
_PART_OF_SPEECH: Final = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}
_VERSION = re.compile(r"WordNet (\d+\.\d+) Copyright")
_HEADER = 2000


def nltk_folders() -> list[Path]:
    """List the folders that NLTK searches (``nltk.data.path``) without importing it, which takes a second."""
    named = [Path(folder) for folder in os.environ.get("NLTK_DATA", "").split(os.pathsep) if folder]
    inside = [Path(sys.prefix) / place for place in ("nltk_data", "share/nltk_data", "lib/nltk_data")]
    shared = [Path(place) for place in ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib")]
    return [*named, Path.home() / "nltk_data", *inside, *(place / "nltk_data" for place in shared)]


def cache_folder() -> Path:
    """Give this user's cache folder for NLTK data."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pytest-medeval" / "nltk_data"


@cache
def wordnet_version() -> str | None:
    """Tell WordNet's version, or None where there is none."""
    for folder in nltk_folders():
        corpora = folder / "corpora"
        if (corpora / "wordnet" / "data.adj").is_file():
            return _version((corpora / "wordnet" / "data.adj").read_bytes())
        if (corpora / "wordnet.zip").is_file():
            with zipfile.ZipFile(corpora / "wordnet.zip") as archive:
                return _version(archive.read("wordnet/data.adj"))
    if all((DEBIAN / name).is_file() for name in _COPIED):
        return _version((DEBIAN / "data.adj").read_bytes())
    return None


def _version(data: bytes) -> str:
    found = _VERSION.search(data[:_HEADER].decode("ascii", errors="replace"))
    return found.group(1) if found else "unknown"


@cache
def open_wordnet() -> Any:
    """Open WordNet as NLTK's corpus reader, where ``wordnet_version`` has found one; takes a second."""
    import nltk
    from nltk.corpus import wordnet

    try:
        nltk.data.find("corpora/wordnet")
    except LookupError:
        try:
            nltk.data.find("corpora/wordnet.zip")
        except LookupError:
            nltk.data.path.append(str(_copied()))
    wordnet.ensure_loaded()
    return wordnet


def _lexname(number: int) -> str:
    name = _LEXNAMES[number]
    return f"{number:02d}\t{name}\t{_PART_OF_SPEECH[name.partition('.')[0]]}\n"


def _copied() -> Path:
    try:
        return copy_debian(DEBIAN, cache_folder())
    except OSError as error:
        raise MedevalError(
            f"WordNet cannot be copied to {cache_folder()} ({error}); XDG_CACHE_HOME names another folder"
        ) from error


def copy_debian(source: Path, target: Path) -> Path:
    """Copy Debian's WordNet to ``target/corpora/wordnet`` with the two files that it lacks; give ``target``.

    The copy is made beside its place and then renamed, so that no other process can see half of it.
    """
    final = target / "corpora" / "wordnet"
    if final.is_dir():
        return target
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=final.parent, prefix="copying-") as folder:
        made = Path(folder) / "wordnet"
        made.mkdir()
        for name in _COPIED:
            shutil.copyfile(source / name, made / name)
        (made / "lexnames").write_text("".join(map(_lexname, range(len(_LEXNAMES)))))
        (made / "index.sense").write_text("")
        try:
            made.rename(final)
        except OSError:
            if not final.is_dir():  # else another process was first, and its copy is the same
                raise
    return target
