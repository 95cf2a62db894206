"""Reading a reply against a good one: what it names, what it lacks, what it adds; facts, and no grades.

The skills that a judge of replies needs before it can be taught what they are worth.
"""

from __future__ import annotations

from random import Random

from tools.world import dialogue, judged
from tools.world.facts import World
from tools.world.split import Core

FRAMES = (
    (
        "Patient: {asked}\n\nGood reply: {good}\n\n"
        "Reply to check, between the marks [{code}]:\n[{code}]\n{reply}\n[{code}]\n\n{ask}"
    ),
    "Patient: {asked}\n\nGood reply: {good}\n\nSecond reply:\n{reply}\n\n{ask}",
    "Good reply: {good}\n\nReply to check:\n{reply}\n\n{ask}",
)
ASKS = ("Check what the reply says.", "List what is in the reply.", "What does the reply tell the patient?")


def reviewed(rng: Random, world: World, core: Core) -> tuple[str, str]:
    """Give a patient's message, a good reply and a spoiled one, and the facts about the spoiled one."""
    reply, way, asides = judged.spoil(rng, world, core)
    facts = [f"{name} {value}" for name, value in judged.facts_of(core.disease, reply, way, asides).items()]
    rng.shuffle(facts)
    text = rng.choice(FRAMES).format(
        asked=dialogue.message(rng, core),
        good=dialogue.reply(rng, core),
        reply=reply,
        code=f"{rng.getrandbits(16):04x}",
        ask=f"{rng.choice(ASKS)} {', '.join(fact.split()[0] for fact in facts)}.",
    )
    return text, "\n".join(facts)
