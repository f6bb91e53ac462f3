"""The network of the recorders' examples, written without torch."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import numpy as np
import torch

from gi_core.networks import build
from gi_core.settings.custom import CustomNet

ROOT = Path(__file__).resolve().parents[2]


def test_the_examples_network_trains_as_torch_does(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    network = importlib.import_module("network")
    drawn = CustomNet(**json.loads((ROOT / "examples" / "network.json").read_text()))
    before = network.fresh(3)
    model = build(drawn, (1, network.SIDE, network.SIDE), network.CLASSES)
    model.load_state_dict({name: torch.tensor(value) for name, value in before.items()})
    images, labels = (np.concatenate(part) for part in zip(*map(network.picture, (0, 1)), strict=True))
    optimiser = torch.optim.SGD(model.train().parameters(), 0.1)
    for _ in range(3):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model(torch.tensor(images)), torch.tensor(labels)).backward()
        optimiser.step()
    after = network.train(before, images, labels, steps=3)
    assert after["layer1_bn.num_batches_tracked"] == 3
    for name, value in model.state_dict().items():
        np.testing.assert_allclose(after[name], value.numpy(), atol=1e-6, err_msg=name)
        assert name.endswith("tracked") or np.abs(after[name] - before[name]).max() > 1e-3, "it has moved"
