"""Mapping predicted findings on gold findings."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.tasks.reading.synonyms import SHIPPED, load_synonyms, similarity

SAME = [
    ("发烧", "发热"), ("拉肚子", "腹泻"), ("鼻涕", "流涕"), ("流鼻涕", "流涕"), ("嗓子疼", "咽痛"),
    ("头疼", "头痛"), ("肚子痛", "腹痛"),
    ("发热。", "发热"), ("右下腹胀痛", "右下腹痛"), ("大便有少许粘液", "大便有粘液"),
    ("有少量褐色分泌物", "少量褐色分泌物"),
    ("Fever", "fever"), ("pyrexia", "fever"), ("chest pains", "chest pain"), ("abdominal pain", "belly pain"),
    ("dyspnoea", "shortness of breath"), ("ＣＴ异常", "CT异常"),
]  # fmt: skip

DIFFERENT = [
    ("有痰", "无痰"), ("发热", "不发热"), ("发热", "无发热"), ("咳嗽", "没咳嗽"), ("左侧胸痛", "右侧胸痛"),
    ("上腹部疼痛", "下腹部疼痛"),
    ("急性支气管炎", "慢性支气管炎"), ("支气管炎", "支气管肺炎"), ("胃炎", "肠胃炎"),
    ("甲状腺炎", "甲状腺癌"), ("血压升高", "血压降低"),
    ("乙型肝炎", "丙型肝炎"), ("2型糖尿病", "1型糖尿病"), ("高热", "低热"), ("大便干", "大便稀"),
    ("尿多", "尿少"), ("干咳", "湿咳"),
    ("fever", "no fever"), ("febrile", "afebrile"), ("hypotension", "hypertension"),
    ("hypoparathyroidism", "hyperparathyroidism"),
    ("pain in the left lower abdomen", "pain in the right lower abdomen"),
    ("hepatitis a infection", "hepatitis b infection"),
    ("symptomatic", "asymptomatic"), ("atrial flutter", "atrial fibrillation"),
    ("chest pain", "chest pain at rest"),
    ("high fever", "fever"), ("productive cough", "dry cough"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "meant"), SAME)
def test_same_finding(said: str, meant: str):
    """Synonyms, other spellings and small additions are mapped, either way round."""
    assert load_synonyms().align([said], [meant]) == {said: meant}
    assert load_synonyms().align([meant], [said]) == {meant: said}


@pytest.mark.parametrize(("said", "meant"), DIFFERENT)
def test_different_finding(said: str, meant: str):
    """Negated, opposite, other side, other organ, other disease: never mapped, however similar."""
    assert load_synonyms().align([said], [meant]) == {}
    assert load_synonyms().align([meant], [said]) == {}


def test_the_same_name_comes_before_a_synonym():
    """Gold may hold two names of one group, as CHIP-MDCFNPC does; each takes its own."""
    gold = ["腹泻", "拉肚子"]
    assert load_synonyms().align(["拉肚子", "腹泻"], gold) == {"拉肚子": "拉肚子", "腹泻": "腹泻"}
    assert load_synonyms().align(["拉稀", "拉肚子"], gold) == {"拉稀": "腹泻", "拉肚子": "拉肚子"}


def test_two_names_of_one_finding_are_mapped_to_it_both():
    """A second name is a repetition, not an invention."""
    assert load_synonyms().align(["发热", "发烧"], ["发热"]) == {"发热": "发热", "发烧": "发热"}


def test_similarity_maps_one_to_one_and_not_on_ties():
    """The most similar name wins a gold finding; a name as similar to two golds is mapped to neither."""
    table = load_synonyms()
    gold = ["皮肤轻微擦伤感染"]
    assert table.align(["皮肤轻微擦伤", "皮肤轻微擦伤感"], gold) == {"皮肤轻微擦伤感": gold[0]}
    assert table.align(["全身酸麻无力"], ["全身酸胀无力", "全身酸楚无力"]) == {}


def test_own_table_replaces_the_shipped_one(tmp_path: Path):
    """A user's groups are the only ones that count."""
    file = tmp_path / "own.toml"
    file.write_text('groups = [["发热", "体热"]]\nrewrite = [["疼", "痛"]]\n', encoding="utf-8")
    table = load_synonyms(file)
    found = table.align(["体热", "拉肚子", "头疼"], ["发热", "腹泻", "头痛"])
    assert found == {"体热": "发热", "头疼": "头痛"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        ("groups = [", "not TOML"),
        ("group = []", "unknown key 'group' (did you mean 'groups'?); accepted: groups, rewrite"),
        ("groups = 3", "groups is 3"),
        ('groups = ["发热"]', "accepted: a list of lists of texts"),
        ("groups = [[1]]", "accepted: a list of lists of texts"),
        ('rewrite = [["a"]]', "accepted: a list of lists of 2 texts"),
        ('rewrite = [["", "b"]]', "accepted: a list of lists of 2 texts"),
        ('groups = [["a", "b"], ["B", "c"]]', "'B' is in two groups"),
    ],
)
def test_mistakes_in_a_table(tmp_path: Path, content: str | None, said: str):
    """Each is one line that names the file."""
    file = tmp_path / "own.toml"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    with pytest.raises(MedevalError) as caught:
        load_synonyms(file)
    assert str(file) in str(caught.value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_shipped_table_is_sound():
    """It loads, and no telling pair of names shares a group."""
    table = load_synonyms()
    assert table == load_synonyms(SHIPPED)
    for one, other in DIFFERENT:
        groups = {table.group.get(table.form(name), name) for name in (one, other)}
        assert len(groups) == 2


NAMES = st.text("发热烧腹泻痛疼咳嗽无有左右上下ab ", min_size=1, max_size=6)


@settings(deadline=None)
@given(st.lists(NAMES, max_size=6), st.lists(NAMES, max_size=6, unique=True))
def test_maps_to_gold_only_and_the_same_name_to_itself(said: list[str], gold: list[str]):
    """Every mapping ends in gold, and names found verbatim map to themselves."""
    found = load_synonyms().align(said, gold)
    assert set(found) <= set(said)
    assert set(found.values()) <= set(gold)
    assert all(found[name] == name for name in said if name in gold)


@settings(deadline=None)
@given(NAMES, NAMES)
def test_similarity_is_symmetric_and_bounded(one: str, other: str):
    """Similarity does not depend on who said it, and is 0 or at least the threshold."""
    score = similarity(one, other)
    assert score == similarity(other, one)
    assert score == 0 or 0.8 <= score <= 1


@pytest.mark.parametrize("other", ["pain", "痛"])
def test_one_form_in_an_alphabet_is_enough_to_compare_words(other):
    """Words of an alphabet are compared by how they begin, whichever side they are on."""
    assert similarity("腹痛pain", f"腹痛{other}") == similarity(f"腹痛{other}", "腹痛pain")
