"""What an update's numbers are: whole weights or a change, what does not fit, frozen layers, partial updates, 16 bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gi_core.settings import SpecError
from gi_core.update_files.comparing import cells
from tests.update_files.sent import RATE, asked, change, gradient, network, said, trained


def test_whole_weights_with_batch_norm_become_change_and_statistics(tmp_path):
    net = network("resnet")
    after = trained(net, count=3, mode="train")
    client = {"kind": "fedavg", "learning_rate": RATE, "batch_norm": "train", "statistics": "shared"}
    got = asked(tmp_path, net, after, "resnet", client=client, recorded={"images": 3})
    true = change(net, after)
    for name, value in got.round.update.tensors.items():
        assert np.allclose(value.numpy(), true[name], atol=1e-7)
    for name, value in got.round.update.statistics.items():
        assert np.allclose(value.numpy(), after[name], atol=1e-5)
    assert int(got.round.update.statistics["bn1.num_batches_tracked"]) == 1
    assert "the checkpoint was subtracted" in said(got)


def test_whole_weights_are_refused_as_a_gradient_and_the_checkpoint_as_an_update(tmp_path):
    net = network("lenet")
    with pytest.raises(SpecError, match="holds whole weights, not a gradient .*client fedavg:learning_rate"):
        asked(tmp_path, net, trained(net))
    with pytest.raises(SpecError, match="holds the checkpoint itself"):
        asked(tmp_path, net, {k: v.numpy() for k, v in net.state_dict().items()}, client={"kind": "fedavg"})
    own = {k: v.numpy() for k, v in net.state_dict().items()}
    draw = np.random.default_rng(0)
    far = {k: v + 1.2 * np.std(v) * draw.standard_normal(v.shape).astype(np.float32) for k, v in own.items()}
    with pytest.raises(SpecError, match="may hold whole weights or a change"):
        asked(tmp_path, net, far, client={"kind": "fedavg"})
    for contents, whole in (("weights", True), ("change", False)):
        got = asked(tmp_path, net, far, client={"kind": "fedavg"}, recorded={"contents": contents})
        assert got.facts["whole"] is whole


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (lambda z, y: F.cross_entropy(z, y, label_smoothing=0.1), "label smoothing of 0.1 fits"),
        (lambda z, y: ((z - F.one_hot(y, 10)) ** 2).mean(), "client.loss=mse"),
        (lambda z, y: F.binary_cross_entropy_with_logits(z, F.one_hot(y, 10).float()), "over several labels"),
        (lambda z, y: F.cross_entropy(z, torch.tensor([[0.5, 0.5, *[0.0] * 8]])), "likely: more pictures or steps"),
    ],
)
def test_what_a_client_as_described_cannot_have_sent_is_named(tmp_path, loss, says):
    net = network("lenet")
    got = asked(tmp_path, net, gradient(net, loss))
    assert "cannot have sent this" in said(got) and says in said(got)


def test_weight_decay_is_named(tmp_path):
    net = network("lenet")
    update = change(net, trained(net, weight_decay=0.01))
    got = asked(tmp_path, net, update, client={"kind": "fedavg", "learning_rate": RATE})
    assert "a weight decay of 0.01 fits" in said(got)


def test_a_part_of_the_update(tmp_path):
    net = network("resnet")
    part = {k: v for k, v in gradient(net).items() if k.startswith(("layer4.", "fc."))}
    with pytest.raises(SpecError, match="missing conv1.weight.*say recorded.withheld=missing"):
        asked(tmp_path, net, part, "resnet")
    got = asked(tmp_path, net, part, "resnet", recorded={"withheld": ["missing"]})
    names = set(got.round.update.tensors) - set(got.round.update.withheld)
    assert names == set(part) and "taken for not sent: conv1, bn1, layer1.0.conv1" in said(got)
    by_pattern = asked(tmp_path, net, part, "resnet", recorded={"sent": "layer4.*,fc"})
    assert by_pattern.round.update.withheld == got.round.update.withheld and not said(by_pattern)
    less = asked(tmp_path, net, gradient(net), "resnet", recorded={"withheld": "layer1.*, conv1"})
    assert {n.partition(".")[0] for n in less.round.update.withheld} == {"layer1", "conv1"}
    with pytest.raises(SpecError, match="recorded.sent names 'layer9"):
        asked(tmp_path, net, part, "resnet", recorded={"sent": "layer9.*"})


def test_frozen_layers(tmp_path):
    net = network("lenet")
    update = {k: v * (not k.startswith(("conv1", "conv2"))) for k, v in gradient(net).items()}
    got = asked(tmp_path, net, update)
    assert "these layers look frozen" in said(got) and "conv1, conv2" in said(got)
    assert got.round.update.withheld == ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias")
    pruned = asked(tmp_path, net, update, defenses=[{"kind": "pruning", "fraction": 0.9}])
    assert not pruned.round.update.withheld, "behind pruning a zero is no sign of that"
    dead = {k: v * (k != "conv1.bias") for k, v in gradient(net).items()}
    assert not asked(tmp_path, net, dead).round.update.withheld, "a bias before batch norm has no gradient"


def test_a_list_with_gaps(tmp_path):
    net = network("lenet")
    listed = [None if k < 2 else torch.from_numpy(v) for k, v in enumerate(gradient(net).values())]
    torch.save(listed, tmp_path / "list.pt")
    files = {"update": str(tmp_path / "list.pt"), "withheld": ["missing"]}
    got = asked(tmp_path, net, gradient(net), recorded=files)
    assert got.facts["scheme"] == "places in the list" and got.round.update.withheld == ("conv1.weight", "conv1.bias")
    for wrong in ([], [1, 2], "text"):
        torch.save(wrong, tmp_path / "list.pt")
        with pytest.raises(SpecError, match="list.pt holds no update: give a dictionary of tensors"):
            asked(tmp_path, net, gradient(net), recorded=files)


@pytest.mark.parametrize("bits", ["float16", "bfloat16"])
def test_whole_weights_in_16_bits_lie_within_half_a_cell_of_the_change(tmp_path, bits):
    net = network("lenet")
    after = trained(net)
    given = {k: torch.from_numpy(v).to(getattr(torch, bits)).float().numpy() for k, v in after.items()}
    got = asked(tmp_path, net, given, client={"kind": "fedavg", "learning_rate": RATE})
    update = got.round.update
    for name, moved in change(net, after).items():
        apart = np.abs(update.tensors[name].numpy() - moved)
        width = update.rounding[name].numpy()
        assert (apart <= 0.5001 * width + 1e-9).all() and apart.max() > 0.4 * width.min()
    assert f"sent in 16 bits ({bits})" in said(got) and "cannot have sent" not in said(got)
    # The cells of torch's own numbers: the next one up is a cell away.
    for value in (0.3, 1.0, 5e-6):
        here = torch.tensor(value).to(getattr(torch, bits))
        up = torch.nextafter(here, torch.tensor(float("inf")).to(here))
        assert float(cells(here.float().numpy(), bits)) == float(up) - float(here)


def test_what_16_bits_lose_is_no_update(tmp_path):
    net = network("lenet")
    given = {k: v.half().float().numpy() for k, v in net.state_dict().items()}
    with pytest.raises(SpecError, match="lost in the rounding to float16"):
        asked(tmp_path, net, given, client={"kind": "fedavg", "learning_rate": RATE})
