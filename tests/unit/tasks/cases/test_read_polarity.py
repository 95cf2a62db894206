"""Readers of polarity sets: PromptCBLUE, MIE, DXY, quirk by quirk."""

from __future__ import annotations

import json

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.polarity import Polarity

HAS, NOT = "已有症状疾病或者假设未来可能发生的疾病等", "未患有症状疾病"
UNSURE = "没有回答、不知道、回答不明确或者模棱两可不好推断"
MEANS_NOTHING = "无实际意义的不标注或者和病人当前的状态独立不标注"


def read(tmp_path, text, form, name="f.json"):
    """Write a file and read it; give cases, and (line, reason) of what was skipped."""
    path = tmp_path / name
    path.write_bytes(text.encode())
    cases, skips = read_cases(path, Polarity(), form)
    return cases, [(skip.source.line, skip.reason) for skip in skips]


def blue(
    target,
    name="CHIP-MDCFNPC",
    prompt="判断：\n患者：痛\n医生：哪里\n还有吗\n患者：头\n临床发现实体：痛\n答：",
    **changes,
):
    """Give a PromptCBLUE record as a line."""
    record = {"input": prompt, "target": target, "task_type": "attr_cls", "task_dataset": name, "sample_id": "s"}
    return json.dumps({**record, **changes}, ensure_ascii=False)


def test_promptcblue(tmp_path):
    """Labels that hold list separators are read whole; the prompt is asked as it is."""
    target = f"判别如下：\n痛：{HAS}\n肛门痛：{NOT}\n\n量：多：{UNSURE}\r\n冷：{MEANS_NOTHING}"
    (case,), _ = read(tmp_path, blue(target), "promptcblue")
    assert case.findings == {"痛": "positive", "肛门痛": "negative", "量：多": "uncertain", "冷": "none"}
    assert (case.id, case.listed, case.tags) == ("s", True, {"dataset": "CHIP-MDCFNPC"})
    assert case.dialogue == "患者：痛\n医生：哪里\n还有吗\n患者：头"
    assert Polarity().request(case).messages[-1].content == case.prompt
    assert case.prompt.endswith("答：")


def test_imcs(tmp_path):
    """In IMCS-V2-SR the findings have to be found; one named twice counts once."""
    prompt = "抽取：\n对话历史：（空）\n医生：咳吗\n当前对话：\n患者：咳嗽\n选项：患有该症状"
    target = "判断为：\n咳：患有该症状\n咳嗽：没有患有该症状\n咳：患有该症状\n热："
    target += "无法根据上下文确定病人是否患有该症状"
    (case,), _ = read(tmp_path, blue(target, "IMCS-V2-SR", prompt), "promptcblue")
    assert case.findings == {"咳": "positive", "咳嗽": "negative", "热": "uncertain"}
    assert case.listed is False
    assert case.dialogue == "对话历史：（空）\n医生：咳吗\n当前对话：\n患者：咳嗽"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (blue(""), "blank target"),
        (blue(None), "blank target"),
        (blue("判别如下："), "no findings in the target"),
        (blue(f"：\n痛：{HAS}\n痛：{NOT}"), "one finding has two labels"),
        (blue("：\n痛：有"), "a line of the target is not 'finding：label' with a label of the task"),
        (blue(f"：\n：{HAS}"), "a line of the target is not 'finding：label' with a label of the task"),
        (blue("：\n痛：患有该症状"), "a line of the target is not 'finding：label' with a label of the task"),
        (blue(f"痛：{HAS}", "CMeEE"), "not a polarity task: CMeEE"),
        (blue(f"痛：{HAS}", None), "not a polarity task: None"),
        (blue(f"痛：{HAS}", prompt=3), "'dialogue' is a whole number; accepted: a text"),
    ],
)
def test_promptcblue_skips(tmp_path, record, reason):
    """A record without one right answer is skipped with line and reason, and the next one is read."""
    cases, skips = read(tmp_path, f"{record}\n{blue(f'痛：{HAS}', sample_id=None)}", "promptcblue")
    assert skips == [(1, reason)]
    assert [(case.id, case.findings) for case in cases] == [("promptcblue-0001", {"痛": "positive"})]


def window(turns, *labels):
    """Give a MIE window whose last turns are given."""
    return {"utterances": [""] * (5 - len(turns)) + turns, "label": list(labels)}


def symptom(name, state):
    """Give a MIE label."""
    return f"症状:{name}-状态:{state}"


def test_mie_dialogue(tmp_path):
    """Turns are the windows' last ones; later news replaces older, an unknown state replaces nothing."""
    windows = [
        window(["患者:甲"], symptom("a", "未知"), symptom("b", "阳性"), symptom("c", "阳性"), symptom("e-f", "未知")),
        window(
            ["患者:甲", "医生:乙"],
            symptom("a", "医生阳性"),
            symptom("b", "未知"),
            symptom("c", "阴性"),
            "检查:g-状态:阳性",
        ),
        window(["患者:甲", "医生:乙", "患者:甲"]),
    ]
    (case,), skips = read(tmp_path, json.dumps([windows]), "mie")
    assert case.dialogue == "患者:甲\n医生:乙\n患者:甲"
    assert case.findings == {"a": "positive", "b": "positive", "c": "negative", "e-f": "uncertain"}
    assert (case.id, case.group, skips) == ("mie-0000", None, [])
    with pytest.raises(MedevalError, match="not a dialogue; accepted: windows"):
        read(tmp_path, json.dumps([[windows[0], {"utterances": "x"}]]), "mie")


@pytest.mark.parametrize(
    ("states", "label"),
    [
        (["阳性"], "positive"),
        (["阴性"], "negative"),
        (["未知"], "uncertain"),
        (["医生阳性"], "positive"),
        (["医生阴性"], "negative"),
        (["阳性", "医生阴性"], "negative"),
        (["医生阳性", "阴性"], "positive"),
        (["阳性", "阴性"], "uncertain"),
        (["医生阳性", "医生阴性", "阳性"], "uncertain"),
        (["未知", "阴性"], "negative"),
    ],
    ids="+".join,
)
def test_mie_two_states(tmp_path, states, label):
    """Within a window the doctor stands above the patient, a known state above an unknown one."""
    for order in (states, states[::-1]):
        (case,), _ = read(tmp_path, json.dumps([[window(["患者:甲"], *(symptom("a", s) for s in order))]]), "mie")
        assert case.findings == {"a": label}


def test_mie_windows(tmp_path):
    """Windows are cases of their dialogue's group, each with its line; without a symptom they are skipped."""
    windows = [
        window(["患者:甲"]),
        window(["患者:甲", "医生:乙"], symptom("b", "阳性"), symptom("a", "未知")),
        window(["x"], "检查:g-状态:阳性"),
    ]
    text = "[[\n" + ",\n".join(map(json.dumps, windows)) + "],\n[\n" + json.dumps(windows[1]) + "]]"
    cases, skips = read(tmp_path, text, "mie:windows")
    assert [(c.id, c.group, c.source.line) for c in cases] == [
        ("mie-0000-01", "mie-0000", 3),
        ("mie-0001-00", "mie-0001", 6),
    ]
    assert (cases[0].dialogue, list(cases[0].findings)) == ("患者:甲\n医生:乙", ["a", "b"])
    assert skips == [(2, "no label"), (4, "no symptom among the labels")]


def test_mie_skips(tmp_path):
    """A dialogue without label, without symptom, or with a label of another shape is skipped."""
    dialogues = [
        [window(["a"])],
        [window(["a"], "手术:x-状态:阳性")],
        [window(["a"], "症状:x-状态:或许")],
        [window(["a"], symptom("x", "阳性"))],
    ]
    cases, skips = read(tmp_path, "[" + ",\n".join(map(json.dumps, dialogues)) + "]", "mie")
    assert [case.id for case in cases] == ["mie-0003"]
    assert skips == [
        (1, "no label"),
        (2, "no symptom among the labels"),
        (3, "a label is not 'category:item-状态:state'"),
    ]


@pytest.mark.parametrize(
    "dialogue",
    [{}, [], ["x"], [{"utterances": [], "label": []}], [{"utterances": ["a"], "label": [3]}], [{"utterances": ["a"]}]],
    ids=json.dumps,
)
def test_mie_shape(tmp_path, dialogue):
    """What is no dialogue is refused with its line."""
    with pytest.raises(MedevalError, match=r"f.json:2: not a dialogue; accepted: windows with"):
        read(tmp_path, "[\n" + json.dumps(dialogue) + "]", "mie")


def consultation(name="1", explicit=None, implicit=None, **changes):
    """Give a DXY record."""
    goal = {
        "explicit_inform_slots": explicit or {},
        "implicit_inform_slots": implicit or {},
        "origin_inform_slots": ["x"],
    }
    return {"goal": goal, "consult_id": name, "dialog": ["报告\n", "问", "答"], "disease_tag": "腹泻", **changes}


def test_dxy(tmp_path):
    """Both kinds of slots are findings, turns get speakers, a repeated id keeps its group."""
    train = [consultation("7", {"咳嗽": True}, {"发热": False}), consultation("8", {}, {"痰": True})]
    test = [consultation("7", {"咳嗽": True})]
    cases, skips = read(tmp_path, f"train@{train!r}\r\ntest@{test!r}\r\n", "dxy", "f.txt")
    assert [(c.id, c.group, c.source.line, c.tags["split"]) for c in cases] == [
        ("7", "7", 1, "train"),
        ("8", "8", 1, "train"),
        ("7-2", "7", 2, "test"),
    ]
    assert cases[0].findings == {"咳嗽": "positive", "发热": "negative"}
    assert cases[0].dialogue == "患者：报告\n医生：问\n患者：答"
    assert cases[0].tags["disease"] == "腹泻"
    assert skips == []


def test_dxy_skips(tmp_path):
    """Records without findings, slots or turns are skipped."""
    records = [
        consultation(),
        consultation(goal={"explicit_inform_slots": ["x"]}),
        consultation(goal=None),
        consultation(explicit={"a": "UNK"}),
        consultation(explicit={"a": True}, dialog="text"),
        consultation(explicit={"a": True}),
    ]
    cases, skips = read(tmp_path, f"test@{records!r}", "dxy", "f.txt")
    assert [case.id for case in cases] == ["1-6"]
    assert [reason for _, reason in skips] == [
        "no findings",
        "goal has no symptom slots",
        "goal has no symptom slots",
        "a symptom is neither True nor False",
        "dialog is no list of texts",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train@[]\nnotes", ":2: found 'notes'; accepted: 'train@[...]' or 'test@[...]'"),
        ("dev@[]", ":1: found 'dev@[]'; accepted:"),
        ("train@[{'a': 1}\ntest@[]", ":1: not a Python list literal: '[' was never closed"),
        ("train@[__import__('os')]", ":1: not a Python list literal: malformed node or string"),
        ("train@{}", ":1: found dict; accepted: a list of dictionaries"),
        ("train@[1]", ":1: found list; accepted: a list of dictionaries"),
        ("train@[]", ":1: no cases: the file holds no record"),
    ],
)
def test_dxy_shape(tmp_path, text, message):
    """What is no DXY file is refused in one line; nothing in it is run."""
    with pytest.raises(MedevalError) as caught:
        read(tmp_path, text, "dxy", "f.txt")
    assert str(caught.value).startswith(f"{tmp_path / 'f.txt'}{message}")
    assert "\n" not in str(caught.value)
