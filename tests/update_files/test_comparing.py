"""What is told of an update before any attack: whole weights, its factor, what does not fit, frozen layers, partial updates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gi_core import networks
from gi_core.experiments.setup import Question, ask
from gi_core.networks.trainable import client_model
from gi_core.settings import SpecError, build
from gi_core.settings import networks as M
from gi_core.update_files.comparing import cells
from gi_core.update_files.likely import Shown, reasons, round_bound
from gi_core.update_files.scaling import Layer, fit
from gi_core.update_files.writing import write_npz, write_safetensors

torch.set_num_threads(1)
CPU = torch.device("cpu")
NETWORKS = {
    "lenet": (M.LeNet(width=4, init="uniform", seed=3), (3, 16, 16), 10),
    "no bias": (M.LeNet(width=4, seed=3), (3, 16, 16), 10),
    "resnet": (M.ResNet18(stem="cifar", seed=3), (3, 32, 32), 10),
}
RATE = 0.05


def network(kind: str) -> torch.nn.Module:
    settings, shape, classes = NETWORKS[kind]
    return networks.build(settings, shape, classes)


def pictures(count: int, side: int) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(5))


def side_of(net: torch.nn.Module) -> int:
    return 32 if hasattr(net, "layer4") else 16


def gradient(net: torch.nn.Module, loss=None, count: int = 1) -> dict[str, np.ndarray]:
    """Of a client that torch runs: in eval mode, with stored statistics."""
    own = client_model(net, "eval")
    labels = torch.arange(count) + 3
    (loss or F.cross_entropy)(own(pictures(count, side_of(net))), labels).backward()
    return {name: p.grad.numpy() for name, p in own.named_parameters()}


def trained(
    net: torch.nn.Module, steps: int = 1, count: int = 1, mode: str = "eval", rate: float = RATE, **more
) -> dict[str, np.ndarray]:
    """Whole state after some steps of SGD."""
    own = client_model(net, mode)
    optimiser = torch.optim.SGD(own.parameters(), rate, **more)
    for _ in range(steps):
        optimiser.zero_grad()
        F.cross_entropy(own(pictures(count, side_of(net))), torch.arange(count) + 3).backward()
        optimiser.step()
    return {name: value.numpy() for name, value in own.state_dict().items()}


def change(net: torch.nn.Module, after: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: after[name] - value.numpy() for name, value in net.state_dict().items()}


def asked(folder: Path, net: torch.nn.Module, update: dict[str, np.ndarray], kind: str = "lenet", **values) -> Question:
    write_safetensors(folder / "ck.safetensors", {k: v.numpy() for k, v in net.state_dict().items()})
    write_npz(folder / "update.npz", update)
    settings, shape, classes = NETWORKS[kind]
    files = {"checkpoint": str(folder / "ck.safetensors"), "update": str(folder / "update.npz"), "images": 1}
    files |= values.pop("recorded", {})
    document = {
        "samples": ["bundled/faces:0"] * files["images"], "recorded": files, "size": shape[1], "channels": 3,
        "model": settings.model_copy(update={"classes": classes, "seed": 8}).model_dump(mode="json"), "client": {"kind": "fedsgd"},
        "attack": {"kind": "inverting_gradients", "labels": "auto"},
    }  # fmt: skip
    return ask(build(document | values), CPU, lambda fraction, text: None)


def said(question: Question) -> str:
    return " | ".join(question.pictures.notices)


def near(question: Question, net: torch.nn.Module, scale: float = 1.0, count: int = 1) -> float:
    """How far what an attack is given is from the true gradient, relative."""
    from gi_core.attacks.client_round.local_steps import as_mean_gradient

    got = as_mean_gradient(question.round.update, question.round.knowledge.schedule).tensors
    true = gradient(net, count=count)
    apart = sum(float(np.square(got[k].numpy() - scale * true[k]).sum()) for k in true)
    return (apart / sum(float(np.square(v).sum()) for v in true.values())) ** 0.5


@pytest.mark.parametrize("kind", ["lenet", "resnet"])
@pytest.mark.parametrize("factor", [1.0, 0.5, 2.0, 128.0, 1e-3, -1.0, -0.3])
def test_the_factor_of_a_gradient_is_found_said_and_undone(tmp_path, kind, factor):
    net = network(kind)
    got = asked(tmp_path, net, {k: factor * v for k, v in gradient(net).items()}, kind)
    assert got.facts["scale"] == pytest.approx(factor, rel=2e-3) and got.facts["corrected"] is (factor != 1)
    assert near(got, net) < 2e-3
    words = {1.0: "", -0.3: "-0.3 times"}.get(factor, f"{factor:.4g} times what such a client would send")
    assert (words in said(got)) if words else not said(got)


@pytest.mark.parametrize("kind", ["lenet", "resnet"])
def test_without_the_last_bias_too(tmp_path, kind):
    net = network(kind)
    update = {k: 0.25 * v for k, v in gradient(net).items() if k != "fc.bias"}
    got = asked(tmp_path, net, update, kind, recorded={"withheld": ["fc.bias"]})
    assert got.facts["scale"] == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize(("rate", "factor"), [(RATE, 1.0), (10 * RATE, 0.1), (RATE / 10, 10.0)])
@pytest.mark.parametrize(("sign", "whole"), [(1, False), (-1, False), (1, True)])
def test_a_weight_change_by_another_learning_rate(tmp_path, rate, factor, sign, whole):
    net = network("lenet")
    after = trained(net)
    update = after if whole else {k: sign * v for k, v in change(net, after).items()}
    got = asked(tmp_path, net, update, client={"kind": "fedavg", "learning_rate": rate})
    assert got.facts["scale"] == pytest.approx(sign * factor, rel=1e-3) and got.facts["whole"] is whole
    assert got.round.knowledge.schedule.learning_rate == pytest.approx(RATE, rel=1e-3) and near(got, net) < 1e-3
    assert ("holds whole weights" in said(got)) is whole
    assert ("a learning rate of 0.05 in place of" in said(got)) is (factor != 1)
    assert ("its sign is flipped" in said(got)) is (sign < 0)


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


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sum_in_place_of_the_mean_of_a_batch(tmp_path, sign):
    net = network("no bias")
    mean = asked(tmp_path, net, gradient(net, count=4), recorded={"images": 4})
    assert not said(mean) and not mean.facts.get("corrected")
    got = asked(tmp_path, net, {k: sign * 4 * v for k, v in gradient(net, count=4).items()}, recorded={"images": 4})
    assert got.facts["scale"] == pytest.approx(4 * sign) and near(got, net, count=4) < 1e-5
    assert f"{4 * sign} times what such a client would send" in said(got)


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


@pytest.mark.parametrize(("said_rate", "factor"), [(1e-3, 1), (1e-2, 0.1), (1e-4, 10)])
@pytest.mark.parametrize("sign", [1, -1])
def test_of_several_steps_only_a_gross_factor_is_undone(tmp_path, said_rate, factor, sign):
    net = network("no bias")
    update = {k: sign * v for k, v in change(net, trained(net, steps=5, rate=1e-3)).items()}
    got = asked(tmp_path, net, update, client={"kind": "fedavg", "learning_rate": said_rate, "epochs": 5})
    assert got.facts["scale"] == pytest.approx(sign * factor, rel=0.05)
    assert got.facts["corrected"] is bool(said(got)) is (sign * factor != 1)
    assert got.round.knowledge.schedule.learning_rate == pytest.approx(1e-3, rel=0.05)
    assert ("its sign is flipped" in said(got)) is (sign < 0)


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


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize(("factor", "found"), [(1.0, 1.0), (10.0, 10.0), (0.5, 0.5), (-1.0, -1.0)])
@pytest.mark.parametrize("classes", [2, 3])
def test_of_two_classes_both_labels_fit_and_the_client_as_described_is_believed(label, factor, found, classes):
    """p - e_0 and p - e_1 are opposite where there are two: the other label with a flipped sign explains all as well."""
    draws = np.random.default_rng(label)
    weight, bias, h = draws.normal(size=(classes, 5)), draws.normal(size=classes), draws.normal(size=5)
    logits = weight @ h + bias
    k = np.exp(logits) / np.exp(logits).sum() - np.eye(classes)[label]
    scale = fit(Layer(weight, bias, factor * np.outer(k, h), factor * k), "cross_entropy")
    assert scale.factor == pytest.approx(found, rel=1e-9) and scale.label == label and scale.misfit < 1e-9


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


def test_the_likely_reason_of_a_factor_is_said(tmp_path):
    net = network("lenet")
    true, sgd = gradient(net), {"client": {"kind": "fedavg", "learning_rate": RATE}}
    norm = sum(float(np.square(v).sum()) for v in true.values()) ** 0.5
    bound = 0.25
    assert norm > 2 * bound
    clipped = {k: v * np.float32(bound / norm) for k, v in true.items()}
    assert "as its norm is 0.25: try --defense clipping:norm=0.25" in said(asked(tmp_path, net, clipped))
    step = {k: -np.float32(RATE) * v for k, v in clipped.items()}
    assert "as its norm is 0.25: try client.clip_norm=0.25" in said(asked(tmp_path, net, step, **sgd))
    for scale in (128.0, 0.5):
        told = said(asked(tmp_path, net, {k: np.float32(scale) * v for k, v in true.items()}))
        assert f"a loss scale of {scale:g} fits (client.loss_scale={scale:g})" in told
    assert "loss_scale=1024" in said(
        asked(tmp_path, net, {k: np.float32(-1024 * RATE) * v for k, v in true.items()}, **sgd)
    )
    told = said(asked(tmp_path, net, {k: np.float32(0.03) * v for k, v in true.items()}))
    assert "before minus after by a learning rate of 0.03" in told
    # A learning rate of 0.1 in place of 0.05 is the likelier of the two; 0.77 has no reason that stands out.
    told = said(asked(tmp_path, net, {k: np.float32(-2 * RATE) * v for k, v in true.items()}, **sgd))
    assert "a learning rate of 0.1 in place of 0.05" in told and "loss scale" not in told
    assert said(asked(tmp_path, net, {k: np.float32(0.77) * v for k, v in true.items()})).endswith("by that factor")
    plain = network("no bias")
    batch = {k: 4 * v for k, v in gradient(plain, count=4).items()}
    assert "a sum over the 4 pictures fits (client.reduction=sum)" in said(
        asked(tmp_path, plain, batch, recorded={"images": 4})
    )


@pytest.mark.parametrize(
    ("norm", "shorter", "bound"),
    [
        (0.5, 0, 0.5),
        (0.4999, 0.03, 0.5),
        (0.49, 0.03, 0.5),
        (0.47, 0.03, None),
        (1.0, 0, 1.0),
        (9.99, 0.03, 10.0),
        (0.37, 0, None),
    ],
)
def test_a_bound_is_a_round_number(norm, shorter, bound):
    assert round_bound(norm, shorter) == bound


def test_a_rough_factor_names_no_reason():
    assert reasons(Shown(0.34, 0.45, 3.7, True, 1, 0.03)) == []
    assert reasons(Shown(0.25, 0.45, 3.7, True, 1, 0.03))[0].startswith("a loss scale of 0.25")
