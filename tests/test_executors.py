"""Jobs sent away and brought back: by an engine that does them in this very process, or loses them on purpose."""

from __future__ import annotations

import io
import json
import os
import socket
import sys
import zipfile

import numpy as np
import pytest

from gi_core.runs import executors, sweeps
from gi_core.runs.executors import afar, back, parcel, remote
from gi_core.runs.executors.base import BEGAN, DROP, Event, Outcome
from gi_core.runs.executors.coordinator import ROLE, Coordinator
from gi_core.runs.executors.dask_access import certified, refuse_open
from gi_core.runs.executors.dask_engine import Dask
from gi_core.runs.job import Point
from gi_core.runs.processes import Processes
from gi_core.runs.recovery import MOST_DEATHS, bury
from gi_core.runs.store import Store
from gi_core.runs.writer import Writer
from gi_core.spec import SpecError
from gi_core.spec.sweep import build_sweep
from tests.runs_helpers import tiny_spec
from tests.test_house_rules import loaded


class Here:
    """An engine of one place. begin(job): it starts and tells so. finish(job): it runs to its end, in this process."""

    def __init__(self, places: int = 1) -> None:
        self.places = places
        self.orders: dict[str, tuple[str, bytes | None]] = {}
        self.sent: list[str] = []
        self.told: list[str] = []
        self.back: list[Outcome] = []
        self.asked: list[tuple[str, str]] = []
        self.gone = self.closed = False
        self.idle = True

    def slots(self) -> int:
        if self.gone:
            raise SpecError("the scheduler is gone")
        return self.places

    def submit(self, job_id: str, order: str, checkpoint: bytes | None) -> None:
        self.orders[job_id] = (order, checkpoint)
        self.sent.append(job_id)

    def cancel(self, job_id: str, how: str = "cancel") -> None:
        self.asked.append((job_id, how))
        if how == DROP:
            self.orders.pop(job_id, None)

    def begin(self, job_id: str, token: str = "a" * 12) -> None:
        self.told.append(Event(job_id, token, 1, BEGAN, ["there", 7, "there:7"]).encode())

    def finish(self, job_id: str, tell=None) -> None:
        order, checkpoint = self.orders.pop(job_id)
        self.back.append(Outcome(job_id, remote.perform(order, checkpoint, tell or self.told.append, lambda: True)))

    def events(self):
        told, self.told = self.told, []
        return iter([event for event in map(Event.decode, told) if event])

    def reap(self):
        for job_id in () if self.idle else list(self.orders):
            self.finish(job_id)
        found, self.back = self.back, []
        return found

    def wait(self, seconds: float) -> None:
        for job_id in list(self.orders):  # what was asked to leave does so
            if (job_id, "leave") in self.asked:
                self.finish(job_id, asking(job_id, "leave"))

    def close(self) -> None:
        self.closed = True


def asking(job_id: str, how: str):
    """Listens to a job, and asks it something as soon as it has iterated."""
    return lambda text: remote.ask(job_id, how) if '"per_second"' in text else None


@pytest.fixture
def store(gi_home, monkeypatch) -> Store:
    monkeypatch.setattr(afar, "TELL_SECONDS", 0.0)
    return Store()


def asked(store: Store, count: int = 1, **settings) -> str:
    seeds = {"name": "seed", "path": "seed", "values": list(range(count))}
    return sweeps.start(store, build_sweep({"name": "few", "base": tiny_spec(settings=settings), "axes": [seeds]}))


def jobs(store: Store, sweep: str):
    return [entry.job for entry in sweeps.members(store, sweep)]


def test_a_sweep_comes_back_whole(store):
    sweep, engine = asked(store, 3), Here(places=2)
    engine.idle = False
    with Coordinator(store, engine, sweep) as crew:
        while not sweeps.status(store, sweep).over:
            crew.look()
    assert engine.closed and len(engine.sent) == len(set(engine.sent)) == 3
    assert sweeps.status(store, sweep).counts == {"done": 3}
    for job in jobs(store, sweep):
        folder = store.path(job.id)
        assert job.attempts == 1 and job.result["out"] == str(folder)
        assert json.loads((folder / "result.json").read_text())["out"] == str(folder)
        assert (folder / "reconstruction.png").is_file() and store.originals(job.id) is not None
        assert [p.iteration for p in store.curve(job.id)] == list(range(1, 13))
        assert store.snapshots(job.id)[-1] == 12
        said = [text for _, text in store.log(job.id)]
        assert said[0].startswith(f"runs on {socket.gethostname()}, process {os.getpid()}")
        assert len(said) == len(set(said)), "told live and brought back, but written once"
    assert Processes(store.database).all(ROLE) == []


def test_two_coordinators_share_a_sweep_and_do_nothing_twice(store):
    sweep, one, other = asked(store, 4), Here(), Here()
    one.idle = other.idle = False
    with Coordinator(store, one, sweep) as first, Coordinator(store, other, sweep) as second:
        while not sweeps.status(store, sweep).over:
            first.look()
            second.look()
    assert sorted(one.sent + other.sent) == sorted(job.id for job in jobs(store, sweep))
    assert one.sent and other.sent


def test_a_lost_worker_is_noticed_and_its_job_starts_anew(store):
    sweep, engine = asked(store), Here()
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        (job_id,) = engine.sent
        engine.begin(job_id, "a" * 12)
        point = {"iteration": 40, "seconds": 1.0, "rate": 1.0, "losses": {}, "trial_losses": [], "best": 0}
        engine.told.append(Event(job_id, "a" * 12, 2, "record", [{"iteration": 40}, [point]]).encode())
        crew.look()
        assert store.job(job_id).progress == {"iteration": 40} and len(store.curve(job_id)) == 1
        engine.begin(job_id, "b" * 12)
        engine.told.append(Event(job_id, "a" * 12, 3, "record", [{"iteration": 41}, []]).encode())  # of the lost one
        crew.look()
        job = store.job(job_id)
        assert job.attempts == 2 and job.interrupted and job.progress == {} and store.curve(job_id) == []
        assert job.notices == ["its worker was lost; it starts again"]
        engine.finish(job_id)
        crew.look()
    assert store.job(job_id).state == "done"
    assert [p.iteration for p in store.curve(job_id)] == list(range(1, 13))


def test_a_job_that_kills_its_workers_is_given_up(store):
    sweep, engine = asked(store), Here()
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        (job_id,) = engine.sent
        for start in range(MOST_DEATHS):
            engine.begin(job_id, f"{start:012d}")
        crew.look()
        assert store.job(job_id).state == "running"
        engine.begin(job_id, "f" * 12)
        crew.look()
    job = store.job(job_id)
    assert job.state == "failed" and job.error.startswith(f"its worker died {MOST_DEATHS} times")
    assert (job_id, DROP) in engine.asked


def test_cancel_and_pause_reach_a_job_far_away(store):
    sweep, engine = asked(store, 2, iterations=400), Here(places=2)
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        begun, waiting = engine.sent
        engine.begin(begun)
        crew.look()
        store.control(sweep, "pause")
        crew.look()
        assert (begun, "pause") in engine.asked
        assert store.job(waiting).state == "paused", "it had not begun, so nobody needs to be asked"
        engine.finish(begun, asking(begun, "pause"))
        crew.look()
        assert store.job(begun).state == "paused" and sweeps.status(store, sweep).state == "paused"
        assert (store.path(begun) / "checkpoint.pt").is_file()
        store.control(sweep, "resume")
        crew.look()
        assert {job for job, (_, kept) in engine.orders.items() if kept} == {begun}, "its checkpoint travels with it"
        engine.begin(begun)
        engine.begin(waiting)
        crew.look()
        store.control(sweep, "cancel")
        crew.look()
        assert {(begun, "cancel"), (waiting, "cancel")} <= set(engine.asked)
        for job_id in (begun, waiting):
            engine.finish(job_id, asking(job_id, "cancel"))
        crew.look()
    job = store.job(begun)
    assert job.state == "cancelled" and 0 < job.result["iterations"] < 400


def test_who_leaves_puts_down_what_runs_and_the_next_goes_on(store):
    sweep, engine = asked(store, 1, iterations=200), Here()
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        (job_id,) = engine.sent
        engine.begin(job_id)
        crew.look()
    job = store.job(job_id)
    assert job.state == "queued" and job.attempts == 0
    assert (store.path(job_id) / "checkpoint.pt").is_file()
    another = Here()
    another.idle = False
    with Coordinator(store, another, sweep) as crew:
        while not sweeps.status(store, sweep).over:
            crew.look()
    kept = np.load(store.path(job_id) / "reconstruction.npz")["images"]
    assert any("resumed from the checkpoint" in text for _, text in store.log(job_id))
    whole = json.loads(parcel_of(remote.order(job))["told"])["ending"][2]
    assert store.job(job_id).result["metrics"] == pytest.approx(whole["metrics"]) and kept.shape == (1, 1, 8, 8)


def test_an_engine_that_is_gone_loses_nothing(store):
    sweep, engine = asked(store), Here()
    with pytest.raises(SpecError, match="gone"), Coordinator(store, engine, sweep) as crew:
        crew.look()
        engine.gone = True
        crew.look()
    (job,) = jobs(store, sweep)
    assert job.state == "queued" and job.attempts == 0 and engine.closed


def test_a_coordinator_that_was_killed_gives_its_jobs_back(store):
    sweep = asked(store)
    life = Processes(store.database).register(ROLE, of=(2**22 + 1, "0"))
    (job,) = jobs(store, sweep)
    assert Writer(store, life).take(job.id)
    bury(store.database, store.runs)
    (job,) = jobs(store, sweep)
    assert job.state == "queued" and job.interrupted and Processes(store.database).all(ROLE) == []


def test_what_comes_back_for_a_job_that_was_deleted_is_dropped(store):
    sweep, engine = asked(store, 2), Here(places=2)
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        gone, stays = engine.sent
        store.database.write("DELETE FROM jobs WHERE id = ?", (gone,))
        engine.finish(gone)
        engine.finish(stays)
        crew.look()
    assert store.job(gone) is None and store.job(stays).state == "done"


def test_what_comes_back_broken_fails_the_job_with_a_reason(store):
    sweep, engine = asked(store, 2), Here(places=2)
    with Coordinator(store, engine, sweep) as crew:
        crew.look()
        one, other = engine.sent
        engine.back = [Outcome(one, b"no parcel"), Outcome(other, lost="the engine gave it up: why")]
        crew.look()
    assert store.job(one).error.startswith("what came back is no result")
    assert (store.job(other).state, store.job(other).error) == ("failed", "the engine gave it up: why")


# on the worker's side


def parcel_of(order: str, checkpoint: bytes | None = None, **more) -> dict[str, bytes]:
    data = remote.perform(order, checkpoint, more.get("tell", lambda text: None), more.get("wanted", lambda: True))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def ending(files: dict[str, bytes]) -> list:
    return json.loads(files["told"])["ending"]


def order(store: Store, **settings) -> str:
    return remote.order(jobs(store, asked(store, **settings))[0])


def test_an_order_is_json_and_what_is_told_too(store):
    told: list[str] = []
    text = order(store)
    assert json.loads(text)["kind"] == "run"
    assert ending(parcel_of(text, tell=told.append))[:2] == ["finish", "done"]
    events = [Event.decode(line) for line in told]
    assert events[0].what == BEGAN and {"record", "log"} <= {e.what for e in events}
    assert [e.number for e in events] == list(range(1, len(events) + 1)) and len({e.token for e in events}) == 1


def test_nobody_waits_so_it_ends(store):
    polls = iter([True] * 4)
    how, state, *_ = ending(parcel_of(order(store, iterations=5000), wanted=lambda: next(polls, False)))
    assert (how, state) == ("finish", "cancelled")


def test_another_version_of_the_program_refuses(store):
    changed = json.loads(order(store)) | {"version": "0.0.0"}
    assert "not 0.0.0" in ending(parcel_of(json.dumps(changed)))[3]


def test_a_file_that_is_not_on_the_worker_says_where(store):
    changed = json.loads(order(store))
    changed["spec"]["samples"] = ["folder:/no/such:0"]
    here = ending(parcel_of(json.dumps(changed)))[3]
    away = ending(parcel_of(json.dumps(changed | {"host": "elsewhere"})))[3]
    assert "/no/such" in here and "said by" not in here
    assert away == f"{here} (said by the worker on {socket.gethostname()}, which reads its own files and data sets)"


def test_a_live_view_is_bounded(tmp_path, monkeypatch):
    told: list[str] = []
    writer = afar.FarWriter("0" * 12, tmp_path, told.append, lambda: "")
    point = Point(1, 0.1, 1.0, {"total": float("nan")}, [1.0], 0)
    for _ in range(50):
        writer.record("0" * 12, {"iteration": 1}, [point])
    assert len(told) == 1 and len(writer.told()["points"]) == 50
    (tmp_path / "snapshots").mkdir()
    for side in (64, 512):
        np.save(tmp_path / "snapshots" / f"{side:08d}.npy", np.zeros((1, 1, side, side, 1), np.uint8))
        writer._told = writer._shown_at = -100.0
        writer.record("0" * 12, {}, [])
        assert sum('"snapshot"' in line for line in told) == 1, f"a picture of {side} pixels"


# parcels and events, which come over a network


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "name", ["../result.json", "/tmp/result.json", "a/b/c.json", "run.py", ".hidden.json", "a/../b.json", "page.html"]
)
def test_a_parcel_writes_nothing_but_a_jobs_files_in_its_folder(tmp_path, name):
    with pytest.raises(SpecError, match="no job writes a file"):
        parcel.unpack(zipped(**{"told": b"{}", "result.json": b"{}", name: b"x"}), tmp_path)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("data", [b"", b"PK", zipped(other=b""), zipped(told=b"[1]"), zipped(told=b"{")])
def test_what_is_no_parcel_is_refused(tmp_path, data):
    with pytest.raises(SpecError, match="no result"):
        parcel.unpack(data, tmp_path)


def test_a_parcel_is_bounded(tmp_path, monkeypatch):
    (tmp_path / "snapshots").mkdir()
    for i in range(16):
        np.save(tmp_path / "snapshots" / f"{i:08d}.npy", np.zeros(1000, np.uint8))
    monkeypatch.setattr(parcel, "MOST_BYTES", 5000)
    kept = [n for n in zipfile.ZipFile(io.BytesIO(parcel.pack({}, tmp_path))).namelist() if n.startswith("snap")]
    assert 2 <= len(kept) <= 4 and "snapshots/00000015.npy" in kept, "every second goes, the last never"
    np.save(tmp_path / "reconstruction.npy", np.zeros(6000, np.uint8))
    with pytest.raises(SpecError, match="do not travel"):
        parcel.pack({}, tmp_path)
    with pytest.raises(SpecError, match="too large"):
        parcel.unpack(zipped(told=b"{}", **{"a.json": b" " * 20000}), tmp_path)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1, 2]", '["a", "t", 1, "finish", []]', '["a", 5, 1, "log", []]', '["a", "t", 1, "log", 7]']
)
def test_what_is_no_event_is_dropped(text):
    assert Event.decode(text) is None


@pytest.mark.parametrize(
    "what, values",
    [("record", [1, 2]), ("snapshot", [1, "%%"]), ("originals", ["AAAA"]), ("log", []), ("record", [{}, [{}]])],
)
def test_an_event_without_sense_changes_nothing(store, what, values):
    class Sink:
        def __getattr__(self, name):
            return lambda *_: pytest.fail(f"{name} was called")

    back.apply(Event("a", "t", 1, what, values), Sink())


# choosing


def test_names_that_are_no_executor_are_refused(store):
    for name in ("ray", "local:there", "", "daskk:tls://h:1"):
        with pytest.raises(SpecError, match="choose local, dask"):
            executors.chosen(name, store, "0" * 12)
    with pytest.raises(SpecError, match="give 1 or more"):
        executors.chosen("local", store, "0" * 12, 0)
    with pytest.raises(SpecError, match="leave out --workers"):
        executors.check("dask:tls://far:8786", 2)


@pytest.mark.parametrize(
    "address", ["tls://host", "host:8786", "http://127.0.0.1:80", "tcp://:1", "tcp://[::1", "tls://h:99999"]
)
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(SpecError, match="no scheduler's address"):
        refuse_open(address)


def test_a_port_that_others_reach_needs_tls():
    for address in ("tcp://10.0.0.5:8786", "tcp://0.0.0.0:8786", "tcp://127.evil.example:8786"):
        with pytest.raises(SpecError, match="not encrypted"):
            refuse_open(address)
    for address in ("tls://10.0.0.5:8786", "tcp://127.0.0.1:8786", "tcp://localhost:1", "tcp://[::1]:8786"):
        refuse_open(address)


@pytest.mark.parametrize("settings", [{}, {"distributed.comm.tls.ca-file": "/no/such/ca.pem"}])
def test_tls_without_certificates_is_refused(settings):
    import dask

    with dask.config.set(settings), pytest.raises(SpecError, match="certificates"):
        certified("tls://far:8786")


def test_without_dask_one_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    for ask in (Dask, lambda: executors.check("dask")):
        with pytest.raises(SpecError, match="pip install -r requirements-cluster.txt"):
            ask()


def test_the_store_s_side_loads_no_torch():
    program = "import gi_core.runs.executors.coordinator, gi_core.runs.executors.dask_engine"
    assert loaded(program, "torch", "distributed", "streamlit") == []
