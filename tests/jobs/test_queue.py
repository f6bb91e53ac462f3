"""The queue that everybody shares: turns, what each may have waiting, asking twice, cancelling what is mine."""

from __future__ import annotations

import sqlite3

import pytest

from gi_core.cli import main
from gi_core.jobs import queue, schema, sweeps
from gi_core.jobs.job import READING
from gi_core.jobs.processes import Processes
from gi_core.jobs.store import Store
from gi_core.jobs.writer import Writer
from gi_core.settings import SpecError
from gi_core.settings.sweep import build_sweep
from tests.runs_helpers import tiny_spec


@pytest.fixture
def stores(gi_home) -> list[Store]:
    return [Store(asker=name) for name in ("ann", "bob", "cleo")]


def _writer(store: Store) -> Writer:
    return Writer(store, Processes(store.database).register("worker", "interactive"))


def _order(store: Store, lane: str = "interactive") -> list[str]:
    writer, found = _writer(store), []
    while (job := writer.claim(lane)) is not None:
        found.append(job.id)
        writer.finish(job.id, "done", {})
    return found


def test_those_who_ask_take_turns_and_a_place_is_given_as_it_will_be(stores):
    ann, bob, cleo = stores
    a = [ann.submit("run", {"a": n}) for n in range(4)]
    b = [bob.submit("run", {"b": n}) for n in range(2)]
    c = [cleo.submit("run", {"c": 0})]
    expected = [a[0], b[0], c[0], a[1], b[1], a[2], a[3]]
    assert [ann.place(job) for job in expected] == list(range(7))
    assert _order(ann) == expected


def test_who_has_just_had_a_turn_waits_for_the_others(stores):
    ann, bob, _ = stores
    first = ann.submit("run", {"n": 0})
    writer = _writer(ann)
    assert writer.claim("interactive").id == first
    again, other = ann.submit("run", {"n": 1}), bob.submit("run", {"n": 1})
    assert (bob.place(other), ann.place(again)) == (0, 1)
    assert writer.claim("interactive").id == other and writer.claim("interactive").id == again


def test_a_large_sweep_does_not_hold_up_another_person_s(stores):
    ann, bob, _ = stores
    base = {"name": "S", "base": {"attack": "dlg"}}
    seeds = lambda n: [{"name": "Seed", "path": "seed", "values": list(range(n))}]  # noqa: E731
    sweeps.start(ann, build_sweep({**base, "axes": seeds(6)}))
    sweeps.start(bob, build_sweep({**base, "axes": [{"name": "Seed", "path": "seed", "values": [7, 8]}]}))
    writer = _writer(ann)
    assert [writer.claim("batch").asker for _ in range(5)] == ["ann", "bob", "ann", "bob", "ann"]


def test_a_flood_of_previews_takes_turns_too_and_costs_no_turn_of_a_run(stores):
    ann, bob, _ = stores
    looks = [ann.submit("preview", {"n": n}) for n in range(3)]
    look, run, other = bob.submit("preview", {}), ann.submit("run", {}), bob.submit("run", {})
    assert _order(ann) == [looks[0], look, looks[1], looks[2], run, other]


def test_each_may_have_so_many_waiting(stores, monkeypatch):
    monkeypatch.setenv("GI_QUEUE_EACH", "2")
    monkeypatch.setenv("GI_QUEUE_ALL", "3")
    ann, bob, cleo = stores
    for n in range(2):
        ann.submit("run", {"n": n})
    with pytest.raises(SpecError, match="2 of your jobs wait, and 2 are allowed"):
        ann.submit("run", {"n": 2})
    bob.submit("run", {"n": 0})
    with pytest.raises(SpecError, match="queue is full"):
        cleo.submit("run", {"n": 0})
    monkeypatch.setenv("GI_QUEUE_EACH", "many")
    assert queue.most("GI_QUEUE_EACH", 40) == 40


def test_asking_twice_is_asking_once(stores):
    ann, bob, _ = stores
    first = ann.submit("run", tiny_spec())
    assert ann.submit("run", tiny_spec()) == first and ann.submit("run", tiny_spec(seed=6)) != first
    assert bob.submit("run", tiny_spec()) != first, "another's may be cancelled under one's hands"
    writer = _writer(ann)
    assert writer.claim("interactive").id == first and ann.submit("run", tiny_spec()) == first, "while it runs too"
    ann.control(first, "cancel")
    second = ann.submit("run", tiny_spec())
    assert second != first, "one that is being cancelled answers nobody"
    writer.finish(first, "cancelled")
    ann.control(second, "cancel")
    assert ann.submit("run", tiny_spec()) not in (first, second)


def test_with_sign_in_the_owner_takes_turns_in_whatever_browser(gi_home):
    one, two = Store(viewer="ann@example.org", asker="tab 1"), Store(viewer="ann@example.org", asker="tab 2")
    first = one.submit("run", {"n": 1})
    assert two.submit("run", {"n": 1}) == first and one.job(first).asker == "ann@example.org"


def test_cancel_mine_leaves_the_others_alone(stores):
    ann, bob, _ = stores
    mine = [ann.submit("run", {"n": n}) for n in range(2)]
    sweep = sweeps.start(ann, build_sweep({"name": "S", "base": {}, "axes": [
        {"name": "Seed", "path": "seed", "values": [1, 2]}]}))  # fmt: skip
    theirs = bob.submit("run", {"n": 0})
    running = _writer(ann).claim("interactive").id
    assert running == mine[0] and ann.cancel_mine() == 3
    assert ann.job(running).asked == "cancel" and ann.job(mine[1]).state == ann.job(sweep).state == "cancelled"
    assert {e.state for e in sweeps.members(ann, sweep)} == {"cancelled"} and bob.job(theirs).state == "queued"
    assert (
        ann.mine() == ann.cancel_mine() == 0
        and bob.mine() == bob.cancel_all() == 1
        and bob.job(theirs).state == "cancelled"
    )


def test_files_of_a_person_are_read_in_a_lane_of_their_own(gi_home):
    store = Store()
    lanes = [
        store.job(store.submit(kind, spec)).lane
        for kind, spec in (
            ("inspect", {"recorded": {"update": "upload:x"}}),
            ("thumbnails", {"samples": ["bundled/chelsea", "upload:" + "0" * 64]}),
            ("thumbnails", {"samples": ["bundled/chelsea"]}),
            ("run", {}),
        )
    ]
    assert lanes == [READING, READING, "interactive", "interactive"]


def test_a_store_of_before_is_brought_up_and_its_half_failed_sweep_is_no_longer_done(tmp_path, monkeypatch):
    old = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    old.row_factory = sqlite3.Row
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:4])
    schema.migrate(old)
    monkeypatch.undo()
    insert = "INSERT INTO jobs (id, kind, spec, state, owner, created, finished) VALUES (?, ?, '{}', ?, 'ann', 1, 5)"
    for row in (("a" * 12, "sweep", "done"), ("b" * 12, "run", "done"), ("c" * 12, "run", "failed")):
        old.execute(insert, row)
    for place, job in enumerate(("b" * 12, "c" * 12)):
        old.execute(
            "INSERT INTO members (sweep, role, position, key, job) VALUES (?, 'run', ?, '', ?)", ("a" * 12, place, job)
        )
    old.execute("CREATE TRIGGER sweep_follows AFTER UPDATE OF state ON jobs BEGIN SELECT 1; END")
    old.close()
    store = Store(tmp_path)
    assert store.job("a" * 12).state == "incomplete" and store.job("a" * 12).finished == 5
    assert store.job("b" * 12).asker == "ann" and store.job("b" * 12).state == "done"
    assert sweeps.SweepStatus(
        "", "", "incomplete", 2, {"done": 1, "failed": 1}, 1.0, None, 1, {"failed": 1}
    ).sentence == ("done with 1 failed and 1 training failed")


def test_cancelling_on_the_command_line(gi_home, capsys):
    here, page = Store(asker="command line"), Store(asker="browser 1")
    one, two, other = here.submit("run", {"n": 1}), here.submit("run", {"n": 2}), page.submit("federation", {})
    assert main(["runs", "cancel", one, "--json"]) == 0 and capsys.readouterr().out == '{"cancelled": 1}\n'
    assert main(["runs", "cancel", "--mine"]) == 0 and capsys.readouterr().out == "1 cancelled\n"
    assert [here.job(k).state for k in (one, two, other)] == ["cancelled", "cancelled", "queued"]
    assert main(["runs", "cancel", "--all"]) == 0 and here.job(other).state == "cancelled"
    for wrong in ([], ["--mine", "--all"], [one, "--all"], ["0" * 12]):
        assert main(["runs", "cancel", *wrong]) == 2
        assert capsys.readouterr().err.startswith("error: ")
