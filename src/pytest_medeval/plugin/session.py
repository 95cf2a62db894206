"""One pytest session's evaluation, without pytest: suites in, evaluations out, a verdict at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from pytest_medeval.core.encodable import inert, masked
from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.settings import RunSettings
from pytest_medeval.core.types import Answer, Message, Request
from pytest_medeval.plugin.collect import Collection
from pytest_medeval.runs.engine import Engine, Evaluation, Sequential, entry
from pytest_medeval.runs.journal import Carried, Journal, gather, leave, manifest

if TYPE_CHECKING:
    import pytest
    from execnet.gateway import Gateway

    from pytest_medeval.core.record import NoiseMeasured
    from pytest_medeval.models import Model
    from pytest_medeval.models.roles import Roles
    from pytest_medeval.plugin.outputs import Output
    from pytest_medeval.report.outline import Outline
    from pytest_medeval.report.terminal import Detail
    from pytest_medeval.runs.reference import Awaited, Reference
    from pytest_medeval.runs.track_b import JudgePlan
    from pytest_medeval.verdicts.attempts import Attempts
    from pytest_medeval.verdicts.leakage import Tuning


DETAIL: Mapping[int, Detail] = {-1: "gates", 0: "glance", 1: "whole"}
"""pytest's verbosity -> how much is told."""


# What a test of a user's own asks: a model for replies, a judge for grades.


@dataclass(frozen=True)
class AskedModel:
    """A model for tests of a user's own."""

    model: Model

    def reply(self, text: str, *, system: str | None = None, max_new_tokens: int = 256) -> str:
        """Give the model's reply to one user message."""
        return self._answer(self._request(text, system, (), max_new_tokens)).text

    def logprobs(self, text: str, choices: Sequence[str], *, system: str | None = None) -> tuple[float, ...]:
        """Give the summed natural-log probability of each choice as the reply to one user message."""
        return self._answer(self._request(text, system, tuple(choices), 1)).logprobs

    def _answer(self, request: Request) -> Answer:
        """Ask; a model that gives no answer fails the test and not only what it compares."""
        (answer,) = self.model.answer([request])
        if answer.finish == "error":
            raise MedevalError(f"{self.model.identity.spec}: {answer.error}")
        return answer

    @staticmethod
    def _request(text: str, system: str | None, choices: tuple[str, ...], max_new_tokens: int) -> Request:
        head = (Message("system", system),) if system else ()
        return Request((*head, Message("user", text)), choices=choices, max_new_tokens=max_new_tokens)


@dataclass(frozen=True)
class Grader:
    """A judge for tests of a user's own."""

    judge: Model
    plan: JudgePlan
    seed: int

    def grade(self, asked: str, reply: str, *, reference: str | None = None) -> dict[str, float]:
        """Grade a reply on every dimension of the rubric; a dimension that could not be judged is not there."""
        from pytest_medeval.judges.judge import Judgeable, JudgeableReply, judge_cases

        candidate: JudgeableReply = {"reply": reply, "outcome": "answered"}
        entry = Judgeable(suite="", id="", asked=asked, gold=reference, candidate=candidate)
        how = self.plan.judging(self.seed, preference=False)
        return dict(judge_cases(self.judge, [entry], self.plan.rubric, how).cases[0].replies["candidate"].grades)


# How far is it? One line a stretch of work, through pytest's terminal reporter.

QUIET_SECONDS = 30.0
"""Without a terminal, how often a line is written while work goes on."""


EARLY_SECONDS, EARLY_SHARE = 10, 0.05
"""Before so many seconds and so much of the work nothing is said of how long the rest takes."""


class ProgressLine:
    """Opens a line for a stretch of work; the line is rewritten on a terminal and written rarely elsewhere."""

    def __init__(self, reporter: pytest.TerminalReporter | None, clock: Callable[[], float] = perf_counter) -> None:
        self._reporter = reporter
        self._clock = clock

    def __call__(self, label: str, total: int) -> Callable[[int], None]:
        """Start counting to ``total``; call what comes back with the number newly done."""
        if self._reporter is None or self._reporter.verbosity < 0 or total == 0:
            return lambda newly: None  # noqa: ARG005 - the shape of a tick
        stretch = _Stretch(self._reporter, label, total, self._clock)
        stretch.tick(0)
        return stretch.tick


class _Stretch:
    def __init__(self, reporter: pytest.TerminalReporter, label: str, total: int, clock: Callable[[], float]) -> None:
        self._reporter, self._label, self._total, self._clock = reporter, inert(masked(label)), total, clock
        self._done = 0
        self._started = self._written = clock()
        self._first: tuple[int, float] | None = None
        """What came first, and when: before it a model was loaded and its ways were proved, which happens once."""

    def tick(self, newly: int) -> None:
        """Count on and show it."""
        self._done += newly
        if self._done and self._first is None:
            self._first = self._done, self._clock()
        finished = self._done >= self._total
        if finished:
            self._reporter.rewrite(self._line(), erase=True) if self._reporter.isatty else None
            self._reporter.write_line("" if self._reporter.isatty else self._line())
        elif self._reporter.isatty:
            self._reporter.rewrite(self._line(), erase=True)
        elif self._clock() - self._written > QUIET_SECONDS:
            self._written = self._clock()
            self._reporter.write_line(self._line())

    def _line(self) -> str:
        seconds = self._clock() - self._started
        text = f"medeval: {self._label}: {self._done} of {self._total}"
        if self._first is None:
            return f"{text} (loading the model)"
        if self._done >= self._total:
            return f"{text} in {seconds:.1f} s ({self._done / max(seconds, 1e-9):.1f}/s)"
        before, began = self._first
        newly, took = self._done - before, self._clock() - began
        if not newly or took < EARLY_SECONDS or self._done < EARLY_SHARE * self._total:
            return text
        return f"{text}, {newly / took:.1f}/s, {(self._total - self._done) * took / newly:.0f} s left"


NO_MODEL = (
    "medeval suites were collected and no model is named; give --medeval-model=SPEC (ini medeval_model), such as the "
    "folder of an adapter or model, a name on the hub, or https://host/v1#name for a server"
)

FROM_FILES = ("local", "quantised", "gguf", "replay")
"""Kinds of model that are opened and proved by their files before a case is asked; weights are loaded later."""


class MedevalSession:
    """Holds a session's suites, models, evaluations and, on the controller, the journal."""

    def __init__(self, settings: RunSettings) -> None:
        self.settings = settings
        self.collection = Collection(settings)
        self.journal = Journal()
        self.selected: dict[str, list[str]] = {}
        self.worker: str | None = None
        self.workers: list[Gateway] = []
        self.outline: Outline | None = None
        self.outputs: list[Output] = []
        self.reference: Reference | Awaited | None = None
        self.tuning: Tuning | None = None
        self.attempts: Attempts | None = None
        self._store_open = False
        self._folder: Path | None = None
        self._threads: int | None = None
        self._engine: Engine | None = None
        self._roles: Roles | None = None
        self._told: set[str] = set()
        self._noise: dict[str, NoiseMeasured] = {}

    # workers

    def folder(self) -> Path:
        """Name the folder in which workers leave what they collected; the first of them makes it."""
        if self._folder is None:
            self._folder = Path(tempfile.gettempdir()) / f"medeval-{uuid.uuid4().hex}"
        return self._folder

    def work_for(self, folder: str, worker: str, count: int) -> None:
        """Become a worker: one of ``count`` that share this machine's cores."""
        self._folder, self.worker = Path(folder), worker
        self._threads = _share_of_cores(count)

    def stop_workers(self) -> None:
        """Have workers of this machine end as this process does: one that is busy hears nothing from xdist."""
        for gateway in self.workers:
            process = getattr(gateway._io, "popen", None)  # noqa: SLF001 - no public way to it
            if process is not None and process.poll() is None:
                process.terminate()

    def learn(self) -> None:
        """Take in what the workers collected so far; their mistakes are the user's."""
        left = gather(self.folder())
        mistakes = list(dict.fromkeys(mistake for one in left for mistake in one["mistakes"]))
        if mistakes:
            raise MedevalError("\n".join(mistakes))
        for one in left:
            self.journal.collected(one["suites"])
        if self.journal.suites:
            self._open_store()

    def close(self) -> None:
        """End what the models began, and remove the workers' folder."""
        if self._roles is not None:
            self._roles.close()
        if self._folder is not None and self.worker is None:
            shutil.rmtree(self._folder, ignore_errors=True)

    # collection

    def header(self, workers: int = 0) -> list[str]:
        """Say in pytest's header who is evaluated, what copies for ``workers`` cost, and what is left out."""
        if self.worker or not self.settings.models:
            return []
        baseline = ", ".join(self.settings.baselines) or "the adapter's own base"
        engine = "" if self.settings.engine == "local" else f"; engine {self.settings.engine}"
        who = f"candidate {', '.join(self.settings.models)}; baseline {baseline}"
        told = f"medeval: {inert(masked(who))}; seed {self.settings.seed}{engine}"
        return [told, *([self._copies(workers)] if workers else [])]

    def _copies(self, workers: int) -> str:
        """Say what it costs that every worker loads the models that its suites need."""
        from pytest_medeval.report.lines import size
        from pytest_medeval.tasks import TASKS

        try:
            weights = self.roles.weights(list(TASKS))
        except MedevalError:
            weights = 0  # a mistake in a model's name is told after collection
        copies = f", up to {workers} x {size(weights)} of weights" if weights else ""
        cores = _share_of_cores(workers)
        threads = "1 thread" if cores == 1 else f"{cores} threads"
        return f"medeval: {workers} workers of {threads}, each loads the models of its suites{copies}"

    def collected(self, *, evaluating: bool) -> bool:
        """Check the collection as a whole; False on a worker that leaves its mistakes to the controller."""
        self.collection.close()
        mistakes = list(self.collection.mistakes)
        if evaluating and not mistakes:
            mistakes = self._model_mistakes()
        suites = [manifest(suite, self.settings.root) for suite in self.collection.suites.values()]
        if self.worker and self._folder:
            self._folder.mkdir(exist_ok=True)
            leave(self._folder, self.worker, {"mistakes": mistakes, "suites": suites})
            return not mistakes
        if mistakes:
            raise MedevalError("\n".join(mistakes))
        self.journal.collected(suites)
        if evaluating:
            self._open_store()
        return True

    def _open_store(self) -> None:
        """Read the stored run and the tuning data, and see that this run can be stored, before any model is asked."""
        if not self._store_open:
            from pytest_medeval.plugin.outputs import check_writable

            check_writable(self.settings)
            from pytest_medeval.runs.store import read_attempts

            self.attempts = read_attempts(self.settings.storage, self.settings.looks)
        if self.settings.compare and not self._store_open:
            from pytest_medeval.runs.reference import open_reference

            self.reference = open_reference(
                self.settings.compare, self.settings.storage, self.settings.root, self.journal.suites
            )
        if self.settings.train_data and not self._store_open:
            from pytest_medeval.verdicts.leakage import read_tunings

            self.tuning = read_tunings(self.settings.train_data, self.settings.root)
        self._store_open = True

    def _model_mistakes(self) -> list[str]:
        from pytest_medeval.runs.track_b import judge_plan

        if not self.settings.models:
            return [NO_MODEL]
        try:
            for suite in self.collection.suites.values():
                if self.roles.spec("candidate", suite.task.name) is None:
                    task, others = suite.task.name, ", ".join(self.settings.models)
                    return [
                        f"{suite.source}: no model answers {task}; give --medeval-model={task}=SPEC beside {others}"
                    ]
                judge_plan(self.settings)
                for judge in self.settings.judges:
                    if self.roles.judge_spec(judge).kind in FROM_FILES:
                        self.roles.judge(judge)
                for role in ("candidate", "baseline"):
                    if getattr(self.roles.spec(role, suite.task.name), "kind", "") in FROM_FILES:
                        self.roles.model(role, suite.task.name)
        except MedevalError as mistake:
            return [str(mistake)]
        return []

    # evaluation

    @property
    def roles(self) -> Roles:
        """The models of the run; none is loaded before it is asked."""
        if self._roles is None:
            from pytest_medeval.core.model import Traffic
            from pytest_medeval.models import Settings
            from pytest_medeval.models.roles import Roles

            own = self.settings
            compute = Settings(
                device=own.device,
                dtype=own.dtype,
                threads=self._threads,
                cache=own.cache,
                batch_size=own.batch_size or "auto",
                storage=own.storage,
                engine=own.engine,
                replicas=own.replicas,
                thoughts=own.thoughts,
                date=own.date,
                traffic=Traffic(concurrency=own.concurrency, timeout=own.timeout, per_minute=own.rate),
            )
            self._roles = Roles(own.models, own.baselines, own.root, compute)
        return self._roles

    @property
    def engine(self) -> Engine:
        """The engine of this process."""
        if self._engine is None:
            self._engine = Engine(self.roles.model, sequential=self._sequential())
        return self._engine

    def _sequential(self) -> Sequential | None:
        """Say how cases are asked in batches, where they are."""
        if self.settings.sequential != "true":
            return None
        family = sum(len(suite.gates) for suite in self.collection.suites.values())
        return Sequential(self.settings.seed, family, self.settings.inconclusive == "fail")

    def answer_all(self, reporter: pytest.TerminalReporter | None) -> None:
        """Ask every model all selected cases, before the first test runs, and show how far it is."""
        if self.selected:
            self.engine.progress = ProgressLine(reporter)
            for name, cases in self.selected.items():
                self.engine.evaluations(self.collection.suites[name], cases)
                self._measure_noise(name)

    def _measure_noise(self, suite: str) -> dict[str, NoiseMeasured]:
        """Answer a suite's sentinel cases in other ways, once, where that was asked for."""
        if self.settings.noise and suite not in self._noise:
            from pytest_medeval.runs.noise import measure

            resolved = self.collection.suites[suite]
            model = self.roles.model("candidate", resolved.task.name)
            self._noise[suite] = measure(
                resolved,
                self.engine.evaluations(resolved, self.selected[suite]),
                self.roles.spec("candidate", resolved.task.name),
                model.identity.dtype if model else None,
                self.roles.settings,
                count=self.settings.noise,
                seed=self.settings.seed,
            )
        return {suite: self._noise[suite]} if suite in self._noise else {}

    def pull(self, suite: str, case: str, nodeid: str) -> tuple[Evaluation | None, Carried]:
        """Give one evaluation, None where all was decided before it, and the message that tells the controller."""
        resolved = self.collection.suites[suite]
        found = self.engine.evaluations(resolved, self.selected[suite]).get(case)
        message: Carried = {} if found is None else {"entry": entry(suite, nodeid, found)}
        if suite not in self._told:
            self._told.add(suite)
            message["models"] = self.roles.identities(resolved.task.name)
            message["usage"] = self.engine.take_usage()
            message["noise"] = self._measure_noise(suite)
            message["batches"] = {suite: self.engine.asked[suite]} if suite in self.engine.asked else {}
        return found, message

    def asker(self, role: str, task: str | None) -> AskedModel:
        """Open the model of a role for a test of a user's own."""
        if not self.settings.models:
            raise MedevalError("no model is named; give --medeval-model=SPEC")
        from pytest_medeval.tasks import TASKS

        tasks = [task] if task else list(TASKS)
        specs = {self.roles.spec(role, name) for name in tasks}
        if len(specs) > 1:
            raise MedevalError(
                f"--medeval-model names several models; mark the test with its suite to say which {role} is meant"
            )
        model = self.roles.model(role, tasks[0])
        if model is None:
            raise MedevalError(f"there is no {role}; give --medeval-{'model' if role == 'candidate' else role}=SPEC")
        return AskedModel(model)

    def grader(self) -> Grader:
        """Open the first judge for a test of a user's own."""
        from pytest_medeval.runs.track_b import judge_plan

        if not self.settings.judges:
            raise MedevalError("no judge is named; give --medeval-judge=SPEC")
        return Grader(self.roles.judge(self.settings.judges[0]), judge_plan(self.settings), self.settings.seed)

    # the end

    def judge(self, reporter: pytest.TerminalReporter | None) -> Outline | None:
        """Compare, judge the gates, and leave what was asked for; nothing when no suite was collected."""
        if not self.journal.suites:
            return None
        self._engine = None  # all that remains of the evaluations is in the journal, and comparing them takes memory
        from pytest_medeval.plugin.conclusion import conclude

        self.outline, self.outputs = conclude(
            self.journal,
            self.settings,
            self.roles,
            reference=self.reference,
            tuning=self.tuning,
            attempts=self.attempts,
            progress=ProgressLine(reporter),
        )
        return self.outline

    def summarise(self, reporter: pytest.TerminalReporter) -> None:
        """Write the summary through the terminal reporter."""
        if self.outline is not None:
            from pytest_medeval.report.terminal import screen_width, summary

            reporter.write_sep("=", "medeval")
            detail = DETAIL[min(max(reporter.verbosity, -1), 1)]
            for line in summary(self.outline, detail, screen_width()):
                reporter.write_line(line.text, **line.markup)
            if reporter.verbosity < 0:  # the brief summary has none of these
                for notice in (*self.roles.notices, *(self.attempts.notices if self.attempts else ())):
                    reporter.write_line(f"note: {notice}")

    def end(self, reporter: pytest.TerminalReporter) -> None:
        """Write the verdict, below all that pytest lists, with what to look at and where it was written."""
        if self.outline is not None:
            from pytest_medeval.plugin.outputs import workflow_commands
            from pytest_medeval.report.terminal import box, screen_width

            reporter.write_sep("-", "verdict")
            for line in box(self.outline, screen_width()):
                reporter.write_line(line.text, **line.markup)
            for output in self.outputs:
                reporter.write_line(inert(output.told), red=output.failed)
            for text in workflow_commands(self.outline.record, os.environ):
                reporter.write_line(text)

    def how_to_go_on(self) -> str:
        """Say what an interrupted run leaves to the next one."""
        if self.settings.cache is None:
            return "medeval: stopped; nothing is stored with --medeval-cache=off: the same command begins anew"
        return f"medeval: stopped; the same command goes on with the replies stored in {self.settings.cache}"


def _share_of_cores(workers: int) -> int:
    return max(1, (os.cpu_count() or 1) // workers)
