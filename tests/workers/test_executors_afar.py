"""A job far from the store: what it tells, what it brings back, and what of that is believed."""

from __future__ import annotations

import io
import json
import socket
import zipfile

import numpy as np
import pytest

from gi_core.jobs.job import Point
from gi_core.jobs.store import Store
from gi_core.settings import SpecError
from gi_core.workers.executors import afar, back, parcel, remote
from gi_core.workers.executors.base import BEGAN, Event
from tests.executors_helpers import asked, jobs, parcel_of


@pytest.fixture
def store(gi_home, monkeypatch) -> Store:
    monkeypatch.setattr(afar, "TELL_SECONDS", 0.0)
    return Store()


# on the worker's side


def ending(files: dict[str, bytes]) -> list:
    return json.loads(files["told"])["ending"]


def order(store: Store, **settings) -> str:
    return remote.order(jobs(store, asked(store, **settings))[0])


def test_an_order_and_all_events_are_json(store):
    lines: list[str] = []
    text = order(store)
    assert json.loads(text)["kind"] == "run"
    assert ending(parcel_of(text, tell=lines.append))[:2] == ["finish", "done"]
    events = [Event.decode(line) for line in lines]
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
    events: list[str] = []
    writer = afar.FarWriter("0" * 12, tmp_path, events.append, lambda: "")
    point = Point(1, 0.1, 1.0, {"total": float("nan")}, [1.0], 0)
    for _ in range(50):
        writer.record("0" * 12, {"iteration": 1}, [point])
    assert len(events) == 1 and len(writer.report()["points"]) == 50
    (tmp_path / "snapshots").mkdir()
    for side in (64, 512):
        np.save(tmp_path / "snapshots" / f"{side:08d}.npy", np.zeros((1, 1, side, side, 1), np.uint8))
        writer._reported_at = writer._shown_at = -100.0
        writer.record("0" * 12, {}, [])
        assert sum('"snapshot"' in line for line in events) == 1, f"a picture of {side} pixels"


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
