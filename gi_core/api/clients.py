"""`gi.client`: what a client with these pictures sends of this network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gi_core import clients
from gi_core.api import asking
from gi_core.api.networks import opened
from gi_core.api.pictures import labels_of, taken
from gi_core.common.errors import SpecError
from gi_core.common.threads import on_one_thread
from gi_core.data import Pictures
from gi_core.data.normalisation import resolve
from gi_core.experiments.recording import as_sent
from gi_core.experiments.setup import choose_device
from gi_core.networks import own_losses
from gi_core.settings import Experiment
from gi_core.settings.base import Component
from gi_core.types.loss_terms import OwnLoss
from gi_core.types.result_parts import Effect

Loss = Callable[[Tensor, Tensor], Tensor]
"""(outputs, targets) -> scalar, a mean over the pictures."""
_TRAINING = ("epochs", "batch_size", "learning_rate", "steps")
"""Of `fedavg`: whoever names one of these describes a client that trains and sends its weight change."""


@dataclass(frozen=True)
class ClientUpdate:
    """What one client sent, and how it was made; `gi.attack(model, update)` takes it as it is.

    tensors: by the names of `named_parameters()`: dL/dtheta of the mean loss (kind `gradient`), or theta after the round -
    theta before (`weight_change`). images: pictures behind it. statistics: batch norm's buffers after the round, where they
    are shared. client, server, defenses: settings. effects: what each defense did, for whoever watches. labels: those trained with,
    which the server does not get. input_shape: (C, H, W). normalise: as the settings write it. loss: of one's own, if any.
    """

    tensors: dict[str, Tensor]
    kind: str
    images: int
    client: Component
    server: Component
    defenses: tuple[Component, ...]
    effects: tuple[Effect, ...]
    labels: Tensor
    input_shape: tuple[int, int, int]
    normalise: str
    statistics: dict[str, Tensor] | None = None
    withheld: tuple[str, ...] = ()
    loss: Loss | None = None

    @property
    def norm(self) -> float:
        """L2 norm over all tensors."""
        return float(sum(float((t.double() ** 2).sum()) for t in self.tensors.values()) ** 0.5)

    def __repr__(self) -> str:
        count = sum(t.numel() for t in self.tensors.values())
        behind = f"{self.images} picture" + ("s" if self.images > 1 else "")
        return (
            f"ClientUpdate({self.kind} of {behind}: {count} numbers, norm {self.norm:.3g}, client {self.client.name})"
        )


def client(
    model: nn.Module | str, pictures: Any, labels: Any, *, loss: Loss | str | None = None, normalise: Any = "none",
    client: Any = None, server: Any = None, defenses: Any = (), batch_norm: str | None = None, classes: int | None = None, seed: int = 0,
    device: str = "auto", **training: Any,
) -> ClientUpdate:  # fmt: skip
    """What a client with these pictures sends: one gradient, or with epochs, steps, batch_size or learning_rate the weight change
    of its training (docs/python.md).

    g = d/dtheta (1/N) sum_n L(f_theta(x_n), y_n)   or   theta_T - theta_0 of T steps of SGD, Adam or AdamW

    model: a torch module, which is left as it is, or a network's name.
    pictures: a tensor or array (N, C, H, W) in [0, 1], uint8 pixels (H, W, C), PIL images, paths, references such as
        "bundled/chelsea", or a sequence of these.
    labels: (N,) class numbers, or the targets of `loss`.
    loss: (outputs, targets) -> scalar, or a name such as "mse"; cross-entropy when left out.
    normalise: how the network sees pixels, such as "imagenet" or (mean, std).
    client: in place of the training settings, as a command line writes it, such as "fedavg:epochs=2".
    server: what the client got in place of the model, such as "fishing:class=3"; the model itself when left out.
    defenses: in their order, such as ["clipping", "gaussian_noise:std=0.01"].
    batch_norm: "train" or "eval"; as the module is set when left out.
    classes: outputs of a network's name.
    seed: of the client's and the defenses' draws.
    device: auto, cpu, cuda or mps.
    training: epochs, batch_size, learning_rate, steps and the other settings of a client (docs/clients.md).

    Raises SpecError, one sentence.

    McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017.
    """
    images = taken(pictures)
    shape: tuple[int, int, int] = (images.shape[1], images.shape[2], images.shape[3])
    settings = trained_by(client, training)
    function, name = loss_of(loss)
    targets = None if function is None else targets_of(labels, len(images))
    known = (0,) * len(images) if function is not None else needed(labels_of(labels, len(images)))
    with opened(model, shape, classes) as network, own_losses.holding(function, targets) as held:
        mode = {"batch_norm": batch_norm or network.batch_norm, "loss": name, "own_loss": held}
        settings = asking.with_named(settings, {k: v for k, v in mode.items() if v})
        asked = asking.playable(
            asking.held(
                network.settings, shape, known, len(images), client=settings, normalise=normalise, defenses=defenses,
                seed=seed, device=device, server=server,
            )
        )  # fmt: skip
        tried(function, targets, network.module, shape, len(images))
        whole = as_pictures(asked, images, known)
        with on_one_thread():
            done = clients.play(asked, network.module, whole, choose_device(asked.device))
    update = done.update
    return ClientUpdate(
        tensors={k: t.cpu() for k, t in update.tensors.items()}, kind=update.kind, images=update.images, client=asked.client, server=as_sent(asked.server, done.knowledge),
        defenses=tuple(asked.defenses), effects=done.effects, labels=done.labels if function is None else torch.as_tensor(targets),
        input_shape=shape, normalise=asked.normalise, withheld=update.withheld, loss=function,
        statistics=None if update.statistics is None else {k: t.cpu() for k, t in update.statistics.items()},
    )  # fmt: skip


def trained_by(client: Any, training: Mapping[str, Any]) -> Component:
    """The client's settings: as named, or FedAvg with these, or FedSGD. Raises SpecError."""
    if client is not None and training:
        raise SpecError(f"client says all of a client: leave out {next(iter(training))}, or put it into client")
    if client is not None:
        return asking.component("client", client)
    trains = any(training.get(name) is not None for name in _TRAINING)
    return asking.component("client", {"kind": "fedavg" if trains else "fedsgd", **training})


def loss_of(loss: Loss | str | None) -> tuple[Loss | None, str]:
    """(a function of one's own or None, the name of a loss or "")."""
    if loss is None or isinstance(loss, str):
        return None, loss or ""
    if isinstance(loss, type):
        raise SpecError(f"loss is the class {loss.__name__}: give an instance, {loss.__name__}()")
    if not callable(loss):
        raise SpecError(f"loss is a function (outputs, targets) -> scalar or a name, not a {type(loss).__name__}")
    return loss, ""


def tried(
    loss: Loss | None, targets: Tensor | None, module: nn.Module, shape: tuple[int, int, int], count: int
) -> None:
    """Compute a loss of one's own once, on made-up pictures (N, C, H, W). Raises SpecError where it is no scalar, or stops."""
    if loss is None or targets is None:
        return
    made_up = torch.rand((count, *shape), generator=torch.Generator().manual_seed(0))
    try:
        value: object = OwnLoss(loss, targets)(module(made_up))
    except SpecError:
        raise
    except Exception as error:
        raise SpecError(
            f"your loss stops on outputs and labels of these shapes: {' '.join(str(error).split())[:160]}"
        ) from None
    if not isinstance(value, Tensor) or value.numel() != 1 or value.dim():
        got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
        raise SpecError(
            f"your loss gives {got}, and it takes one number, a scalar tensor: end it with .mean() or .sum()"
        )
    if not value.requires_grad:
        raise SpecError("your loss does not depend on the network's outputs: compute it from them, without .detach()")


def targets_of(targets: Any, count: int) -> Tensor | None:
    """The targets of a loss of one's own, as it takes them; None of None. Raises SpecError."""
    if targets is None:
        return None
    try:
        found = torch.as_tensor(targets).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        raise SpecError(f"the labels are a {type(targets).__name__}: give a tensor of targets for your loss") from None
    if found.dim() == 0 or len(found) != count:
        raise SpecError(
            f"the targets of your loss have shape {tuple(found.shape)}: give {count} rows, one for each picture"
        )
    return found


def needed(labels: tuple[int, ...] | None) -> tuple[int, ...]:
    """Raises SpecError where there are no labels."""
    if labels is None:
        raise SpecError("a client trains with labels: give a class number for each picture")
    return labels


def as_pictures(asked: Experiment, images: np.ndarray, labels: tuple[int, ...]) -> Pictures:
    """The pictures (N, C, H, W) as `clients.play` takes them. Raises SpecError for a label that the network has no output for."""
    model = asked.model
    classes = 2 if model.one_logit else model.classes or 10
    if not asked.client.own_loss and max(labels) >= classes:
        raise SpecError(f"label {max(labels)} is out of range: the network has classes 0 to {classes - 1}")
    mean, std = resolve(asked.normalise, "python", images.shape[1])
    names = tuple(f"class {k}" for k in range(classes))
    return Pictures(images, np.asarray(labels, dtype=np.int64), classes, names, "python", mean, std)
