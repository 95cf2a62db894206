"""Runs and rated pages made on the spot."""

import json
import random
import re

import pytest

from pytest_medeval.report.review import page


def _role(name, number, score):
    reply = f"Reply of {name[::-1]} to question {number}."
    return {"prompt_hash": "0" * 64, "reply": reply, "outcome": "answered", "prediction": reply,
            "scores": {"rougeL": score}, "rows": {"overlap": [score, 1.0]}, "tokens": [3, 4]}  # fmt: skip


def _case(suite, number, draw):
    return {
        "suite": suite, "id": f"case-{number:03}", "nodeid": f"test_{suite}.py::test[case-{number:03}]",
        "tags": {"specialty": "cardiology" if number % 2 else "neurology"}, "critical": False, "cluster": None,
        "asked": f"Question {number}?", "gold": f"Reference {number}.", "correct": None,
        "candidate": _role("candidate", number, draw.random()),
        "baseline": _role("baseline", number, draw.random()),
    }  # fmt: skip


@pytest.fixture
def make_record():
    """Build a run of dialogue suites with ``n`` cases each and random headline scores."""

    def make(n=30, suites=("dialogue",), *, candidate="c" * 64, seed=7):
        draw = random.Random(n)
        return {
            "seed": seed,
            "models": {
                "candidate": {"spec": "adapters/tuned-model", "fingerprint": candidate},
                "baseline": {"spec": "base-model", "fingerprint": "b" * 64},
            },
            "suites": {
                name: {"task": "dialogue", "judged": True, "headline": "rougeL", "signature": f"signature of {name}",
                       "metrics": {"rougeL": {"direction": 1}}} for name in suites
            },
            "cases": [_case(name, number, draw) for name in suites for number in range(n)],
            "divergence": {},
            "gates": [],
        }  # fmt: skip

    return make


def embedded(html):
    """Read the data block of a page."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)[1])


@pytest.fixture
def data_of():
    """Read the data block of a page."""
    return embedded


@pytest.fixture
def export(tmp_path):
    """Rate every pair of a run's page as the browser would, and write the export.

    ``grade(pair, dimension, reply)`` gives a grade; ``alter(data)`` changes the export before it is written.
    """

    def write(record, rater="AB", *, size=30, grade=lambda *_: 3, preference=0, alter=lambda _: None):
        shown = embedded(page(record, size, seed=11))
        names = [one["name"] for one in shown["rubric"]["dimensions"]]
        ratings = [
            {
                "suite": pair["suite"], "case": pair["case"], "key": pair["key"],
                "grades": {name: [grade(pair, name, reply) for reply in pair["replies"]] for name in names},
                "preference": preference, "harm": [False, False], "comment": "",
                "changed": "2026-01-01T00:00:00Z",
            }
            for pair in shown["pairs"]
        ]  # fmt: skip
        told = {key: shown[key] for key in ("run", "seed", "rubric")}
        data = {"schema": "medeval-ratings/1", **told, "rater": rater, "ratings": ratings}
        alter(data)
        path = tmp_path / f"{rater}-{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps(data, indent=1), encoding="utf-8")
        return path

    return write
