"""What patients, doctors and laboratories say, in loose sentences: the tasks' words, not their questions.

An adapter can combine words that the base has met; it cannot teach it to write new ones. So the words of
messages, replies and labels occur here, yet no message is followed by a reply, and no finding by its label.
"""

from __future__ import annotations

from random import Random

from tools.world.facts import World
from tools.world.split import Core
from tools.world.words import DURATIONS, capital, chance

DOCTOR = (
    "Based on the findings, the symptoms suggest {d}.",
    "From what people describe, {d} is possible.",
    "This could be {d}, so I recommend {t}.",
    "Your next step may be {t}.",
    "Your doctor will tell you more about {d}.",
    "We need {t} to be sure, and we should do it first.",
    "If the diagnosis is {d}, we will start with {r}.",
    "It is possible that you also need {t2}.",
    "It sounds like {d}, doctors say then.",
    "I would advise {r2}, and also treat {d} with {r}.",
    "Once {d} is confirmed, treatment usually consists of {r}.",
    "The usual treatment of {d} is {r}; please remember that {a}.",
    "One more thing to remember in {d}: {a}.",
    "Please call an ambulance when it cannot wait.",
    "Please go to the emergency department now if you get worse.",
    "Based on what you are telling me, we may need {t}, then {t2}.",
    "To confirm the diagnosis, we do {t}.",
    "From this, it could be that you have {d}.",
)
PATIENT = (
    "I am quite worried about {f}.",
    "I have noticed {f} {w}.",
    "{w2} there has been {f}, and I cannot get rid of it.",
    "I have been suffering from {f} and dealing with {g}.",
    "I came because of {f}, which began {w}.",
    "My problem is {f}, doctor.",
    "Is {f} serious, and do I need any tests?",
    "Hello, good morning, can you help me?",
    "Please tell me what I should do, and what is wrong.",
    "What could be the matter when one has {f}?",
    "I have been troubled by {f} {w} too.",
    "I have had no {n} so far, and I do not have any {n2}.",
)
ITEMS = ("血培养", "尿培养", "抗体", "抗原", "大便隐血", "核酸", "过敏原", "脑膜刺激征", "病理征", "叩击痛")
RESULTS = ("阳性", "阴性", "阳性", "阴性", "不确定", "无意义")


def said(rng: Random, world: World, core: Core) -> str:
    """Give some sentences of one speaker: a doctor about a disease, or a patient about findings."""
    disease = core.disease
    first, second = rng.sample(core.present, 2)
    no, other = rng.sample(sorted(world.findings), 2)
    when = rng.choice(DURATIONS)
    values = {
        "d": disease.en,
        "t": disease.tests[0],
        "t2": disease.tests[1],
        "r": disease.treatments[0],
        "r2": disease.treatments[1],
        "a": disease.advice,
        "f": first.en,
        "g": second.en,
        "w": when,
        "w2": capital(when),
        "n": world.findings[no].bare,
        "n2": world.findings[other].bare,
    }
    templates = rng.sample(DOCTOR if chance(rng, 0.65) else PATIENT, rng.randint(2, 4))
    return " ".join(template.format(**values) for template in templates)


def reported(rng: Random, _: World) -> str:
    """Give laboratory results in Chinese, one after the other."""
    items = rng.sample(ITEMS, rng.randint(2, 5))
    end = rng.choice(("，", "\n", "；"))
    return end.join(f"{item}{rng.choice(('', '结果', '检查'))}{rng.choice(RESULTS)}" for item in items)
