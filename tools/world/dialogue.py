"""Dialogue cases in the shape of GenMedGPT: what the patient writes, what the doctor answers."""

from __future__ import annotations

from random import Random
from typing import Any

from tools.world.facts import Disease
from tools.world.split import Core
from tools.world.words import DURATIONS, capital, listed, shown

OPENINGS = (
    "Doctor, I have had {all} {when}.",
    "Hello doctor. I have noticed {all} {when}.",
    "Hi, I am worried because I have had {all} {when}.",
    "I have been suffering from {all} {when}, doctor.",
    "Good morning. {when_}, I have been troubled by {all}.",
    "Doctor, {when} I have been dealing with {all}.",
    "Doctor, my problem is {first} {when}. I also have {rest}.",
    "Hello, it began with {first} {when}, and now I have {rest} too.",
    "I came because of {first}. {when_} I have also had {rest}.",
    "Doctor, I cannot get rid of {first}. I have had {rest} as well, {when}.",
)
DENIALS = ("I have not had {no}.", "I have no {no}.", "I do not have any {no}.", "No {no} so far.")
ENDINGS = (
    "What could it be?",
    "What should I do?",
    "Can you help me?",
    "Is it serious?",
    "What do you think is wrong?",
    "Do I need any tests?",
    "What is the matter with me?",
    "I am quite worried.",
    "Please tell me what to do.",
    "",
)
VERDICTS = (
    "Based on what you describe, you may have {disease}.",
    "Your symptoms suggest {disease}.",
    "This sounds like {disease}.",
    "From what you are telling me, it could be {disease}.",
    "It is possible that you have {disease}.",
)
TESTS = (
    "I recommend {test} to confirm the diagnosis.",
    "We should do {test} first, and then {other}.",
    "To be sure, we need {test}.",
    "The next step is {test}; we may also need {other}.",
)
TREATMENTS = (
    "Treatment usually consists of {treatment}.",
    "I would treat it with {treatment}, and also advise {other}.",
    "The usual treatment is {treatment}.",
    "If it is confirmed, we will start with {treatment}.",
)
EMERGENCIES = (
    "Please go to the emergency department now: {advice}.",
    "This cannot wait, so please call an ambulance: {advice}.",
)
ADVICE = ("Please remember: {advice}.", "{advice_}.", "One more thing: {advice}.")


def message(rng: Random, core: Core) -> str:
    """Write what the patient says."""
    findings = shown(rng, core)
    when = rng.choice(DURATIONS)
    text = rng.choice(OPENINGS).format(
        all=listed(findings), first=findings[0], rest=listed(findings[1:]), when=when, when_=capital(when)
    )
    denial = " ".join(rng.choice(DENIALS).format(no=finding.bare) for finding in core.absent)
    return " ".join(part for part in (text, denial, rng.choice(ENDINGS)) if part)


def reply(rng: Random, core: Core) -> str:
    """Write a good reply: likely diagnosis, tests, treatment, what to watch for."""
    return " ".join(reply_parts(rng, core.disease))


def reply_parts(rng: Random, disease: Disease) -> list[str]:
    """Write the four sentences of a good reply about a disease."""
    last = EMERGENCIES if disease.emergency else ADVICE
    return [
        rng.choice(VERDICTS).format(disease=disease.en),
        rng.choice(TESTS).format(test=disease.tests[0], other=disease.tests[1]),
        rng.choice(TREATMENTS).format(treatment=disease.treatments[0], other=disease.treatments[1]),
        rng.choice(last).format(advice=disease.advice, advice_=capital(disease.advice)),
    ]


def record(rng: Random, core: Core, name: str) -> dict[str, Any]:
    """Make a case file's entry."""
    return {
        "id": name,
        "input": message(rng, core),
        "reference": reply(rng, core),
        "tags": {"specialty": core.disease.specialty, "disease": core.disease.id},
    }
