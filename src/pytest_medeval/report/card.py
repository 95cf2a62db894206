"""The run as a section of a model card: Hugging Face's ``model-index``, and a table for people.

Format: https://github.com/huggingface/hub-docs/blob/main/modelcard.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pytest_medeval.report.lines import how_asked, interval, number

TASK_TYPES: Mapping[str, str] = {
    "dialogue": "text-generation",
    "mcq": "multiple-choice",
    "polarity": "token-classification",
}
"""Our tasks in the words of the hub; another plugin's task keeps its name."""


def card(record: Mapping[str, Any]) -> str:
    """Give YAML front matter with a ``model-index``, and the same numbers as a table."""
    import yaml

    front = yaml.safe_dump(model_index(record), sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{front}---\n\n" + "\n".join(_table(record)) + "\n"


def model_index(record: Mapping[str, Any]) -> dict[str, Any]:
    """Give the ``model-index``: a result a suite, an entry a metric with interval, n and signature."""
    name = record["models"].get("candidate", {}).get("spec", "unknown")
    results = [_result(suite, facts) for suite, facts in record["suites"].items() if facts["metrics"]]
    return {"model-index": [{"name": re.sub(r".*[/#]", "", name.rstrip("/")) or name, "results": results}]}


def _result(suite: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "task": {"type": TASK_TYPES.get(facts["task"], facts["task"]), "name": facts["task"]},
        "dataset": {
            "type": suite,
            "name": suite,
            "revision": facts["signature"],
            "args": {
                "cases": facts["evaluated"],
                "of": facts["total"],
                "complete": facts["complete"],
                **{key: facts[key] for key in ("shots", "sampling") if key in facts},
            },
        },
        "metrics": [_metric(name, one) for name, one in facts["metrics"].items()],
    }


def _metric(name: str, one: Mapping[str, Any]) -> dict[str, Any]:
    args = {"ci95": one["candidate_ci95"], "n": one["n"], "signature": one["signature"]}
    return {"type": name, "name": name, "value": one["candidate"], "args": args, "verified": False}


def _table(record: Mapping[str, Any]) -> Iterator[str]:
    yield "## Evaluation"
    yield ""
    day = record["created"][:10]
    yield f"Measured by pytest-medeval {record['version']} on {day}, seed {record['seed']}."
    yield ""
    asked = [f"{suite}: {told}." for suite, facts in record["suites"].items() for told in how_asked(facts)]
    yield from (line for told in asked for line in (told, ""))
    yield "| suite | metric | value | 95 % interval | n | signature |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for suite, facts in record["suites"].items():
        for name, one in facts["metrics"].items():
            signature = one["signature"].replace("|", "\\|")
            value = f"{number(one['candidate'])} | {interval(one['candidate_ci95'])}"
            yield f"| {suite} | {name} | {value} | {one['n']} | {signature} |"
