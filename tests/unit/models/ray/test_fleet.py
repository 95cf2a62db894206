"""Replicas that Ray runs, on a small cluster of this machine: the local engine's answers, whoever dies."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_medeval.core.errors import MedevalError
from pytest_medeval.core.signals import terminated_as_interrupted
from pytest_medeval.core.types import Message, Request
from pytest_medeval.models import Settings, open_model, parse_spec
from pytest_medeval.models.identity import identify
from pytest_medeval.models.ray.fleet import Sweep
from pytest_medeval.models.ray.replica import Compute
from pytest_medeval.models.spec import FolderSpec

pytest.importorskip("torch", reason="torch is not installed (extra: local)")
ray = pytest.importorskip("ray", reason="ray is not installed (extra: ray)")
fleet = pytest.importorskip("pytest_medeval.models.ray.fleet")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="a replica is killed by a signal of POSIX")

SETTINGS = Settings(device="cpu", threads=1, batch_size=3)
SPREAD = replace(SETTINGS, engine="ray", replicas=2)
WORDS = ["chest", "pain", "fever", "cough", "rash"]
ASKED = [
    Request((Message("user", " ".join(WORDS[: 1 + number % 5]) + "?" * number),), **fields)
    for number in range(16)
    for fields in (
        {"max_new_tokens": 12, "temperature": number % 2, "seed": number},
        {"choices": ("aspirin", "rash and cough")},
    )
]


@pytest.fixture(scope="module", autouse=True)
def _cluster():
    """Run one small cluster for all tests here, with two places for replicas, however many cores there are."""
    from pytest_medeval.models.local.weights import forget_bases

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("RAY_AUTH_TOKEN", "t" * 64)
        with terminated_as_interrupted():
            folder = fleet.start({"num_cpus": 2})
            handler = signal.getsignal(signal.SIGTERM)
        yield handler
        fleet.close_fleets()
        ray.shutdown()
        shutil.rmtree(folder)
    forget_bases()


@pytest.fixture(scope="module")
def adapter(make_model, make_adapter):
    """Make one adapter on one base."""
    return make_adapter(make_model("llama"))


def _model(folder):
    spec = parse_spec(str(folder), folder)
    return fleet.FleetModel(spec, identify(spec, SPREAD), SPREAD)


def test_sigterm_stays_an_interruption(_cluster):  # noqa: PT019 - what the fixture gives is asked
    """Ray sets a handler that ends the process; a run must end as by Ctrl-C."""
    assert _cluster is signal.default_int_handler


def test_answers_are_the_local_engines(adapter, make_model):
    """Candidate and baseline give exactly what one process gives, in the order of the requests, and tick for each."""
    for folder in (adapter, make_model("llama")):
        spec, ticks = parse_spec(str(folder), folder), []
        expected = open_model(spec, SETTINGS).answer(ASKED)
        spread = open_model(spec, SPREAD)
        assert spread.answer(ASKED, ticks.append) == expected
        assert (sum(ticks), spread.notices) == (len(ASKED), [])
    seats = fleet.open_fleet(2, on_gpu=False).seats  # who is idle first does more, so a replica may have one model
    loaded = {loading for seat in seats for loading in seat.ready}
    assert (len(seats), len(loaded)) == (2, 2), "both models live in the same replicas"


def test_killed_replica_loses_nothing(adapter, monkeypatch):
    """A replica that is killed while it has a unit is replaced; only this unit is asked again, and it is said."""
    feed, killed, units = Sweep._feed, [], []

    def feed_and_kill(sweep):
        before = list(sweep._busy)
        busy = {seat.number for seat, _ in sweep._busy.values()}
        idle = [seat for seat in sweep._crew.seats if sweep._loading in seat.ready and seat.number not in busy]
        victim = idle[-1] if idle and not killed else None
        if victim:  # held before it is given anything, so that it cannot end its unit before it is killed
            os.kill(victim.pid, signal.SIGSTOP)
        feed(sweep)
        units.extend(
            step.unit for future, (_, step) in sweep._busy.items() if isinstance(step, Compute) and future not in before
        )
        if victim and any(seat is victim and isinstance(step, Compute) for seat, step in sweep._busy.values()):
            killed.append(victim.pid)
            os.kill(victim.pid, signal.SIGKILL)
        elif victim:
            os.kill(victim.pid, signal.SIGCONT)

    monkeypatch.setattr(Sweep, "_feed", feed_and_kill)
    model = _model(adapter)
    answers = model.answer(ASKED)
    assert answers == open_model(model._loading.spec, SETTINGS).inner.answer(ASKED)
    lost = sum(answer.again for answer in answers)
    assert 1 <= lost <= 3
    assert len(model.notices) == 1
    assert f"process {killed[0]}) died: its {lost} requests are asked again" in model.notices[0]
    twice = [unit for unit in set(units) if units.count(unit) > 1]
    assert [len(unit.members) for unit in twice] == [lost]


def test_weights_come_through_the_object_store(adapter, tmp_path, monkeypatch):
    """A replica whose machine lacks the files is sent them, and answers the same; they are removed at the end."""
    expected = open_model(parse_spec(str(adapter), adapter), SETTINGS).inner.answer(ASKED)
    model, sent = _model(adapter), []
    spec = model._loading.spec
    gone = replace(spec, folder=tmp_path / "gone", base=FolderSpec("gone", tmp_path / "gone-too"))
    model._loading = replace(model._loading, spec=gone)
    send = fleet.Fleet.send

    def sending(self, seat, loading, missing):
        sent.append((seat.number, tuple(missing)))
        return send(self, seat, replace(loading, spec=spec), missing)

    monkeypatch.setattr(fleet.Fleet, "send", sending)
    assert model.answer(ASKED) == expected
    assert set(sent) <= {(1, ("base", "adapter")), (2, ("base", "adapter"))}
    assert sent
    folder = Path("/tmp") / f"medeval-weights-{fleet.open_fleet(2, on_gpu=False).run}"  # noqa: S108 - where the replicas' machine keeps such files
    assert len(list(folder.iterdir())) == 2
    fleet.close_fleets()
    assert not folder.exists()


def test_mistakes_of_a_replica_are_the_users(make_model, tmp_path):
    """What a replica refuses is raised here as the one line that it is; so are more replicas than there are CPUs."""
    spec = parse_spec(str(make_model("llama")), tmp_path)
    identity = replace(identify(spec, SPREAD), fingerprint="0" * 64)
    with pytest.raises(MedevalError, match=r"what arrived in .* is another model$"):
        fleet.FleetModel(spec, identity, SPREAD).answer(ASKED)
    with pytest.raises(MedevalError, match=r"^--medeval-engine=ray: the cluster has 2 CPUs, too few for 9 replicas"):
        fleet.FleetModel(spec, identity, replace(SPREAD, replicas=9)).answer(ASKED)
    with pytest.raises(MedevalError, match=r"the cluster has 0 GPUs, too few for 1 replicas"):
        fleet.Fleet(on_gpu=True)


def test_replicas_that_find_no_place(monkeypatch, make_model, tmp_path):
    """A cluster that is full for minutes is a mistake that says what one replica takes, and what is free."""
    fleet.close_fleets()
    monkeypatch.setattr(fleet, "PATIENCE", 0.5)
    taken = ray.remote(num_cpus=2)(_Idle).remote()
    ray.get(taken.ping.remote())
    try:
        spec = parse_spec(str(make_model("llama")), tmp_path)
        with pytest.raises(MedevalError, match=r"no replica could be started in 0 s: one takes 1 CPUs, .* none are"):
            fleet.FleetModel(spec, identify(spec, SPREAD), SPREAD).answer(ASKED)
    finally:
        ray.kill(taken)
        fleet.close_fleets()


class _Idle:
    """Holds a place in the cluster."""

    def ping(self):
        """Say that it is there."""
        return True


def test_own_cluster_leaves_nothing_behind(make_model, tmp_path):
    """Without RAY_ADDRESS a cluster is started for the run; afterwards no process, folder or token of it is left."""
    script = """
        import sys
        from pathlib import Path
        from pytest_medeval.models import Settings, open_model, parse_spec
        from pytest_medeval.models.ray import fleet
        from pytest_medeval.core.signals import terminated_as_interrupted
        from pytest_medeval.core.types import Message, Request

        spec = parse_spec(sys.argv[1], Path())
        settings = Settings(device="cpu", engine="ray", replicas=1)
        print(len(open_model(spec, settings).answer([Request((Message("user", "cough"),), max_new_tokens=3)])))
        print(fleet.open_fleet(1, on_gpu=False)._folder)
        assert "torch" not in sys.modules, "who asks replicas needs no torch"
    """
    home = tmp_path / "home"
    home.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), str(make_model("llama"))]
    done = subprocess.run(
        command, env={**environment, "HOME": str(home)}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    count, folder = done.stdout.split()
    assert count == "1"
    assert Path(folder).name.startswith("medeval-ray-")
    assert not Path(folder).exists()
    assert list(home.iterdir()) == []
    commands = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if file.exists()]
    assert not [command for command in commands if folder.encode() in command]


@pytest.mark.parametrize(
    ("machines", "count", "on_gpu", "found"),
    [
        ([{"CPU": 8.0}], None, False, (1, {"num_cpus": 8})),
        ([{"CPU": 8.0}, {"CPU": 4.0}, {}], None, False, (2, {"num_cpus": 4})),
        ([{"CPU": 8.0}, {"CPU": 8.0}], 5, False, (5, {"num_cpus": 2})),
        ([{"CPU": 8.0, "GPU": 4.0}, {"CPU": 2.0}], None, True, (4, {"num_gpus": 1, "num_cpus": 0})),
        ([{"CPU": 8.0, "GPU": 4.0}], 2, True, (2, {"num_gpus": 1, "num_cpus": 0})),
    ],
)
def test_places_of_replicas(monkeypatch, machines, count, on_gpu, found):
    """A replica has a GPU or its share of a machine's CPUs; a machine that gives none is left out, a dead one too."""
    nodes = [{"Alive": True, "Resources": machine} for machine in machines]
    monkeypatch.setattr(ray, "nodes", lambda: [*nodes, {"Alive": False, "Resources": {"CPU": 64.0, "GPU": 8.0}}])
    assert fleet._places(count, on_gpu=on_gpu) == found
