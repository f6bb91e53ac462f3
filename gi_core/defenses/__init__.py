"""What a client does to its round so that less leaks, found by kind."""

from __future__ import annotations

import hashlib
from importlib import import_module
from typing import Any

import torch

from gi_core.defenses.base import Defense, LocalRound, StepGradient
from gi_core.defenses.effect import effect
from gi_core.spec.losses import Loss

__all__ = ["Defense", "LocalRound", "StepGradient", "effect", "make", "noise_seed"]


def make(settings: Any, seed: int, position: int, loss: Loss = "cross_entropy") -> Defense:
    """The defense of a settings object: the one class in module `gi_core.defenses.<kind>`.

    seed, position: of the experiment and of the defense in its list; they seed its generator. loss: that
    the client minimises.
    """
    module = import_module(f"gi_core.defenses.{settings.kind}")
    cls = getattr(module, type(settings).__name__)
    generator = torch.Generator(device="cpu").manual_seed(noise_seed(seed, position))
    return cls(settings, generator, loss)


def noise_seed(seed: int, position: int) -> int:
    """Seed of the generator of the defense at `position`; unrelated for different arguments."""
    digest = hashlib.sha256(f"defense {position} of experiment {seed}".encode()).digest()
    return int.from_bytes(digest[:7], "big")
