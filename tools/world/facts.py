"""The facts of the closed world: diseases, findings, tests, treatments, from ``fixtures/world/*.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_medeval.core.errors import MedevalError


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a patient reports or a doctor sees.

    ``en`` is a noun phrase, with its article if it has one.
    """

    id: str
    en: str
    zh: str
    female: bool = False
    sign: bool = False
    """Seen on examination only: no patient tells it."""
    circumstance: bool = False
    """When or after what it began, rather than a complaint."""

    @property
    def bare(self) -> str:
        """The English phrase without its article, as it stands after "no"."""
        for article in ("a ", "an "):
            if self.en.startswith(article):
                return self.en[len(article) :]
        return self.en


@dataclass(frozen=True, slots=True)
class Disease:
    """A disease: six typical findings, the two most telling first, and three that speak against it."""

    id: str
    en: str
    zh: str
    specialty: str
    findings: tuple[Finding, ...]
    absent: tuple[Finding, ...]
    tests: tuple[str, ...]
    treatments: tuple[str, ...]
    advice: str
    emergency: bool = False
    female: bool = False
    ages: tuple[int, int] = (20, 70)

    @property
    def telling(self) -> tuple[Finding, ...]:
        """The findings of which every case shows at least one."""
        return self.findings[:2]


@dataclass(frozen=True, slots=True)
class World:
    """All facts, in the order of the files."""

    diseases: tuple[Disease, ...]
    findings: Mapping[str, Finding]
    specialties: Mapping[str, str]

    def of_specialty(self, specialty: str) -> tuple[Disease, ...]:
        """Give the diseases of one specialty."""
        return tuple(disease for disease in self.diseases if disease.specialty == specialty)


def load_world(folder: Path) -> World:
    """Read ``findings.toml`` and ``diseases.toml``; ``MedevalError`` names file and entry of a mistake."""
    table = _read(folder / "findings.toml")
    marked = {mark: frozenset(table[mark]["only"]) for mark in ("female", "signs", "circumstances")}
    findings = {
        key: Finding(key, en, zh, *(key in names for names in marked.values()))
        for key, (en, zh) in table["findings"].items()
    }
    entries = _read(folder / "diseases.toml")
    specialties = entries.pop("specialties")
    diseases = tuple(_disease(folder / "diseases.toml", key, entry, findings) for key, entry in entries.items())
    for disease in diseases:
        if disease.specialty not in specialties:
            raise MedevalError(
                f"{folder / 'diseases.toml'}: [{disease.id}] has the unknown specialty {disease.specialty!r}"
            )
    return World(diseases, findings, specialties)


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MedevalError(
            f"{file}: no such file; the folder of the closed world holds findings.toml and diseases.toml"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise MedevalError(f"{file}: not TOML: {error}") from None


def _disease(file: Path, key: str, entry: Mapping[str, Any], findings: Mapping[str, Finding]) -> Disease:
    unknown = [name for name in (*entry["findings"], *entry["absent"]) if name not in findings]
    if unknown:
        raise MedevalError(f"{file}: [{key}] names findings that findings.toml lacks: {', '.join(unknown)}")
    low, high = entry.get("ages", (20, 70))
    return Disease(
        id=key,
        en=entry["en"],
        zh=entry["zh"],
        specialty=entry["specialty"],
        findings=tuple(findings[name] for name in entry["findings"]),
        absent=tuple(findings[name] for name in entry["absent"]),
        tests=tuple(entry["tests"]),
        treatments=tuple(entry["treatments"]),
        advice=entry["advice"],
        emergency=entry.get("emergency", False),
        female=entry.get("sex") == "female",
        ages=(low, high),
    )
