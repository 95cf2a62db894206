"""Pages of which a command writes a part: what stands between ``<!-- NAME -->`` and ``<!-- /NAME -->``."""

from __future__ import annotations

from pathlib import Path

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.files.writing import write_whole


def filled(page: str, name: str, text: str) -> str:
    """Put a text into its part of a page; ``MedevalError`` where the page has no place for it, or two."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise MedevalError(f"the page has no place for {name}; accepted: one line {begin} and later one {end}")
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{text}\n{end}{rest.partition(end)[2]}"


def fill(file: Path, name: str, text: str) -> None:
    """Write a text into its part of a page on disk."""
    write_whole(file, filled(file.read_text(encoding="utf-8"), name, text).encode(), "the page")
