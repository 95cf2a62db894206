"""MCQ: a question, its options, one right answer or several; by likelihood of the options or by reading a reply."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import UNLESS_DEFAULT, Answer, Case, Message, Outcome, Record, Reply, Request, Source
from pytest_medeval.tasks.base import DERIVED, Keys, Sampled, take
from pytest_medeval.tasks.reading.letters import read, read_several
from pytest_medeval.tasks.reading.outcome import text_outcome
from pytest_medeval.tasks.typed import NAME, TYPED, Ask, critical, one_of, tags

# A multiple-choice question: its text, its options by letter, and which of them is right.

LETTERS = string.ascii_uppercase
FEWEST, MOST_ROTATED = 2, 10


@dataclass(frozen=True, kw_only=True)
class MCQCase(Case):
    """A question with its options by letter, in order, and the letter of the right one.

    Where ``several`` may be right, ``answer`` holds the letters of all that are, in order (``AC``).
    """

    question: str
    options: Mapping[str, str]
    answer: str
    context: str = ""
    several: bool = field(default=False, metadata=UNLESS_DEFAULT)


KEYS = Keys({"question": str, "options": dict | list, "answer": str | list}, {"context": str})


def read_question(record: Record) -> MCQCase:
    """Check a record's ``question``, ``options``, ``answer`` and maybe ``context``; a mistake names file and line.

    ``options`` is a mapping from letters, or a list that is lettered in its order; ``answer`` is a letter, of a list
    the text of an option too, or a list of those where several are right.
    """
    given = record.fields.get("options")
    texts = given if isinstance(given, list) else None
    if texts is not None and len(texts) > len(LETTERS):
        raise MedevalError(f"{record.source}: {len(texts)} options; accepted: {FEWEST} to {len(LETTERS)}")
    fields = dict(record.fields) | ({} if texts is None else {"options": dict(zip(LETTERS, texts, strict=False))})
    answer, several = fields.get("answer"), isinstance(fields.get("answer"), list)
    if several or texts:
        fields["answer"] = _letters(record.source, answer if isinstance(answer, list) else [answer], fields["options"])
    common = take(Record(record.source, fields), KEYS.required, KEYS.optional)
    options = {str(letter): str(text).strip() for letter, text in fields["options"].items()}
    if not FEWEST <= len(options) <= len(LETTERS) or list(options) != list(LETTERS[: len(options)]):
        found = ", ".join(options) or "(none)"
        raise MedevalError(
            f"{record.source}: options are lettered {found}; accepted: A, B, ... in order, {FEWEST} to {len(LETTERS)}"
        )
    if not all(options.values()) or None in fields["options"].values():
        raise MedevalError(f"{record.source}: an option is empty")
    if not several and fields["answer"] not in options:
        raise _no_option(record.source, fields["answer"], options)
    return MCQCase(
        **common,
        source=record.source,
        question=fields["question"].strip(),
        options=options,
        answer=fields["answer"],
        context=(fields.get("context") or "").strip(),
        several=several,
    )


def _letters(source: Source, answers: Sequence[object], options: Mapping[str, object]) -> str:
    """Give the letters of what is right, each named by its letter or its own text; they differ."""
    found: list[str] = []
    for answer in answers:
        named = {letter for letter, text in options.items() if answer in (letter, text)}
        if len(named) != 1:
            raise _no_option(source, answer, options)
        found += named
    if not found or len(set(found)) < len(found):
        raise MedevalError(f"{source}: answer is {answers!r}; accepted: a list of different options, at least one")
    return "".join(sorted(found))


def _no_option(source: Source, answer: object, options: Mapping[str, object]) -> MedevalError:
    offered = ", ".join(options)
    return MedevalError(f"{source}: answer {answer!r} is not among the options {offered}; accepted: one of them")


# One question in all cyclic orders of its options: order r shows option p + r at place p.

_DIGITS = 12
"""Mean probabilities that agree so far are equal: the last bits hang on the order of summation."""


def turned(case: MCQCase, by: int) -> MCQCase:
    """Give the question with its options moved ``by`` places to the front; the letters stay where they are.

    Each option stands at each place in exactly one of the orders, and so does the right one.
    """
    if by == 0:
        return case
    letters, texts = list(case.options), list(case.options.values())
    options = dict(zip(letters, texts[by:] + texts[:by], strict=True))
    return replace(case, options=options, answer=letters[(letters.index(case.answer) - by) % len(letters)])


def written(letters: Sequence[str], letter: str, by: int) -> str:
    """Give the letter, in the order as written, of the option that order ``by`` shows at ``letter``.

    >>> written("ABCD", "D", 1)
    'A'
    """
    return letters[(letters.index(letter) + by) % len(letters)]


def combined(case: MCQCase, parts: tuple[Reply, ...]) -> Reply:
    """Read one reply from those to every order; ``parts`` keep the letters that were shown.

    The prediction is the option of the highest mean probability, or where options were not scored the one
    that was named most often; on a tie there is none, and so no answer. An error in one order is an error of
    the case.
    """
    for part in parts:
        if part.outcome == "error":
            return replace(part, prediction=None, confidence=None, parts=parts)
    outcome = _first_fault([part.outcome for part in parts])
    confidence = _mean(list(case.options), parts)
    if confidence:
        means = {letter: round(mean, _DIGITS) for letter, mean in confidence.items()}
        best = [letter for letter, mean in means.items() if mean == max(means.values())]
        reply = chosen(case.options, best, confidence)
        told = (f"order {by}: {part.detail}" for by, part in enumerate(parts, start=1) if part.detail)
        detail = reply.detail or next(told, "")
        return replace(reply, outcome=_first_fault([reply.outcome, outcome]), detail=detail, parts=parts)
    named = Counter(
        written(list(case.options), part.prediction, by) for by, part in enumerate(parts) if part.prediction
    )
    most = [letter for letter, times in named.items() if times == max(named.values())]
    if len(most) > 1:
        tied = f"named equally often: {', '.join(sorted(most))}"
        return Reply(parts[0].text, _first_fault([outcome, "no_answer"]), detail=tied, parts=parts)
    return Reply(parts[0].text, outcome, most[0] if most else None, parts=parts)


def chosen(options: Mapping[str, str], likeliest: Sequence[str], confidence: Mapping[str, float]) -> Reply:
    """Reply with the likeliest option; several that are exactly as likely are no answer, whatever their order.

    >>> chosen({"A": "rest", "B": "heparin"}, ["A", "B"], {"A": 0.5, "B": 0.5}).detail
    'equally likely: A, B'
    """
    if len(likeliest) > 1:
        return Reply("", "no_answer", confidence=confidence, detail=f"equally likely: {', '.join(likeliest)}")
    (letter,) = likeliest
    return Reply(f"({letter}) {options[letter]}", "answered", prediction=letter, confidence=confidence)


def _first_fault(outcomes: Sequence[Outcome]) -> Outcome:
    """Give the first outcome that is none with an answer, if there is one."""
    return next((outcome for outcome in outcomes if outcome != "answered"), "answered")


def _mean(letters: Sequence[str], parts: Sequence[Reply]) -> Mapping[str, float] | None:
    """Average each option's probability over the orders; None where an order was not scored."""
    total = dict.fromkeys(letters, 0.0)
    for by, part in enumerate(parts):
        if not part.confidence:
            return None
        for letter, weight in part.confidence.items():
            total[written(letters, letter, by)] += weight / len(parts)
    return total


SYSTEM = "You are a knowledgeable medical AI assistant."
"""The system message of S2."""

ASK = "Answer with the letter of the right option."
ASK_SEVERAL = "Answer with the letters of all right options; there may be one or several."
METRICS = (
    "accuracy", "macro_precision", "macro_recall", "macro_f1", "answered", "reward", "ece", "brier", "aurc",
    "wrong_at_high_confidence",
)  # fmt: skip
ORDER_METRICS = ("consistency", "position_bias")
DRAW_METRICS = ("self_consistency",)
SEVERAL_METRICS = ("accuracy", "option_precision", "option_recall", "option_f1", "partial_credit", "answered")


@dataclass(frozen=True, kw_only=True)
class MCQ(Sampled):
    """Options of a multiple-choice suite.

    ``scoring``: ``letters`` and ``texts`` compare the log-likelihoods of the option letters or of the option texts
    as the reply; ``reply`` asks for the letter as ``letters`` does, generates a reply and reads the letter from it;
    its ``detail`` is the rule that read it, or what kept it from being read. ``normalize`` divides the
    log-likelihood of an option text by its length (``characters`` is lm-evaluation-harness's ``acc_norm``); confidence
    follows the same, times the options' mean length.

    ``rotations`` asks each question in all cyclic orders of its options (Zheng et al. 2024, ICLR, section 3): metrics
    are then over all orders, each question counting once, ``consistency`` and ``position_bias`` are added, and a
    critical question must be right in every order.

    Questions of which several options may be right (``answer`` a list) are asked for all of them, with
    ``scoring="reply"`` alone; ``credit`` is the rule of ``partial_credit``.
    """

    name: ClassVar[str] = "mcq"
    needs: ClassVar[tuple[str, ...]] = ("question", "options", "answer")
    keys: ClassVar[Keys] = KEYS
    hub_type: ClassVar[str] = "multiple-choice"
    judged: ClassVar[bool] = False
    headline: ClassVar[str] = "accuracy"
    scoring: Literal["letters", "texts", "reply"] = "letters"
    normalize: Literal["characters", "tokens", "none"] = "characters"
    max_new_tokens: int = 256
    rotations: bool = False
    credit: Literal["subset", "options", "ripkey", "jaccard"] = field(default="subset", metadata=UNLESS_DEFAULT)
    several: bool = field(default=False, metadata=DERIVED)
    """Whether of a case several options may be right."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.temperature and self.scoring != "reply":
            raise MedevalError(
                f"temperature={self.temperature!r} changes nothing with scoring={self.scoring!r}, where likelihoods "
                "are compared; accepted: scoring='reply'"
            )
        if self.rotations and self.scoring == "texts":
            raise MedevalError(
                "rotations=True changes nothing with scoring='texts', where the question does not list the options; "
                "accepted: scoring='letters' or 'reply'"
            )
        if self.rotations and self.draws > 1:
            raise MedevalError(f"draws={self.draws!r} and rotations=True are both set; accepted: one of them")

    @property
    def metrics(self) -> tuple[str, ...]:
        """Name the metrics; those of orders and of draws only where there are several."""
        if self.several:
            return SEVERAL_METRICS
        return METRICS + (ORDER_METRICS if self.rotations else ()) + (DRAW_METRICS if self.draws > 1 else ())

    def fitted(self, cases: Sequence[MCQCase]) -> MCQ:
        """Take down whether several options may be right; what cannot be asked or scored then is a mistake."""
        first = next((case for case in cases if case.several), None)
        if first and (self.scoring != "reply" or self.rotations):
            how = "rotations=True" if self.scoring == "reply" else f"scoring={self.scoring!r}"
            told = f"{first.source}: several options may be right, of which {how} names one alone"
            raise MedevalError(f"{told}; accepted: scoring='reply', without rotations")
        most = max((case for case in cases), key=lambda case: len(case.options), default=None)
        if most and self.rotations and len(most.options) > MOST_ROTATED:
            told = f"{most.source}: {len(most.options)} options in all orders"
            raise MedevalError(f"{told}; accepted: rotations of up to {MOST_ROTATED} options")
        return replace(self, several=first is not None)

    def case(self, record: Record) -> MCQCase:
        """Make a case of ``question``, ``options``, ``answer`` and maybe ``context``; see ``read_question``."""
        return read_question(record)

    def request(self, case: MCQCase) -> Request:
        """Ask in S2's form; with option texts as the possible replies the options are not listed in the question."""
        question = f"{case.context}\n\n{case.question}" if case.context else case.question
        if self.scoring != "texts":
            listed = "\n".join(f"({letter}) {text}" for letter, text in case.options.items())
            question = f"{question}\n{listed}"
            question += f"\n{ASK_SEVERAL if case.several else ASK}"
        messages = (Message("system", SYSTEM), Message("user", question))
        if self.scoring == "reply":
            return self.reply_request(Request(messages, max_new_tokens=self.max_new_tokens))
        return Request(messages, choices=tuple(case.options.values() if self.scoring == "texts" else case.options))

    def requests(self, case: MCQCase) -> tuple[Request, ...]:
        """Ask once, or in all cyclic orders of the options."""
        orders = len(case.options) if self.rotations else 1
        return tuple(self.request(turned(case, by)) for by in range(orders))

    def read_all(self, case: MCQCase, answers: Sequence[Answer]) -> Reply:
        """Read each order with the letters that it showed, and one reply from them all."""
        parts = tuple(self.read(turned(case, by), answer) for by, answer in enumerate(answers))
        return combined(case, parts) if self.rotations else parts[0]

    def read(self, case: MCQCase, answer: Answer) -> Reply:
        """Take the one likeliest option, or the one option that a generated reply names; never guess."""
        if answer.finish == "error":
            return Reply(answer.text, "error", detail=answer.error)
        if self.scoring == "reply" or not answer.logprobs:  # some servers give no likelihoods, and reply instead
            return self._read(case, answer)
        if len(answer.logprobs) != len(case.options):
            given = f"{len(answer.logprobs)} log-likelihoods for {len(case.options)} options"
            return Reply("", "error", detail=f"the model gave {given}")
        scores = self._scores(case, answer.logprobs, answer.choice_tokens)
        likeliest = [letter for letter, score in scores.items() if score == max(scores.values())]
        return chosen(case.options, likeliest, probabilities(scores))

    def _read(self, case: MCQCase, answer: Answer) -> Reply:
        """Read a generated reply; the detail says which rule read it, or what kept it from being read."""
        reading = (read_several if case.several else read)(answer.text, case.options)
        outcome = text_outcome(answer)
        if reading.letter is None and outcome == "answered":
            outcome = "no_answer"
        detail = f"{'read by' if reading.letter else 'not read'}: {reading.why}"
        return Reply(answer.text.strip(), outcome, prediction=reading.letter, detail=detail)

    def vote(self, replies: Sequence[Reply]) -> str | None:
        """Give the letter that most replies name; on a tie there is none."""
        named = Counter(one.prediction for one in replies if one.prediction)
        most = [letter for letter, times in named.items() if times == max(named.values())]
        return most[0] if len(most) == 1 else None

    def question(self, case: MCQCase) -> str:
        """Give the question without its options."""
        return case.question

    def target(self, case: MCQCase) -> str:
        """Write the right option as it is scored: its letter, its text, or both."""
        if case.several:
            return ", ".join(case.answer)
        text = case.options[case.answer]
        return {"letters": case.answer, "texts": text, "reply": f"({case.answer}) {text}"}[self.scoring]

    def gold(self, case: MCQCase) -> str:
        """Give the letter of the right option, or the letters of all."""
        return case.answer

    def typed(self, text: str, ask: Ask) -> MCQCase:
        """Ask for the options of a question."""
        options: dict[str, str] = {}
        while len(options) < len(LETTERS) and (option := ask(f"option {LETTERS[len(options)]} (empty: no more)")):
            options[LETTERS[len(options)]] = option
        if len(options) < 2:  # noqa: PLR2004 - a choice
            raise MedevalError("nothing was asked: a question needs two options or more")
        return MCQCase(id=NAME, source=TYPED, question=text, options=options, answer="A")

    def kept(self, case: MCQCase, ask: Ask, *, known: bool) -> dict[str, object] | None:
        """Ask for the right option."""
        told = f"the right option: {', '.join(case.options)}"
        answer = one_of(ask, told, case.answer if known else "", lambda text: _offered(text, case))
        if not answer:
            return None
        context = {"context": case.context} if case.context else {}
        right: object = list(answer) if case.several else answer
        fields = {"question": case.question, **context, "options": dict(case.options), "answer": right}
        return fields | critical(ask) | tags(case)

    def correct(self, case: MCQCase, reply: Reply) -> bool:
        """Compare the letters, in every order that was asked; no answer is not right."""
        if reply.parts:
            return all(part.prediction == turned(case, by).answer for by, part in enumerate(reply.parts))
        return bool(reply.prediction == case.answer)

    def _scores(self, case: MCQCase, logprobs: Sequence[float], tokens: Sequence[int]) -> dict[str, float]:
        """Give each option's log-likelihood; where texts are scored, what it would be at the mean length of all.

        Options of one length keep theirs. Answer and confidence both follow it.
        """
        lengths: Sequence[int] = (1,) * len(case.options)
        if self.scoring == "texts" and self.normalize == "characters":
            lengths = tuple(len(text) for text in case.options.values())
        elif self.scoring == "texts" and self.normalize == "tokens":
            lengths = tokens
        mean = sum(lengths) / len(lengths)
        scored = zip(case.options, logprobs, lengths, strict=True)
        return {letter: mean * (logprob / length) for letter, logprob, length in scored}


def probabilities(scores: Mapping[str, float]) -> dict[str, float]:
    """Give the probability of each option from their log-likelihoods, given that one of them is the reply.

    >>> probabilities({"A": -1.0, "B": -1.0})
    {'A': 0.5, 'B': 0.5}
    """
    top = max(scores.values())
    weights = {letter: math.exp(score - top) for letter, score in scores.items()}
    return {letter: weight / sum(weights.values()) for letter, weight in weights.items()}


def _offered(text: str, case: MCQCase) -> str | None:
    """Read what a person types: a letter that is offered, or several where several may be right."""
    letters = "".join(sorted({one for one in text.upper() if one.isalpha()}))
    return letters if letters and set(letters) <= set(case.options) and (case.several or len(letters) == 1) else None
