"""Folders of a data set as Hugging Face lays them out: shards of one split, and files that are about them."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_medeval.core.errors import MedevalError

SUFFIXES = (".parquet", ".arrow", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")
_ABOUT = {"dataset_info.json", "state.json", "dataset_dict.json", "dataset_infos.json", "config.json"}
_SPLIT = re.compile(r"(?<![a-z])(train|test|validation|valid|val|dev|eval)(?![a-z])", re.IGNORECASE)
_SHARD = re.compile(r"-?\d{4,}(-of-\d+)?")


def shards(folder: Path) -> list[Path]:
    """List the files that hold the rows of a folder's one split, in order; none where it holds no such file.

    A split is told by a word such as ``test`` in the name of a file, or of a folder on the way to it; a subset by the
    folders. Raises ``MedevalError`` where there are several, with the pattern of each.
    """
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.name not in _ABOUT
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    )
    splits: dict[tuple[str, ...], list[Path]] = {}
    for path in found:
        inside = path.relative_to(folder)
        word = _SPLIT.search(inside.stem)
        splits.setdefault((*inside.parts[:-1], word[1].lower() if word else "", inside.suffix), []).append(path)
    if len(splits) > 1:
        patterns = ", ".join(sorted(_pattern(folder, paths) for paths in splits.values()))
        raise MedevalError(f"{folder}: holds several splits or subsets; accepted: one of {patterns}")
    return found


def _pattern(folder: Path, paths: list[Path]) -> str:
    inside = paths[0].relative_to(folder)
    name = inside.name if len(paths) == 1 else f"{_SHARD.sub('', inside.stem)}*{inside.suffix}"
    return repr((Path(folder.name) / inside.with_name(name)).as_posix())
