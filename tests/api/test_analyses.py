"""gi.rank, gi.influence, gi.audit, gi.client and gi.run beside the command line's own answers."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import gi_core as gi
from gi_core.cli import main
from tests.api.nets import SHAPE, Normed, gradients, picture, smooth


@pytest.fixture(autouse=True)
def home(gi_home):
    return gi_home


def cnn6() -> nn.Sequential:
    """CNN6 of R-GAP as a plain nn.Sequential: six convolutions without bias, leaky ReLU, one logit."""
    torch.manual_seed(0)
    rows = [
        (3, 12, 4, 2, 2),
        (12, 36, 3, 1, 2),
        (36, 36, 3, 1, 1),
        (36, 36, 3, 1, 1),
        (36, 64, 3, 2, 1),
        (64, 128, 3, 1, 1),
    ]
    layers: list[nn.Module] = []
    for before, after, kernel, stride, padding in rows:
        layers += [nn.Conv2d(before, after, kernel, stride, padding, bias=False), nn.LeakyReLU(0.2)]
    with torch.no_grad():
        size = nn.Sequential(*layers)(torch.zeros(1, 3, 32, 32)).numel()
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(size, 1, bias=False))


def test_the_rank_of_a_module_is_that_of_the_same_drawn_network(capsys):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 12, 5, 2, 2), nn.Sigmoid(), nn.Conv2d(12, 12, 5, 2, 2), nn.Sigmoid(), nn.Conv2d(12, 12, 5, 1, 2),
        nn.Sigmoid(), nn.Flatten(), nn.Linear(768, 10),
    )  # fmt: skip
    found = gi.rank(model, (3, 32, 32))
    assert main(["rank", "--model", "lenet", "--input", "3x32x32", "--json"]) == 0
    drawn = json.loads(capsys.readouterr().out)
    kept = ("unknowns", "rank", "deficiency", "virtual", "index", "route")
    assert [[row[k] for k in kept] for row in found.layers] == [[row[k] for k in kept] for row in drawn["layers"]]
    assert found.verdict == drawn["verdict"] and found.sentence == drawn["sentence"]
    assert found.sentence in found._repr_html_() and found.figure().data
    assert gi.rank("lenet", (3, 32, 32)).verdict == found.verdict


def test_the_rank_counts_past_an_operation_that_it_does_not_know():
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(512, 5)

        def forward(self, x):
            return self.fc(torch.fft.fft2(self.conv(x)).real.flatten(1))

    found = gi.rank(Turned(), SHAPE)
    assert found.verdict == "unsupported" and "Tensor.real" in found.sentence
    assert {row["name"] for row in found.layers} >= {"conv", "fc"}


def test_the_rank_is_measured_on_request():
    counted, measured = gi.rank(smooth(), SHAPE), gi.rank(smooth(), SHAPE, measured=True)
    assert counted.document["mode"] == "count" and measured.document["mode"] == "numeric"
    assert all(row["condition"] is not None for row in measured.layers if row["rank"])


@pytest.mark.slow
def test_rgap_computes_the_picture_behind_a_sequential_cnn6():
    model, x = cnn6().double(), torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(2)).double()
    loss = F.binary_cross_entropy_with_logits(model(x), torch.ones(1, 1).double())
    update = torch.autograd.grad(loss, list(model.parameters()))
    result = gi.attack(model, update, (3, 32, 32), attack="rgap", progress=False)
    assert result.compare(x)["metrics"]["psnr"] > 100


def test_influence_is_that_of_the_command_line(capsys):
    found = gi.influence("lenet", "bundled/faces:3", 1, noise_std=1e-3, classes=10, progress=False)
    command = [
        "influence",
        "--sample",
        "bundled/faces:3",
        "--label",
        "1",
        "--size",
        "25",
        "--noise-std",
        "1e-3",
        "--json",
        "--model",
        "lenet:classes=10",
    ]
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    assert found.predicted_rmse == pytest.approx(said["samples"][0]["predicted_rmse"], rel=1e-6)
    assert found.samples[0]["sample"] == "picture 1" and found.figure().data


def test_what_a_client_sends_is_the_gradient_of_autograd():
    model, x = Normed().eval(), picture(images=2)
    labels = torch.tensor([3, 1])
    sent = gi.client(model, x, labels)
    for own, wanted in zip(sent.tensors.values(), gradients(model, x, labels), strict=True):
        torch.testing.assert_close(own, wanted)
    assert list(sent.tensors) == [name for name, _ in model.named_parameters()] and sent.kind == "gradient"
    assert "gradient of 2 pictures" in repr(sent)


def test_what_a_client_trains_is_what_torch_trains():
    model, x, labels = smooth(), picture(images=4), torch.tensor([3, 1, 0, 2])
    before = {k: v.clone() for k, v in model.state_dict().items()}
    sent = gi.client(model, x, labels, epochs=2, batch_size=4, learning_rate=0.1, momentum=0.9, shuffle=False)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        optimiser.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimiser.step()
    assert sent.kind == "weight_change"
    for name, value in sent.tensors.items():
        torch.testing.assert_close(value, model.state_dict()[name] - before[name], rtol=1e-4, atol=1e-7)


def test_a_clients_update_is_attacked_as_it_is():
    model, x = smooth(), picture()
    plain = gi.attack(model, gi.client(model, x, [3], learning_rate=0.05), progress=False)
    assert plain.compare(x)["metrics"]["psnr"] > 40 and plain.matched
    sent = gi.client(model, x, [3], defenses=["gaussian_noise:std=0.001"])
    assert sent.effects[0]["kind"] == "gaussian_noise"
    noisy = gi.attack(model, sent, progress=False, seconds=4)
    assert [d.kind for d in noisy.experiment.defenses] == ["gaussian_noise"] and noisy.experiment.attack.adaptive
    assert noisy.compare(x)["metrics"]["psnr"] < plain.compare(x)["metrics"]["psnr"]


def test_a_client_with_a_loss_of_its_own():
    model, x, target = smooth(), picture(), torch.rand(1, 5, generator=torch.Generator().manual_seed(0))
    sent = gi.client(model, x, target, loss=lambda z, t: F.huber_loss(z, t))
    wanted = torch.autograd.grad(F.huber_loss(model(x), target), list(model.parameters()))
    for own, other in zip(sent.tensors.values(), wanted, strict=True):
        torch.testing.assert_close(own, other)
    result = gi.attack(model, sent, labels=target, progress=False)
    assert result.compare(x)["metrics"]["psnr"] > 60


def test_an_update_that_leaks_is_withheld_and_noise_lets_it_pass():
    model, x = smooth(), picture()
    audit = gi.audit(model, gradients(model, x), x, [3], threshold=0.5, progress=False)
    assert not audit and audit.sentence.startswith("withheld: SSIM") and audit.result.matched
    noisy = gi.client(model, x, [3], defenses=["gaussian_noise:std=0.3"])
    passed = gi.audit(model, noisy, x, [3], threshold=0.5, attack="levenberg_marquardt", progress=False)
    assert passed.send and "may leave" in passed._repr_html_()
    stranger = gi.audit(model, gradients(smooth(seed=9), x), x, [3], threshold=0.5, seconds=2, progress=False)
    assert not stranger.send and "was not measured" in stranger.sentence


def test_a_run_in_the_words_of_the_command_line(capsys, tmp_path):
    words = {"sample": "bundled/faces:2", "size": 16, "model": "lenet:width=2", "seed": 3}
    result = gi.run(**words, attack="levenberg_marquardt:iterations=4", progress=False)
    command = [f"--{k}={v}" for k, v in words.items()]
    assert (
        main(
            [
                "attack",
                *command,
                "--attack",
                "levenberg_marquardt:iterations=4",
                "--out",
                str(tmp_path / "out"),
                "--json",
            ]
        )
        == 0
    )
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert result.metrics["psnr"] == said["metrics"]["psnr"]
    with np.load(tmp_path / "out" / "reconstruction.npz") as file:
        np.testing.assert_array_equal(file["images"], result.images.numpy())
    whole = gi.run(experiment=result.experiment.model_dump(mode="json"), plan=result.plan, progress=False)
    assert torch.equal(whole.images, result.images) and "psnr" in whole.metrics
    from_file = gi.run(tmp_path / "out" / "experiment.json", progress=False, settings={"attack.iterations": 2})
    assert from_file.document["iterations"] == 2


def test_the_rank_over_rounds_is_said_and_in_the_report(tmp_path):
    found = gi.rank("lenet:width=1,activation=tanh", (1, 10, 10), rounds=8)
    assert found.rounds is not None and found.rounds["exact_after"] > 1 and found.rounds["sentence"] in repr(found)
    page = found.report(tmp_path / "rank.html").read_text()
    assert "Round after round" in page and "rounds=8" in page
    assert gi.rank("lenet", (1, 10, 10)).rounds is None
