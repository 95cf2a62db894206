"""Rubrics: the default one, and those that users write."""

from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC, Dimension, Rubric, load_rubric

GOOD = """\
name = "triage"
scale = [0, 3]

[[dimensions]]
name = "urgency"
question = "How soon?"
anchors = { 0 = "not said", 3 = "clearly" }

[[dimensions]]
name = "tone"
question = "Is it kind?"
[dimensions.anchors]
3 = "kind"
1 = "cold"
0 = "rude"
"""


def written(folder: Path, text: str) -> Path:
    """Write a rubric file."""
    file = folder / "rubric.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_default_has_four_dimensions_with_all_anchors():
    """Accuracy, comprehensiveness, helpfulness, relevance, 1 to 5."""
    assert DEFAULT_RUBRIC.names == ("accuracy", "comprehensiveness", "helpfulness", "relevance")
    assert DEFAULT_RUBRIC.grades == ("1", "2", "3", "4", "5")
    assert str(DEFAULT_RUBRIC.scale) == "1 to 5"
    assert all(list(one.anchors) == [1, 2, 3, 4, 5] and one.question for one in DEFAULT_RUBRIC.dimensions)


def test_a_file_becomes_a_rubric(tmp_path: Path):
    """Dimensions keep their order, anchors are sorted."""
    assert load_rubric(written(tmp_path, GOOD)) == Rubric(
        "triage",
        (
            Dimension("urgency", "How soon?", {0: "not said", 3: "clearly"}),
            Dimension("tone", "Is it kind?", {0: "rude", 1: "cold", 3: "kind"}),
        ),
        0,
        3,
    )


def test_name_and_scale_may_be_left_out(tmp_path: Path):
    """The file's name and 1 to 5 stand in."""
    text = '[[dimensions]]\nname = "a"\nquestion = "?"\nanchors = { 1 = "no", 5 = "yes" }\n'
    rubric = load_rubric(written(tmp_path, text))
    assert (rubric.name, rubric.low, rubric.high) == ("rubric", 1, 5)


def test_the_digest_is_of_what_the_judge_is_told(tmp_path: Path):
    """The name does not change it; an anchor, a question or the scale does."""
    same = load_rubric(written(tmp_path, GOOD.replace("triage", "other"))).digest
    wider = GOOD.replace("[0, 3]", "[0, 4]").replace("3 =", "4 =")
    others = [GOOD.replace("rude", "very rude"), GOOD.replace("How soon?", "When?"), wider]
    digests = {load_rubric(written(tmp_path, text)).digest for text in (GOOD, *others)}
    assert len(digests) == 4
    assert same in digests


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[0, 3]", "[3, 0]", r"rubric.toml:2: 'scale' is \[3, 0\]; accepted: \[lowest, highest\], whole numbers"),
        ("[0, 3]", "[1.5, 3]", "rubric.toml:2: 'scale' is"),
        ("[0, 3]", "[0, 30]", "at most 11 grades"),
        ("scale", "scael", r"rubric.toml:2: unknown key 'scael' \(did you mean 'scale'\?\)"),
        ('name = "triage"', "name = 3", "rubric.toml:1: 'name' is 3; accepted: a short name"),
        ('"tone"', '"urgency"', "rubric.toml:10: dimension 'urgency' is there twice"),
        ('"tone"', '"preference"', "rubric.toml:10: dimension name 'preference'; accepted: lower-case"),
        ('"tone"', '"Tone of voice"', "rubric.toml:10: dimension name 'Tone of voice'; accepted: lower-case"),
        ('question = "Is it kind?"', "", "rubric.toml:9: 'tone' has no 'question'"),
        (
            'question = "Is it kind?"',
            'ask = "?"',
            "rubric.toml:11: unknown key 'ask'; accepted: anchors, name, question",
        ),
        ('3 = "kind"', "", "rubric.toml:12: 'anchors' of 'tone'; accepted: what at least 0 and 3 mean"),
        ('3 = "kind"', '4 = "kind"', "rubric.toml:12: 'tone' has the anchor '4' = 'kind'; accepted: 0 to 3 = a text"),
        ('3 = "kind"', "3 = 1", "rubric.toml:12: 'tone' has the anchor '3' = 1"),
        ("[[dimensions]]", "[[dimension]]", "unknown key 'dimension'"),
        ("name =", "name", "rubric.toml:1: not TOML"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, old: str, new: str, message: str):
    """File, mostly the line, what was found and what is accepted."""
    assert old in GOOD
    with pytest.raises(MedevalError, match=message) as error:
        load_rubric(written(tmp_path, GOOD.replace(old, new)))
    assert str(error.value).count("rubric.toml") == len(str(error.value).splitlines())


@pytest.mark.parametrize("text", ["# none", "dimensions = []", "dimensions = 3"])
def test_a_rubric_needs_dimensions(tmp_path: Path, text: str):
    """A rubric without dimensions grades nothing."""
    with pytest.raises(MedevalError, match=r"'dimensions': accepted: 1 to 12 tables"):
        load_rubric(written(tmp_path, text))


def test_a_missing_file_is_one_line(tmp_path: Path):
    """The path is named."""
    with pytest.raises(MedevalError, match=r"none.toml: cannot be read: no such file; accepted: a rubric"):
        load_rubric(tmp_path / "none.toml")
