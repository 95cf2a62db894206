"""An audit as lines of at most 100 columns, and as one JSON object; both say the same."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePath

from pytest_medeval.core.types import Source
from pytest_medeval.judges.ratings.audit import WANTED_CLUSTERS, Agreement, Among, Audit
from pytest_medeval.judges.ratings.consistency import PositionAudit, Share
from pytest_medeval.judges.ratings.types import Left, RatingSet
from pytest_medeval.stats.agreement import Estimate

WIDTH = 100
EXAMPLES = 2
_COLUMNS = {
    "kappa": "kappa",
    "kappa_linear": "linear",
    "kappa_quadratic": "quadratic",
    "alpha": "alpha",
    "spearman": "Spearman",
    "tau_b": "tau-b",
    "bias": "bias",
}
_WORDS = {
    "percent_agreement": "same label",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "macro_f1_each": "macro F1, every person",
}
_CELL = 12
_NAME = WIDTH - _CELL * len(_COLUMNS)
_FILE_WIDTH = 48


def audit_lines(found: Audit, settings: Mapping[str, float]) -> Iterator[str]:
    """Give the table, part by part; a part that has nothing to say is not there."""
    yield from _files(found)
    yield from _agreements(found.agreements, "judge {} against people", settings["floor"])
    yield from _agreements(found.rater_pairs, "rater {}", None)
    yield from _among(found.people, "people among themselves", "raters")
    yield from _among(found.panel, "judges among themselves (panel)", "judges")
    for judge, position in found.positions.items():
        yield from _position(judge, position)
    yield from _left(found.left)
    yield ""
    if found.positions:
        yield "95 % intervals: Wilson, each question one observation"
    else:
        sampling = f"{settings['resamples']:g} resamples, seed {settings['seed']:.0f}"
        yield f"95 % intervals: bootstrap over clusters (replies of one case), {sampling}"


def _files(found: Audit) -> Iterator[str]:
    if found.human:
        yield from _wrap(_file_line("people", found.human), " " * 8, "")
    for judge in found.judges:
        yield from _wrap(_file_line("judge", judge), " " * 8, "")
    for note in dict.fromkeys(note for judge in found.judges for note in judge.notes):
        yield f"note    {note}"


def _file_line(role: str, source: RatingSet) -> str:
    if source.decisions:
        return f"{role:<8}{_short(source.file)}: {_many(len(source.decisions), 'pair')} in both orders"
    raters = {rating.rater for rating in source.ratings}
    items = {rating.item for rating in source.ratings}
    by = next(iter(raters)) if len(raters) == 1 else f"{len(raters)} raters"
    scores, replies = _many(len(source.ratings), "score"), _many(len(items), "reply")
    return f"{role:<8}{_short(source.file)}: {scores} of {replies} by {by}"


def _agreements(entries: Sequence[Agreement], title: str, floor: float | None) -> Iterator[str]:
    """Give one table a judge; without a floor nobody is admitted: people are no judges."""
    for judge in dict.fromkeys(entry.judge for entry in entries):
        those = [entry for entry in entries if entry.judge == judge]
        yield ""
        yield title.format(judge)
        graded = [entry for entry in those if not entry.nominal]
        if graded:
            yield f"{'dimension':<{_NAME}}" + "".join(f"{column:>{_CELL}}" for column in _COLUMNS.values())
            yield f"{'  n/clusters':<{_NAME}}" + f"{'95 % interval below each value':>{_CELL * len(_COLUMNS)}}"
        for entry in those:
            yield from _labelled(entry) if entry.nominal else _rows(entry)
        if floor is not None:
            yield from _standings(those, floor)
            yield from _systems(those)


def _rows(entry: Agreement) -> Iterator[str]:
    cells = [entry.estimates[name] for name in _COLUMNS]
    yield f"{entry.dimension[: _NAME - 1]:<{_NAME}}" + "".join(f"{_value(cell):>{_CELL}}" for cell in cells)
    label = f"  {entry.n}/{entry.clusters}"
    yield (f"{label:<{_NAME}}" + "".join(f"{_interval(cell):>{_CELL}}" for cell in cells)).rstrip()
    for name, cell in zip(_COLUMNS, cells, strict=True):
        if cell.reason:
            yield f"  {_COLUMNS[name]}: {cell.reason}"


def _labelled(entry: Agreement) -> Iterator[str]:
    """Give what labels without an order allow to say."""
    yield f"{entry.dimension}, nominal: {entry.n} replies, {entry.clusters} clusters"
    for name, found in entry.estimates.items():
        yield f"  {_WORDS.get(name, name):<{_NAME + 20}}{_told(found)}"


def _told(found: Estimate) -> str:
    return f"{_value(found):>6}  {found.reason or _interval(found)}"


def _standings(entries: Sequence[Agreement], floor: float) -> Iterator[str]:
    """Say which dimensions may carry a gate, with the lower end that decided."""
    groups: dict[str, list[str]] = {}
    for entry in entries:
        standing = entry.standing
        rule = f"lower end of {'' if entry.nominal else 'quadratic '}kappa or alpha"
        title = (
            f"advisory, {standing.reason}"
            if standing.low is None
            else f"admissible, {rule} at least {floor:.2f}"
            if standing.admissible
            else f"advisory, {rule} below {floor:.2f}"
        )
        value = "" if standing.low is None else f" {standing.low:.2f}"
        groups.setdefault(title, []).append(f"{entry.dimension}{value}")
    for title, names in groups.items():
        yield from _wrap(f"{title}: {', '.join(names)}", "    ")
    yield from _refused(entries)


def _refused(entries: Sequence[Agreement]) -> Iterator[str]:
    """Say how a judge of just this agreement would fare again, and where more labels are asked for."""
    chances = [(one.dimension, one.standing.refused) for one in entries]
    known = [f"{name} {chance:.0%}" for name, chance in chances if chance is not None]
    if known:
        yield from _wrap(f"refused with as many labels, a judge of this true agreement: {', '.join(known)}", "    ")
    few = [f"{one.dimension} {one.clusters}" for one in entries if one.clusters < WANTED_CLUSTERS]
    if few:
        yield from _wrap(f"labels of {WANTED_CLUSTERS} clusters are asked for: {', '.join(few)}", "    ")


def _systems(entries: Sequence[Agreement]) -> Iterator[str]:
    """Give the bias by who wrote the reply, and the gap that could make one system look better."""
    for entry in entries:
        found = entry.systems
        biases = [f"{name} {_value(one)} {_interval(one)}" for name, one in found.biases.items()]
        if biases:
            yield from _wrap(f"bias by system, {entry.dimension}: {', '.join(biases)}", "    ")
        if gap := max(found.gaps, key=lambda one: abs(one.estimate.value or 0.0), default=None):
            of = f" of {len(found.gaps)} gaps" if len(found.gaps) > 1 else ""
            told = f"{gap.first} less {gap.second} {_value(gap.estimate)} {_interval(gap.estimate)}"
            yield from _wrap(f"largest{of} between systems: {told}" if of else f"gap between systems: {told}", "    ")


def _among(entries: Sequence[Among], title: str, raters: str) -> Iterator[str]:
    if not entries:
        return
    yield ""
    heads = f"{'same grade':>10}  {'replies':>8}{'scores':>8}{raters:>8}"
    yield f"{title:<38}{'alpha':>8}  {'95 % interval':<16}{heads}"
    for entry in entries:
        repeats = entry.repeats
        yield (
            f"  {entry.dimension[:34]:<36}{_value(repeats.alpha):>8}  {_interval(repeats.alpha):<16}"
            f"{_percent(repeats.identical):>10}  {repeats.items:>8}{entry.scores:>8}{len(entry.raters):>8}"
        )
        if entry.macro_f1 is not None:
            yield f"    macro F1 of one against another {_told(entry.macro_f1)}"
        if repeats.alpha.reason:
            yield f"    {repeats.alpha.reason}"


def _position(judge: str, position: PositionAudit) -> Iterator[str]:
    yield ""
    yield f"judge {judge}: {_many(position.pairs, 'pair')}, each asked in both orders"
    rows = {
        "accuracy against the label": position.accuracy,
        "same decision in both orders": position.consistent,
        "same place preferred in both orders": position.flipped,
        "of single preferences, for the one shown first": position.first_place,
        "of final preferences, for the longer answer": position.longer,
        "of single decisions, not readable": position.unread,
    }
    for title, found in rows.items():
        yield f"  {title:<48}{_share(found)}"


def _share(found: Share) -> str:
    if found.estimate.value is None:
        return found.estimate.reason
    return f"{f'{found.count} of {found.of}':>9}  {_value(found.estimate)}  {_interval(found.estimate)}"


def _left(left: Sequence[Left]) -> Iterator[str]:
    yield ""
    if not left:
        yield "left out: nothing"
        return
    yield "left out"
    for reason, entries in _grouped(left).items():
        examples = list(dict.fromkeys(_example(entry) for entry in entries))
        shown = ", ".join(examples[:EXAMPLES])
        more = ", ..." if len(examples) > EXAMPLES else ""
        yield from _wrap(f"{len(entries):>5}  {reason[1]}: {shown}{more}", "       ")


def _grouped(left: Iterable[Left]) -> dict[tuple[str, str], list[Left]]:
    groups: dict[tuple[str, str], list[Left]] = {}
    for entry in left:
        groups.setdefault((entry.source.file, entry.reason), []).append(entry)
    return groups


def _example(entry: Left) -> str:
    place = str(Source(_short(entry.source.file), entry.source.line))
    return f"{place} ({entry.detail})" if entry.detail else place


def _wrap(text: str, indent: str, first: str = "  ") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False)


def _short(file: str) -> str:
    """Give the name without its folder; of a very long one the beginning and the end."""
    name = PurePath(file).name
    half = (_FILE_WIDTH - 3) // 2
    return name if len(name) <= _FILE_WIDTH else f"{name[:half]}...{name[-half:]}"


def _many(count: int, word: str) -> str:
    plural = f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"
    return f"{count} {word if count == 1 else plural}"


def _value(found: Estimate) -> str:
    return "-" if found.value is None else f"{round(found.value, 2) + 0:.2f}"


def _interval(found: Estimate) -> str:
    """Write an interval without leading zeros, so that seven fit beside each other: ``[-.12 .10]``."""
    if found.low is None or found.high is None:
        return "-"
    text = f"[{_end(found.low, 2)} {_end(found.high, 2)}]"
    return text if len(text) < _CELL else f"[{_end(found.low, 1)} {_end(found.high, 1)}]"


def _end(number: float, digits: int) -> str:
    text = f"{round(number, digits) + 0:.{digits}f}"  # + 0: no minus before a zero
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _percent(found: Estimate) -> str:
    return "-" if found.value is None else f"{found.value:.0%}"


def audit_record(found: Audit, settings: Mapping[str, float]) -> dict[str, object]:
    """Give the audit as one JSON object: ``null`` for what is undefined, with its ``reason``."""
    return {
        "schema": "medeval-agreement/1",
        "settings": dict(settings),
        "human": found.human and _file_record(found.human),
        "judge_files": [_file_record(judge) for judge in found.judges],
        "agreement": [_agreement_record(entry) for entry in found.agreements],
        "rater_pairs": [_pair_record(entry) for entry in found.rater_pairs],
        "people": [_among_record(entry) for entry in found.people],
        "panel": [_among_record(entry) for entry in found.panel],
        "positions": {judge: asdict(position) for judge, position in found.positions.items()},
        "left_out": [
            {
                "file": file,
                "reason": reason,
                "count": len(entries),
                "examples": [{"place": str(entry.source), "detail": entry.detail} for entry in entries[:EXAMPLES]],
            }
            for (file, reason), entries in _grouped(found.left).items()
        ],
    }


def _file_record(source: RatingSet) -> dict[str, object]:
    return {
        "file": source.file,
        "scores": len(source.ratings),
        "pairs": len(source.decisions),
        "replies": len({rating.item for rating in source.ratings}),
        "raters": sorted({rating.rater for rating in source.ratings} | {one.judge for one in source.decisions}),
        "notes": list(source.notes),
    }


def _agreement_record(entry: Agreement) -> dict[str, object]:
    standing = entry.standing
    verdict = {"admissible": standing.admissible, "reason": standing.reason, "refused": standing.refused}
    systems = {name: asdict(one) for name, one in entry.systems.biases.items()}
    gaps = [asdict(gap) for gap in entry.systems.gaps]
    return {"judge": entry.judge, **_numbers(entry), **verdict, "systems": systems, "gaps": gaps}


def _pair_record(entry: Agreement) -> dict[str, object]:
    return {"raters": entry.judge, **_numbers(entry)}


def _numbers(entry: Agreement) -> dict[str, object]:
    return {
        "dimension": entry.dimension,
        "n": entry.n,
        "clusters": entry.clusters,
        "statistics": {name: asdict(found) for name, found in entry.estimates.items()},
    }


def _among_record(entry: Among) -> dict[str, object]:
    f1 = {"macro_f1": asdict(entry.macro_f1)} if entry.macro_f1 else {}
    about = {"dimension": entry.dimension, "raters": list(entry.raters), "scores": entry.scores}
    return {**about, **asdict(entry.repeats), **f1}
