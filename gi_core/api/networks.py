"""The network of a call: a torch module of the person's own, which is left as it is, or a name of the zoo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from gi_core.common.errors import SpecError
from gi_core.networks import own
from gi_core.networks.batch_norm import has_batch_norm
from gi_core.networks.building import build
from gi_core.networks.prepared import unwrapped
from gi_core.networks.tracing import graph_of
from gi_core.reports.python_only import YOURS
from gi_core.settings import parse_component
from gi_core.settings.custom import CustomNet
from gi_core.settings.drawings import drawing
from gi_core.settings.graph import Graph
from gi_core.settings.library_network import is_library
from gi_core.settings.network_base import Model
from gi_core.settings.own_network import OwnNetwork
from gi_core.settings.parse import read_library

Shape = tuple[int, int, int]
CLASSES = 10


@dataclass(frozen=True)
class Opened:
    """settings: of the network. module: a copy in eval mode, float32, on the CPU. given: what a person's names refer to, the
    module without its wrappers, or that copy. batch_norm: "train" where the person's module has batch norm and trains, else
    "eval". notices: sentences.
    """

    settings: Model
    module: nn.Module
    given: nn.Module
    batch_norm: str
    notices: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What a person calls it: the class of a module, else as a command line writes it."""
        own = isinstance(self.settings, OwnNetwork) and self.settings.runs_code
        return type(self.given).__name__ + YOURS if own else self.settings.name

    def arrays(self) -> dict[str, np.ndarray]:
        """The state dict, as a checkpoint holds it."""
        return {name: t.detach().cpu().numpy() for name, t in self.module.state_dict().items()}

    def graph(self, shape: Shape) -> Graph:
        """The layers for pictures (C, H, W). Raises SpecError where the network cannot be traced."""
        if isinstance(self.settings, OwnNetwork):
            return graph_of(self.module, shape)
        return drawing(self.settings, shape, self.settings.classes or CLASSES)


@contextmanager
def opened(model: nn.Module | str | Model, shape: Shape, classes: int | None = None) -> Iterator[Opened]:
    """The network for pictures (C, H, W), until the block ends. Raises SpecError.

    model: a module, or `NAME[:k=v,...]` of the zoo, with fresh weights by its seed. classes: of the latter.
    """
    if isinstance(model, (str, Model)):
        settings = _named(model, classes)
        module = build(settings, shape, settings.classes or CLASSES)
        yield Opened(settings, module, module, "eval")
        return
    given = _module(model)
    if classes is not None:
        raise SpecError("classes is of a network's name: a module has the outputs that it has")
    training = given.training
    held = own.hold(given, shape)
    notices = []
    if training and has_batch_norm(given):
        notices.append(
            "the network is in training mode, so batch norm is taken to have used the batch's own statistics: call"
            " model.eval(), or say batch_norm='eval', if it did not"
        )
    if training and any(isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0 for m in given.modules()):
        notices.append(
            "the network is in training mode and has dropout: what was dropped is not known, and is taken for nothing"
        )
    try:
        module = build(held, shape, held.classes or 2)
        yield Opened(held, module, given, "train" if training and has_batch_norm(given) else "eval", tuple(notices))
    finally:
        own.let_go(held)


def _module(model: Any) -> nn.Module:
    """The module that was given, out of its wrappers. Raises SpecError for what is no module."""
    if isinstance(model, type):
        raise SpecError(f"model is the class {model.__name__}: give an instance of it, such as {model.__name__}()")
    if not isinstance(model, nn.Module):
        raise SpecError(
            f"model is a torch.nn.Module or a network's name such as 'lenet', not a {type(model).__name__}"
            + (": build the network and load this state dict into it" if isinstance(model, dict) else "")
        )
    return unwrapped(model)


def _named(model: str | Model, classes: int | None) -> Model:
    settings: Any = model
    if isinstance(model, str):
        settings = own.of_library(read_library(model)) if is_library(model) else parse_component("model", model)
    if not isinstance(settings, Model):
        raise SpecError(f"model is a torch.nn.Module or a network's name such as 'lenet', not a {type(model).__name__}")
    if classes is None or isinstance(settings, CustomNet) and settings.one_logit:
        return settings
    if isinstance(classes, bool) or not isinstance(classes, int) or classes < 1:
        raise SpecError(f"classes is a whole number of 1 or more, not {classes!r}")
    return settings.model_copy(update={"classes": classes})
