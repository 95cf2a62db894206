"""Which reply is which? Nobody can tell without the run record; with it, anybody can.

A review page shows the two replies of a case as Reply 1 and Reply 2. Order and keys come from a secret that
is not on the page: SHA-256 over the fingerprints of both models (digests of their weights), the suite's
signature (a digest of its cases) and the run's seed. Three values are taken from it by HMAC-SHA-256:

order   one bit a case: whether the candidate comes first
key     128 bits a pair, over suite, case, stratum, review seed, rubric and both texts in the order shown
name    48 bits a case, by which page and ratings call it: its id may hold the right answer

A rating is read back only when its key is the one that the record gives for that pair, so ratings of another
run, keys that were altered or moved to another case, and ratings of replies that have changed are refused.

What this does not protect against. Grades are not signed: who can edit the file of ratings can change a
grade beside its key. Who holds the run record, or the weights and cases to make it again, can tell the
replies apart. So can a rater who knows how a model writes, or whose reply says its own name.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pytest_medeval.core.record import ROLES, CaseEntry, ModelRecord, Role, RunRecord

Stratum: TypeAlias = Literal["divergent", "near", "random"]

STRATA: tuple[Stratum, ...] = ("divergent", "near", "random")
KEY_DIGITS = 32
NAME_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Blinding:
    """Order and keys of one review: a run, a review seed, a rubric (its digest)."""

    record: RunRecord
    seed: int
    rubric: str

    def order(self, entry: CaseEntry) -> tuple[Role, Role]:
        """Give the roles of Reply 1 and Reply 2 of a case."""
        first = self._mac(entry, ["order", self.seed, entry["suite"], entry["id"]])[0] & 1
        return (ROLES[first], ROLES[1 - first])

    def name(self, entry: CaseEntry) -> str:
        """Name a case to those who are not to know its id, as hexadecimal digits."""
        return self._mac(entry, ["name", entry["suite"], entry["id"]]).hex()[:NAME_DIGITS]

    def key(self, entry: CaseEntry, stratum: Stratum) -> str:
        """Give the key of a pair, as hexadecimal digits."""
        replies = [entry[role]["reply"] for role in self.order(entry)]
        named = ["key", self.seed, self.rubric, entry["suite"], entry["id"], stratum, *replies]
        return self._mac(entry, named).hex()[:KEY_DIGITS]

    def stratum(self, entry: CaseEntry, key: str) -> Stratum | None:
        """Find the stratum under which a key was made; None when it is no key of this pair."""
        given = key.encode()
        matching = (one for one in STRATA if hmac.compare_digest(self.key(entry, one).encode(), given))
        return next(matching, None)

    def _mac(self, entry: CaseEntry, parts: Sequence[object]) -> bytes:
        return hmac.digest(_secret(self.record, entry["suite"]), _bytes(parts), "sha256")


def run_id(record: RunRecord, suites: Iterable[str]) -> str:
    """Name a run by what its replies depend on: models, cases of these suites, seed; not by when it ran."""
    secrets = [hmac.digest(_secret(record, suite), b"run", "sha256").hex() for suite in sorted(suites)]
    return hashlib.sha256(_bytes(secrets)).hexdigest()[:16]


def _secret(record: RunRecord, suite: str) -> bytes:
    facts = record["suites"][suite]
    prints = [_fingerprint(record["models"].get(role), facts["task"]) for role in ROLES]
    return hashlib.sha256(_bytes(["medeval-review/1", prints, facts["signature"], record["seed"]])).digest()


def _fingerprint(model: ModelRecord | None, task: str) -> str | None:
    """Take the fingerprint of the model that answers a task: other suites of the run do not matter."""
    return None if model is None else model.get("tasks", {}).get(task, model).get("fingerprint")


def _bytes(parts: object) -> bytes:
    return json.dumps(parts, ensure_ascii=True, separators=(",", ":")).encode()
