"""Vision transformers behind local steps of SGD: any number of them, and what weight decay did, told or found."""

from __future__ import annotations

import pytest
import torch

from gi_core.attacks.recursion.transformer import sent
from gi_core.types.schedule import Decay, Schedule
from tests.attacks.test_transformer import VIT, local
from tests.recovery import ask, recover


@pytest.mark.parametrize(
    "client",
    [
        local(epochs=1),
        local(epochs=10),
        local(epochs=20, momentum=0.9, nesterov=True),
        local(epochs=5, decay="cosine", clip_norm=0.5),
        local(epochs=10, momentum=0.9, weight_decay=1e-2),
    ],
    ids=["one step", "ten", "nesterov", "cosine, clipped", "weight decay"],
)
def test_any_number_of_local_steps_gives_the_picture(client):
    found = recover(ask(VIT, "transformer", size=32, client=client))
    assert found.psnr[0] > 65 and found.labels == found.labels_true


@pytest.mark.parametrize("decay", [0.0, 1e-2])
def test_weight_decay_that_nobody_tells_is_found(decay):
    client = local(epochs=10, momentum=0.9, weight_decay=decay)
    found = recover(ask(VIT, {"kind": "transformer", "weight_decay": "searched"}, size=32, client=client))
    assert found.attack.knowledge.schedule.weight_decay == pytest.approx(decay, rel=1e-5, abs=1e-7)
    assert found.psnr[0] > 90


def test_weight_decay_that_is_not_taken_out_spoils_it(monkeypatch):
    monkeypatch.setattr(sent, "kept", lambda schedule: 1.0)
    asked = ask(VIT, "transformer", size=32, client=local(epochs=10, momentum=0.9, weight_decay=1e-2))
    assert recover(asked).psnr[0] < 30


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_what_weight_decay_leaves_is_torchs(momentum):
    w = torch.ones((), dtype=torch.float64, requires_grad=True)
    steps = torch.optim.SGD([w], 0.1, momentum, weight_decay=0.3)
    rates = torch.optim.lr_scheduler.ExponentialLR(steps, 0.5)
    for _ in range(4):
        w.grad = torch.zeros_like(w)
        steps.step()
        rates.step()
    schedule = Schedule(4, 1, 0.1, momentum=momentum, weight_decay=0.3, decay=Decay("exponential", 0.5))
    assert sent.kept(schedule) == pytest.approx(w.item(), rel=1e-12)
