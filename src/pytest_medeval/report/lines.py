"""Numbers as they are printed, sentences that every report says alike, and lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from pytest_medeval.core.encodable import inert
from pytest_medeval.core.record import (
    ROLES,
    CaseEntry,
    CriterionRecord,
    HoldsProof,
    HumanGrade,
    MetricRow,
    ModelRecord,
    ReferenceRow,
    Role,
    SuiteRecord,
    TaskModel,
)
from pytest_medeval.verdicts.gates.grammar import CORRECTED

WIDTH = 100


@dataclass(frozen=True)
class Line:
    """A line of text, inert whatever it tells, and the markup of pytest's terminal writer."""

    text: str = ""
    markup: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Be the door by which texts come to a terminal and to the logs of CI."""
        object.__setattr__(self, "text", inert(self.text))


def number(value: float | None, *, sign: bool = False) -> str:
    """Print a score with four digits after the point, or a dash."""
    if value is None:
        return "-"
    if abs(value) >= 1000:  # noqa: PLR2004 - keeps a column of ten characters
        return f"{value:+.4g}" if sign else f"{value:.4g}"
    return f"{value:+.4f}" if sign else f"{value:.4f}"


def interval(ends: Sequence[float] | None, *, sign: bool = False) -> str:
    """Print an interval."""
    return "-" if ends is None else f"[{number(ends[0], sign=sign)}, {number(ends[1], sign=sign)}]"


def p_value(value: float | None) -> str:
    """Print a p-value."""
    if value is None:
        return "-"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"  # noqa: PLR2004 - the last digit shown


def contrast(one: MetricRow | ReferenceRow | HumanGrade) -> list[str]:
    """Print a comparison: both values, their difference, its interval, p before and after correction."""
    return [
        number(one["reference"] if "reference" in one else one["baseline"]),
        number(one["candidate"]),
        number(one["difference"], sign=True),
        interval(one["ci95"], sign=True),
        p_value(one["p_value"]),
        p_value(one["p_corrected"]),
    ]


def right_answer(gold: object) -> str | None:
    """Give a case's right answer as text: a reference reply, an option letter, or a line a finding."""
    if gold is None:
        return None
    if criteria := criteria_of(gold):
        return "\n".join(f"{one['points']:+g}  {one['text']}" for one in criteria)
    if isinstance(gold, list):
        return "\n".join(map(str, gold))
    if isinstance(gold, Mapping):
        return "\n".join(f"{finding}: {label}" for finding, label in gold.items())
    return str(gold)


def criteria_of(gold: object) -> list[CriterionRecord]:
    """Give the criteria that a right answer is; none where it is something else, such as another package's list."""
    found = gold if isinstance(gold, list) else []
    known = (isinstance(one, dict) and (one.get("text"), one.get("points")) for one in found)
    fit = (one and isinstance(one[0], str) and isinstance(one[1], int | float) for one in known)
    return cast("list[CriterionRecord]", found) if all(fit) else []


SAID: Mapping[float | None, str] = {1: "met", 0: "not met", None: "unjudged"}
OF_STATEMENT: Mapping[float | None, str] = {1: "entailed", 0: "left open", -1: "contradicted", None: "unjudged"}


def verdicts(case: CaseEntry, role: Role) -> list[tuple[str, str]]:
    """Give of each criterion of a case what was found in a role's reply; nothing where the case has no criteria."""
    gold, said = criteria_of(case["gold"]), case[role]["prediction"] if role in case else None
    if not gold or not isinstance(said, list) or len(said) != len(gold):
        return []
    words = (OF_STATEMENT if one.get("statement") else SAID for one in gold)
    return [
        (
            f"{one['points']:+g}  {one['text']}",
            told.get(found, "unjudged") if isinstance(found, int | float) else "unjudged",
        )
        for one, found, told in zip(gold, said, words, strict=True)
    ]


READ = 600
"""Characters of a question or a reply that are read where a case is told in a few lines; the page has it whole."""


def asked(case: CaseEntry) -> str:
    """Give what was asked, with the options where the question did not list them."""
    return "\n".join((case["asked"], *(f"({name}) {text}" for name, text in case.get("options", {}).items())))


def told(case: CaseEntry, most: int | None = READ) -> Iterator[tuple[str, str]]:
    """Tell a case: what was asked, what is right, what each model replied, why it was read so, how it scored.

    A text of more than ``most`` characters is cut; None leaves all whole.
    """
    yield "asked", _short(asked(case), most)
    yield "right", _short(right_answer(case["gold"]) or "not stated", most)
    for role in ROLES:
        if found := case.get(role):
            fault = found["outcome"] if found["outcome"] != "answered" else ""
            ended = ": ".join(filter(None, (fault, found.get("detail"))))
            yield role, f"{_short(found['reply'], most)}{f' ({ended})' if ended else ''}"
            scores = ", ".join(f"{name} {number(value)}" for name, value in found["scores"].items())
            yield "", scores or "no score"
            if sure := found.get("confidence"):
                yield "", f"confidence {', '.join(f'{key} {number(value)}' for key, value in sure.items())}"
            for criterion, found_of_it in verdicts(case, role):
                yield "", f"{found_of_it}: {criterion}"
            if grades := case.get("judge", {}).get(role):
                yield "", f"judges: {', '.join(f'{name} {number(value)}' for name, value in grades.items())}"


def _short(text: str, most: int | None) -> str:
    return text if most is None or len(text) <= most else f"{text[:most]}... ({len(text) - most} characters more)"


def size(count: int) -> str:
    """Print a number of bytes in the unit that fits.

    >>> size(900), size(1536), size(1 << 30)
    ('900 B', '1.5 KiB', '1.0 GiB')
    """
    value, units = float(count), ["B", "KiB", "MiB", "GiB"]
    while value >= 1024 and len(units) > 1:  # noqa: PLR2004 - of binary units
        value, units = value / 1024, units[1:]
    return f"{count} B" if units[0] == "B" else f"{value:.1f} {units[0]}"


def how_asked(suite: SuiteRecord) -> Iterator[str]:
    """Say how a suite's cases were asked and answered, where it was not plainly: examples, drawn replies, marks."""
    shots, drawn, part = suite.get("shots"), suite.get("sampling"), suite.get("part")
    if part:
        size = f"dev_count {part['dev_count']}" if part["dev_count"] else f"dev_share {part['dev_share']:g}"
        yield f"part {part['name']} ({size}): {suite['total']} of {part['of']} cases"
    if batches := suite.get("sequential"):
        saved = len(batches["not_asked"])
        share = saved / (saved + batches["asked"])
        held = "; ".join(f"{gate}: {why}" for gate, why in batches.get("held", {}).items())
        told = f"decided early, {saved} cases not asked ({share:.0%} saved)" if saved else "asked to the end"
        batched = f" in {batches['batches']} batches" if "largest" in batches else " at once"
        yield f"sequential: {batches['asked']} cases asked{batched}, {told}{f' ({held})' if held else ''}"
    for role, count in suite.get("replaced", {}).items():
        yield f"{count} {role} replies hold U+FFFD where their text was no Unicode"
    if suite["options"].get("references") == "0":
        yield "no case has a reference: word overlap is not measured"
    if shots:
        examples = f"{shots['count']} of {shots['usable']} examples of {shots['source']} before each case"
        left_out = f"{shots['asked']} asked by the suite, {shots['repeated']} repeated"
        yield f"{examples}, by {shots['by']}; left out: {left_out}"
    if drawn:
        cut = f", top_p {drawn['top_p']:g}" if drawn["top_p"] < 1 else ""
        draws = f", {drawn['draws']} a case and averaged" if "draws" in drawn else ""
        yield f"replies drawn at temperature {drawn['temperature']:g}{cut}{draws}; seed {drawn['seed']} and case"
        if draws and any(name.startswith("judge.") for name in suite["metrics"]):
            yield "judges, and people, see one draw of a case: what is judged does not narrow with draws"


def whose_word(suite: SuiteRecord) -> Iterator[str]:
    """Say of a suite's judged rows whose word they are, where they compare two models."""
    rows = suite["metrics"].items()
    judged = [name for name, row in rows if name.startswith("judge.") and row["difference"] is not None]
    if any(name.endswith(CORRECTED) for name in judged):
        yield f"judge rows are the judge's own word; of those with {CORRECTED} people's ratings take its bias out"
    elif judged:
        yield (
            "judge rows are the judge's own word, its bias with it: no people's ratings correct them "
            "(--medeval-review=FILE, --medeval-human=FILE)"
        )


HALF = 0.5
"""Share of an adapter's change from which it counts as applied."""


def sentences(model: ModelRecord) -> Iterator[tuple[str, bool]]:
    """Give what is known of a model of the record, each with whether it is in order; nothing where nothing is."""
    parts: Mapping[str, ModelRecord | TaskModel] = model.get("tasks") or {"": model}
    for task, part in parts.items():
        if facts := part.get("holds"):
            said, well = _sentence(facts)
            yield f"{task}: {said}" if task else said, well


def _sentence(facts: HoldsProof) -> tuple[str, bool]:
    if "reason" in facts:
        return f"not measured against {facts['of']}: {facts['reason']}", False
    if facts.get("same"):
        return f"its weights are those of {facts['of']}, to 8 bits: nothing was merged into them", False
    said = f"holds {facts['share']:.2%} of the change of {facts['of']}"
    if not facts["share"] > HALF:
        return f"{said}: this adapter is not in it", False
    return f"{said} (least {facts['least']:.2%}), rounded by {facts['distance']:.2%}", True
