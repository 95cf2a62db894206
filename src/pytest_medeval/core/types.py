"""The vocabulary on one screen: the facts that pass from folder to folder.

Data goes down (``Record`` -> ``Case`` -> ``Request`` -> ``Answer`` -> ``Reply``) and rows of counts come back up.
Everything here is frozen and plain, so that it can cross processes as JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from pytest_medeval.core.encodable import encodable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


# Dataclasses as plain data for JSON, without the deep copies of ``dataclasses.asdict``.

UNLESS_DEFAULT: Mapping[str, bool] = {"unless_default": True}
"""Metadata of a field that is written only where it was set: greedy requests say nothing of how tokens are drawn."""


def plain(value: object) -> dict[str, object]:
    """Give a dataclass's fields, one level deep: the ``default`` of a JSON encoder, which asks again for what is in it.

    ``TypeError`` for anything else, as such a ``default`` must.
    """
    always, seldom = _names(type(value))  # type: ignore[arg-type]  # mypy #11469: a class is hashable
    found: dict[str, object] = {name: getattr(value, name) for name in always}
    for name, default in seldom:
        if (own := getattr(value, name)) != default:
            found[name] = own
    return found


@cache
def _names(kind: type) -> tuple[tuple[str, ...], tuple[tuple[str, object], ...]]:
    """Give the fields that are always written, and those that are not, with their defaults."""
    seldom = {field.name: field.default for field in fields(kind) if field.metadata.get("unless_default")}
    if MISSING in seldom.values():
        raise TypeError(f"{kind.__name__}: a field without a default cannot be left out")
    return tuple(field.name for field in fields(kind) if field.name not in seldom), tuple(seldom.items())


FloatArray: TypeAlias = "NDArray[np.float64]"
Outcome: TypeAlias = Literal["answered", "no_answer", "truncated", "degenerate", "error"]
Verdict: TypeAlias = Literal["pass", "fail", "inconclusive", "not evaluated"]
_ROUNDING = 0.1
"""How far above 0 a log-probability may come by rounding; beyond it the probability would be more than 1."""
ALPHA = 0.05
"""A p-value from here on shows nothing."""

Direction: TypeAlias = Literal[1, -1, 0]
"""Higher is better, lower is better, neither."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where something was written; prints as ``file:line``."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a case file, in the native keys of its task, before the task has checked it."""

    source: Source
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Skip:
    """A record of a published file that cannot be used, and why; counted, never lost."""

    source: Source
    reason: str


@dataclass(frozen=True, kw_only=True)
class Case:
    """One thing asked, with what is known about the right answer."""

    id: str
    source: Source
    tags: Mapping[str, str] = field(default_factory=dict)
    critical: bool = False
    group: str | None = None
    """Cases of one group are not independent (turns of one dialogue): resampled together."""
    rationale: str = field(default="", metadata={"unless_default": True})
    """Why the right answer is right, for people who read the case; no model and no judge sees it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


SPOKEN = {"user": "Patient", "assistant": "Reply"}
"""How the turns of a conversation are headed where it is shown as one text."""


def written(turns: Sequence[Message]) -> str:
    """Write turns as one text for judges, people and the search for leaked cases; a single one is its own text.

    >>> print(written([Message("user", "I cough."), Message("assistant", "Since when?"), Message("user", "Monday.")]))
    Patient: I cough.
    <BLANKLINE>
    Reply: Since when?
    <BLANKLINE>
    Patient: Monday.
    """
    said = [turn for turn in turns if turn.role != "system"]
    if len(said) == 1:
        return said[0].content
    return "\n\n".join(f"{SPOKEN[turn.role]}: {turn.content}" for turn in said)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a model: a reply to ``messages``, or the likelihood of each of ``choices`` as that reply.

    ``temperature`` 0 is greedy decoding. Above it tokens are drawn from softmax(logits / temperature), cut to the
    smallest set of likeliest tokens that holds a share of ``top_p`` (Holtzman et al. 2020, ICLR, section 3.1);
    ``seed`` and prompt then decide the draws.
    ``schema`` is the text of a JSON schema that the reply should follow; only endpoints heed it, as far as they can.
    """

    messages: tuple[Message, ...]
    choices: tuple[str, ...] = ()
    max_new_tokens: int = 256
    stop: tuple[str, ...] = ()
    schema: str = ""
    temperature: float = field(default=0.0, metadata=UNLESS_DEFAULT)
    top_p: float = field(default=1.0, metadata=UNLESS_DEFAULT)
    seed: int = field(default=0, metadata=UNLESS_DEFAULT)


def is_logprob(value: float) -> bool:
    """Say whether a number can be the logarithm of a probability above 0.

    >>> [is_logprob(value) for value in (-2.5, 0.0, 0.7, -math.inf, math.nan)]
    [True, True, False, False, False]
    """
    return -math.inf < value <= _ROUNDING


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model gave for one request.

    ``logprobs[i]`` is the natural-log probability of ``choices[i]``, summed over its ``choice_tokens[i]`` tokens.
    ``finish``: ``stop`` (end of turn or stop string), ``length`` (token limit), ``choice`` (scored, not generated),
    ``error`` (the model could not be reached, or its numbers are none; ``error`` says why). ``grades``: what somebody
    said of a stored reply, criterion by criterion. ``cached``: it was stored,
    and cost nothing now. ``again``: it was asked once more, because who was asked first died over it.

    Whoever makes an answer of log-probabilities that are none (NaN, infinite, above 0) has made an ``error``: there is
    no other answer with such numbers, so nobody who reads one can take an option, a grade or a confidence from it.

    As a backend gives it, and as it is stored, ``text`` is all that was generated, ``special`` the special tokens that
    stand in it, ``lead`` what the chat template put before it, and ``thoughts`` what a server gave apart; ``system`` is
    how the server calls the state in which it answered (``system_fingerprint``). From
    ``open_model`` on, ``text`` is the reply alone, and ``thoughts`` are all that the model thought before;
    ``unclosed``: it ends inside thoughts.
    """

    text: str = ""
    finish: Literal["stop", "length", "choice", "error"] = "stop"
    logprobs: tuple[float, ...] = ()
    choice_tokens: tuple[int, ...] = ()
    prompt_hash: str = ""
    prompt_tokens: int = 0
    reply_tokens: int = 0
    error: str = ""
    thoughts: str = field(default="", metadata=UNLESS_DEFAULT)
    unclosed: bool = field(default=False, metadata=UNLESS_DEFAULT)
    lead: str = field(default="", metadata=UNLESS_DEFAULT)
    special: tuple[str, ...] = field(default=(), metadata=UNLESS_DEFAULT)
    grades: tuple[tuple[str, float], ...] = field(default=(), metadata=UNLESS_DEFAULT)
    system: str = field(default="", compare=False, metadata=UNLESS_DEFAULT)
    cached: bool = field(default=False, compare=False)
    again: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        """Be the door by which all that models give comes in: text and log-probabilities that are none."""
        for name in ("text", "error", "thoughts", "lead"):
            object.__setattr__(self, name, encodable(getattr(self, name)))
        wrong = [value for value in self.logprobs if not is_logprob(value)]
        if wrong:
            count = f"{len(wrong)} of {len(self.logprobs)} log-likelihoods"
            cause = f"{count} are no finite numbers up to 0, the first is {wrong[0]}"
            made = {"finish": "error", "error": self.error or cause, "logprobs": (), "choice_tokens": ()}
            for name, value in made.items():
                object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as the task read it.

    ``prediction``: ``str`` (dialogue: the text), option letter or ``None`` (mcq), parsed lines (polarity).
    ``confidence``: letter -> probability over the offered options, when they were scored.
    ``parts``: the reply to each request, where the task asked several for one case. ``draws``: each reply that was
    drawn, where there are several; this one then stands for them.
    """

    text: str
    outcome: Outcome
    prediction: Any = None
    confidence: Mapping[str, float] | None = None
    detail: str = ""
    parts: tuple[Reply, ...] = ()
    draws: tuple[Reply, ...] = ()

    @property
    def said(self) -> tuple[Reply, ...]:
        """The reply to each request that was made, draw by draw."""
        return tuple(part for draw in self.draws or (self,) for part in draw.parts or (draw,))


class Metric(Protocol):
    """A row per case, and a score of the summed counts.

    Bootstrap and permutation tests resample rows and know no metric by name. Metrics of one family name the same
    ``counts`` and so share one stored row per case.
    """

    name: str
    counts: str
    direction: Direction
    per_case: bool
    """Whether the score of a single row means something (BLEU of a reply) or not (macro-F1)."""
    lexical: bool
    """Whether it compares words with those of a reference, and so sees no meaning; absent: it does not."""
    biased: str
    """Why neither interval, test nor gate may rest on it; empty or absent: they may."""
    signature: str
    bounds: tuple[float, float]
    """The least and the largest score there can be; infinite where there is none."""

    def row(self, case: Any, reply: Reply) -> Sequence[float]:
        """Give the stored row of one case: few numbers, the same number for every case."""

    def expand(self, rows: FloatArray) -> FloatArray:
        """Turn stored rows (n, r) into counts that may be summed (n, k); mostly the rows themselves."""

    def score(self, total: FloatArray) -> FloatArray:
        """Give the score of summed rows: shape (..., k) -> (...); NaN where it is undefined."""


FEWEST_OF_CLASS = 10
"""Of a mean over classes: with fewer cases of one its share hangs on a few replies, and intervals are too narrow."""


def rare_class(metric: Metric, total: FloatArray) -> str:
    """Say of which class a mean over classes has too few cases for an interval; empty where of none.

    ``total`` (k,): summed counts. A metric that is such a mean has ``classes``: from these to class -> right answers.
    """
    classes = getattr(metric, "classes", None)
    counts: Mapping[str, float] = classes(total) if classes else {}
    few = {name: count for name, count in counts.items() if count < FEWEST_OF_CLASS}
    told = ", ".join(f"{name} ({count:g})" for name, count in few.items())
    return f"too few of class {told}; {FEWEST_OF_CLASS} at least" if few else ""


def bias_of(metric: Metric) -> str:
    """Say why neither interval, test nor gate may rest on a metric; empty where they may."""
    return str(getattr(metric, "biased", ""))
