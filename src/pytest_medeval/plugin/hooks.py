"""The pytest hooks; they only translate.

Nothing heavy is imported here: an unrelated test suite must not notice that the plugin is installed. The hooks of
``Running`` are registered when a session first uses the plugin.
"""

from __future__ import annotations

import os
import shlex
import traceback
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from pytest_medeval.core.errors import MedevalError, Mistakes, whole
from pytest_medeval.core.options import OPTIONS, Option, check_keys, check_once
from pytest_medeval.core.settings import read_settings
from pytest_medeval.core.signals import terminated_as_interrupted
from pytest_medeval.plugin import fixtures

if TYPE_CHECKING:
    from pluggy import HookCaller, HookRelay
    from xdist.remote import Producer
    from xdist.workermanage import WorkerController

    from pytest_medeval.plugin.schedule import SuiteScheduling
    from pytest_medeval.plugin.session import MedevalSession
    from pytest_medeval.report.outline import Outline

STATE: pytest.StashKey[MedevalSession] = pytest.StashKey()
NODE_FOLDER = "medeval_folder"
CROSSING = "medeval-crossing"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add every option of the table, and its ini key."""
    group = parser.getgroup("medeval", "medical model evaluation")
    for option in OPTIONS:
        group.addoption(option.flag, dest=option.key, default=None, help=option.help, **option.shape)
        kind: Literal["linelist", "string"] = "linelist" if option.repeat else "string"
        parser.addini(option.key, option.help, type=kind, default=None)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Offer the hooks through which third parties add names to the tables."""
    from pytest_medeval.plugin import newhooks

    pluginmanager.add_hookspecs(newhooks)


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark and the fixtures; check the options at once when there are any."""
    with usage():
        _check_written(config)
    config.addinivalue_line("markers", "medeval(suite): evaluate the cases of a pytest_medeval.Suite, one test a case")

    config.stash[fixtures.STATE] = lambda: start(config)
    config.pluginmanager.register(fixtures, "medeval-fixtures")
    if any(_given(config, option) for option in OPTIONS):
        start(config)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect ``*.medeval.yaml``."""
    if not file_path.name.endswith((".medeval.yaml", ".medeval.yml")):
        return None
    from pytest_medeval.plugin.collect import YamlModule

    return YamlModule.from_parent(parent, path=file_path)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Turn a marked function into one test a case."""
    if metafunc.definition.get_closest_marker("medeval") is not None:
        from pytest_medeval.plugin.collect import parametrize

        parametrize(metafunc, start(metafunc.config).collection)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: WorkerController) -> None:
    """Tell a worker where to leave what it collected."""
    state = start(node.config)
    node.workerinput[NODE_FOLDER] = str(state.folder())
    state.workers.append(node.gateway)
    if not node.config.pluginmanager.hasplugin(CROSSING):
        node.config.pluginmanager.register(Crossing(state), CROSSING)


def start(config: pytest.Config) -> MedevalSession:
    """Give the machinery; start it on first use."""
    if STATE not in config.stash:
        from pytest_medeval.plugin.outputs import check_inks
        from pytest_medeval.plugin.session import MedevalSession

        stack = ExitStack()
        config.add_cleanup(stack.close)
        with usage():
            _extend(config.hook, stack)
            workers = bool(config.getoption("numprocesses", None) or config.getoption("tx", None))
            root = Path(config.rootpath)
            state = MedevalSession(read_settings(lambda option: _given(config, option), root, workers=workers))
            check_inks(state.settings)
        worker = getattr(config, "workerinput", None)
        if worker is not None:
            state.work_for(worker[NODE_FOLDER], worker["workerid"], worker["workercount"])
            config.pluginmanager.register(Crossing(state), CROSSING)
        config.stash[STATE] = state
        stack.enter_context(terminated_as_interrupted())
        config.pluginmanager.register(Running(config, state), "medeval-running")
    return config.stash[STATE]


def _extend(hook: HookRelay, stack: ExitStack) -> None:
    """Take the names of third parties into the tables, for as long as the session lasts."""
    from pytest_medeval.judges.styles import JUDGE_STYLES
    from pytest_medeval.metrics import METRICS
    from pytest_medeval.metrics.details import DETAILS
    from pytest_medeval.models.spec import MODEL_KINDS
    from pytest_medeval.report import INKS
    from pytest_medeval.tasks import TASKS
    from pytest_medeval.tasks.cases.formats import FORMATS

    for table in (TASKS, FORMATS, METRICS, DETAILS, MODEL_KINDS, JUDGE_STYLES, INKS):
        name = f"pytest_medeval_{table.offered}"
        for entries in _called(getattr(hook, name)):
            if not isinstance(entries, dict) or not all(
                isinstance(one, str) for pair in entries.items() for one in pair
            ):
                raise MedevalError(f"{name}() gave {entries!r}; accepted: {{'name': 'module:Attribute'}}")
            stack.enter_context(table.lent(entries))


def _called(hook: HookCaller) -> list[object]:
    """Ask all plugins; one that raises is named, with the file and line where it did."""
    try:
        return list(hook())
    except (Exception, pytest.skip.Exception, pytest.fail.Exception) as error:
        frames = list(traceback.walk_tb(error.__traceback__))
        for one in hook.get_hookimpls():
            code = getattr(one.function, "__code__", None)
            line = next((line for frame, line in frames if frame.f_code is code), None)
            if code and line:
                told = f"{hook.name}() of plugin {one.plugin_name} raised {whole(error)}"
                raise MedevalError(f"{told} ({code.co_filename}:{line})") from error
        raise MedevalError(f"{hook.name}() raised {whole(error)}") from error


def _check_written(config: pytest.Config) -> None:
    """Refuse what pytest itself lets be lost: an ini key that there is not, a value given twice."""
    overrides = [text.partition("=")[0].strip() for text in config.getoption("override_ini", None) or ()]
    known = {option.key for option in OPTIONS}
    unknown = config._get_unknown_ini_keys()  # noqa: SLF001 - the public way, config.inicfg, ends with pytest 9
    mistakes = Mistakes()
    check_keys({*unknown, *overrides} - known, known, mistakes)
    check_once("command line", _expanded(map(str, config.invocation_params.args)), mistakes)
    check_once("addopts", config.getini("addopts"), mistakes)
    check_once("PYTEST_ADDOPTS", shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), mistakes)
    mistakes.tell()


def _expanded(arguments: Iterable[str]) -> Iterator[str]:
    """Put the lines of ``@FILE`` in its place, as argparse has done already."""
    for argument in arguments:
        if argument.startswith("@"):
            yield from _expanded(Path(argument[1:]).read_text().splitlines())
        else:
            yield argument


def _given(config: pytest.Config, option: Option) -> object:
    """Take the command line before the ini file."""
    value = config.getoption(option.key)
    return value if value is not None else config.getini(option.key) or None


@contextmanager
def usage() -> Iterator[None]:
    """Turn a user's mistake into pytest's usage error: one line, exit code 4."""
    try:
        yield
    except MedevalError as mistake:
        raise pytest.UsageError(*str(mistake).splitlines()) from None


class Running:
    """The hooks of a session that uses the plugin."""

    def __init__(self, config: pytest.Config, state: MedevalSession) -> None:
        self.config = config
        self.state = state
        self.interrupted = False
        self.failed: list[pytest.TestReport] | None = None
        """All failures, while only the worst are in the terminal's list."""

    def pytest_report_header(self) -> list[str]:
        """Name the candidate, what workers cost, and what is left out."""
        return self.state.header(len(self.config.getoption("tx", None) or ()))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Report all mistakes of collection together; a worker leaves them to the controller."""
        from pytest_medeval.plugin.collect import selection

        with usage():
            evaluating = bool(selection(items)) and not self.config.option.collectonly
            if not self.state.collected(evaluating=evaluating):
                items.clear()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Keep what is selected; from here on all requests of the run are known."""
        from pytest_medeval.plugin.collect import selection

        self.state.selected = selection(session.items)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        """Answer before the first test, judge after the last."""
        if self.config.option.collectonly or self.state.worker:
            return (yield)
        progress = self.config.pluginmanager.getplugin("terminalreporter")
        with usage():
            self.state.answer_all(progress)
        try:
            ended = yield
        except pytest.UsageError:  # a worker found a mistake: nothing was evaluated, so there is nothing to judge
            raise
        except BaseException:
            self.state.stop_workers()
            self._judge(session)
            raise
        self._judge(session)
        return ended

    def _judge(self, session: pytest.Session) -> None:
        """Make a test of every gate, so that it shows in the counts, in ``-v``, in JUnit XML and in other plugins."""
        from pytest_medeval.plugin.items import item, judged, run

        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        with usage():
            outline = self.state.judge(terminal)
        if outline is None:
            return
        if terminal is not None and outline.verdict.gates:
            _end_line(terminal)
        run(judged(session, outline))
        _note_in_junit(self.config.pluginmanager, outline)
        where = str(self.config.inipath or self.config.rootpath)
        failed = [output for output in self.state.outputs if output.failed]
        run(item(session, "medeval", {output.flag: ""}, output.told, where) for output in failed)
        if terminal is not None:
            self._shorten(terminal, outline)

    def _shorten(self, terminal: pytest.TerminalReporter, outline: Outline) -> None:
        """Put the failures that are shown in place of all, until they have been shown."""
        from pytest_medeval.plugin.failures import worst

        failed = terminal.stats.get("failed")
        if failed and self.config.get_verbosity() < 1:
            self.failed, terminal.stats["failed"] = failed, worst(failed, outline.record)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what the verdict rests on."""
        if self.failed is not None:
            left_out = len(self.failed) - len(terminalreporter.stats["failed"])
            terminalreporter.stats["failed"] = self.failed
            if left_out:
                terminalreporter.write_line(f"medeval: {left_out} more failed cases, none worse; -v shows all")
        self.state.summarise(terminalreporter)

    @pytest.hookimpl(specname="pytest_terminal_summary", wrapper=True, tryfirst=True)
    def pytest_verdict(self, terminalreporter: pytest.TerminalReporter) -> Generator[None, None, None]:
        """Have the verdict stand below pytest's own list of failures."""
        yield
        self.state.end(terminalreporter)
        if self.interrupted and not self.config.option.collectonly:
            terminalreporter.write_line(self.state.how_to_go_on())

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell Ctrl-C and SIGTERM from what pytest itself stops for."""
        self.interrupted = excinfo.type is KeyboardInterrupt

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Hand a test that asks for nothing but its evaluation just that: pytest's way of fixtures costs more."""
        from pytest_medeval.plugin.collect import asked

        ask = asked(item)
        if ask is not None and isinstance(item, pytest.Function) and item.fixturenames == ["evaluation"]:
            item.funcargs["evaluation"] = fixtures.evaluate(item, ask)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let a test that asked a model show what it said as text that steers nobody's terminal or CI."""
        report = yield
        if fixtures.ASKING & set(getattr(item, "fixturenames", ())):
            from pytest_medeval.plugin.failures import shown

            report.longrepr = shown(report.longrepr)
            report.sections = shown(report.sections)
        return report

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        """Learn what the workers collected, and of the mistakes in it."""
        with usage():
            self.state.learn()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> SuiteScheduling | None:
        """Keep the cases of a suite on one worker, so that their batches stay whole."""
        if not self.state.settings.models or config.getoption("dist") != "load":
            return None
        from pytest_medeval.plugin.schedule import SuiteScheduling

        return SuiteScheduling(config, log)

    def pytest_unconfigure(self) -> None:
        """Remove the folder of the workers."""
        self.state.close()


def _end_line(terminal: pytest.TerminalReporter) -> None:
    """Leave the line of the last test, which is full and ends in 100 %."""
    if terminal.showfspath:
        terminal.currentfspath = None
    elif not terminal.showlongtestinfo:
        terminal.write_line("")


class Crossing:
    """The hooks by which evaluations cross from workers; in one process the fixture hands them over itself."""

    def __init__(self, state: MedevalSession) -> None:
        self.state = state

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Let the report of a test carry its evaluation; it crosses from workers with it."""
        report = yield
        message = item.stash.get(fixtures.MESSAGE, None)
        if message is not None and report.when == "setup":
            report.medeval = message  # type: ignore[attr-defined]  # reports carry any JSON attribute
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what a report carries."""
        message = getattr(report, "medeval", None)
        if message is not None:
            self.state.journal.note(message)


def _note_in_junit(plugins: pytest.PytestPluginManager, outline: Outline) -> None:
    """Give JUnit XML the verdict and the figures, as properties of the whole; its writer is a plugin like others."""
    from pytest_medeval.report.junit import properties

    for plugin in plugins.get_plugins():
        if hasattr(plugin, "add_global_property"):
            for name, value in properties(outline):
                plugin.add_global_property(name, value)
