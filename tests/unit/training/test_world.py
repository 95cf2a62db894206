"""The closed world: sound tables, seeded records, a split by meaning that no paraphrase crosses."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from random import Random

import pytest
from tools.world import held_out, load_world, records
from tools.world.build import CRITICAL, HELD_OUT, case_files
from tools.world.mcq import answer_of, distractors
from tools.world.polarity import dialogue
from tools.world.split import cores, draw, part_of, polarity_key
from tools.world.text.mix import KINDS, documents
from tools.world.words import listed

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.types import Record, Source
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases.duplicates import Index, plain, plain_lines
from pytest_medeval.tasks.polarity import LABELS

ROOT = Path(__file__).parents[3]
ASKED = {"dialogue": "input", "mcq": "question", "polarity": "dialogue"}
NEAR = 0.7
"""Share of a held-out text from which a training text is its near-duplicate, as in the recipes."""


def looked_for(asked):
    """Make held-out texts ready to be looked for."""
    return Index([list(map(plain_lines, asked))], NEAR)


@pytest.fixture(scope="module")
def world():
    """Read the shipped facts once."""
    return load_world(ROOT / "fixtures" / "world")


@pytest.fixture(scope="module")
def held(world):
    """Make the held-out records of all tasks once."""
    return {task: held_out(world, task) for task in ASKED}


def test_every_disease_has_its_facts(world):
    """Six findings, three others that speak against it, two tests, two treatments, a known specialty."""
    assert 40 <= len(world.diseases) <= 60
    for disease in world.diseases:
        assert len(set(disease.findings)) == 6, disease.id
        assert len(set(disease.absent) - set(disease.findings)) == 3, disease.id
        assert len(set(disease.tests)) == len(set(disease.treatments)) == 2, disease.id
        assert disease.specialty in world.specialties


def test_names_are_unique_in_both_languages(world):
    """No two findings or diseases share a name: a name alone says which is meant."""
    for things in (world.findings.values(), world.diseases):
        assert len({thing.en for thing in things}) == len({thing.zh for thing in things}) == len(list(things))


def test_every_finding_is_used(world):
    """The table of findings holds no leftovers."""
    used = {finding.id for disease in world.diseases for finding in (*disease.findings, *disease.absent)}
    assert used == set(world.findings)


def test_a_picture_points_to_one_disease(world):
    """No other disease of the world shows all the findings of a patient."""
    for core in (*cores(world, "train"), *cores(world, "held")):
        shown = set(core.present)
        assert [d.id for d in world.diseases if shown <= set(d.findings)] == [core.disease.id]


def test_parts_share_no_key(world):
    """Training and held-out patients are different patients, not other words for the same."""
    keys = [{core.key for core in cores(world, part)} for part in ("train", "held")]
    assert keys[0].isdisjoint(keys[1])
    assert 0.08 < len(keys[1]) / (len(keys[0]) + len(keys[1])) < 0.17


def test_polarity_parts_share_no_key(world, held):
    """The states of a held-out dialogue's findings occur together in no training dialogue."""
    by_name = {finding.zh: finding.id for finding in world.findings.values()}

    def keys(entries):
        return {polarity_key({by_name[zh]: state for zh, state in e["findings"].items()}) for e in entries}

    test, train = keys(held["polarity"]), keys(records(world, "polarity", "train", 4000))
    assert test.isdisjoint(train)
    assert {part_of(key) for key in test} == {"held"}
    assert {part_of(key) for key in train} == {"train"}


@pytest.mark.parametrize("task", sorted(ASKED))
def test_no_held_out_text_is_near_a_training_text(world, held, task):
    """Next to no drawn training text comes near a held-out one; recipes drop those few before training."""
    asked = [entry[ASKED[task]] for entry in held[task]]
    train = [entry[ASKED[task]] for entry in records(world, task, "train", 3000)]
    assert set(asked).isdisjoint(train)
    assert looked_for(asked).holders(list(map(plain, train))).mean() <= 0.01


def test_no_held_out_text_is_in_the_general_text(world, held):
    """The base model's text holds no held-out case, whole or nearly so."""
    text = [item.words for item in itertools.islice(documents(world, dict.fromkeys(KINDS, 1.0), 1), 3000)]
    asked = [entry[ASKED[task]] for task in ASKED for entry in held[task]]
    joined = "\n".join(text)
    assert not [one for one in asked if one in joined]
    assert not looked_for(asked).holders(list(map(plain, text))).any()


def test_the_overlap_check_sees_a_paraphrase_that_was_left_in():
    """The check is no formality: the same case with one word changed is found, and so is one that goes on."""
    text = "A 41-year-old man has had fatigue and thirst for two days. Which test is best?"
    found = [
        text.replace("best", "right"),
        f"{text} Fasting glucose, because it tells diabetes at once. {text[::-1] * 9}",
    ]
    apart = ["Something else altogether, with other words.", text[: len(text) // 2]]
    assert looked_for([text]).holders(list(map(plain, found + apart))).tolist() == [True, True, False, False]
    assert looked_for([]).holders(["any"]).tolist() == [False]
    assert looked_for([text]).holders([]).shape == (0,)


def test_a_short_text_is_held_out_when_it_is_equal():
    """Too few grams to be looked for inside another text."""
    assert looked_for(["Cough?"]).holders(["cough", "coughing"]).tolist() == [True, False]


def test_shipped_case_files_are_what_the_generator_writes(world):
    """The case files under suites/ are regenerated byte for byte."""
    for path, text in case_files(world).items():
        assert (ROOT / path).read_bytes() == text.encode(), path


@pytest.mark.parametrize("task", sorted(ASKED))
def test_tasks_accept_every_record(world, held, task):
    """Each record of both parts is a case of its task, with an id that is unique and short."""
    reader = TASKS.resolve(task)()
    for entries in (held[task], records(world, task, "train", 200)):
        cases = [reader.case(Record(Source("world", line), entry)) for line, entry in enumerate(entries, 1)]
        assert len({case.id for case in cases}) == len(cases)
        assert all(len(case.id) < 40 and case.id == case.id.lower() for case in cases)
    assert len(held[task]) == HELD_OUT


def test_records_follow_the_seed(world):
    """The same seed gives the same bytes, another seed others."""
    first, again, other = (json.dumps(records(world, "mcq", "train", 50, seed)) for seed in (1, 1, 2))
    assert first == again != other


def test_most_patients_name_the_finding_again(world):
    """Without terse turns every answer names its finding; with terse ones alone, plain yes and no occur."""
    states = {"fever": "negative", "nausea": "uncertain", "chills": "negative"}
    full = dialogue(Random(1), world, states, terse=0)
    assert all(full.count(world.findings[name].zh) >= 1 for name in states)
    patient = [line for line in full.splitlines() if line.startswith("患者：") and "谢谢" not in line]
    assert len(patient) == 3
    assert all(any(world.findings[name].zh in line for name in states) for line in patient)
    bare = "".join(dialogue(Random(seed), world, states, terse=1) for seed in range(20))
    assert "患者：没有。" in bare


def test_letters_and_specialties_are_balanced(held):
    """Each letter is right equally often; some specialties have 20 cases and more, some fewer."""
    letters = [entry["answer"] for entry in held["mcq"]]
    assert {letters.count(letter) for letter in "ABCD"} == {HELD_OUT // 4}
    for entries in held.values():
        names = [entry["tags"]["specialty"] for entry in entries]
        sizes = [names.count(name) for name in set(names)]
        assert sum(size >= 20 for size in sizes) >= 3
        assert min(sizes) < 20


def test_critical_cases_are_the_red_flags(held):
    """One treatment question for each red-flag emergency is critical, and nothing else."""
    critical = [entry["tags"] for entry in held["mcq"] if entry.get("critical")]
    assert sorted(tags["disease"] for tags in critical) == sorted(CRITICAL)
    assert {tags["kind"] for tags in critical} == {"treatment"}


def test_polarity_uses_all_labels(held):
    """Each of the four labels makes up a tenth of the findings or more."""
    labels = [label for entry in held["polarity"] for label in entry["findings"].values()]
    assert min(labels.count(label) for label in LABELS) > len(labels) / 10


def test_distractors_are_wrong(world):
    """No wrong option belongs to the patient's disease, or to one that shows the telling findings."""
    rng = Random(1)
    for core in cores(world, "held"):
        telling = set(core.present) & set(core.disease.telling)
        for kind in ("diagnosis", "test", "treatment"):
            wrong = set(distractors(rng, world, core, kind))
            assert len(wrong) == 3
            assert not {*core.disease.tests, *core.disease.treatments, core.disease.en} & wrong
            owners = [other for other in world.diseases if answer_of(other, kind) in wrong]
            assert not any(telling & set(other.findings) for other in owners)


def test_drawing_uses_each_picture_before_any_twice(world):
    """Diseases take turns, and a disease's pictures are dealt like cards."""
    some = tuple(core for core in cores(world, "held") if core.disease.id in {"gout", "asthma"})
    drawn = draw(Random(1), some, len(some))
    assert [core.disease.id for core in drawn[:4:2]] == [drawn[0].disease.id] * 2
    fewest = min(sum(core.disease.id == name for core in some) for name in ("gout", "asthma"))
    assert len({core.key for core in drawn[: 2 * fewest]}) == 2 * fewest


def test_listing_reads_as_a_sentence():
    """One item stands alone, the last of several follows "and"."""
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize(
    ("task", "part", "said"), [("mqc", "train", "did you mean 'mcq'"), ("mcq", "test", "accepted: held, train")]
)
def test_unknown_names_are_told(world, task, part, said):
    """A task or part that the world lacks is an error with the names it has."""
    with pytest.raises(MedevalError, match=said):
        records(world, task, part, 1)


def test_an_unknown_kind_of_text_is_told(world):
    """A mixture with a kind that nothing generates is an error."""
    with pytest.raises(MedevalError, match="unknown kind of text 'poems'"):
        next(documents(world, {"poems": 1.0}, 1))


def test_wrong_world_files_are_told(tmp_path):
    """A missing file, a finding that is not in the table, a specialty without a name: each is told."""
    with pytest.raises(MedevalError, match=r"findings\.toml: no such file"):
        load_world(tmp_path)
    (tmp_path / "findings.toml").write_text(
        "[findings]\n[female]\nonly = []\n[signs]\nonly = []\n[circumstances]\nonly = []\n", encoding="utf-8"
    )
    (tmp_path / "diseases.toml").write_text(
        '[specialties]\n[gout]\nen = "gout"\nzh = "痛风"\nspecialty = "x"\nfindings = ["pain"]\nabsent = []\n'
        'tests = []\ntreatments = []\nadvice = ""\n',
        encoding="utf-8",
    )
    with pytest.raises(MedevalError, match=r"diseases\.toml: \[gout\] names findings that .* lacks: pain"):
        load_world(tmp_path)
