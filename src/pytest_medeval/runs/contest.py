"""Two stored runs against each other, with gates, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pytest_medeval.errors import MedevalError, accepted
from pytest_medeval.runs.compare import Pairing, entries, measures_of, stored_data
from pytest_medeval.stats.correct import holm
from pytest_medeval.verdicts.gates import Gate, GateResult, SuiteData, judge_all, parse_gate
from pytest_medeval.verdicts.regression import Reference, contrasts, section, with_reference


@dataclass(frozen=True)
class Side:
    """One suite of the newer run, with the rows of the older one as its reference."""

    data: SuiteData
    pairing: Pairing
    other: Mapping[str, str]
    """Metric -> why this version cannot read its stored rows."""


def contest(
    reference: Reference, record: Mapping[str, Any], gates: Sequence[str], *, inconclusive: bool = False
) -> dict[str, Any]:
    """Compare ``record`` with the older ``reference``: each suite, the gates, and whether it ``passed``.

    Without gates each suite's headline metric must not have dropped beyond chance. With gates every one
    must pass; ``inconclusive`` lets those through that the cases cannot settle. ``MedevalError`` when the
    runs have no case in common.
    """
    sides = {name: _side(reference, record, name) for name in record["suites"]}
    if not any(side.pairing.same for side in sides.values()):
        raise MedevalError(
            f"the runs have no case in common: {reference.run} holds "
            f"{', '.join(reference.record['suites'])}, "
            f"the other {', '.join(sides)}; a case is the same when suite, id, content and prompt are"
        )
    suites = {
        name: {"headline": record["suites"][name]["headline"], "reference": _section(side, record)}
        for name, side in sides.items()
    }
    _correct(suites)
    asked = _asked(gates, sides) or [
        (parse_gate(f"{suite['headline']} not worse than reference by 0"), name)
        for name, suite in suites.items()
    ]
    judged = [
        {**asdict(one), "outcome": _outcome(one, strict=bool(gates), inconclusive=inconclusive)}
        for one in _judge(asked, sides, record["seed"])
    ]
    return {
        "reference": reference.facts(list(suites)),
        "suites": suites,
        "gates": judged,
        "passed": all(gate["outcome"] == "passed" for gate in judged),
    }


def _side(reference: Reference, record: Mapping[str, Any], name: str) -> Side:
    metrics, other = measures_of(record, name)
    facts = record["suites"][name]
    data, pairing = with_reference(
        stored_data(record, name, metrics),
        list(entries(record, name).values()),
        reference,
        sampled=facts["cases"] < facts["total"],
        complete_only="excluded" in facts,
    )
    return Side(data, pairing, other)


def _section(side: Side, record: Mapping[str, Any]) -> dict[str, Any]:
    name = side.data.name
    found = contrasts(side.data, side.pairing, seed=record["seed"])
    made = section(
        side.data,
        side.pairing,
        found,
        list(entries(record, name).values()),
        record["suites"][name]["headline"],
    )
    return {
        **made,
        "differences": [
            *made["differences"],
            *(f"{metric} {why}: not compared" for metric, why in side.other.items()),
        ],
    }


def _correct(suites: Mapping[str, Mapping[str, Any]]) -> None:
    tested = [
        one
        for suite in suites.values()
        for one in suite["reference"]["metrics"].values()
        if one["p_value"] is not None
    ]
    for one, corrected in zip(tested, holm([one["p_value"] for one in tested]), strict=True):
        one["p_corrected"] = corrected


def _asked(gates: Sequence[str], sides: Mapping[str, Side]) -> list[tuple[Gate, str]]:
    """Give each gate to the suite that it names, or to all suites."""
    asked = []
    for text in gates:
        name, colon, expression = text.partition(":")
        if colon and name.strip() not in sides:
            raise MedevalError(f"--gate={text}: {accepted('suite', name.strip(), sides)}")
        gate = parse_gate(expression if colon else text)
        asked += [(gate, one) for one in ([name.strip()] if colon else sides)]
    return asked


def _judge(asked: Sequence[tuple[Gate, str]], sides: Mapping[str, Side], seed: int) -> list[GateResult]:
    """Judge all gates together; those on a metric that cannot be read are not evaluated."""
    readable = [
        (gate, sides[name].data) for gate, name in asked if gate.target.metric not in sides[name].other
    ]
    judged = iter(judge_all(readable, seed=seed))
    return [
        GateResult(
            suite=name, expression=str(gate), verdict="not evaluated", reason=f"{gate.target.metric} {why}"
        )
        if (why := sides[name].other.get(gate.target.metric))
        else next(judged)
        for gate, name in asked
    ]


def _outcome(result: GateResult, *, strict: bool, inconclusive: bool) -> str:
    allowed = {"pass"} | ({"inconclusive"} if inconclusive or not strict else set())
    return "passed" if result.verdict in allowed else "failed"
