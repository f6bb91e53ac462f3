"""The error of every activation that the residual recursion finds, beside what the network makes of the picture."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gi_core.attacks.recursion.residual import states
from gi_core.attacks.recursion.residual.machine import ResidualMachine
from gi_core.attacks.recursion.residual.masks import Mask
from gi_core.numerics.convolution_maps import Array
from gi_core.settings.residual_chain import title


def errors(attack: ResidualMachine, truth: Tensor) -> Iterator[dict]:
    """For each block, of its inner activation and its input: relative error, units whose mask is wrong, condition."""
    known = _activations(attack, truth)
    state = attack.init(0)
    while state["at"] >= 0 and state["halted"] is None:
        at = state["at"]
        passed = attack.going.descend(at, states.place(state["place"]))
        inner, entry = known[at]
        yield {
            "block": title(attack.net.blocks[at]),
            "inner": _compared(passed.inner.x, passed.inner_mask, inner, passed.inner.condition),
            "input": _compared(passed.outer.x, passed.place.mask, entry, passed.outer.condition),
        }
        state, _ = attack.step(state)


def _compared(found: Array, mask: Mask, true: Array, condition: float) -> dict:
    error = np.linalg.norm(np.where(mask.active, found, 0.0) - true) / np.linalg.norm(true)
    return {"error": float(error), "wrong": int((mask.active != (true > 0)).sum()), "condition": condition}


def _activations(attack: ResidualMachine, truth: Tensor) -> list[tuple[Array, Array]]:
    """Of each block: its inner activation and its input (C, H, W)."""
    knowledge, kept = attack.knowledge, {}
    model = copy.deepcopy(attack.going.network.model).double()  # with the statistics that the client's ran with
    modules = dict(model.named_modules())
    names = [name for b in attack.net.blocks for name in (b.main[0].name, b.main[1].name)]
    hooks = [
        modules[n].register_forward_pre_hook(lambda _, x, n=n: kept.__setitem__(n, x[0][0].detach())) for n in names
    ]
    mean, std = (torch.tensor(v, dtype=torch.float64).view(-1, 1, 1) for v in (knowledge.mean, knowledge.std))
    with torch.no_grad():
        model(((truth - mean) / std)[None])
    for hook in hooks:
        hook.remove()
    return [
        (F.relu(kept[b.main[1].name]).double().numpy(), kept[b.main[0].name].double().numpy())
        for b in attack.net.blocks
    ]
