"""What is said of the time before something is started: arithmetic on given figures, no clock."""

from __future__ import annotations

import json

import pytest

from gi_core.jobs import times
from gi_core.jobs.store import Store
from gi_core.jobs.times import Span
from pages.shared import words


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.0, 0.0, "1 to 2 s"),
        (0.02, 0.06, "1 to 2 s"),
        (1.0, 10.0, "1 to 10 s"),
        (11.0, 29.0, "10 to 30 s"),
        (31.0, 31.0, "30 to 45 s"),
        (50.0, 100.0, "45 s to 2 min"),
        (130.0, 290.0, "2 to 5 min"),
        (2000.0, 7000.0, "30 min to 2 h"),
        (4000.0, 10000.0, "1 to 3 h"),
        (90_000.0, 250_000.0, "1 to 3 days"),
        (100_000.0, 170_000.0, "1 to 2 days"),
    ],
)
def test_a_range_is_rounded_outwards_and_is_never_nothing(low, high, text):
    assert times.said(Span(low, high)) == text and "0.0" not in text


def test_waiting_start_and_overhead_are_part_of_it():
    """A loop of 0.0 s that took 43 s: a worker had to start, and another run was before it."""
    assert times.said(times.expected(0.0)) == "1 to 10 s"
    whole = times.expected(10.0, Span(1.0, 4.0), Span(20.0, 40.0), Span(2.0, 8.0))
    assert (whole.low, whole.high) == pytest.approx((20 + 2 + 1 + 10 / 1.4, 40 + 8 + 4 + 20))
    assert times.start("") == times.start("starting") == Span(2.0, 8.0) and times.start("idle") == times.NOTHING
    assert times.start("0123456789ab") == times.NOTHING, "it has a job, which is waiting's to count"


def _done(store: Store, wall: float, loop: float, attack: str = "dlg", **columns) -> None:
    job = store.submit("run", {"attack": {"kind": attack}, "model": {"kind": "lenet"}, "seed": len(store.jobs())})
    values = {"state": "done", "claimed": 100.0, "finished": 100.0 + wall, "result": json.dumps({"seconds": loop})}
    values |= {"attempts": 1, **columns}
    for name, value in values.items():
        store.database.write(f"UPDATE jobs SET {name} = ? WHERE id = ?", (value, job))


def test_what_lies_around_the_loop_is_learned_from_former_runs(gi_home):
    store = Store()
    assert times.overhead(store, "dlg", "lenet") == Span(*times.OVERHEAD)
    for wall, loop in ((5.0, 2.0), (9.0, 2.0), (43.0, 0.0)):
        _done(store, wall, loop)
    _done(store, 500.0, 1.0, interrupted=1)
    _done(store, 500.0, 1.0, attempts=2)
    _done(store, 500.0, 1.0, result="{damaged")
    assert times.overhead(store, "dlg", "lenet") == Span(3.0, 43.0)
    assert times.overhead(store, "dlg", "resnet18") == Span(3.0, 43.0), "of the same attack"
    assert times.overhead(store, "idlg", "lenet") == Span(3.0, 43.0), "of any, as three are known"
    for _ in range(3):
        _done(store, 2.0, 1.5, attack="idlg")
    assert times.overhead(store, "idlg", "lenet") == Span(0.5, 0.5)


def test_what_waits_before_is_counted(gi_home):
    store = Store()
    assert times.before(store) == times.NOTHING
    run = store.submit("run", {"n": 1})
    store.submit("preview", {"n": 2})
    store.submit("run", {"n": 3}, lane="batch")
    assert times.before(store) == Span(1.0, 30.0)
    store.database.write("UPDATE jobs SET state = 'running', progress = ? WHERE id = ?", ('{"seconds_left": 14}', run))
    assert times.before(store) == Span(10.0, 28.0)
    store.database.write("UPDATE jobs SET progress = '{damaged' WHERE id = ?", (run,))
    assert times.before(store) == Span(1.0, 30.0)


def test_a_duration_is_never_nothing_point_nothing():
    assert [words.span(t) for t in (59.7, 120, 3600, 3661)] == ["1 min", "2 min", "1 h", "1 h 1 min"]
    assert words.span(0.01) == words.span(0.0) == "less than 0.1 s" and words.span(0.06) == "0.1 s"


def _former(store: Store, kind: str, spec: dict, wall: float, **columns) -> None:
    job = store.submit(kind, spec, lane="batch")
    for name, value in {"state": "done", "claimed": 10.0, "finished": 10.0 + wall, "attempts": 1, **columns}.items():
        store.database.write(f"UPDATE jobs SET {name} = ? WHERE id = ?", (value, job))


def test_other_jobs_are_learned_from_those_that_were_alike(gi_home):
    store = Store()

    def lenet(spec):
        return spec["model"] == "lenet"

    assert times.former(store, "rank", lenet) is None
    for n, wall in enumerate((6.0, 8.0, 12.0)):
        _former(store, "rank", {"model": "lenet", "n": n}, wall)
    _former(store, "rank", {"model": "resnet18"}, 500.0)
    _former(store, "rank", {"model": "lenet", "n": 9}, 500.0, interrupted=1)
    _former(store, "influence", {"model": "lenet"}, 500.0)
    assert times.former(store, "rank", lenet) == Span(6 / times.FASTER, 12 * times.SLOWER)
    each = times.former(store, "rank", lenet, lambda spec: 2.0)
    assert each == Span(3 / times.FASTER, 6 * times.SLOWER)


def test_a_federation_takes_as_long_a_round_as_one_of_the_same_settings(gi_home):
    store, settings = Store(), {"data": "faces", "clients": 2, "rounds": 5, "seed": 0}
    assert times.federation(store, settings) is None
    _former(store, "federation", settings, 50.0)
    assert times.federation(store, {**settings, "rounds": 10, "seed": 3}) == Span(
        100 / times.FASTER, 100 * times.SLOWER
    )
    assert times.federation(store, {**settings, "clients": 3}) is None


def test_a_recursion_is_timed_by_its_largest_layers():
    assert times.layer_by_layer([3000]) == pytest.approx(3000**3 / 3 / times.FLOPS + 0.01)
    assert times.layer_by_layer([10**6]) == times.layer_by_layer([times.MOST_JOINTLY]), (
        "larger ones are not solved jointly"
    )


SAID = "this takes about "


@pytest.mark.parametrize(("loop", "lines"), [(20.0, ["this takes about 10 to 45 s"]), (0.3, [])])
def test_the_loop_of_a_run_is_foreseen_before_it_starts(gi_home, monkeypatch, capsys, loop, lines):
    from gi_core.cli import main

    monkeypatch.setattr("gi_core.experiments.estimate.of_run", lambda question, plan: loop)
    asked = ["attack", "--sample", "bundled/faces:3", "--size", "8", "--model", "lenet:width=2", "--device", "cpu"]
    assert main([*asked, "--attack", "inverting_gradients:iterations=3"]) == 0
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith(SAID)] == lines


def test_reading_what_a_server_prepared_is_foreseen_too(gi_home, capsys):
    from gi_core.cli import main

    asked = ["attack", "--sample", "bundled/faces:3", "--size", "12", "--model", "lenet:width=2", "--device", "cpu"]
    assert main([*asked, "--server", "imprint:bins=8", "--attack", "imprint"]) == 0
    assert "error" not in capsys.readouterr().err


def test_an_estimate_by_a_plan_counts_every_iteration_up_to_the_limit():
    from gi_core.experiments import estimate
    from gi_core.settings.plan import Plan

    question = _question({"kind": "inverting_gradients", "iterations": 500})
    assert estimate.of_run(question, Plan(seconds=1.0)) == pytest.approx(500 * 1.2)
    question.experiment = question.experiment.model_copy(update={"seconds": 30.0})
    assert estimate.of_run(question, Plan(seconds=1.0)) == 30.0


def _question(attack: dict):
    from types import SimpleNamespace

    from gi_core.settings import build

    done = SimpleNamespace(knowledge=SimpleNamespace(schedule=None, earlier=()))
    return SimpleNamespace(experiment=build({"attack": attack}), round=done, device=None)


@pytest.mark.parametrize("attacked", [True, False])
def test_the_rounds_of_a_federation_are_foreseen_by_the_first(gi_home, tmp_path, monkeypatch, capsys, attacked):
    from gi_core.cli import main

    monkeypatch.setattr("gi_core.experiments.estimate.loop", lambda *_: 100.0)
    attack = "[attack]\nkind = 'inverting_gradients'\niterations = 2\n" if attacked else ""
    none = "" if attacked else "attacked = []\nattack_every = 20\n"
    text = f"{none}clients = 2\nrounds = 2\npictures = 2\nsize = 8\n[client]\nlearning_rate = 0.01\n{attack}"
    (tmp_path / "f.toml").write_text(text)
    assert main(["federate", str(tmp_path / "f.toml")]) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith(SAID)]
    assert lines == ["this takes about 2 to 8 min" if attacked else "this takes about 1 to 5 min"], (
        "rounds that are attacked"
    )
