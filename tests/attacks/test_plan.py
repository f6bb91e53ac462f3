"""The plan: the fastest by CPU time, in turns, for a 25th of the run; the clock is a made-up one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gi_core.attacks import plan as plans
from gi_core.attacks import plan_clock
from gi_core.attacks.plan_clock import Clock
from gi_core.settings import parse_component
from tests.victims import experiment, play

LONG = parse_component("attack", "inverting_gradients:iterations=4000")


@pytest.fixture
def machine(monkeypatch):
    """A clock on which an evaluation of a picture takes as long as `cost` says; what was evaluated, in order."""

    class Machine:
        now, order = 0.0, []

        def cost(self, plan) -> float:
            return 0.1

    fake = Machine()
    fake.order = []

    def evaluate(self, gradient, trials):
        seconds = fake.cost(fake.plan) * trials * self.images
        fake.now += seconds
        fake.order.append(fake.plan)
        return seconds

    once = Clock.once

    def noted(self, plan):
        fake.plan = plan
        return once(self, plan)

    monkeypatch.setattr(Clock, "_evaluate", evaluate)
    monkeypatch.setattr(Clock, "once", noted)
    monkeypatch.setattr(Clock, "now", lambda self: fake.now)
    return fake


def _plan(attack=LONG, images=1, budget=1e9):
    update, knowledge, _ = play(experiment())
    return plans.timed(replace(update, images=images), knowledge, attack, torch.device("cpu"), budget)


@pytest.mark.parametrize("fast", ["base", "plain", "last"])
def test_the_fastest_is_chosen_however_long_an_evaluation_takes(machine, fast):
    kinds = {(True, False): "base", (False, False): "plain", (True, True): "last"}
    machine.cost = lambda p: 2.0 if kinds[p.onednn, p.channels_last] == fast else 3.0
    found = _plan()
    assert kinds[found.onednn, found.channels_last] == fast
    assert found.source == "measured" and found.seconds == pytest.approx(2.0)


def test_plans_take_turns_so_that_a_busy_moment_is_shared(machine):
    _plan()
    timed = [(p.onednn, p.channels_last) for p in machine.order]
    assert timed[-6:-3] == timed[-3:] and len(set(timed[-3:])) == 3


def test_a_busy_moment_does_not_decide(machine):
    calls = {}

    def cost(p):
        calls[repr(p)] = calls.get(repr(p), 0) + 1
        fast = p.onednn and not p.channels_last
        return (1.0 if fast else 1.2) * (5.0 if calls[repr(p)] == 2 and fast else 1.0)

    machine.cost = cost
    found = _plan()
    assert found.onednn and not found.channels_last


@pytest.mark.parametrize("iterations", [1, 30, 300, 4000])
@pytest.mark.parametrize("images", [1, 32])
def test_a_plan_takes_a_twentieth_of_the_run_at_most(machine, iterations, images):
    found = _plan(parse_component("attack", f"inverting_gradients:iterations={iterations}"), images)
    run = iterations * 0.1 * images
    unavoidable = 2 * 0.1 * images  # what the first two evaluations of the run cost anyway
    assert machine.now <= 0.05 * run + unavoidable
    assert found.source == ("measured" if iterations * images >= 300 else "default")


def test_no_time_to_compare_is_said_and_not_kept(machine, tmp_path, monkeypatch):
    monkeypatch.setenv("GI_HOME", str(tmp_path))
    update, knowledge, _ = play(experiment())
    short = parse_component("attack", "inverting_gradients:iterations=3")
    assert plans.measure(update, knowledge, short, torch.device("cpu")).source == "default"
    assert plans.measure(update, knowledge, LONG, torch.device("cpu")).source == "measured"
    assert plans.measure(update, knowledge, LONG, torch.device("cpu")).source == "cached"


def test_a_large_batch_is_planned_on_two_of_its_pictures(machine):
    found = _plan(images=32)
    assert machine.now < 2 * 2 * 0.1 * (plan_clock.MOST_TURNS + 2) * 3
    assert found.seconds == pytest.approx(3.2)


def test_a_search_that_begins_one_trial_is_planned_for_one(machine):
    machine.cost = lambda p: 0.1 if p.chunk == 1 else 0.01
    found = _plan(parse_component("attack", "dlg"))
    assert {p.chunk for p in machine.order} == {1} and found.chunk == 4


def test_trials_that_advance_together_are_planned_together(machine):
    machine.cost = lambda p: 0.1 if p.chunk == 1 else 0.01
    assert _plan(parse_component("attack", "inverting_gradients:trials=8")).chunk == 8
    machine.cost = lambda p: 0.01 if p.chunk == 1 else 0.1
    assert _plan(parse_component("attack", "inverting_gradients:trials=8")).chunk == 1


def test_channels_last_must_be_clearly_faster(machine):
    machine.cost = lambda p: 0.098 if p.channels_last else 0.1
    assert not _plan().channels_last


def test_time_is_counted_in_cpu_seconds_of_this_thread():
    update, knowledge, _ = play(experiment())
    clock = Clock(update, knowledge, torch.float32, torch.device("cpu"))
    import time

    before, thread = clock.now(), time.thread_time()
    time.sleep(0.2)
    assert clock.now() - before < 0.2 and thread <= time.thread_time()
