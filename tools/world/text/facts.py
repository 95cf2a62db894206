"""Statements of facts and plain case descriptions, English and Chinese."""

from __future__ import annotations

from random import Random

from tools.world.facts import World
from tools.world.split import Core
from tools.world.words import capital, chance, listed, person, shown

EN_FACTS = (
    "{D} is treated with {r0}.",
    "Patients with {d} receive {r0}.",
    "{R0} is given for {d}.",
    "For {d}, doctors choose {r0}; {r1} may follow.",
    "{D} is confirmed with {t0}.",
    "To confirm {d}, one needs {t0}.",
    "{T0} shows {d}.",
    "The work-up of {d} includes {t0} and {t1}.",
    "{D} belongs to {s}.",
    "{F0} is typical of {d}.",
    "{F0} and {f1} suggest {d}.",
    "Typical findings of {d} are {all}.",
    "{D} can cause {f0}, {f1} and {f2}.",
    "{D} does not usually cause {a}.",
    "{A} speaks against {d}.",
    "In {d}, {advice}.",
    "People with {d} should know: {advice}.",
    "First test in {d}: {t0}. First treatment: {r0}.",
)
ZH_FACTS = (
    "{z}属于{zs}疾病。",
    "{z}的常见表现有{zall}。",
    "{z0}提示{z}。",
    "{z}患者常有{z0}和{z1}。",
    "{z0}、{z1}常见于{z}。",
    "{z}一般没有{za}。",
    "{z}的英文是{d}。",
    "{z0}的英文是{f0}。",
    "{z1}：{f1}。",
)
EN_CASES = (
    "A {age}-year-old {noun} had {f}{no}. The doctors found {d}. {T} confirmed it, and {r} was started.",
    "Case notes. {Noun}, {age} years. Findings: {f}{no}. Diagnosis: {d}. Test: {t}. Treatment: {r}.",
    "{D} was the cause of {f} in a {noun} of {age}. {T} proved it. {R} helped.",
    "With {f}{no}, the patient turned out to have {d}. The team ordered {t} and gave {r}.",
    "Because of {f} the doctor ordered {t}. It showed {d}.",
    "Because of {f} the doctor gave {r}. It was {d}.",
    "{F} in this {noun} came from {d}, which needs {r}.",
    "The {noun} had {f}{no}; the ward round agreed on {d} and asked for {t}.",
    "Ward list: {noun} {age}, {d}, with {f}; {t} done; {r} given.",
    "{F}: in the end it was {d}, seen on {t}.",
)
ZH_CASES = (
    "患者{age}岁，因{zf}就诊{zno}，诊断为{z}。",
    "一位{age}岁的患者出现{zf}，医生考虑{z}。",
    "{zf}{zno}，最后确诊{z}，转{zs}治疗。",
    "{z}病例：{age}岁，{zf}{zno}。",
)


def fact(rng: Random, world: World) -> str:
    """State some facts about one disease."""
    disease = rng.choice(world.diseases)
    some = rng.sample(disease.findings, 6)
    zh = [finding.zh for finding in some]
    values = {
        "d": disease.en,
        "t0": disease.tests[0],
        "t1": disease.tests[1],
        "r0": disease.treatments[0],
        "r1": disease.treatments[1],
        "s": disease.specialty.replace("-", " and "),
        "f0": some[0].en,
        "f1": some[1].en,
        "f2": some[2].en,
        "all": listed([finding.en for finding in some]),
        "a": rng.choice(disease.absent).en,
        "advice": disease.advice,
        "z": disease.zh,
        "zs": world.specialties[disease.specialty],
        "z0": zh[0],
        "z1": zh[1],
        "zall": "、".join(zh),
        "za": rng.choice(disease.absent).zh,
    }
    values |= {key.upper(): capital(values[key]) for key in ("d", "t0", "r0", "f0", "a")}
    chosen = rng.sample(EN_FACTS, 3) if chance(rng, 0.75) else rng.sample(ZH_FACTS, 3)
    return " ".join(template.format(**values) for template in chosen)


def case(rng: Random, world: World, core: Core) -> str:
    """Describe one patient with the diagnosis, a test and a treatment."""
    disease = core.disease
    age, noun, _ = person(rng, core)
    findings = listed(shown(rng, core))
    zh = [finding.zh for finding in rng.sample(core.present, len(core.present))]
    values = {
        "age": age,
        "noun": noun,
        "Noun": capital(noun),
        "f": findings,
        "F": capital(findings),
        "no": "".join(f", but no {finding.bare}" for finding in core.absent),
        "d": disease.en,
        "D": capital(disease.en),
        "t": disease.tests[0],
        "T": capital(disease.tests[0]),
        "r": disease.treatments[0],
        "R": capital(disease.treatments[0]),
        "z": disease.zh,
        "zs": world.specialties[disease.specialty],
        "zf": "、".join(zh),
        "zno": "".join(f"，没有{finding.zh}" for finding in core.absent),
    }
    return rng.choice(EN_CASES if chance(rng, 0.85) else ZH_CASES).format(**values)
