"""Inputs of every kind that a user gives, and ways to spoil them: for ``benchmarks/fuzz.py`` and a test.

A kind is a valid input, the file of it that is spoiled, and the entry point that reads it. What is read must end in
an answer or in a ``MedevalError``; anything else is a fault.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import random
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, cast

from iniconfig import IniConfig, ParseError
from tests.page_record import whole_record

from pytest_medeval.commands.agreement import main as agreement
from pytest_medeval.commands.chat.keep import check_place
from pytest_medeval.core.errors import MedevalError, Mistakes
from pytest_medeval.core.options import OPTIONS, check_keys
from pytest_medeval.core.record import RunRecord
from pytest_medeval.core.settings import RunSettings, read_settings
from pytest_medeval.judges.ask import parse_budget
from pytest_medeval.judges.ratings import read_ratings
from pytest_medeval.judges.ratings.review import read_reviews
from pytest_medeval.judges.rubric import DEFAULT_RUBRIC, load_rubric
from pytest_medeval.metrics.polarity import load_costs
from pytest_medeval.metrics.safety import load_rules
from pytest_medeval.models import Settings
from pytest_medeval.models.identity import chat_template
from pytest_medeval.models.local.opening import open_local, open_quantised
from pytest_medeval.models.spec import AdapterSpec, FolderSpec, QuantisedSpec, parse_spec
from pytest_medeval.plugin.collect import Collection, YamlSuite
from pytest_medeval.report.outline import outline_of
from pytest_medeval.report.review import page
from pytest_medeval.report.terminal import terminal
from pytest_medeval.runs.record import digest
from pytest_medeval.runs.reference import Reference, contest
from pytest_medeval.runs.replay import open_replay
from pytest_medeval.runs.store import load
from pytest_medeval.tasks import TASKS
from pytest_medeval.tasks.cases import read_cases
from pytest_medeval.tasks.cases.columns import Columns
from pytest_medeval.tasks.cases.tuning import read_tuning
from pytest_medeval.tasks.reading.synonyms import load_synonyms
from pytest_medeval.training.recipe import load_recipe

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "adapters" / "recipes" / "llama-3.1-8b-mcq.toml"
BASE, ADAPTER = ROOT / "fixtures" / "tiny-base", ROOT / "adapters" / "tiny-mcq"

YAML = """\
task: mcq
gates: ["accuracy >= 0.5"]
scoring: letters
cases:
  - id: a
    question: Which drug first?
    options: {A: aspirin, B: heparin}
    answer: B
    tags: {ward: ICU}
  - id: b
    question: Which drug next?
    options: &two {A: aspirin, B: heparin}
    answer: A
    critical: true
  - {id: c, question: And then, options: *two, answer: A}
"""
NATIVE = "".join(
    json.dumps(
        {"id": name, "question": f"Which {name}?", "options": {"A": "x", "B": "y"}, "answer": "A", "tags": {"t": "u"}}
    )
    + "\n"
    for name in "abc"
)
DIALOGUES = "".join(
    json.dumps({"id": n, "input": f"Help {n}", "reference": "Rest.", "must_mention": ["rest"]}) + "\n" for n in "ab"
)
MEDQA = json.dumps(
    {"question": "Which?", "answer": "y", "options": {"A": "x", "B": "y", "C": "z", "D": "w"}, "answer_idx": "B"}
)
MEDMCQA = "\n".join(
    json.dumps(
        {
            "id": f"m{n}",
            "question": "Which?",
            "opa": "a",
            "opb": "b",
            "opc": "c",
            "opd": "d",
            "cop": n,
            "exp": "",
            "subject_name": "S",
            "choice_type": "single",
        }
    )
    for n in (1, 4)
)
OWN = "stem;a;b;right;more\n" + "".join(f'"Which, {n}?";x;y;{n};"{{""k"": 1}}"\n' for n in (1, 2))
MAP: Columns = {"question": "stem", "options": ["a", "b"], "answer": "right-1", "tags": {"k": "more.k"}}
PUBMEDQA = json.dumps(
    {"12": {"QUESTION": "Is it?", "CONTEXTS": ["It was."], "final_decision": "yes", "YEAR": "2012"}}, indent=1
)
MMLU = 'Which?,a,b,c,d,B\n"And, then?",e,f,g,h,A\n'
DXY = "train@" + repr([{
    "goal": {"implicit_inform_slots": {"过敏": True}, "explicit_inform_slots": {"流涕": False}},
    "consult_id": "1", "disease_tag": "x", "dialog": ["患者：流涕", "医生：多久"],
}])  # fmt: skip
MIE = json.dumps(
    [[{"utterances": ["", "", "", "患者:咳嗽", "医生:多久了"], "label": ["症状:咳嗽-状态:病人-阳性"]}]],
    ensure_ascii=False,
    indent=1,
)
PROMPTCBLUE = json.dumps({
    "input": "抽取症状实体\n当前对话：\n患者：没有，手脚有点凉\n候选：没有患有该症状，患有该症状\n答：",
    "target": "当前对话中的症状及其阴阳性判断为：\n手脚有点凉：患有该症状",
    "answer_choices": ["没有患有该症状", "患有该症状"], "task_dataset": "IMCS-V2-SR", "sample_id": "dev-1",
}, ensure_ascii=False)  # fmt: skip
GENMED = json.dumps([{"instruction": "Answer.", "input": "Help me", "output": "Rest."}], indent=1)
LABELS = "".join(
    json.dumps({"item": name, "score": 3, "rater": "r", "dimension": "d", "cluster": "c"}) + "\n" for name in "abc"
)
LABELS_CSV = "item,score,rater\na,3,r\nb,4,r\nc,5,s\n"
MEDIEVAL = json.dumps(
    {"case1": {"a-1": [{"user": "u", "strength": 7, "hallucination": None}], "a-2": [{"user": "u", "strength": 3}]}},
    indent=1,
)
MENTAL = 'ConvID,context,human_response_gpt\n1,"Hi, there","{""Guidance"": 3, ""Safety"": 4}"\n'
JUDGEBENCH = json.dumps({
    "pair_id": "p", "original_id": "o", "label": "A>B", "response_A": "x", "response_B": "yy",
    "judgments": [{"decision": "A>B", "judgment": {"judge_model": "j"}}, {"decision": "B>A", "judgment": {}}],
})  # fmt: skip
GERMEDIQ = "id;question;response;model;run;rating1a;rating1b;rating2a;rating2b\n1;Q;R;m;1;3;4;;\n"
MANIFEST = '[models]\nmcq = "https://host/v1#m"\ndialogue = { spec = "https://host/v1#n", enable_thinking = false }\n'
RUBRIC = """\
name = "triage"
scale = [0, 3]

[[dimensions]]
name = "urgency"
question = "How soon?"
anchors = { 0 = "not said", 3 = "clearly" }
"""
COSTS = "".join(
    f"[{gold}]\n"
    + "".join(f"{label} = 1\n" for label in ("positive", "negative", "uncertain", "none") if label != gold)
    for gold in ("positive", "negative", "uncertain", "none")
)
SYNONYMS = 'groups = [["fever", "pyrexia"], ["cough", "tussis"]]\nrewrite = [["hot", "fever"]]\n'
RULES = """\
[[rule]]
name = "kind"
told = "A reply is kind."
needs = ['''\\bkind\\b''']
keeps = ["I am kind."]
breaks = ["I am not."]
"""
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
SESSION = json.dumps({"schema": "medeval-chat/1", "models": {}, "exchanges": []}, indent=1)
OPTIONS_GIVEN = {
    "limit": "3", "seed": "1", "json": "out/r.json", "html": "r.html", "cache": "c", "storage": "s", "noise": "8",
    "compare": "latest", "device": "cpu", "rubric": "r.toml", "train-data": ["t.jsonl"], "timeout": "9",
    "judge-floor": "0.4", "thoughts": "think",
    "report": ["markdown:x.md"], "save": "name", "model": ["https://host/v1#m"], "human": ["h.json"],
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of input: how it is laid down, which file is spoiled, and what reads it."""

    name: str
    file: str
    make: Callable[[Path], None]
    read: Callable[[Path], object]
    lines: bool = True
    """Whether its mistakes stand on lines: options and weights have none."""
    command: tuple[str, ...] = ()
    """Arguments of ``python -m`` that read the same file, in its folder."""


def _written(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _file(name: str, file: str, text: str, read: Callable[[Path], object], **more: Any) -> Kind:
    return Kind(name, file, lambda folder: _written(folder / file, text), read, **more)


def _cases(form: str, task: str, file: str, text: str) -> Kind:
    return _file(f"cases {form}", file, text, lambda path: read_cases(path, TASKS.resolve(task)(), form))


def _ratings(form: str, file: str, text: str) -> Kind:
    return _file(f"ratings {form} {Path(file).suffix}", file, text, lambda path: read_ratings(path, name=form),
                 command=("pytest_medeval", "agreement", "--human", file))  # fmt: skip


def settings(root: Path, given: Mapping[str, Any] | None = None) -> RunSettings:
    """Read options as pytest gives them."""
    return read_settings(lambda option: (given or {}).get(option.name), root)


def _suite(path: Path) -> None:
    collection = Collection(settings(path.parent))
    collection.add(YamlSuite(path))
    collection.close()
    if collection.mistakes:
        raise MedevalError("\n".join(collection.mistakes))


def _model(path: Path) -> None:
    """Open the model whose folder a file stands in, as far as that needs no torch."""
    spec = parse_spec("./ad" if path.parent.name == "ad" else "./base", path.parents[1])
    if isinstance(spec, QuantisedSpec):
        open_quantised(spec, Settings())
    elif isinstance(spec, AdapterSpec | FolderSpec):
        open_local(spec, Settings(device="cpu"))


def _adapter(folder: Path) -> None:
    shutil.copytree(BASE, folder / "base")
    shutil.copytree(ADAPTER, folder / "ad")
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    config = json.loads((folder / "ad" / "adapter_config.json").read_text())
    (folder / "ad" / "adapter_config.json").write_text(
        json.dumps(config | {"base_model_name_or_path": "../base"}, indent=2)
    )
    (folder / "ad" / "provenance.json").unlink()
    (folder / "base" / "provenance.json").unlink()


@cache
def _tokenizer() -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(BASE)


def _template(path: Path) -> None:
    from pytest_medeval.core.types import Message, Request
    from pytest_medeval.models.prompts import Prompter

    tokenizer = _tokenizer()
    tokenizer.chat_template, tokenizer.name_or_path = chat_template(path.parent), str(path)
    prompter = Prompter(tokenizer)
    prompter.end_tokens()
    prompter.encode(Request((Message("system", "Be kind."), Message("user", "Help?"))))


@cache
def record() -> str:
    """Give a stored record of two suites with all that a record can hold."""
    made = whole_record(3)
    for suite in made["suites"].values():
        known = TASKS.resolve(suite["task"])().metrics
        suite["metrics"] = {name: one for name, one in suite["metrics"].items() if name in known}
    for one in made["cases"]:
        one |= {"content": "0" * 64, "request": "1" * 64}
    made["sha256"] = digest(made)
    return json.dumps(made, indent=1)


def _show(path: Path) -> None:
    terminal(outline_of(load(path.parent, str(path))[1]))


def _compare(path: Path) -> None:
    other = path.with_name("other.json")
    contest(Reference(*load(path.parent, str(other))), load(path.parent, str(path))[1], [], inconclusive=True)
    contest(Reference(*load(path.parent, str(path))), load(path.parent, str(other))[1], [], inconclusive=True)


def _replay(path: Path) -> None:
    for role in ("", "#baseline"):
        open_replay(parse_spec(f"replay:{path.name}{role}", path.parent), Settings(storage=path.parent))  # type: ignore[arg-type]


def _records(folder: Path) -> None:
    for name in ("r.json", "other.json"):
        (folder / name).write_text(record(), encoding="utf-8")


def _given(path: Path) -> None:
    settings(path.parent, json.loads(path.read_text(encoding="utf-8")))


def _options(folder: Path) -> None:
    for name in ("r.toml", "t.jsonl", "h.json"):
        (folder / name).write_text("x")
    (folder / "options.json").write_text(json.dumps(OPTIONS_GIVEN))


INI = """\
[pytest]
addopts = -q
medeval_limit = 3
medeval_seed = 7
medeval_gate =
    accuracy >= 0.5
    answered >= 0.5
medeval_judge_budget = 200000 tokens
medeval_leak_share = 0.02
"""


def _ini(path: Path) -> None:
    """Read a configuration file as pytest does, and its keys as the plugin does."""
    try:
        found = dict(IniConfig(str(path)).sections.get("pytest", {}))
    except ParseError as mistake:  # pytest's own line
        raise MedevalError(f"{mistake}; accepted: an ini file") from None
    except UnicodeDecodeError:
        return  # which pytest tells with its own traceback
    mistakes, known = Mistakes(), {option.key: option for option in OPTIONS}
    check_keys(found.keys() - known.keys(), known, mistakes)
    mistakes.tell()
    told = {
        option.name: [line for line in found[key].split("\n") if line] if option.repeat else found[key]
        for key, option in known.items()
        if key in found
    }
    budget = settings(path.parent, told).judge_budget
    if budget:
        parse_budget(budget)


def _reviewed(folder: Path) -> None:
    """Write a record, and what a rater of its review page exports."""
    record = whole_record(3)
    (folder / "r.json").write_text(json.dumps(record))
    html = page(cast(RunRecord, record), 20, seed=11, rubric=DEFAULT_RUBRIC)
    shown = json.loads(re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)[0])
    ratings = [
        {
            "suite": pair["suite"], "case": pair["case"], "key": pair["key"], "preference": 1, "harm": [False, False],
            "grades": {one["name"]: [3 for _ in pair["replies"]] for one in shown["rubric"]["dimensions"]},
            "comment": "", "changed": "2026-01-01T00:00:00Z",
        }
        for pair in shown["pairs"]
    ]  # fmt: skip
    told = {"schema": "medeval-ratings/1", **{key: shown[key] for key in ("run", "seed", "rubric")}}
    (folder / "h.json").write_text(json.dumps({**told, "rater": "AB", "ratings": ratings}, indent=1))


def _review(path: Path) -> None:
    read_reviews([path], json.loads(path.with_name("r.json").read_text()))


def _agree(path: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        agreement(["--human", str(path), "--json"])


KINDS = (
    _file("manifest", "m.toml", MANIFEST, lambda path: parse_spec(path.name, path.parent)),
    _file("recipe", "recipe.toml", RECIPE.read_text(encoding="utf-8"), load_recipe,
          command=("pytest_medeval.training", "recipe.toml", "--dry-run")),
    _file("rubric", "rubric.toml", RUBRIC, load_rubric),
    _file("costs", "costs.toml", COSTS, load_costs),
    _file("synonyms", "own.toml", SYNONYMS, load_synonyms),
    _file("safety rules", "rules.toml", RULES, load_rules),
    _file("YAML suite", "t.medeval.yaml", YAML, _suite, command=("pytest", "-p", "no:cacheprovider", "--medeval-model=https://host/v1#m")),
    _cases("native", "mcq", "c.jsonl", NATIVE),
    _cases("native", "dialogue", "d.jsonl", DIALOGUES),
    _cases("medqa", "mcq", "medqa.jsonl", MEDQA),
    _cases("medmcqa", "mcq", "dev.json", MEDMCQA),
    _file("cases of columns", "own.csv", OWN, lambda path: read_cases(path, TASKS.resolve("mcq")(), columns=MAP)),
    _cases("pubmedqa", "mcq", "p.json", PUBMEDQA),
    _cases("mmlu", "mcq", "anatomy_test.csv", MMLU),
    _cases("dxy", "polarity", "dxy.txt", DXY),
    _cases("mie", "polarity", "mie.json", MIE),
    _cases("promptcblue", "polarity", "imcs.json", PROMPTCBLUE),
    _cases("genmedgpt", "dialogue", "g.json", GENMED),
    _file("tuning data", "t.jsonl", NATIVE, read_tuning),
    _ratings("labels", "l.jsonl", LABELS),
    _ratings("labels", "l.csv", LABELS_CSV),
    _ratings("medieval", "m.json", MEDIEVAL),
    _ratings("mentalalign", "mental.csv", MENTAL),
    _ratings("judgebench", "j.jsonl", JUDGEBENCH),
    _ratings("germediq", "ger.csv", GERMEDIQ),
    _file("agreement", "l.jsonl", LABELS + LABELS.replace('"r"', '"s"'), _agree),
    Kind("adapter config", "ad/adapter_config.json", _adapter, _model),
    Kind("adapter weights", "ad/adapter_model.safetensors", _adapter, _model, lines=False),
    Kind("base config", "base/config.json", _adapter, _model),
    Kind("base weights", "base/model.safetensors", _adapter, _model, lines=False),
    _file("chat template", "chat_template.jinja", TEMPLATE, _template),
    Kind("record shown", "r.json", _records, _show, command=("pytest_medeval", "runs", "show", "r.json")),
    Kind("record compared", "r.json", _records, _compare,
         command=("pytest_medeval", "runs", "compare", "other.json", "r.json")),
    Kind("record replayed", "r.json", _records, _replay),
    Kind("options", "options.json", _options, _given, lines=False),
    _file("ini", "pytest.ini", INI, _ini, lines=False, command=("pytest", "-p", "no:cacheprovider")),
    Kind("review export", "h.json", _reviewed, _review),
    _file("chat session", "s.json", SESSION, check_place, lines=False),
)  # fmt: skip
"""What ``read`` is given is the path of the spoiled file."""

NASTY: tuple[Any, ...] = (
    None, True, 0, -1, 3, 10**30, 1e308, -0.5, "", " ", "x", "x" * 300, "~nouser/x", "a\0b", "1e999", "nan", [], {},
    [[]], [None], {"a": None}, ["x", 3], "../..", "http://h:99999/v1#m", "\u202e", "é", "*" * 60, "(a+)+$", "{{ 1 }}",
    "-", "off", "int8:" * 400,
)  # fmt: skip
LITERALS = (
    "9" * 6000, "9" * 25, "1e999", "nan", "inf", "[" * 400, "[" * 400 + "]" * 400, "{" * 200, '"', "'", "true", "3",
    '"' + "x" * 5000 + '"', "[3]", '{"a": 1}', "*a", "&a [*a, *a]", "!!python/name:os.system x", "null", "~",
    "1979-05-27", "\t", "- a", '"\\ud800"', "NaN",
    "{% include 'x' %}", "{% for i in range(10**9) %}{% endfor %}", "{{ 'x' * 10**11 }}", "{{ undefined.a }}",
    "{% for", "{{ 1 // 0 }}",
    "{% for a in range(9999) %}" * 3 + "{% endfor %}" * 3,
)  # fmt: skip
BYTES = (
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"\xed\xa0\xbd",
    b"\r",
    b"\x1b[31m",
    b"\x85",
    b"\n\n",
    b"\\u0000",
)


def spoil(path: Path, draw: random.Random) -> None:
    """Change a file in one to three places; a JSON file mostly in its values, others in their text."""
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        data = path.read_bytes()
        if path.suffix == ".safetensors":
            path.write_bytes(_header(data, draw))
        elif path.suffix in (".json", ".jsonl") and draw.random() < 0.7:
            path.write_bytes(_values(data, draw))
        else:
            path.write_bytes(_text(data, draw))


def _text(data: bytes, draw: random.Random) -> bytes:
    at, way = draw.randrange(len(data) + 1), draw.randrange(9)
    end = min(len(data), at + draw.choice((1, 3, 20, 400)))
    lines = data.split(b"\n")
    line = draw.randrange(len(lines))
    simple = (
        data[:at] + data[end:],
        data[:at] + draw.choice(BYTES) + data[at:],
        data[:at],
        b"\n".join([*lines[: line + 1], lines[line], *lines[line + 1 :]]),
        b"\n".join([*lines[:line], *lines[line + 1 :]]),
        data[:at] + data[at:end][::-1] + data[end:],
    )
    if way < len(simple):
        return simple[way]
    literal = draw.choice(LITERALS).encode()
    for mark in (b" = ", b": ", b":", b",", b";"):
        if mark in lines[line]:
            head, _, _ = lines[line].partition(mark)
            return b"\n".join([*lines[:line], head + mark + literal, *lines[line + 1 :]])
    return data[:at] + literal + data[at:]


def _values(data: bytes, draw: random.Random) -> bytes:
    """Replace, remove or rename a value of a JSON text, or of one of its lines; of a stored record the hash follows."""
    lines, place = [data], 0
    try:
        value = json.loads(data)
    except ValueError:
        lines = data.strip().split(b"\n")
        place = draw.randrange(len(lines))
        try:
            value = json.loads(lines[place])
        except (ValueError, RecursionError):
            return _text(data, draw)
    except RecursionError:
        return _text(data, draw)
    spots = list(_spots(value))
    if not spots:
        return _text(data, draw)
    outer, key = draw.choice(spots)
    way = draw.random()
    if way < 0.15 and isinstance(outer, dict):
        outer[f"{key}x"] = outer.pop(key)
    elif way < 0.3:
        del outer[key]
    else:
        outer[key] = draw.choice(NASTY)
    if isinstance(value, dict) and "sha256" in value and "cases" in value and draw.random() < 0.9:
        try:
            value["sha256"] = digest(value)
        except (ValueError, TypeError):
            value.pop("sha256")
    written = json.dumps(value, indent=1 if len(lines) == 1 else None).encode()
    return b"\n".join([*lines[:place], written, *lines[place + 1 :], b""])


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(inside):
        yield value, key
        yield from _spots(inner)


def _header(data: bytes, draw: random.Random) -> bytes:
    """Spoil the header of a safetensors file, its length, or some bytes behind it."""
    length = int.from_bytes(data[:8], "little")
    way = draw.random()
    if way < 0.2:
        return (
            draw.choice(
                (
                    b"",
                    b"\0" * 8,
                    (2**63).to_bytes(8, "little"),
                    (10**8 + 1).to_bytes(8, "little"),
                    (2).to_bytes(8, "little"),
                )
            )
            + data[8:]
        )
    if way < 0.3:
        return data[: draw.randrange(len(data) + 1)]
    if way < 0.4:
        header: bytes = draw.choice((b"[]", b"null", b'"x"', b"{}", b"[" * 5000, b'{"a": 3}', b"3"))
    else:
        header = _values(data[8 : 8 + length], draw)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


class OverTimeError(BaseException):
    """Reading took longer than anything may."""


@contextmanager
def watched(seconds: float) -> Iterator[None]:
    """Raise ``OverTimeError`` when the block takes longer by the clock of the wall."""

    def over(_number: int, _frame: FrameType | None) -> None:
        raise OverTimeError

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def lay(kind: Kind, folder: Path, draw: random.Random | None) -> Path:
    """Write an input of a kind into an empty folder, spoiled where there is something to draw with; give its path."""
    folder.mkdir(parents=True)
    kind.make(folder)
    path = folder / kind.file
    if draw is not None:
        if kind.name == "options":
            _spoil_options(path, draw)
        else:
            spoil(path, draw)
    return path


def _spoil_options(path: Path, draw: random.Random) -> None:
    given = json.loads(path.read_text())
    for _ in range(draw.choice((1, 1, 2))):
        option = draw.choice(OPTIONS)
        value = draw.choice([one for one in (*NASTY, *LITERALS) if isinstance(one, str)])
        given[option.name] = [value] if option.repeat else value
    path.write_text(json.dumps(given))


def seeded(*parts: object) -> random.Random:
    """Give a source of draws that is the same for the same parts on every machine."""
    return random.Random(hashlib.sha256(repr(parts).encode()).digest())
