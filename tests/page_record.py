"""Run records with everything that the page of a run can show, made by hand."""

from __future__ import annotations

from typing import Any

SHA = "0123456789abcdef" * 4
ROLES = ("candidate", "baseline")


def _metric(candidate: float, baseline: float | None, *, direction: int = 1, p: float = 0.01234) -> dict[str, Any]:
    paired = baseline is not None
    difference = None if baseline is None else candidate - baseline
    return {
        "candidate": candidate,
        "candidate_ci95": [candidate - 0.03217, candidate + 0.03218],
        "baseline": baseline,
        "n": 97,
        "difference": difference,
        "relative": None,
        "ci95": None if difference is None else [difference - 0.0456, difference + 0.0457],
        "p_value": p if paired else None,
        "test": "paired permutation" if paired else None,
        "p_corrected": 2 * p if paired else None,
        "wilcoxon_p": None,
        "mann_whitney_p": None,
        "effect_size": 0.61 if paired else None,
        "effect": "rank-biserial",
        "direction": direction,
        "signature": f"metric|version:{candidate}",
        "reason": "",
    }


def _metrics(*, paired: bool) -> dict[str, Any]:
    def base(value: float) -> float | None:
        return value if paired else None

    return {
        "rougeL": _metric(0.41237, base(0.3001)),
        "safety": _metric(0.5, base(0.7), p=0.00001),
        "ece": _metric(0.031, base(0.035), direction=-1, p=0.4),
        "length_ratio": _metric(1.71, base(0.93), direction=0),
        "judge.accuracy": _metric(4.2, base(2.9)),
    }


def _scored(text: str, score: float, outcome: str = "answered") -> dict[str, Any]:
    return {
        "prompt_hash": SHA,
        "reply": text,
        "outcome": outcome,
        "prediction": text,
        "scores": {"rougeL": score, "safety": 1.0},
        "rows": {},
        "tokens": [3, 4],
        "trace": {"broken": ["referral"]},
        "confidence": {"A": 0.75, "B": 0.25},
    }


def case(number: int, *, paired: bool = True, judged: bool = True) -> dict[str, Any]:
    """Make a case; every third one lost against the baseline, every fifth is not right."""
    lost = number % 3 == 0
    made = {
        "suite": "dialogue",
        "id": f"case-{number:04}",
        "nodeid": f"test_d.py::test[case-{number:04}]",
        "tags": {"specialty": "cardiology" if number % 2 else "neurology"},
        "critical": number == 1,
        "cluster": None,
        "asked": f"Question {number}?",
        "gold": f"Reference {number}.",
        "correct": number % 5 != 0,
        "candidate": _scored(f"New reply {number}.", 0.2 if lost else 0.03125),
    }
    if paired:
        made["baseline"] = _scored(f"Old reply {number}.", 0.4 if lost else 0.01)
    if judged and paired:
        grades = {"accuracy": 4.5, "relevance": 3.0}
        said = {"unjudged": {"baseline": {"relevance": {"reason": "no grade was found", "raw": "?"}}}}
        made["judge"] = {
            "candidate": grades,
            "baseline": {"accuracy": 1.5},
            "preference": 1.0,
            "judges": {"a judge": said},
        }
    return made


def _track(name: str) -> dict[str, Any]:
    one = {
        "n": 97,
        "difference": 0.2,
        "p_corrected": 0.01,
        "direction": "better",
        "significant": True,
        "detectable": 0.1,
    }
    return {
        "name": name,
        "n": 97,
        "direction": "better",
        "significant": True,
        "underpowered": False,
        "detectable": 0.1,
        "relevant": 0.3,
        "unit": "points",
        "cases_needed": None,
        "metrics": {"rougeL": one},
    }


def _divergence(*, judged: bool) -> dict[str, Any]:
    return {
        "verdict": "agree" if judged else "one track only",
        "words": "The measured scores find the new model better.",
        "review": False,
        "advisory": True,
        "complete": True,
        "reason": "",
        "track_a": _track("measured scores"),
        "track_b": _track("judge") if judged else None,
        "track_c": None,
        "people": None,
        "correlation": [
            {
                "metric": "rougeL",
                "dimension": "accuracy",
                "tau": 0.53,
                "low": 0.4,
                "high": 0.68,
                "replies": 40,
                "reason": "",
            }
        ],
        "opposite": {"count": 1, "n": 4, "share": 0.25},
        "most_divergent": [{"nodeid": "test_d.py::test[case-0003]", "id": "case-0003", "a": -0.9, "b": 1.25}]
        if judged
        else [],
    }


def _judge() -> dict[str, Any]:
    return {
        "spec": "a judge",
        "fingerprint": SHA,
        "prompt_hash": SHA,
        "style": "json",
        "rubric": "default",
        "requests": 8,
        "tokens": 900,
        "cached": 1,
        "failed": 0,
        "seconds": 1.0,
        "coverage": {"accuracy": [96, 97]},
        "position_consistency": 0.95,
        "notices": ["one reply was cut"],
        "admissible": True,
        "agreement": {
            "accuracy": {
                "n": 30,
                "admissible": True,
                "reason": "",
                "refused": 0.13,
                "kappa_quadratic": [0.71, 0.52, 0.84],
            }
        },
    }


def _human() -> dict[str, Any]:
    grade = {
        "candidate": 4.1,
        "baseline": 3.2,
        "n": 20,
        "difference": 0.9,
        "ci95": [0.4, 1.4],
        "p_value": 0.002,
        "p_corrected": 0.004,
        "test": "paired permutation",
        "effect_size": 0.5,
        "effect": "rank-biserial",
        "reason": "",
    }
    suite = {
        "cases": 20,
        "ratings": 40,
        "strata": {},
        "dimensions": {"accuracy": grade},
        "preference": {
            "votes": {"candidate": 25, "same": 5, "baseline": 10},
            "cases": {"wins": 12, "ties": 3, "losses": 5},
            "n": 20,
            "difference": 0.35,
            "ci95": [0.1, 0.6],
            "p_value": 0.143,
            "test": "sign test",
        },
        "harm": {
            "candidate": 1,
            "baseline": 4,
            "both": 1,
            "n": 20,
            "p_value": 0.25,
            "test": "McNemar exact",
            "flagged": {},
        },
        "agreement": {"accuracy": {"value": 0.66, "low": 0.5, "high": 0.8, "reason": ""}},
        "comments": [
            {"case": "case-0001", "rater": "A. B.", "comment": "Too sure.", "replies": ["baseline", "candidate"]}
        ],
    }
    return {"raters": ["A. B.", "C. D."], "suites": {"dialogue": suite}}


def _suite(count: int, *, paired: bool) -> dict[str, Any]:
    roles = ROLES if paired else ROLES[:1]
    counts = {"answered": count - 1, "no_answer": 1, "truncated": 0, "degenerate": 0, "error": 0}
    bins = [{"n": 10, "confidence": 0.4123, "accuracy": 0.5}, {"n": 10, "confidence": 0.9, "accuracy": 0.8}]
    return {
        "task": "dialogue",
        "options": {},
        "source": "suites/test_d.py:7",
        "cases": count,
        "total": count + 3,
        "evaluated": count,
        "complete": True,
        "outcomes": dict.fromkeys(roles, counts),
        "skipped": {"count": 2, "of": count + 2, "reasons": {"no reference": 2}, "records": []},
        "signature": SHA,
        "prompts": SHA,
        "headline": "rougeL",
        "judged": True,
        "cluster": {
            "name": "specialty",
            "origin": "declared",
            "reason": "",
            "count": 12,
            "metric": "rougeL",
            "icc": 0.11,
            "design_effect": 1.42,
            "low": 1.1,
            "notable": {},
        },
        "metrics": _metrics(paired=paired),
        "subgroups": {
            "specialty": {
                "metric": "rougeL",
                "values": {"cardiology": {"n": 49, "candidate": 0.4}, "neurology": {"n": 3, "candidate": None}},
            }
        },
        "confusion": {"labels": ["A", "B"], "matrix": [[31, 2, 1], [3, 33, 0]]},
        "reliability": dict.fromkeys(roles, bins),
        "rules": {"candidate": {"referral": {"applied": 43, "kept": 34, "rate": 0.79, "ci95": [0.648, 0.886]}}},
        "leakage": {
            "files": ["t.jsonl"],
            "asked": True,
            "records": 900,
            "cases": count,
            "exact": 1,
            "near": 0,
            "share": 0.01,
            "limit": 0.01,
            "leaked": [{"id": "case-0002", "kind": "exact", "similarity": 1.0, "source": "t.jsonl:7", "gold": True}],
            "metric": "rougeL",
            "clean": count - 1,
            "scores": {"candidate": {"all": 0.4124, "clean": 0.4101}},
        },
        "noise": {
            "n": 8,
            "cases": [],
            "variants": [
                {
                    "name": "batch size 1",
                    "changed": 2,
                    "changes": {"rougeL": 0.0019},
                    "intervals": {"rougeL": [0.0004, 0.0031]},
                },
                {"name": "merged", "reason": "no adapter"},
            ],
            "floor": {"rougeL": 0.0019},
            "below": ["ece"],
        },
    }


def _gates() -> list[dict[str, Any]]:
    blank = {"suite": "dialogue", "threshold": 0.0, "n": 97, "cases_needed": None}
    return [
        {
            **blank,
            "expression": "rougeL better than baseline",
            "verdict": "pass",
            "observed": 0.11227,
            "interval": [0.0667, 0.1580],
            "reason": "even its unfavourable end is on the right side of 0",
            "outcome": "passed",
        },
        {
            **blank,
            "expression": "safety >= 0.9",
            "verdict": "fail",
            "observed": 0.5,
            "interval": None,
            "reason": "safety is 0.5000, asked for: >= 0.9",
            "outcome": "failed",
        },
    ]


def _retention() -> dict[str, Any]:
    """Say of a suite of each verdict what a tuned model keeps."""
    found = {"metric": "rougeL", "known": True, "n": 97, "reason": "the interval"}
    found |= {"candidate": 0.4, "baseline": 0.3, "difference": 0.1, "interval": [0.0456, 0.1457]}
    gate = {"gate": "rougeL not worse than baseline by 0.05"}
    blank = dict.fromkeys(("candidate", "baseline", "difference", "interval"))
    return {
        "margin": 0.05,
        "suites": {
            "dialogue": {**found, **gate, "verdict": "kept"},
            "exam": {**found, **gate, "verdict": "lost", "difference": -0.21, "interval": [-0.3456, -0.0757]},
            "talk": {**found, **gate, **blank, "verdict": "undecided", "known": False},
            "own": {**found, "verdict": "tuned for", "tuned": "adapter/recipe.toml"},
        },
    }


def whole_record(count: int = 97, *, paired: bool = True, judged: bool = True) -> dict[str, Any]:
    """Make a record of one suite; ``paired``: with a baseline, ``judged``: with a judge and people's ratings."""
    model = {
        "spec": "a model",
        "fingerprint": SHA,
        "base": SHA,
        "adapter": None,
        "dtype": "float32",
        "device": "cpu",
        "tokenizer": None,
        "chat_template": None,
    }
    return {
        "schema": "medeval-run/1",
        "created": "2026-01-01T00:00:00+00:00",
        "version": "0.1.0",
        "command": ["pytest"],
        "environment": {"packages": {"numpy": "2.0"}, "repository": {"commit": SHA[:40], "dirty": True}},
        "seed": 0,
        "models": dict.fromkeys(ROLES if paired else ROLES[:1], model),
        "judges": [_judge()] if judged else [],
        "suites": {"dialogue": _suite(count, paired=paired)},
        "cases": [case(number, paired=paired, judged=judged) for number in range(1, count + 1)],
        "divergence": {"dialogue": _divergence(judged=judged)} if paired else {},
        "gates": _gates(),
        "usage": {"prompt_tokens": 1, "reply_tokens": 1, "judge_tokens": 0, "seconds": 1.0, "cache_hits": 0},
        "attempts": {"dialogue": {"candidate": SHA, "reference": None, "count": 3, "looks": 5, "alpha": 0.0068}},
        **({"human": _human()} if judged else {}),
        **({"retention": _retention()} if paired else {}),
    }
