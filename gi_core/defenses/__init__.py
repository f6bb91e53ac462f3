"""What a client does to its round so that less leaks, found by kind."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import torch
from torch import nn

from gi_core.defenses.base import Defense, LocalRound, StepGradient
from gi_core.defenses.effect import effect
from gi_core.settings.defenses import AnyDefense
from gi_core.settings.losses import Loss

__all__ = ["Defense", "LocalRound", "StepGradient", "class_of", "effect", "make", "noise_seed", "wrapped"]


def make(settings: Any, seed: int, position: int, loss: Loss = "cross_entropy") -> Defense:
    """The defense of a settings object.

    seed, position: of the experiment and of the defense in its list; they seed its generator. loss: that
    the client minimises.
    """
    generator = torch.Generator(device="cpu").manual_seed(noise_seed(seed, position))
    return class_of(settings)(settings, generator, loss)


def class_of(settings: Any) -> type[Defense]:
    """What acts as these settings say: the class of their name in module `gi_core.defenses.<kind>`."""
    return getattr(import_module(f"gi_core.defenses.{settings.kind}"), type(settings).__name__)


def wrapped(model: nn.Module, asked: Sequence[AnyDefense], seed: int) -> nn.Module:
    """The network that clients with these defenses share: `model` itself, or a copy with what they build into it.

    seed: of the experiment or federation. A network that is wrapped already is left as it is. Raises SpecError.
    """
    for position, settings in enumerate(asked):
        if settings.hook == "wrap_model":
            model = make(settings, seed, position).wrap_model(model)
    return model


def noise_seed(seed: int, position: int) -> int:
    """Seed of the generator of the defense at `position`; unrelated for different arguments."""
    digest = hashlib.sha256(f"defense {position} of experiment {seed}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
