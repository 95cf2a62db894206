"""By what do the cases of a suite depend on each other: what was declared, else what is found, else nothing.

A suite says ``cluster="disease"``, its cases have the key ``group``, or ``cluster=None`` has a reason. Where nobody
said anything, every tag is tried, and whether cases ask the same: the design effect is estimated of each difference
that a gate looks at. Where its lower bound is above 1.2 the suite is judged by clusters and as independent cases, and
the wider interval counts, until the suite says what holds.

A tag of fewer than six values is no sample of its values: it is named, and intervals speak for these values alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias, TypedDict

import numpy as np

from pytest_medeval.core.record import CaseEntry, ClusterRecord, TagDependence
from pytest_medeval.core.types import FloatArray
from pytest_medeval.stats.clusters import dependence
from pytest_medeval.stats.evidence import contributions
from pytest_medeval.verdicts.gates.data import FEWEST_CLUSTERS, SuiteData
from pytest_medeval.verdicts.gates.grammar import Gate, Threshold

NOTABLE = 1.2
"""A design effect that is surely above it makes intervals a tenth too narrow and more: it asks for a decision."""
CONTENT = "content"
"""Names clusters of cases that ask the same: once a seed, or twice by mistake."""

Labels: TypeAlias = Mapping[str, str]
"""Case id -> its cluster; a case that is not in it stands alone."""


class Declared(TypedDict):
    """What a suite says of its clusters: their name, or None and why; and the cluster of each case."""

    name: str | None
    reason: str
    labels: Labels


@dataclass(frozen=True, slots=True)
class _Share:
    """What each case that counts (``ids``) adds to a difference, or to a value."""

    metric: str
    ids: Sequence[str]
    values: FloatArray


class Clustered(NamedTuple):
    """A suite with its clusters, the cluster of each evaluated case, and what the record says of them."""

    data: SuiteData
    labels: Labels
    record: ClusterRecord


def clustered(
    suite: SuiteData, cases: Sequence[CaseEntry], declared: Declared | None, gates: Sequence[Gate], headline: str
) -> Clustered:
    """Give a suite its clusters.

    ``cases``: all that were evaluated, as the journal holds them, those too that the suite's filter leaves out;
    ``headline``, ``gates``: whose differences are looked at, in this order.
    """
    shares = list(_shares(suite, gates, headline))
    if declared is not None and declared["name"] is not None:
        known = _strongest(declared["labels"], shares[:1])
        made = _by(suite, declared["name"], declared["labels"])
        return Clustered(made, declared["labels"], _record(made, "declared", known))
    candidates = _candidates(cases)
    found = {name: one for name, labels in candidates.items() if (one := _strongest(labels, shares))}
    notable = {name: one for name, one in found.items() if one["low"] > NOTABLE}
    drawn = [name for name, one in notable.items() if one["count"] >= FEWEST_CLUSTERS]
    if declared is not None or not drawn:
        reason = declared["reason"] if declared else ""
        return Clustered(suite, {}, _record(suite, "none", None, reason=reason, notable=notable))
    name = max(drawn, key=lambda one: notable[one]["low"])
    known = notable.pop(name)
    made = replace(_by(suite, name, candidates[name]), found=True)
    return Clustered(made, candidates[name], _record(made, "found", known, notable=notable))


def _by(suite: SuiteData, name: str, labels: Labels) -> SuiteData:
    return replace(suite, cluster=name, clusters=[labels.get(case) for case in suite.ids])


def _record(
    suite: SuiteData,
    origin: Literal["declared", "found", "none"],
    known: TagDependence | None,
    *,
    reason: str = "",
    notable: dict[str, TagDependence] | None = None,
) -> ClusterRecord:
    own = suite.clusters or [None] * len(suite.ids)
    return ClusterRecord(
        name=suite.cluster,
        origin=origin,
        reason=reason,
        count=len(set(own) - {None}) + own.count(None),
        metric=known and known["metric"],
        icc=known and known["icc"],
        design_effect=known and known["design_effect"],
        low=known and known["low"],
        notable=notable or {},
    )


def _shares(suite: SuiteData, gates: Sequence[Gate], headline: str) -> Iterator[_Share]:
    """Give the shares of cases in what is judged, the headline's difference or without a baseline its value first."""
    other = "baseline" if "baseline" in suite.rows else None
    looks = [(headline, other), *((gate.target.metric, _against(gate)) for gate in gates)]
    for name, role in dict.fromkeys(looks):
        metric = suite.metrics.get(name)
        roles = [suite.rows.get(one, {}) for one in ("candidate", role) if one is not None]
        if metric is not None and all(metric.counts in rows for rows in roles):
            present, values = contributions(metric, roles[0], roles[1] if role else None)
            yield _Share(name, [suite.ids[at] for at in np.flatnonzero(present).tolist()], values)


def _against(gate: Gate) -> str | None:
    return None if isinstance(gate.condition, Threshold) else gate.condition.against


def _candidates(cases: Sequence[CaseEntry]) -> dict[str, Labels]:
    """Give what cases may be clustered by: every tag, and what they ask."""
    tags = sorted({tag for case in cases for tag in case["tags"]})
    found = {tag: {case["id"]: case["tags"][tag] for case in cases if tag in case["tags"]} for tag in tags}
    return {**found, CONTENT: {case["id"]: case["content"] for case in cases}}


def _strongest(labels: Labels, shares: Sequence[_Share]) -> TagDependence | None:
    """Give the dependence of the metric for which its lower bound is highest; None where it is undefined for all."""
    found = []
    for share in shares:
        one = dependence(share.values, [labels.get(case) for case in share.ids])
        if one is not None:
            found.append(
                TagDependence(
                    metric=share.metric, count=one.clusters, icc=one.icc, design_effect=one.design_effect, low=one.low
                )
            )
    return max(found, key=lambda one: one["low"], default=None)
