"""Case files to tests, and marks to cases."""

from __future__ import annotations

import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_medeval.core.encodable import inert
from pytest_medeval.core.errors import MedevalError, accepted
from pytest_medeval.core.settings import RunSettings
from pytest_medeval.core.types import Source
from pytest_medeval.runs.engine import Evaluation
from pytest_medeval.runs.suite import Resolved, Suite, finish, make_task, resolve, with_gates

YAML_SUFFIXES = (".medeval.yaml", ".medeval.yml")


@dataclass(frozen=True, slots=True)
class Ask:
    """The parameter of a test's ``evaluation``: one case of one suite."""

    suite: str
    case: str


@dataclass
class Collection:
    """The suites of a session, and every mistake found in them."""

    settings: RunSettings
    suites: dict[str, Resolved] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    _by_object: dict[int, tuple[Suite, Resolved | None]] = field(default_factory=dict)

    def add(self, suite: Suite) -> Resolved | None:
        """Resolve a suite once; a mistake is kept for the end of collection and gives None."""
        if id(suite) not in self._by_object:
            self._by_object[id(suite)] = (suite, self._resolve(suite))
        return self._by_object[id(suite)][1]

    def _resolve(self, suite: Suite) -> Resolved | None:
        try:
            found = read_yaml(suite, self.settings) if isinstance(suite, YamlSuite) else resolve(suite, self.settings)
            if found.name in self.suites:
                raise MedevalError(
                    f"{suite.source}: suite {found.name!r} is already defined at {self.suites[found.name].source}; "
                    "give one of them another name="
                )
            self.suites[found.name] = found
        except MedevalError as mistake:
            if str(mistake) not in self.mistakes:  # one of a model's folder is found by each of its suites
                self.mistakes.append(str(mistake))
            return None
        return found

    def close(self) -> None:
        """Hand out the gates of the command line, now that all suites are known."""
        from pytest_medeval.verdicts.gates.grammar import parse_gate

        for text in self.settings.gates:
            name, sep, expression = text.partition(":")
            targets = [name.strip()] if sep else list(self.suites)
            try:
                gate = parse_gate(expression if sep else text)
                for target in targets:
                    if target not in self.suites:
                        raise MedevalError(accepted("suite", target, self.suites))
                    self.suites[target] = with_gates(self.suites[target], [gate], self.settings)
            except MedevalError as mistake:
                self.mistakes.append(f"--medeval-gate={text}: {mistake}")


def parametrize(metafunc: pytest.Metafunc, collection: Collection) -> None:
    """Give a marked test function one ``evaluation`` a case."""
    mark = metafunc.definition.get_closest_marker("medeval")
    if mark is None:
        return
    where = f"{metafunc.definition.path}:{metafunc.function.__code__.co_firstlineno}"
    suite = mark.args[0] if len(mark.args) == 1 and not mark.kwargs else None
    if not isinstance(suite, Suite):
        collection.mistakes.append(f"{where}: mark medeval takes one Suite, as in @pytest.mark.medeval(suite)")
    elif "evaluation" not in metafunc.fixturenames:
        collection.mistakes.append(
            f"{where}: {metafunc.function.__name__} is marked medeval and does not ask for the fixture 'evaluation'"
        )
    else:
        resolved = collection.add(suite)
        cases = resolved.cases if resolved else ()
        name = resolved.name if resolved else ""
        metafunc.parametrize(
            "evaluation", [Ask(name, case.id) for case in cases], indirect=True, ids=[inert(case.id) for case in cases]
        )


def asked(item: pytest.Item) -> Ask | None:
    """Tell which case an item evaluates, if any."""
    callspec = getattr(item, "callspec", None)
    ask = callspec.params.get("evaluation") if callspec else None
    return ask if isinstance(ask, Ask) else None


def selection(items: Sequence[pytest.Item]) -> dict[str, list[str]]:
    """Group the selected cases by suite, each once, in the order of the tests."""
    chosen: dict[str, dict[str, None]] = {}
    for item in items:
        ask = asked(item)
        if ask is not None:
            chosen.setdefault(ask.suite, {})[ask.case] = None
    return {suite: list(cases) for suite, cases in chosen.items()}


class YamlSuite(Suite):
    """A suite that a ``*.medeval.yaml`` file defines."""

    def __init__(self, path: Path) -> None:
        super().__init__(task="")
        self.source = Source(str(path))


def read_yaml(suite: Suite, settings: RunSettings) -> Resolved:
    """Read and check a YAML suite: its options, then its cases."""
    from pytest_medeval.tasks import TASKS
    from pytest_medeval.tasks.cases import check_records, read_yaml_suite

    path = Path(suite.source.file)
    file = read_yaml_suite(path)
    given = dict(file.fields)
    if "task" not in given:
        raise MedevalError(f"{path}:1: key 'task' is missing; accepted: {', '.join(TASKS)}")
    named = Suite(**given)
    named.source, named.lines = Source(str(path), file.lines.get("task")), file.lines
    if named.cases:
        return resolve(named, settings)
    if named.columns is not None:
        raise MedevalError(f"{named.at('columns')}: columns without files of cases; accepted: 'cases' that names files")
    task = make_task(named)
    return finish(named, task, check_records(file.records, task), (), settings)


class YamlModule(pytest.Module):
    """A ``*.medeval.yaml`` file as a module with one parametrized test, so that its items behave like any others."""

    def _getobj(self) -> types.ModuleType:
        module = types.ModuleType(self.path.name)
        module.__file__ = str(self.path)
        code = _case.__code__.replace(co_filename=str(self.path), co_firstlineno=1)
        function = types.FunctionType(code, globals(), "case")
        module.case = pytest.mark.medeval(YamlSuite(self.path))(function)  # type: ignore[attr-defined]  # a made-up module
        return module

    def istestfunction(self, obj: object, name: str) -> bool:  # noqa: ARG002 - pytest's signature
        """Accept the one test whatever ``python_functions`` says."""
        return name == "case"

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """Leave collection to pytest."""
        yield from super().collect()


def _case(evaluation: Evaluation) -> None:
    if evaluation.outcome != "answered":
        reply = "" if evaluation.outcome == "error" else repr(evaluation.reply[:200])
        told = ": ".join(part for part in (evaluation.detail, reply) if part)
        pytest.fail(f"{evaluation.case.source}: {evaluation.outcome}: {told}", pytrace=False)
