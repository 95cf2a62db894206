"""Clusters end to end: declared in Python and YAML, found from a tag, refused where they cannot be."""

from __future__ import annotations

import json

import pytest

SUITE = """
import pytest
from pytest_medeval import Suite

suite = Suite(task="mcq", cases="quiz.jsonl", gates=["accuracy better than baseline"]{more})

@pytest.mark.medeval(suite)
def test_quiz(evaluation):
    assert evaluation.outcome == "answered"
"""
RIGHT = '''
"""Right where the template of the question says so: cases of one template are answered alike."""
from tools.fake_model import FakeModel
from pytest_medeval.core.types import Answer

def open_fake(spec, settings):
    def script(request):
        number = int(request.messages[-1].content.split()[1][1:])
        right = (number // 5 % 3 != 0) == (spec.argument == "tuned")
        index = (number + (not right)) % 4
        return Answer("", "choice", tuple(-1.0 if i == index else -3.0 for i in range(4)), (1,) * 4)
    return FakeModel(script, name=spec.text)
'''


def spoken(result):
    """Give the summary without its line breaks."""
    return " ".join(result.stdout.str().split())


def written(project, more="", **changes):
    """Write 100 questions of 20 templates; ``changes`` go into the first."""
    project.write("fakes.py", RIGHT)
    options = {"A": "one", "B": "two", "C": "three", "D": "four"}
    cases = [
        {"id": f"q{i}", "question": f"Question w{i} ?", "options": options, "answer": "ABCD"[i % 4],
         "tags": {"template": f"t{i // 5}"}}
        for i in range(100)
    ]  # fmt: skip
    cases[0] |= changes
    project.write("quiz.jsonl", "".join(json.dumps(case) + "\n" for case in cases))
    project.write("test_quiz.py", SUITE.format(more=more))
    return cases


def test_templates_are_found_until_the_suite_declares_them(project):
    """Found: named, open, and the gate judged by them; declared: the same clusters, without the question."""
    written(project)
    models = {"model": "fake:tuned", "baseline": "fake:base"}
    said = spoken(project.run("--medeval-json=run.json", **models))
    found = project.record()
    cluster = found["suites"]["quiz"]["cluster"]
    assert (cluster["name"], cluster["origin"], cluster["count"], cluster["icc"]) == ("template", "found", 20, 1.0)
    assert "clusters: 20 by template of 100 cases, accuracy ICC 1.00, design effect 5.00, at least 5.00: found" in said
    assert 'cluster="template", or cluster=None and its' in said
    assert {case["id"]: case["cluster"] for case in found["cases"]}["q7"] == "t1"
    assert "20 clusters" in found["gates"][0]["reason"]
    written(project, ', cluster="template"')
    said = spoken(project.run("--medeval-json=declared.json", **models))
    declared = project.record("declared.json")
    assert declared["suites"]["quiz"]["cluster"] | {"origin": "found"} == cluster
    assert declared["gates"][0]["interval"][0] >= found["gates"][0]["interval"][0]
    assert "found, not declared" not in said


@pytest.mark.usefixtures("whole")
def test_a_reason_keeps_cases_apart_and_yaml_says_the_same(project):
    """In YAML: `cluster: null` with a reason, and `cluster: group` of the cases' key."""
    cases = written(project)
    (project.pytester.path / "test_quiz.py").unlink()
    head = {"task": "mcq", "gates": ["accuracy better than baseline"]}
    alone = {**head, "cluster": None, "cluster_reason": "templates differ in words alone", "cases": cases}
    by_key = {**head, "cluster": "group", "cases": [case | {"group": i // 10} for i, case in enumerate(cases)]}
    project.write("alone.medeval.yaml", json.dumps(alone))
    project.write("by_key.medeval.yaml", json.dumps(by_key))
    result = project.run("--medeval-json=run.json", model="fake:tuned", baseline="fake:base")
    suites = {name: one["cluster"] for name, one in project.record()["suites"].items()}
    assert (suites["alone"]["name"], suites["alone"]["reason"]) == (None, "templates differ in words alone")
    assert suites["alone"]["notable"]["template"]["count"] == 20
    assert (suites["by_key"]["name"], suites["by_key"]["origin"], suites["by_key"]["count"]) == (
        "group",
        "declared",
        10,
    )
    said = spoken(result)
    assert "cases are taken as independent: templates differ in words alone" in said
    assert "cases of one template (20 values) depend on each other" in said


MISTAKES = {
    ', cluster="templat"': "*_0.py:5: unknown cluster 'templat' (did you mean 'template'?); accepted: *",
    ', cluster="group"': "*_1.py:5: unknown cluster 'group'*; accepted: content, group, template",
    ', cluster="template"': "*quiz.jsonl:1: case 'q0' has no tag 'template', by which its suite is clustered*",
    ", cluster=None": "*_3.py:5: cluster is None and cluster_reason ''; accepted: *",
    ', cluster="template", cluster_reason="why"': "*cluster is 'template' and cluster_reason 'why'; accepted: *",
    ", cluster=[3]": "*_5.py:5: cluster is [[]3]*",
    ', cluster=""': "*_6.py:5: unknown cluster ''*",
}


def test_a_cluster_that_cannot_be_is_a_line(project):
    """One line with the place, what was found, what is accepted; exit code 4."""
    written(project, tags={})
    for place, more in enumerate(MISTAKES):
        project.write(f"test_{place}.py", SUITE.format(more=more))
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines_random([*MISTAKES.values()])
