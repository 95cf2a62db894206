"""The model card's ink: Hugging Face's ``model-index`` as front matter, and below it the summary for people.

Format: https://github.com/huggingface/hub-docs/blob/main/modelcard.md
"""

from __future__ import annotations

import re

from pytest_medeval.core.record import MetricRow, RunRecord, SuiteRecord
from pytest_medeval.report.markdown import markdown
from pytest_medeval.report.outline import Outline


def card(outline: Outline) -> str:
    """Give YAML front matter with a ``model-index``, and the same numbers as a summary."""
    import yaml

    front = yaml.safe_dump(model_index(outline.record), sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{front}---\n\n{markdown(outline)}"


def model_index(record: RunRecord) -> dict[str, object]:
    """Give the ``model-index``: a result a suite, an entry a metric with interval, n and signature."""
    candidate = record["models"].get("candidate")
    name = candidate["spec"] if candidate else "unknown"
    results = [_result(suite, facts) for suite, facts in record["suites"].items() if facts["metrics"]]
    return {"model-index": [{"name": re.sub(r".*[/#]", "", name.rstrip("/")) or name, "results": results}]}


def _result(suite: str, facts: SuiteRecord) -> dict[str, object]:
    return {
        "task": {"type": facts.get("task_type", facts["task"]), "name": facts["task"]},
        "dataset": {
            "type": suite,
            "name": suite,
            "revision": facts["signature"],
            "args": {
                "cases": facts["evaluated"],
                "of": facts["total"],
                "complete": facts["complete"],
                **({"shots": facts["shots"]} if "shots" in facts else {}),
                **({"sampling": facts["sampling"]} if "sampling" in facts else {}),
            },
        },
        "metrics": [_metric(name, one) for name, one in facts["metrics"].items()],
    }


def _metric(name: str, one: MetricRow) -> dict[str, object]:
    args = {"ci95": one["candidate_ci95"], "n": one["n"], "signature": one["signature"]}
    return {"type": name, "name": name, "value": one["candidate"], "args": args, "verified": False}
