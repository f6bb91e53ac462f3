"""One attack, run to its end in this process: what came back, what it says of it, and how long it took."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from gi_core import attacks, clients, data
from gi_core.experiments import preparing
from gi_core.settings import Experiment
from gi_core.settings.plan import Plan


@dataclass(frozen=True)
class Answered:
    """psnr: in dB, before clamping. note: the attack's closing sentence. seconds: CPU seconds of the attack, one thread."""

    psnr: float
    note: str
    seconds: float


def answered(asked: Experiment) -> Answered:
    """The experiment's own client and seed, on the CPU."""
    torch.set_num_threads(1)
    pictures = data.load(asked)
    network, _ = preparing.prepare(asked, pictures)
    done = clients.play(asked, network, pictures, "cpu")
    began = time.process_time()
    attack = attacks.make(asked.attack, done.update, done.knowledge, plan=Plan(), device="cpu")
    state, step = attack.init(asked.seed), None
    while step is None or not step.done:
        state, step = attack.step(state)
    error = float((attack.answer(state)[0].double() - torch.from_numpy(pictures.images).double()).square().mean())
    return Answered(-10 * math.log10(max(error, 1e-40)), step.note, time.process_time() - began)
