"""A client's settings are torch's own: its round against an independent torch loop, and the round that an attack plays."""

from __future__ import annotations

import copy
import random

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.simulation import RoundMap
from gi_core.clients import Knowledge, fedavg
from gi_core.networks.losses import as_target, loss_of
from gi_core.settings.client import FedAvg
from gi_core.settings.plan import Plan
from tests.clients.tiny import CLASSES, SIDE, batch, network

torch.set_num_threads(1)


def independent(model: nn.Module, x: Tensor, y: Tensor, o: dict) -> dict[str, Tensor]:
    """The weight change, as a person writes the loop with torch alone; y (N,) or (N, K)."""
    model = copy.deepcopy(model)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    rate, decay = o.get("learning_rate", 0.01), o.get("weight_decay", 0.0)
    betas, eps = (o.get("beta1", 0.9), o.get("beta2", 0.999)), o.get("epsilon", 1e-8)
    if o.get("optimiser", "sgd") == "sgd":
        momentum, dampening = o.get("momentum", 0.0), o.get("dampening", 0.0)
        made = torch.optim.SGD(
            model.parameters(), lr=rate, momentum=momentum, dampening=dampening, weight_decay=decay,
            nesterov=o.get("nesterov", False),
        )  # fmt: skip
    elif o["optimiser"] == "adam":
        made = torch.optim.Adam(model.parameters(), lr=rate, betas=betas, eps=eps, weight_decay=decay)
    else:
        made = torch.optim.AdamW(model.parameters(), lr=rate, betas=betas, eps=eps, weight_decay=decay)
    weights = [float(w) for w in o["class_weights"].split("/")] if o.get("class_weights") else None
    weights = None if weights is None else torch.tensor(weights)
    if o.get("loss") == "multi_label":
        loss = nn.BCEWithLogitsLoss(pos_weight=weights, reduction=o.get("reduction", "mean"))
    elif o.get("loss") == "mse":
        loss = nn.MSELoss(reduction=o.get("reduction", "mean"))
        y = F.one_hot(y, CLASSES).float()
    else:
        loss = nn.CrossEntropyLoss(
            weight=weights, label_smoothing=o.get("label_smoothing", 0.0), reduction=o.get("reduction", "mean")
        )
    size, added = o.get("batch_size", len(x)), o.get("accumulate", 1)
    batches = -(-len(x) // size)
    whole = o["epochs"] * (1 if o.get("decay_every") == "epoch" else -(-batches // added))
    factor, period, kind = o.get("decay_factor", 0.1), o.get("decay_period"), o.get("decay", "none")
    schedule = {
        "none": lambda: torch.optim.lr_scheduler.ConstantLR(made, 1.0),
        "step": lambda: torch.optim.lr_scheduler.StepLR(made, period or 1, factor),
        "exponential": lambda: torch.optim.lr_scheduler.ExponentialLR(made, factor),
        "cosine": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(made, period or whole, rate * factor),
        "linear": lambda: torch.optim.lr_scheduler.LinearLR(made, o.get("decay_start", 1.0), factor, period or whole),
    }[kind]()
    for _ in range(o["epochs"]):
        made.zero_grad()
        for i in range(batches):
            part = slice(i * size, (i + 1) * size)
            (o.get("loss_scale", 1.0) * loss(model(x[part]), y[part]) / added).backward()
            if (i + 1) % added == 0 or i + 1 == batches:
                if o.get("clip_norm"):
                    nn.utils.clip_grad_norm_(model.parameters(), o["clip_norm"])
                if o.get("clip_value"):
                    nn.utils.clip_grad_value_(model.parameters(), o["clip_value"])
                made.step()
                made.zero_grad()
                if o.get("decay_every", "step") == "step":
                    schedule.step()
        if o.get("decay_every") == "epoch":
            schedule.step()
    return {name: p.detach() - before[name] for name, p in model.named_parameters()}


def drawn(seed: int) -> dict:
    """Random settings that fit each other."""
    r = random.Random(seed)
    o: dict = {"epochs": r.randint(1, 3), "batch_size": r.randint(1, 5), "learning_rate": r.choice([0.01, 0.1])}
    o["optimiser"] = r.choice(["sgd", "sgd", "adam", "adamw"])
    if o["optimiser"] == "sgd" and r.random() < 0.7:
        o["momentum"] = r.choice([0.5, 0.9])
        o |= {"nesterov": True} if r.random() < 0.5 else {"dampening": r.choice([0.0, 0.3])}
    elif o["optimiser"] != "sgd":
        o |= {"beta1": r.choice([0.9, 0.5]), "beta2": r.choice([0.999, 0.9]), "epsilon": r.choice([1e-8, 1e-4])}
    o["weight_decay"] = r.choice([0.0, 0.01, 0.5])
    o |= {"decay": r.choice(["none", "step", "exponential", "cosine", "linear"]), "decay_factor": r.choice([0.1, 0.7])}
    o["decay_every"] = r.choice(["step", "epoch"])
    if o["decay"] != "none" and r.random() < 0.5:
        o["decay_period"] = r.randint(1, 4)
    if o["decay"] == "linear":
        o["decay_start"] = r.choice([1.0, 0.25])
    o |= r.choice([{}, {"clip_norm": 0.05}, {"clip_norm": 100.0}, {"clip_value": 0.02}])
    o |= {
        "accumulate": r.choice([1, 1, 2, 3]),
        "reduction": r.choice(["mean", "sum"]),
        "loss_scale": r.choice([1.0, 0.3, 8.0]),
    }
    o["loss"] = r.choice(["auto", "auto", "mse", "multi_label"])
    if o["loss"] == "auto":
        o["label_smoothing"] = r.choice([0.0, 0.1, 0.4])
    if o["loss"] != "mse" and r.random() < 0.5:
        o["class_weights"] = "1/2.5/0.5/3"
    return o


CASES = {seed: drawn(seed) for seed in range(40)}


def round_of(o: dict, images: int = 5):
    model, (x, y) = network(), batch(images)
    if o.get("loss") == "multi_label":
        y = F.one_hot(y, CLASSES).float()
        y[0, 2] = y[3, 3] = 1.0
    settings = FedAvg(**o, shuffle=False)
    loss = "cross_entropy" if settings.loss == "auto" else settings.loss
    update, _ = fedavg.weight_change(model, x, y, settings, loss, torch.Generator().manual_seed(0))
    return model, x, y, settings, loss, update


@pytest.mark.parametrize("seed", CASES)
def test_a_round_is_what_torch_makes_of_it(seed):
    model, x, y, settings, _, update = round_of(CASES[seed])
    expected = independent(model, x, y, CASES[seed])
    size = max(float(t.abs().max()) for t in expected.values())
    for name, t in update.tensors.items():
        torch.testing.assert_close(t, expected[name], rtol=1e-4, atol=2e-5 * size, msg=f"{name}: {CASES[seed]}")
    assert settings.local_steps(5)[0] == fedavg.schedule_of(settings, 5).steps


@pytest.mark.parametrize("seed", CASES)
def test_an_attack_plays_the_same_round(seed):
    """In float64 and differentiable; in the units of a mean gradient, as the update is brought to."""
    model, x, y, settings, loss, update = round_of(CASES[seed])
    schedule, terms = fedavg.schedule_of(settings, 5), fedavg.terms_of(settings)
    knowledge = Knowledge(model, (1, SIDE, SIDE), CLASSES, (0.0,), (1.0,), loss=loss, schedule=schedule, terms=terms)
    sent = as_mean_gradient(update, schedule, model)
    # one step of one client is a single gradient elsewhere; here all are played
    play = RoundMap(
        update,
        knowledge,
        loss_of(loss, terms),
        Plan(onednn=False),
        torch.float64,
        torch.device("cpu"),
        rounds="simulated",
    )
    leaf = x.double()[None].requires_grad_(True)
    found, _ = play.play(leaf, as_target(y, CLASSES, x.double())[None])
    size = max(float(t.abs().max()) for t in sent.tensors.values())
    for (name, t), g in zip(sent.tensors.items(), found, strict=True):
        torch.testing.assert_close(g[0].float(), t.float(), rtol=2e-3, atol=3e-4 * size, msg=f"{name}: {CASES[seed]}")
    (slope,) = torch.autograd.grad(sum(g.square().sum() for g in found), leaf)
    assert bool(torch.isfinite(slope).all()) and float(slope.abs().max()) > 0
    together, _ = play.play(torch.cat([leaf, leaf]).detach(), as_target(y, CLASSES, x.double()).expand(2, -1, -1))
    for a, b in zip(found, together, strict=True):
        torch.testing.assert_close(a[0].detach(), b[1], rtol=1e-9, atol=1e-12)


def test_settings_at_their_defaults_are_no_part_of_a_question():
    from gi_core.settings import Experiment, build
    from gi_core.settings.base import identity

    assert Experiment().key() == "f7faa119479eb698", "what was asked before these settings were there"
    asked = build({"client": {"kind": "fedavg", "weight_decay": 0.1}})
    assert identity(asked)["client"]["weight_decay"] == 0.1 and "nesterov" not in identity(asked)["client"]
    assert asked.key() != build({"client": {"kind": "fedavg"}}).key()
    assert build(asked.model_dump(mode="json")) == asked
