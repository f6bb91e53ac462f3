"""The server's attack on one client's update: (Update, Knowledge) -> pictures, iteration by iteration."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from gi_core import attacks
from gi_core.attacks.base import Certificate, Certified
from gi_core.settings.attacks import AttackSettings
from gi_core.settings.plan import Plan
from gi_core.types.updates import Knowledge, Update

Tick = Callable[[int, int], None]
"""(iteration, most iterations): called between iterations; its exception ends the attack."""


@dataclass(frozen=True)
class Answer:
    """images: (N, C, H, W) float64 pixels, unclamped. labels: (N,) recovered. seconds: of iterating. certificate: of a closed form."""

    images: np.ndarray
    labels: np.ndarray
    iterations: int
    seconds: float
    note: str
    certificate: Certificate | None = None


def attack(
    settings: AttackSettings, update: Update, knowledge: Knowledge, seed: int, device: torch.device,
    seconds: float | None = None, tick: Tick = lambda iteration, most: None,
) -> Answer:  # fmt: skip
    """Drive the machine to its end, or until the seconds are over. Raises Refused.

    The engine plan is the default one and not a measured one, so that equal settings give equal pictures.
    """
    plan = Plan(device=device.type, threads=torch.get_num_threads(), chunk=settings.trials)
    machine = attacks.make(settings, update, knowledge, plan=plan, device=device)
    most = attacks.most_steps(machine, settings)
    state, spent, step = machine.init(seed), 0.0, None
    while step is None or not step.done:
        tick(step.iteration if step else 0, most)
        began = time.perf_counter()
        state, step = machine.step(state)
        spent += time.perf_counter() - began
        if seconds is not None and spent >= seconds:
            break
    images, labels = machine.answer(state)
    note = step.note if step.done else f"the {seconds:g} s allowed are over"
    certificate = machine.certificate(state) if isinstance(machine, Certified) else None
    return Answer(
        images.detach().cpu().double().numpy(), labels.cpu().numpy(), step.iteration, spent, note, certificate
    )
