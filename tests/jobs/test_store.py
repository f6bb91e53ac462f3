"""The store: queue, ids, snapshots, quota, migrations, a full disk."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from gi_core.common.disk import DiskFull
from gi_core.jobs import queue, quota, schema
from gi_core.jobs.database import Database
from gi_core.jobs.job import Point, valid_id
from gi_core.jobs.processes import Processes
from gi_core.jobs.snapshots import MOST, Snapshots
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Lost, Writer
from gi_core.settings import SpecError

BAD_IDS = ["", "../../etc/pas", "0123456789AB", "0123456789abc", "01234567 9ab", "0123456789ab\n", None, 7]


@pytest.fixture
def store(gi_home) -> Store:
    return Store()


def _writer(store: Store) -> Writer:
    return Writer(store, Processes(store.database).register("worker", "interactive"))


def test_store_needs_no_torch(gi_home):
    code = (
        "import sys; from gi_core.jobs.store import Store; from gi_core.jobs.dispatcher import Dispatcher;"
        "Store().jobs(); sys.exit(bool({'torch', 'torchvision', 'streamlit'} & set(sys.modules)))"
    )
    environment = os.environ | {"GI_HOME": str(gi_home)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


def test_home_is_private(store):
    assert store.home.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("bad", BAD_IDS)
def test_a_bad_id_names_nothing(store, bad):
    assert not valid_id(bad)
    assert store.job(bad) is None and store.snapshots(bad) == [] and store.curve(bad) == []
    assert store.snapshot(bad, 1) is None and store.originals(bad) is None and store.log(bad) == []
    for action in (lambda: store.path(bad), lambda: store.control(bad, "cancel"), lambda: store.delete(bad)):
        with pytest.raises(SpecError):
            action()


def test_claim_is_by_priority_then_age_and_previews_first(store):
    writer = _writer(store)
    old, new = store.submit("run", {"n": 1}), store.submit("run", {"n": 2})
    urgent, look = store.submit("run", {"n": 3}, priority=5), store.submit("preview", {"n": 4})
    other = store.submit("run", {"n": 5}, lane="batch")
    assert [store.place(i) for i in (urgent, old, new, look)] == [0, 1, 2, 0]
    assert [writer.claim("interactive").id for _ in range(4)] == [look, urgent, old, new]
    assert writer.claim("interactive") is None and store.job(other).state == "queued"


def test_two_workers_never_hold_the_same_job(store):
    ids = {store.submit("run", {"n": n}) for n in range(6)}
    first, second = _writer(store), _writer(store)
    claimed = [w.claim("interactive").id for _ in range(3) for w in (first, second)]
    assert set(claimed) == ids and first.claim("interactive") is None
    with pytest.raises(Lost):
        second.record(claimed[0], {}, [])


def test_controls_are_idempotent_transitions(store):
    writer, job = _writer(store), store.submit("run", {})
    assert store.control(job, "pause").state == "paused"
    assert writer.claim("interactive") is None
    assert store.control(job, "resume").state == store.control(job, "resume").state == "queued"
    writer.claim("interactive")
    assert store.control(job, "pause").state == store.control(job, "pause").state == "pausing"
    assert writer.asked(job) == "pause"
    assert store.control(job, "resume").state == "running" and writer.asked(job) == ""
    store.control(job, "pause")
    writer.release(job)
    assert store.job(job).state == "paused"
    store.control(job, "resume")
    writer.claim("interactive")
    assert store.control(job, "cancel").asked == "cancel"
    writer.finish(job, "cancelled", {"status": "cancelled"})
    assert store.control(job, "cancel").state == "cancelled"
    assert store.control(job, "resume").state == "cancelled"  # no checkpoint to take up from
    writer_folder = writer.folder(job)
    (writer_folder / "checkpoint.pt").write_bytes(b"x")
    assert store.control(job, "resume").state == "queued"
    with pytest.raises(SpecError):
        store.control(job, "explode")


def test_progress_points_log_and_notices_come_back(store):
    writer, job = _writer(store), store.submit("run", {"samples": ["mnist:7"], "attack": {"kind": "dlg"}})
    writer.claim("interactive")
    point = Point(1, 0.5, 0.1, {"total": 2.0}, [2.0, 3.0], 0, psnr=12.0, ssim=0.5)
    last = Point(2, 0.6, 0.1, {"total": float("inf")}, [1.0], 0)
    writer.record(job, {"iteration": 3, "residual": {"a": float("nan")}}, [point, last])
    writer.log(job, "trial 2 restarted")
    writer.notice(job, "resized")
    writer.notice(job, "resized")
    found = store.job(job)
    assert found.progress == {"iteration": 3, "residual": {"a": None}} and found.notices == ["resized"]
    assert found.title == "mnist:7 · dlg"
    assert store.curve(job)[0] == point and len(store.curve(job, 1)) == 1
    assert [text for _, text in store.log(job)] == ["trial 2 restarted", "resized"]
    assert [j.id for j in store.jobs(search="MNIST dlg")] == [job] and store.jobs(search="cifar") == []
    store.rename(job, "  my\nrun ")
    assert store.job(job).title == "my run"
    with pytest.raises(SpecError):
        store.delete(job)
    writer.finish(job, "failed", error="why")
    store.delete(job)
    assert store.job(job) is None and store.curve(job) == []


def test_another_owner_sees_and_controls_nothing(store):
    mine = store.submit("run", {}, owner="ann@example.org")
    other = Store(viewer="bob@example.org")
    assert other.job(mine) is None and other.jobs() == [] and Store(viewer="ann@example.org").job(mine)
    with pytest.raises(SpecError):
        other.control(mine, "cancel")
    theirs = other.submit("run", {})
    assert store.job(theirs).owner == "bob@example.org"


def test_cache_key_answers_with_the_same_job(store):
    writer = _writer(store)
    first = store.submit("preview", {}, cache_key="k")
    assert store.submit("preview", {}, cache_key="k") == first
    writer.claim("interactive")
    writer.finish(first, "done", {})
    assert store.submit("preview", {}, cache_key="k") == first
    other = store.submit("preview", {}, cache_key="l")
    writer.claim("interactive")
    writer.finish(other, "failed", error="no")
    assert store.submit("preview", {}, cache_key="l") != other


def test_queue_is_bounded_and_old_previews_give_way(store, monkeypatch):
    monkeypatch.setattr(queue, "MOST_QUEUED", 3)
    monkeypatch.setattr(queue, "MOST_PREVIEWS", 2)
    for n in range(3):
        store.submit("run", {"n": n})
    with pytest.raises(SpecError, match="queue is full"):
        store.submit("run", {})
    previews = [store.submit("preview", {"n": n}) for n in range(4)]
    assert [store.job(p).state for p in previews] == ["cancelled", "cancelled", "queued", "queued"]
    with pytest.raises(SpecError, match="KiB"):
        store.submit("run", {"x": "y" * 300_000})
    with pytest.raises(SpecError):
        store.submit("dance", {})


def test_snapshots_are_thinned_but_first_and_last_stay(store):
    job = store.submit("run", {})
    writer = _writer(store)
    writer.claim("interactive")
    snapshots = Snapshots(writer.folder(job))
    images = np.zeros((1, 1, 2, 2, 3), np.uint8)
    for iteration in range(1, 3 * MOST):
        images[:] = iteration % 256
        snapshots.write(iteration, images)
        kept = store.snapshots(job)
        assert len(kept) <= MOST and kept[0] == 1 and kept[-1] == iteration
    assert store.snapshot(job, kept[-1]).max() == (3 * MOST - 1) % 256
    assert not list(snapshots.folder.glob("*.tmp"))
    assert store.snapshot(job, 2) is None


def test_a_pickle_in_place_of_a_snapshot_is_not_read(store, tmp_path):
    job = store.submit("run", {})
    folder = store.path(job)
    folder.mkdir()
    np.save(folder / "originals.npy", np.array([{"a": 1}], object), allow_pickle=True)
    assert store.originals(job) is None


def test_a_full_disk_is_one_sentence(store, monkeypatch):
    job = store.submit("run", {})
    writer = _writer(store)
    writer.claim("interactive")
    snapshots = Snapshots(writer.folder(job))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(np, "save", full)
        with pytest.raises(DiskFull, match="the disk is full"):
            snapshots.write(1, np.zeros((1, 1, 2, 2, 3), np.uint8))
    assert list(snapshots.folder.iterdir()) == []
    pages = store.database.row("PRAGMA page_count")[0]
    store.database.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull, match="the disk is full"):
        for _ in range(200):
            writer.log(job, "x" * 2000)
    store.database.connection.execute("PRAGMA max_page_count = 100000")
    writer.finish(job, "failed", error="the disk is full")
    assert store.job(job).error == "the disk is full"


def test_quota_deletes_the_oldest_unpinned_runs_and_says_so(store, monkeypatch):
    writer, ids = _writer(store), []
    for _ in range(4):
        ids.append(store.submit("run", {}))
        writer.claim("interactive")
        (writer.folder(ids[-1]) / "reconstruction.npz").write_bytes(b"0" * 400_000)
        writer.finish(ids[-1], "done", {})
    store.pin(ids[0], True)
    assert store.disk_used() > 1_600_000
    monkeypatch.setattr(quota, "quota", lambda: 1_300_000)
    new = store.submit("run", {})
    assert [store.job(i) is not None for i in ids] == [True, False, True, True] or store.job(ids[2]) is None
    assert store.job(ids[0]) and "deleted" in store.job(new).notices[0]
    assert not (store.runs / ids[1]).exists() and store.disk_used() < 1_300_000


def test_migrations_bring_an_old_store_up_and_refuse_a_newer_one(store, monkeypatch):
    job = store.submit("run", {"n": 1})
    store.database.close()
    more = ("ALTER TABLE jobs ADD COLUMN colour TEXT NOT NULL DEFAULT 'red'",)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, more))
        newer = Database(store.home)
        assert newer.row("SELECT colour FROM jobs WHERE id = ?", (job,))[0] == "red"
        newer.close()
    with pytest.raises(SpecError, match="update the program"):
        Store(store.home).job(job)


def test_a_disk_that_fills_up_while_the_store_is_made_is_one_sentence(tmp_path):
    small = sqlite3.connect(tmp_path / "store.sqlite")
    small.execute("PRAGMA page_size = 512")
    small.execute("PRAGMA max_page_count = 4")
    with pytest.raises(sqlite3.OperationalError, match="full"):  # not "no transaction is active"
        schema.migrate(small)


def test_a_broken_migration_changes_nothing(store, monkeypatch):
    store.database.row("SELECT 1")
    bad = ("ALTER TABLE jobs ADD COLUMN colour TEXT", "NOT SQL")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, bad))
    with pytest.raises(SpecError, match="damaged"):
        Database(store.home).row("SELECT 1")
    assert "colour" not in [r["name"] for r in store.database.rows("PRAGMA table_info(jobs)")]
    assert store.database.row("PRAGMA user_version")[0] == len(schema.MIGRATIONS) - 1
