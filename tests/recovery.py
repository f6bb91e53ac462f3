"""Recursions for tests: a question on one picture, played and recovered to its end."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gi_core import clients, data
from gi_core.attacks import make
from gi_core.attacks.base import Attack, LayerReport, State, Step
from gi_core.experiments import preparing
from gi_core.settings import Experiment, build
from gi_core.settings.plan import Plan

torch.set_num_threads(1)
Prepare = Callable[[nn.Module], None]
PLAN = Plan(onednn=False, chunk=8)


def ask(model: dict[str, Any], attack: str | dict[str, Any] = "rgap", **values: Any) -> Experiment:
    """A small colour picture, or what `values` say, under a closed-form attack."""
    settings = {"kind": attack} if isinstance(attack, str) else attack
    return build({"samples": ["bundled/astronaut"], "size": 12, "model": model, "attack": settings, **values})


def drawn(*layers: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Settings of a network of these layers."""
    return {"kind": "custom", "layers": list(layers), **settings}


def conv(channels: int, kernel: int = 3, **more: Any) -> dict[str, Any]:
    return {"kind": "conv", "channels": channels, "kernel": kernel, "padding": kernel // 2, "slope": 0.2, **more}


@dataclass(frozen=True)
class Recovered:
    """psnr: dB of each unclamped picture. layers: deepest first. attack, state: to ask more of."""

    psnr: list[float]
    step: Step
    layers: list[LayerReport]
    attack: Attack
    state: State
    truth: torch.Tensor
    labels_true: list[int]

    @property
    def labels(self) -> list[int]:
        return self.attack.answer(self.state)[1].tolist()

    def layer(self, name: str) -> LayerReport:
        return next(layer for layer in self.layers if layer.name == name)


def statistics(model: nn.Module) -> None:
    """Give batch norms statistics and scales as training would."""
    draws = torch.Generator().manual_seed(0)
    for norm in (m for m in model.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.running_mean.normal_(generator=draws)
        norm.running_var.uniform_(0.5, 2, generator=draws)
        norm.weight.data.uniform_(0.5, 1.5, generator=draws)
        norm.bias.data.normal_(generator=draws)


def open_attack(asked: Experiment, prepare: Prepare | None = None) -> tuple[Attack, torch.Tensor, list[int]]:
    """The machine of a question, its pictures and labels. prepare: changes the network before the round."""
    pictures = data.load(asked)
    model, _ = preparing.prepare(asked, pictures)
    if prepare is not None:
        prepare(model)
    done = clients.play(asked, model, pictures, "cpu")
    attack = make(asked.attack, done.update, done.knowledge, plan=PLAN, device="cpu")
    return attack, torch.from_numpy(pictures.images).double(), done.labels.tolist()


def recover(asked: Experiment, prepare: Prepare | None = None, saved: bool = False) -> Recovered:
    """Drive the attack to its end; saved: the state goes through a file after every step."""
    attack, truth, labels = open_attack(asked, prepare)
    state, layers, step = attack.init(asked.seed), [], None
    while step is None or not step.done:
        state, step = attack.step(state)
        layers += [step.layer] if step.layer is not None else []
        state = through_a_file(state) if saved else state
    return Recovered(psnr(attack.answer(state)[0], truth), step, layers, attack, state, truth, labels)


def through_a_file(state: State) -> State:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def psnr(images: torch.Tensor, truth: torch.Tensor) -> list[float]:
    errors = ((images - truth) ** 2).flatten(1).mean(1).clamp(min=1e-30)
    return (-10 * torch.log10(errors)).tolist()
