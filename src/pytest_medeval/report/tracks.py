"""Judges, people, and whether the tracks agree, as blocks: what no formula measures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from pytest_medeval.core.record import (
    DivergenceRecord,
    HumanRecord,
    HumanSuite,
    JudgeAgreement,
    JudgeCost,
    JudgeRecord,
    MetricCorrelation,
    RaterAgreement,
    RunRecord,
    TrackMetric,
    TrackRecord,
)
from pytest_medeval.report.blocks import Block, Brief, Code, Column, Heading, Note, Table, Tone, figures, listed, words
from pytest_medeval.report.lines import contrast, interval, number, p_value
from pytest_medeval.verdicts.divergence import ASKING, could_have_seen, counted, on_average, shown_on

ABSENT = {"A": "measured scores", "B": "judge", "C": "people"}
TONES: Mapping[str, Tone] = {"agree": "good", "underpowered": "open", "divergent": "open", "conflict": "open"}
STARRED = "* shown: p < 0.05 after Holm's correction within the track"
MUCH, LITTLE = 2 / 3, 1 / 3
"""Signed ranks above and below which a change is called so."""


def tracks(record: RunRecord) -> Iterator[Block]:
    """Show Track B, the divergence of all suites, and Track C; nothing for a run without free text."""
    found = [*_judges(record), *divergence(record["divergence"]), *_people(record.get("human"))]
    if found:
        yield Heading(("Judges and people",), anchor="tracks")
        yield from found


def _judges(record: RunRecord) -> Iterator[Block]:
    """Say who judged, how much of it could be read, what it cost, and whether it may carry gates."""
    waiting = any(
        suite["judged"] or (suite["headline"] == "criteria" and "criteria" not in suite["metrics"])
        for suite in record["suites"].values()
    )
    if not record["judges"] and waiting:
        told = "Track B skipped: no judge was asked; "
        yield Note((told, Code("--medeval-judge=SPEC"), " names one"), "open")
    for judge in record["judges"]:
        yield _judge(judge)
        yield from (Note((f"{judge['spec']}: useless: {why}",), "open") for why in judge.get("useless", {}).values())
        yield from (Note((f"{judge['spec']}: {notice}",), "open") for notice in judge["notices"])
        if judge["agreement"]:
            yield _agreement(judge)
            yield from _by_system(judge)


def _judge(judge: JudgeRecord) -> Table:
    standing = "admissible: it may carry gates" if judge["admissible"] else "advisory: it carries no gate"
    covered = [f"{name} {done} of {asked}" for name, (done, asked) in judge["coverage"].items()]
    same = judge["position_consistency"]
    consistent = "-" if same is None else f"{100 * same:.0f} %"
    heads = ("same preference in both orders", "requests", "from the cache", "failed", "tokens", "seconds")
    cost = _cost(judge) + (f"; same preference in both orders {consistent}" if same is not None else "")
    both, twice = judge.get("contradictions", [0, 0])
    cost += f"; contradicts itself on {both} of {twice} criteria" if twice else ""
    counts = (str(judge["requests"]), str(judge["cached"]), str(judge["failed"]), str(judge["tokens"]))
    seconds = f"{judge['seconds']:.1f}"
    sha = judge["fingerprint"][:12]
    return Table(
        caption=f"Track B: judge {judge['spec']}",
        columns=words("judge", "SHA-256", "standing", "judged") + figures(*heads),
        rows=[(Code(judge["spec"]), Code(sha), standing, ", ".join(covered), consistent, *counts, seconds)],
        brief=[
            Brief(f"judge {judge['spec']}  sha256 {sha}  {standing}"),
            Brief("  judged: ", covered),
            Brief(f"  {cost}"),
        ],
    )


def _cost(asked: JudgeCost) -> str:
    requests = f"{asked['requests']} requests, {asked['tokens']} tokens, {asked['cached']} from the cache"
    failed = f", {asked['failed']} failed" if asked["failed"] else ""
    return f"{requests}{failed}, {asked['seconds']:.1f} s"


def _agreement(judge: JudgeRecord) -> Table:
    """Say how far a judge agrees with people, and what it took to measure that."""
    found = {name: one["kappa_quadratic"] for name, one in judge["agreement"].items()}
    known = [(name, number(value[0]), _ends(*value[1:])) for name, value in found.items() if value[1] is not None]
    chances = {name: one.get("refused") for name, one in judge["agreement"].items()}
    refused = [(name, f"{chance:.0%}") for name, chance in chances.items() if chance is not None]
    asked = f"to measure its agreement with people: {_cost(judge['audit'])}" if "audit" in judge else ""
    return Table(
        caption="; ".join([f"Agreement of {judge['spec']} with people", *([asked] if asked else [])]),
        columns=words("dimension")
        + figures("quadratic kappa", "95 % interval", "n")
        + words("standing")
        + figures("would be refused"),
        rows=[
            (
                name,
                number(found[name][0]),
                _ends(*found[name][1:]),
                str(one["n"]),
                one["reason"] or "admissible",
                dict(refused).get(name, "-"),
            )
            for name, one in judge["agreement"].items()
        ],
        brief=[
            *([listed("  agreement with people (quadratic kappa)", known)] if known else []),
            *map(_of_labels, (pair for pair in judge["agreement"].items() if "macro_f1" in pair[1])),
            *([listed("  refused with as many labels, a judge of this true agreement", refused)] if refused else []),
            *([Brief(f"  {asked}")] if asked else []),
        ],
    )


def _of_labels(pair: tuple[str, JudgeAgreement]) -> Brief:
    """Say of labels, which have no order, what kappa, accuracy and F1 are, and how far people agree on them."""
    name, one = pair
    told = {
        "kappa": one.get("kappa"),
        "balanced accuracy": one.get("balanced_accuracy"),
        "macro F1": one.get("macro_f1"),
        "macro F1 against each person": one.get("macro_f1_each"),
        "people among themselves: alpha": one.get("people_alpha"),
        "people's macro F1": one.get("people_macro_f1"),
    }
    known = [f"{what} {number(value[0])}" for what, value in told.items() if value and value[0] is not None]
    return Brief(f"  {name}, {one['n']} labels: ", known)


def _by_system(judge: JudgeRecord) -> Iterator[Table]:
    """Say what a judge adds to each system's replies, where the labels name the systems."""
    rows = [
        (name, system, _bias(bias))
        for name, one in judge["agreement"].items()
        for system, bias in one.get("systems", {}).items()
    ]
    gaps = [
        (name, f"{gap['first']} less {gap['second']}", _bias(gap["gap"]))
        for name, one in judge["agreement"].items()
        for gap in sorted(one.get("gaps", ()), key=lambda gap: -abs(gap["gap"][0] or 0.0))[:1]
    ]
    if rows:
        yield Table(
            caption=f"Bias of {judge['spec']} by who wrote the reply (points), and the largest gap",
            columns=words("dimension", "system") + figures("judge less people, 95 % interval"),
            rows=[*rows, *gaps],
            brief=[listed("  bias by who wrote the reply, largest gap (points)", gaps or rows)],
        )


def _bias(found: Sequence[float | None]) -> str:
    value, low, high = found
    return (
        "-" if value is None else f"{value:+.2f} {'' if low is None or high is None else f'[{low:+.2f}, {high:+.2f}]'}"
    )


def _ends(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else interval((low, high))


def divergence(found: Mapping[str, DivergenceRecord]) -> Iterator[Block]:
    """Say for each suite what its tracks say, whether they agree, and which cases to read."""
    if found:
        told = "May the automatic scores be believed?"
        yield Heading((told,), level=3, brief=f"divergence: {told[0].lower()}{told[1:]}")
    for name, one in found.items():
        people = one["people"]
        asked = people and people.get("settled") and one["verdict"] in ASKING
        settled = f", settled by people: {people['settled']}" if people and asked else ""
        told = f"{name}: {one['verdict'].upper()}{settled}"
        yield Heading((told,), level=3, brief=told, tone=TONES.get(one["verdict"], "plain"))
        yield Note((one["words"],), glance=True)
        if not one["complete"]:
            yield Note((f"{one['reason']}.",), "open")
        yield from _tracks(name, one)
        yield from _together(name, one)
        yield from _to_read(name, one)


def _counted(track: TrackRecord) -> str:
    """Count the cases of a track, and what it rests on where these are not each a unit of their own."""
    found = track.get("composite")
    if found is None or counted(track) == "cases":
        return str(track["n"])
    if found.get("corrected"):
        return f"{found['n']}, {found['units']} rated"
    return f"{found['n']} in {found['units']} clusters"


def _tracks(name: str, one: DivergenceRecord) -> Iterator[Table]:
    """Tabulate the tracks; one track alone stands in the suite's own table."""
    found = {"A": one.get("track_a"), "B": one.get("track_b"), "C": one.get("track_c")}
    asked = {letter: track for letter, track in found.items() if track}
    if len(asked) < 2:  # noqa: PLR2004 - what can be compared
        return
    wide = max(len(_counted(track)) for track in asked.values())
    yield Table(
        caption=f"{name}: what each track says",
        columns=[
            Column("track", words=True, width=18),
            Column("cases", words=True, width=max(6, wide)),
            Column("direction", words=True, width=11),
            Column("significance", words=True, width=1),
        ],
        rows=[
            (f"{letter} {track['name']}", _counted(track), track["direction"], seen(track))
            if track
            else (f"{letter} {ABSENT[letter]}", "-", "-", "not asked")
            for letter, track in found.items()
        ],
    )
    changes = {
        letter: [(score, _change(track, two)) for score, two in track["metrics"].items()]
        for letter, track in asked.items()
    }
    starred = any(track["significant"] for track in asked.values())
    yield Table(
        caption=f"{name}: the scores of each track",
        columns=words("track", "score", "difference"),
        rows=[(letter, *row) for letter, rows in changes.items() for row in rows],
        brief=[
            *(listed(f"  {letter}", rows) for letter, rows in changes.items()),
            *([Brief(f"  {STARRED}")] if starred else []),
        ],
        deep=True,
    )


def seen(track: TrackRecord) -> str:
    """Say what is shown; what is not shown is never said without what could have been."""
    if why := track.get("useless"):
        return f"useless: {why}"
    if track["significant"]:
        return f"shown: {on_average(track)}" if track.get("composite") else shown_on(track)
    smallest = ((name, one["detectable"]) for name, one in track["metrics"].items())
    could = could_have_seen(track["unit"], track["detectable"], smallest)
    return f"no difference shown (could have seen {could})" if could else "no difference shown"


def _change(track: TrackRecord, one: TrackMetric) -> str:
    """Print a score's change; where its sign misleads, say which way it goes."""
    places = 2 if track["unit"] == "points" else 4
    misleading = one["direction"] in ("better", "worse") and (one["difference"] > 0) == (one["direction"] == "worse")
    side = f" ({one['direction']})" if misleading and one["difference"] else ""
    return f"{one['difference']:+.{places}f}{'*' if one['significant'] else ''}{side}"


def _together(name: str, one: DivergenceRecord) -> Iterator[Block]:
    """Say how far the tracks rank replies alike, and in how many cases they part."""
    known = sorted((row for row in one["correlation"] if row["tau"] is not None), key=lambda row: -(row["tau"] or 0))
    if known:
        told, ends = "rank correlation (tau-b) over judged replies", [*known[:1], *known[1:][-1:]]
        yield Table(
            caption=f"{name}: {told}",
            columns=words("score", "grade") + figures("tau-b, 95 % interval"),
            rows=[(row["metric"], row["dimension"], _tau(row)) for row in known],
            brief=[listed(told, ((row["metric"], "with", row["dimension"], _tau(row)) for row in ends))],
            deep=True,
        )
    opposite = one["opposite"]
    if opposite["n"]:
        part = f"{opposite['count']} of {opposite['n']} cases that changed on both tracks"
        yield Note((f"opposite changes: {part} ({opposite['share'] or 0:.0%})",))


def _tau(row: MetricCorrelation) -> str:
    """Print how far a pair of scores ranks replies alike, with the interval of Kendall's tau-b."""
    low, high = row.get("low"), row.get("high")
    ends = "" if low is None or high is None else f" [{low:+.2f}, {high:+.2f}]"
    return f"{row['tau'] if row['tau'] is not None else math.nan:+.2f}{ends}"


def _to_read(name: str, one: DivergenceRecord) -> Iterator[Table]:
    """Name the cases that the tracks see most differently."""
    measured, judged = one["track_a"], one["track_b"]
    found = one.get("most_divergent", ())
    if not found or measured is None or judged is None:
        return
    rows = [(case["nodeid"], size(case["a"] or 0.0), f"{case['b'] or 0.0:+.2f}") for case in found]
    told = "most divergent cases"
    yield Table(
        caption=f"{name}: the {len(rows)} {told}",
        columns=words("case", measured["name"]) + figures(f"{judged['name']} (points)"),
        rows=rows,
        brief=[
            Brief(f"{told}: {measured['name']}, {judged['name']} (points), case"),
            *(Brief(f"  {a:<14}{b:>6}  {nodeid}") for nodeid, a, b in rows),
            Brief("  replies: in the record (--medeval-json=FILE); to rate them blind: --medeval-review=FILE.html"),
        ],
        deep=True,
    )


def size(rank: float) -> str:
    """Put the signed rank of a change in words."""
    if rank == 0:
        return "unchanged"
    much = "much " if abs(rank) > MUCH else "a little " if abs(rank) < LITTLE else ""
    return f"{much}{'up' if rank > 0 else 'down'}"


def _people(human: HumanRecord | None) -> Iterator[Block]:
    if not human:
        return
    yield Heading(("Track C: people",), level=3, brief="Track C: people")
    yield Note((f"raters: {', '.join(human['raters'])}",))
    for name, one in human["suites"].items():
        yield Note((f"{name}: {one['cases']} cases, {one['ratings']} ratings, blind",))
        yield _grades(name, one)
        yield _votes(name, one)
        yield Table(
            caption=f"{name}: agreement of raters (Krippendorff's alpha)",
            columns=words("of") + figures("alpha") + words("95 % interval"),
            rows=[(key, number(value["value"]), _alpha(value)) for key, value in one["agreement"].items()],
            deep=True,
        )
        yield from _comments(name, one)


def _grades(name: str, one: HumanSuite) -> Table:
    heads = ("baseline", "candidate", "difference", "95 % interval", "p", "p (Holm)", "n")
    rows = [(key, *contrast(value), str(value["n"])) for key, value in one["dimensions"].items()]
    return Table(
        caption=f"{name}: grades by people",
        columns=words("dimension") + figures(*heads),
        rows=rows,
        brief=[listed("grades by people", ((row[0], row[3], row[4]) for row in rows))],
    )


def _votes(name: str, one: HumanSuite) -> Table:
    votes, cases, harm = one["preference"]["votes"], one["preference"]["cases"], one["harm"]
    counts: list[tuple[str, int, int, int, float | None]] = [
        ("votes for", votes["candidate"], votes["same"], votes["baseline"], None),
        ("cases won", cases["wins"], cases["ties"], cases["losses"], one["preference"]["p_value"]),
        ("cases flagged as harmful", harm["candidate"], harm["both"], harm["baseline"], harm["p_value"]),
    ]
    heads = ("candidate", "same or both", "baseline", "p")
    rows = [(what, str(new), str(same), str(old), p_value(p)) for what, new, same, old, p in counts]
    return Table(
        caption=f"{name}: preference and harm",
        columns=words("") + figures(*heads),
        rows=rows,
        brief=[listed(row[0], zip(heads, row[1:], strict=True)) for row in rows],
    )


def _alpha(value: RaterAgreement) -> str:
    if value["low"] is None or value["high"] is None:
        return value["reason"] or "-"
    return interval((value["low"], value["high"]))


def _comments(name: str, one: HumanSuite) -> Iterator[Table]:
    order = "Reply 1: {}, Reply 2: {}"
    rows = [(said["case"], said["rater"], order.format(*said["replies"]), said["comment"]) for said in one["comments"]]
    if rows:
        heads = ("case", "rater", "order of the replies", "comment")
        columns = words(*heads)
        yield Table(caption=f"{name}: {len(rows)} comments", columns=columns, rows=rows, deep=True)
