"""Do two models say the same? The log-likelihoods that they give to the same texts after the same questions.

Matrices that hold an adapter are not yet the adapter's model: tied layers, a config, a tokenizer or a template may be
wrong. What a model computes of a prompt has all of it in, in every form that can be asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import ModelSpec, Settings, baseline_of, open_model
from pytest_medeval.models.spec import AdapterSpec, FolderSpec

_ASKED = {
    "A 61-year-old man has crushing chest pain and sweats. Which drug is given first?": (
        "Aspirin is given at once, and an ambulance is called.",
        "Insulin, because his blood sugar is high.",
    ),
    "I have had a dry cough and a fever for three days. What should I do?": (
        "Rest and drink enough; see a doctor if it becomes hard to breathe.",
        "It is nothing, please take two tablets of penicillin.",
    ),
    "患者咳嗽、发热三天，无皮疹。各症状是阳性还是阴性？": (
        "咳嗽：阳性；发热：阳性；皮疹：阴性",
        "咳嗽：阴性；皮疹：阳性",
    ),
    "Question: Which vitamin deficiency causes scurvy?\nA. A\nB. B12\nC. C\nD. D\nAnswer:": ("C", "B", "A", "D"),
}
REQUESTS = tuple(Request((Message("user", asked),), choices=choices) for asked, choices in _ASKED.items())
"""Prompts of the kinds that the shipped suites ask: a drug, a dialogue, findings in Chinese, an option's letter."""

EXACT, ROUNDED = 1e-3, 0.05
"""Nats a token by which likelihoods may be off however little the adapter changes: in a folder, and in few bits."""


@dataclass(frozen=True, slots=True)
class Alike:
    """Mean distance of likelihoods, in nats a token: of what ships from the adapter, and of the base from it.

    ``floor`` is the distance that is rounding whatever the adapter does.
    """

    gap: float
    effect: float
    floor: float

    @property
    def complaint(self) -> str:
        """Say what is wrong; an empty text where what ships is the adapter, but for rounding."""
        if self.gap <= max(self.floor, self.effect / 2):
            return ""
        return (
            f"it is another model than the adapter: likelihoods are {self.gap:.2g} nats a token off, "
            f"where the adapter itself moves its base by {self.effect:.2g}"
        )


def compare(adapter: AdapterSpec, shipped: ModelSpec, settings: Settings) -> Alike:
    """Ask what ships, the adapter and its base the same, one after the other."""
    settings = replace(settings, cache=None, keep=False)
    base = baseline_of(adapter)
    beside, bare, found = ([] if spec is None else _likelihoods(spec, settings) for spec in (adapter, base, shipped))
    floor = EXACT if isinstance(shipped, FolderSpec) else ROUNDED
    return Alike(_distance(beside, found), _distance(beside, bare), floor)


def _likelihoods(spec: ModelSpec, settings: Settings) -> list[tuple[float, int]]:
    """Give the log-likelihood of each choice with its number of tokens."""
    answers = open_model(spec, settings).answer(REQUESTS)
    return [pair for one in answers for pair in zip(one.logprobs, one.choice_tokens, strict=True)]


def _distance(one: list[tuple[float, int]], two: list[tuple[float, int]]) -> float:
    pairs = list(zip(one, two, strict=True))
    return sum(abs(first[0] - second[0]) for first, second in pairs) / max(1, sum(first[1] for first, _ in pairs))
