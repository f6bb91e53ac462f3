"""The GPU path: graph, eager and CPU agree; running out of memory halves the chunk (shown on a CPU too)."""

from __future__ import annotations

import pytest
import torch

from gi_core.attacks import Refused, make
from gi_core.numerics import cuda_graphs
from gi_core.settings.plan import Plan
from tests.victims import PLAN, advance, experiment, machine, play

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
ITERATIONS = 12
TOLERANCE = 1e-4
"""Largest pixel difference after twelve unsigned float64 iterations on different kernels."""


def _asked(**attack):
    settings = {
        "kind": "inverting_gradients",
        "trials": 3,
        "iterations": ITERATIONS,
        "signed": False,
        "precision": "float64",
    }
    return experiment(size=12, model={"kind": "convnet", "width": 4}, attack={**settings, **attack})


def _final(device: str, plan: Plan, **attack) -> tuple[torch.Tensor, list[str]]:
    asked = _asked(**attack)
    update, knowledge, _ = play(asked)
    built = make(asked.attack, update, knowledge, plan=plan, device=device)
    state, events = built.init(0), []
    for _ in range(ITERATIONS):
        state, step = built.step(state)
        events += step.events
    return built.answer(state)[0].cpu(), events


@needs_cuda
def test_graph_eager_and_cpu_agree():
    on_cpu, _ = _final("cpu", PLAN)
    eager, _ = _final("cuda", Plan(device="cuda", chunk=8))
    graph, events = _final("cuda", Plan(device="cuda", chunk=8, cuda_graph=True))
    assert any("CUDA graph" in e and "replayed" in e for e in events)
    torch.testing.assert_close(graph, eager, rtol=0, atol=1e-9)
    torch.testing.assert_close(eager, on_cpu, rtol=0, atol=TOLERANCE)


@needs_cuda
@pytest.mark.parametrize("kind", ["dlg", "idlg", "levenberg_marquardt"])
def test_second_order_attacks_run_on_cuda(kind):
    asked = experiment(attack={"kind": kind, "iterations": 3})
    update, knowledge, pictures = play(asked)
    built = make(asked.attack, update, knowledge, plan=Plan(device="cuda"), device="cuda")
    state, _ = advance(built, built.init(0), 3)
    assert built.answer(state)[0].shape == pictures.shape


def test_out_of_memory_halves_the_chunk_and_changes_no_picture(monkeypatch):
    asked = _asked(trials=4)
    built, _ = machine(asked)
    whole, _ = machine(asked)
    true = built.problem._evaluate

    def small(z, *more):
        if len(z) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return true(z, *more)

    monkeypatch.setattr(built.problem, "_evaluate", small)
    state, step = advance(built, built.init(0), 1)
    assert step.events == (
        "out of memory: trials now advance 2 at a time",
        "out of memory: trials now advance 1 at a time",
    )
    _, expected = advance(whole, whole.init(0), 1)
    torch.testing.assert_close(step.images, expected.images, rtol=1e-9, atol=1e-9)


def test_out_of_memory_for_a_single_trial_is_one_sentence(monkeypatch):
    built, _ = machine(_asked(trials=1))

    def none(z, *more):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(built.problem, "_evaluate", none)
    with pytest.raises(Refused, match="memory does not hold one trial"):
        built.step(built.init(0))


class _Graph:
    """A stand-in for torch.cuda.CUDAGraph that fails to capture."""


def test_a_failed_capture_goes_on_eagerly_and_says_so(monkeypatch):
    calls = []

    def fails(graph):
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(torch.cuda, "CUDAGraph", _Graph)
    monkeypatch.setattr(torch.cuda, "graph", fails)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    replay = cuda_graphs.Replay(True)
    replay._capture(lambda *a: calls.append(a), torch.zeros(1), {}, torch.zeros(2))
    assert replay.graph is None and not replay.wanted
    assert replay.take_events() == [
        "the step could not be captured as a CUDA graph and runs eagerly: operation not permitted when stream is capturing"
    ]
