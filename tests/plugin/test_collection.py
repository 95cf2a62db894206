"""Cases become tests like any others: ids, -k, --lf, marks, fixtures, YAML files."""

from __future__ import annotations

YAML = """\
task: mcq
gates: ["accuracy >= 0.1"]
cases:
  - {id: first-drug, question: Which w0 first, options: {A: one, B: two, C: three, D: four}, answer: A, tags: {ward: a}}
  - {id: next-drug, question: Which w1 next, options: {A: one, B: two, C: three, D: four}, answer: B, tags: {ward: b}}
"""


def test_ids_are_the_case_ids(project):
    """A test is named by its case, and no text of the case is in its id."""
    project.quiz(3)
    result = project.run("--collect-only", "-q")
    result.stdout.fnmatch_lines(
        ["test_quiz.py::test_quiz[[]q0[]]", "test_quiz.py::test_quiz[[]q1[]]", "test_quiz.py::test_quiz[[]q2[]]"]
    )


def test_collect_only_opens_no_model(project):
    """--collect-only neither opens a model nor demands one."""
    project.quiz(3)
    project.write("fakes.py", "def open_fake(spec, settings): raise SystemExit('opened')")
    result = project.run("--collect-only")
    assert result.ret == 0
    result.stdout.no_fnmatch_line("*opened*")
    assert project.run("--collect-only", model=None, baseline=None).ret == 0


def test_yaml_cases_are_tests(project):
    """A YAML file without any Python is a suite named by its file."""
    project.write("ward/drugs.medeval.yaml", YAML)
    result = project.run("-v", model="fake:1.0", baseline="none")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        ["ward/drugs.medeval.yaml::case[[]first-drug[]] PASSED*", "drugs::gate[[]accuracy >= 0.1[]] PASSED*"]
    )


def test_yaml_cases_obey_k_and_last_failed(project):
    """-k and --lf choose among YAML cases as among any tests."""
    project.write("drugs.medeval.yaml", YAML)
    assert project.run("-k", "next-drug", model="fake:1.0", baseline="none").parseoutcomes()["deselected"] == 1
    project.write("drugs.medeval.yaml", YAML.replace("task: mcq", "task: mcq\nscoring: reply"))
    project.run(model="fake:0.0", baseline="none").assert_outcomes(failed=3)
    project.run("--lf", model="fake:0.0", baseline="none").assert_outcomes(failed=3)


def test_yaml_cases_see_fixtures_and_marks_of_the_project(project):
    """Autouse fixtures of conftest.py and marks added by it reach YAML cases."""
    project.write("drugs.medeval.yaml", YAML)
    conftest = project.pytester.path / "conftest.py"
    conftest.write_text(
        conftest.read_text()
        + """
import pytest
@pytest.fixture(autouse=True)
def shout(request): print("seen", request.node.name)
def pytest_collection_modifyitems(items):
    for item in items: item.add_marker("slow") if "next" in item.name else None
def pytest_configure(config): config.addinivalue_line("markers", "slow: takes long")
"""
    )
    result = project.run("-s", "-m", "slow", "--strict-markers", model="fake:1.0", baseline="none")
    result.stdout.fnmatch_lines(["*seen case[[]next-drug[]]*"])
    assert result.parseoutcomes()["deselected"] == 1


def test_yaml_cases_can_name_files(project):
    """``cases:`` of a YAML suite may be a file."""
    project.quiz(4)
    (project.pytester.path / "test_quiz.py").unlink()
    project.write("again.medeval.yaml", "task: mcq\ncases: quiz.jsonl\n")
    project.run(model="fake:1.0", baseline="none").assert_outcomes(passed=4)


def test_an_unanswered_yaml_case_fails_with_its_reply(project):
    """What holds for every reply is that it answers."""
    project.write("drugs.medeval.yaml", YAML.replace("task: mcq", "task: mcq\nscoring: reply"))
    result = project.run(model="fake:0.0", baseline="none")
    result.stdout.fnmatch_lines(["*drugs.medeval.yaml:5: no_answer: not read: empty: ''*"])


def test_every_case_is_asked_once_and_before_the_first_test(project):
    """All requests of a suite go to a model in one call; one call a test is a defect."""
    project.quiz(10)
    project.write(
        "fakes2.py",
        """
import fakes
def open_fake(spec, settings):
    model = fakes.open_fake(spec, settings)
    class Counting:
        identity = model.identity
        notices = []
        def answer(self, requests, tick=lambda done: None):
            print(f"asked {len(requests)}")
            return model.answer(requests, tick)
    return Counting()
""",
    )
    project.pytester.makeconftest('def pytest_medeval_models(): return {"fake2": "fakes2:open_fake"}')
    result = project.run("-s", model="fake2:0.9", baseline="fake2:0.1")
    assert [line for line in result.outlines if line.startswith("asked")] == ["asked 10", "asked 10"]


def test_models_are_fixtures_for_tests_of_ones_own(project):
    """``medeval_model`` and ``medeval_baseline`` reply and give log-probabilities."""
    project.write(
        "test_own.py",
        """
def test_own(medeval_model, medeval_baseline):
    assert medeval_model.reply("w1 please") == "take w1 twice"
    assert medeval_baseline.reply("w1 please") == ""
    assert len(medeval_model.logprobs("w1", ["a", "b", "c", "d"])) == 4
""",
    )
    project.run(model="fake:1.0", baseline="fake:0.0").assert_outcomes(passed=1)


def test_the_judge_is_a_fixture(project):
    """``medeval_judge`` grades a reply on the rubric's dimensions; without a judge the test fails with one line."""
    project.write(
        "test_own.py",
        """
def test_own(medeval_judge):
    grades = medeval_judge.grade("I feel w1 today", "rest", reference="rest")
    assert set(grades) == {"accuracy", "comprehensiveness", "helpfulness", "relevance"}
    assert all(1 <= grade <= 5 for grade in grades.values())
""",
    )
    project.write(
        "judges.py",
        """
from tools.fake_model import FakeModel
def open_judge(spec, settings): return FakeModel({}, default="4", name=spec.text)
""",
    )
    project.pytester.makeconftest('def pytest_medeval_models(): return {"judge": "judges:open_judge"}')
    project.run("--medeval-judge=judge:x", model=None, baseline=None).assert_outcomes(passed=1)
    result = project.run(model=None, baseline=None)
    result.stdout.fnmatch_lines(["*no judge is named; give --medeval-judge=SPEC*"])


def test_scores_do_not_depend_on_what_else_is_selected(project):
    """A case has the same scores alone, in the whole suite, and on workers."""
    project.quiz(12)

    def scores(*args):
        project.run("--medeval-json=run.json", *args)
        return {case["id"]: case["candidate"]["scores"] for case in project.record()["cases"]}

    whole, alone, workers = scores(), scores("-k", "q7]"), scores("-n", "2")
    assert alone == {"q7": whole["q7"]}
    assert workers == whole


def test_options_can_stand_in_the_ini_file(project):
    """Every option has an ini key of the same name; the command line goes first."""
    project.quiz(30)
    project.pytester.makeini(
        "[pytest]\nmedeval_model = fake:1.0\nmedeval_baseline = none\n"
        "medeval_limit = 25\nmedeval_gate =\n    accuracy >= 0.5\n"
    )
    assert project.run(model=None, baseline=None).parseoutcomes() == {"passed": 26}
    assert project.run("--medeval-limit=20", model=None, baseline=None).parseoutcomes() == {"passed": 21}
