"""Layers that an independent torch client froze stay where they are when its steps are played again."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import torch
from PIL import Image

from gi_core.cli import main
from gi_core.networks.building import build as network_of
from gi_core.settings.networks import LeNet


@pytest.mark.parametrize(
    "client, training",
    [
        ("", {}),
        (",momentum=0.9,weight_decay=0.01", {"momentum": 0.9, "weight_decay": 0.01}),
        (",clip_norm=0.5", {}),
    ],
)
def test_frozen_layers_do_not_move_over_several_steps(tmp_path, gi_home, capsys, client, training):
    """Of its own picture the client as described sends this update, to the rounding of the weights."""
    torch.manual_seed(1)
    network = network_of(LeNet(classes=10), (3, 16, 16), 10)
    pixels = np.random.default_rng(2).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "mine.png")
    x = torch.tensor(pixels, dtype=torch.float32).permute(2, 0, 1)[None] / 255
    trained = copy.deepcopy(network).train().requires_grad_(True)
    for name, parameter in trained.named_parameters():
        parameter.requires_grad_(not name.startswith(("conv1", "conv2")))
    live = [p for p in trained.parameters() if p.requires_grad]
    optimiser = torch.optim.SGD(live, lr=0.05, **training)
    for _ in range(4):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(trained(x), torch.tensor([3])).backward()
        if "clip" in client:
            torch.nn.utils.clip_grad_norm_(live, 0.5)
        optimiser.step()
    before, after = network.state_dict(), trained.state_dict()
    torch.save(before, tmp_path / "before.pt")
    np.savez(tmp_path / "change.npz", **{k: (after[k] - before[k]).numpy() for k in before})
    argv = ["invert", "--checkpoint", str(tmp_path / "before.pt"), "--update", str(tmp_path / "change.npz")]
    argv += ["--model", "lenet:classes=10", "--image-size", "16", "--label", "3", "--json"]
    argv += ["--client", f"fedavg:learning_rate=0.05,epochs=4{client}", "--attack", "inverting_gradients:iterations=1"]
    assert main(argv) == 0
    got = json.loads(capsys.readouterr().out.splitlines()[-1])
    (notice,) = got["notices"]  # what it learned on the way is no other learning rate
    assert "these layers look frozen" in notice and not got["update"].get("corrected")

    from gi_core.experiments.fit.describing import own
    from gi_core.experiments.setup import ask, choose_device
    from gi_core.settings import build

    kept = json.loads((gi_home / "runs" / got["run_id"] / "experiment.json").read_text())
    question = ask(build(kept), choose_device("cpu"), lambda fraction, text: None)
    assert own(question, x.numpy())["unexplained"] < 1e-5
