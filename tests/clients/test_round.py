"""A client's round: the gradient, batch-norm modes, what the server may know, and nothing more."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch
from torch import nn

from gi_core.clients import play
from gi_core.data import Pictures
from gi_core.settings import Experiment, SpecError, build

torch.set_num_threads(1)


def pictures(n: int = 2, channels: int = 1, side: int = 8, mean: float = 0.3, std: float = 0.5) -> Pictures:
    rng = np.random.default_rng(7)
    return Pictures(
        images=rng.random((n, channels, side, side), dtype=np.float32),
        labels=np.arange(n, dtype=np.int64),
        classes=4,
        class_names=("a", "b", "c", "d"),
        source="test",
        mean=(mean,) * channels,
        std=(std,) * channels,
        notices=(),
    )


def network(classes: int = 4, norm: bool = False, side: int = 8) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3) if norm else nn.Identity(), nn.Sigmoid()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(3 * side * side, classes)).eval()


def ask(labels: str = "known", known: bool = True, **more) -> Experiment:
    values = {"attack": {"kind": "dlg", "labels": labels}, "client": {"labels_known": known}, **more}
    return build({"samples": ["bundled/astronaut", "bundled/coffee"], **values})


def test_gradient_is_that_of_mean_cross_entropy():
    model, p = network(), pictures()
    done = play(ask(), model, p, "cpu")
    update, knowledge = done.update, done.knowledge
    x = (torch.tensor(p.images) - 0.3) / 0.5
    loss = -torch.log_softmax(model(x), 1)[torch.arange(2), torch.tensor(p.labels)].mean()
    expected = torch.autograd.grad(loss, list(model.parameters()))
    assert list(update.tensors) == [name for name, _ in model.named_parameters()]
    assert update.images == 2 and update.kind == "gradient" and update.statistics is None
    for got, want in zip(update.tensors.values(), expected, strict=True):
        torch.testing.assert_close(got, want)
    assert knowledge.input_shape == (1, 8, 8) and knowledge.classes == 4
    assert knowledge.mean == (0.3,) and knowledge.std == (0.5,)


def test_float32_on_the_client_whatever_the_model():
    done = play(ask(), network().double(), pictures(), "cpu")
    update, knowledge = done.update, done.knowledge
    assert all(t.dtype == torch.float32 for t in update.tensors.values())
    assert all(p.dtype == torch.float32 for p in knowledge.model.parameters())


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_batch_norm_mode(mode):
    model, p = network(norm=True), pictures()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    done = play(ask(client={"batch_norm": mode}), model, p, "cpu")
    update, knowledge = done.update, done.knowledge
    assert knowledge.batch_norm == mode
    for state in (model.state_dict(), knowledge.model.state_dict()):
        for key, value in before.items():
            assert torch.equal(state[key], value), f"{key} changed: the round leaked into the model"
    reference = network(norm=True).train(mode == "train")
    x = (torch.tensor(p.images) - 0.3) / 0.5
    loss = nn.functional.cross_entropy(reference(x), torch.tensor(p.labels))
    expected = torch.autograd.grad(loss, list(reference.parameters()))
    for got, want in zip(update.tensors.values(), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-6)


def test_batch_norm_of_one_value_is_refused():
    model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(1, 4))
    with pytest.raises(SpecError, match="more than one value"):
        play(ask(client={"batch_norm": "train"}), model, pictures(1), "cpu")


def test_labels_are_told_only_when_asked_for_and_known():
    assert play(ask("known"), network(), pictures(), "cpu").knowledge.labels.tolist() == [0, 1]
    assert play(ask("joint"), network(), pictures(), "cpu").knowledge.labels is None
    with pytest.raises(SpecError, match="labels_known"):
        play(ask("known", known=False), network(), pictures(), "cpu")


def test_refusals_in_one_sentence():
    with pytest.raises(SpecError, match="label 1 is out of range"):
        play(ask(), network(classes=1), pictures(), "cpu")
    broken = network()
    with torch.no_grad():
        broken[0].weight.fill_(float("nan"))
    with pytest.raises(SpecError, match="not finite"):
        play(ask(), broken, pictures(), "cpu")


def test_effects_are_plain_numbers():
    done = play(ask(defenses=[{"kind": "gaussian_noise", "std": 0.1}]), network(), pictures(), "cpu")
    (effect,) = done.effects
    assert effect["kind"] == "gaussian_noise" and effect["norm_after"] > effect["norm_before"] > 0


KINDS = ("gaussian_noise", "clipping", "pruning", "quantisation")
DEFENSES = [[], *([{"kind": kind}] for kind in KINDS)]


@pytest.mark.parametrize("chosen", DEFENSES, ids=lambda d: d[0]["kind"] if d else "none")
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_no_path_leads_to_the_pictures(chosen, mode):
    p, model = pictures(), network(norm=True)
    model.last_seen = None
    model.register_forward_hook(lambda m, given, out: setattr(m, "last_seen", given[0]))
    done = play(ask(defenses=chosen, client={"batch_norm": mode}), model, p, "cpu")
    seen = done.update, done.knowledge
    private = [torch.tensor(p.images), (torch.tensor(p.images) - 0.3) / 0.5]
    tensors = list(reachable(seen))
    assert tensors, "the walk must find the parameters at least"
    for t in tensors:
        assert t.grad_fn is None, "a graph leads back to the pictures"
        for secret in private:
            for one in (secret, *secret):
                if t.numel() == one.numel():
                    assert not np.allclose(t.detach().numpy().ravel(), one.numpy().ravel(), atol=1e-3)
        assert not np.shares_memory(t.detach().numpy(), p.images)


def test_the_walk_would_find_them():
    secret = torch.rand(3)

    def holder():
        return secret

    for hiding in ({"a": [secret]}, types.SimpleNamespace(x=(secret,)), holder, nn.ParameterList([secret])):
        assert any(torch.equal(t, secret) for t in reachable(hiding))


def reachable(start):
    """Every tensor or array (as a tensor) that attributes, items and closures lead to."""
    queue, met = [start], set()
    while queue:
        item = queue.pop()
        plain = (type, types.ModuleType, str, bytes, int, float, bool, type(None))
        if id(item) in met or isinstance(item, plain):
            continue
        met.add(id(item))
        if isinstance(item, np.ndarray):
            yield torch.from_numpy(item)
        elif isinstance(item, torch.Tensor):
            yield item
            queue += [item.grad, item._base, *vars(item).values()]
        elif isinstance(item, dict):
            queue += [*item, *item.values()]
        elif isinstance(item, (list, tuple, set, frozenset)):
            queue += item
        elif isinstance(item, (types.FunctionType, types.MethodType)):
            function = getattr(item, "__func__", item)
            queue += [getattr(item, "__self__", None), function.__defaults__, function.__kwdefaults__]
            queue += [cell.cell_contents for cell in function.__closure__ or ()]
        else:
            queue += [vars(item)] if hasattr(item, "__dict__") else []
            queue += [getattr(item, s, None) for s in getattr(type(item), "__slots__", ())]
