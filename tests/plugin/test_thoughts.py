"""Thoughts in a whole run: no task scores them, no judge and no rater sees them, the record and the page keep them."""

import json

import pytest
from tools.fake_server import FakeServer

pytest.importorskip("openai", reason="pip install 'pytest-medeval[endpoint]' brings openai")

CASES = {
    "dialogue": "input: {id} chest pain.\n    reference: Call an ambulance.\n    must_mention: [ambulance]",
    "mcq": "question: {id} drug?\n    options: {{A: heparin, B: aspirin}}\n    answer: B",
    "polarity": "dialogue: 我{id}咳嗽。\n    findings: {{咳嗽: positive}}",
}
RIGHT = {"dialogue": "An ambulance.", "mcq": "The answer is B.", "polarity": "咳嗽：阳性"}
WRONG = {"dialogue": "Take a warm bath.", "mcq": "The answer is A.", "polarity": "咳嗽：阴性"}


def suite(task: str, *names: str) -> str:
    """Write a suite of critical cases."""
    head = "task: mcq\nscoring: reply\n" if task == "mcq" else f"task: {task}\n"
    cases = (f"  - id: {name}\n    critical: true\n    {CASES[task].format(id=name)}\n" for name in names)
    return f"{head}cases:\n{''.join(cases)}"


@pytest.fixture
def run(pytester: pytest.Pytester):
    """Give a function that runs a task's suite against a server, and gives the result with the record."""

    def run(task: str, reply, *args: str, cases: tuple[str, ...] = ("only",)):
        pytester.path.joinpath(f"s_{task}.medeval.yaml").write_text(suite(task, *cases), encoding="utf-8")
        with FakeServer(reply if callable(reply) else lambda _: reply) as server:
            result = pytester.runpytest(
                f"--medeval-model={server.url}#fake",
                "--medeval-json=run.json",
                "--medeval-html=page.html",
                "--medeval-markdown=run.md",
                *(arg.format(url=server.url) for arg in args),
            )
        return result, json.loads((pytester.path / "run.json").read_text(encoding="utf-8"))

    return run


@pytest.mark.parametrize("task", CASES)
def test_thoughts_are_never_read(run, task: str):
    """A right thought makes no wrong reply right, nor the other way round; one that never ends is no answer."""
    right, wrong = RIGHT[task], WRONG[task]
    replies = {
        "hidden": f"<think>{right}</think>\n\n{wrong}",
        "alone": f"{right}</think>{wrong}",
        "dropped": f"[THINK]{wrong}[/THINK]{right}",
        "cut": f"<think>{right}",
    }

    def reply(body):
        text = body["messages"][-1]["content"]
        return next(said for name, said in replies.items() if name in text)

    result, record = run(task, reply, cases=tuple(replies))
    found = {case["id"]: case for case in record["cases"]}
    told = {name: (case["candidate"]["reply"], case["candidate"]["thoughts"]) for name, case in found.items()}
    assert told == {"hidden": (wrong, right), "alone": (wrong, right), "dropped": (right, wrong), "cut": ("", right)}
    assert [name for name, case in found.items() if case["correct"]] == ["dropped"]
    assert found["cut"]["candidate"]["outcome"] == "truncated"
    assert found["cut"]["candidate"]["unclosed"] is True
    (gate,) = record["gates"]
    assert (gate["expression"], gate["verdict"]) == ("critical", "fail")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["*1 answers end inside thoughts and are none: allow more max_new_tokens*"])


def test_no_judge_and_no_rater_sees_thoughts(run, pytester):
    """Neither the judge's prompt nor the blind page holds them; the page of the run keeps them folded."""
    asked = []

    def reply(body):
        asked.append(json.dumps(body, ensure_ascii=False))
        said = "Drink." if "chat_template_kwargs" in body else "Take a warm bath."
        return f"<think>SECRET</think>{said}" if body["messages"][-1]["content"].endswith("pain.") else "{}"

    judged = ("--medeval-judge={url}#fake", "--medeval-baseline={url}#fake?x=1", "--medeval-review=rate.html")
    result, _ = run("dialogue", reply, *judged)
    assert any("warm bath" in body for body in asked)
    assert not any("SECRET" in body for body in asked)
    texts = {name: (pytester.path / name).read_text(encoding="utf-8") for name in ("page.html", "run.md", "rate.html")}
    assert "warm bath" in texts["rate.html"]
    assert {name for name, text in texts.items() if "SECRET" in text} == {"page.html"}
    assert "SECRET" not in result.stdout.str()


def test_other_tags(run, pytester):
    """They are named in the ini file or on the command line, stand in the record, and are checked at once."""
    pytester.makeini("[pytest]\nmedeval_thoughts = think,plan\n")
    _, record = run("dialogue", "<plan>An ambulance</plan>Take a bath.")
    assert record["cases"][0]["correct"] is False
    assert record["thoughts"] == ["think", "plan"]
    wrong = pytester.runpytest("--medeval-thoughts=a b")
    assert wrong.ret == pytest.ExitCode.USAGE_ERROR
    wrong.stderr.fnmatch_lines(["*--medeval-thoughts=a b: 'a b' names no tag; accepted: names of tags*"])


@pytest.mark.parametrize("old", [True, False])
def test_replayed_replies(run, pytester, old: bool):
    """An old record holds thoughts in its replies: replayed, they are told apart. A new one gives the same again."""
    _, record = run("dialogue", "<think>An ambulance</think>Take a bath.")
    told = record["cases"][0]["candidate"]
    if old:
        told["reply"] = f"<think>{told.pop('thoughts')}</think>{told['reply']}"
        del record["thoughts"]
        (pytester.path / "run.json").write_text(json.dumps(record), encoding="utf-8")
    (pytester.path / "run.json").rename(pytester.path / "before.json")
    pytester.runpytest("--medeval-model=replay:before.json", "--medeval-json=run.json")
    (case,) = json.loads((pytester.path / "run.json").read_text(encoding="utf-8"))["cases"]
    assert (case["candidate"]["reply"], case["candidate"]["thoughts"]) == ("Take a bath.", "An ambulance")
    assert case["correct"] is False
