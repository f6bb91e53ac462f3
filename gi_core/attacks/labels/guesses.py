"""What the network says of pictures that are not the client's: mean outputs s_bar and mean features h_bar.

An untrained network answers nearly the same to every picture, so its outputs for made-up pictures are close to s_bar of
the private ones. Wide initialisations distinguish dark from bright: several kinds are tried, and the update decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gi_core.attacks.base import Refused
from gi_core.attacks.labels.last_layer import outputs
from gi_core.numerics.gradient import last_dense
from gi_core.types.updates import Knowledge, Update

PICTURES, FEW = 8, 4
MOMENTS = (0.0, 0.25, 0.5, 0.75, 1.0)
LARGE = 3 * 64 * 64
"""Values of a picture above which `FEW` of each kind do."""


@dataclass(frozen=True)
class Guess:
    """outputs: (K,) mean of s. features: (D,) mean input of the last layer. Both float64 on the CPU."""

    outputs: Tensor
    features: Tensor


@dataclass(frozen=True)
class Head:
    """The last layer, float64 on the CPU: weight (K, D), bias (K,) or None. positive: whether its inputs never are below 0."""

    weight: Tensor
    bias: Tensor | None
    positive: bool


Guesses = tuple[list[Guess], Head]
"""Everything that `guesses` finds, kept so that several strategies ask the network once."""


def made_up(knowledge: Knowledge, draw: torch.Generator) -> list[Tensor]:
    """Normalised pictures (M, C, H, W) of each kind: coarse colours, white blobs on black, pixel noise."""
    c, h, w = knowledge.input_shape
    count = FEW if c * h * w > LARGE else PICTURES
    colours, grey = (torch.rand(count, k, 6, 6, generator=draw) for k in (c, 1))
    coarse, soft = (F.interpolate(t, size=(h, w), mode="bilinear") for t in (colours, grey))
    noise = torch.randn(count, c, h, w, generator=draw)
    mean, std = (torch.tensor(v).view(1, -1, 1, 1) for v in (knowledge.mean, knowledge.std))
    return [(coarse - mean) / std, ((soft > 0.65).float().expand(-1, c, -1, -1) - mean) / std, noise]


@torch.no_grad()
def guesses(update: Update, knowledge: Knowledge, draw: torch.Generator | None = None) -> Guesses:
    """A guess for each kind of made-up picture, and the last layer. draw: by default seeded with 0. Raises Refused.

    Over several local steps the client's network moves: outputs are means over `MOMENTS` between its weights before the
    round and after, features and layer those halfway.
    """
    steps = knowledge.schedule.steps if knowledge.schedule is not None and update.kind == "weight_change" else 1
    pictures = made_up(knowledge, draw or torch.Generator().manual_seed(0))
    moments = [_answers(update, knowledge, m, pictures) for m in (MOMENTS if steps > 1 else (0.0,))]
    answers, head = moments[len(moments) // 2]
    found = [
        Guess(torch.stack([kinds[i].outputs for kinds, _ in moments]).mean(0), middle.features)
        for i, middle in enumerate(answers)
    ]
    usable = [g for g in found if bool(torch.isfinite(g.outputs).all() and torch.isfinite(g.features).all())]
    if not usable:
        raise Refused("the network's answers are not finite, so labels cannot be counted: choose other weights")
    return usable, head


def _answers(update: Update, knowledge: Knowledge, moment: float, pictures: list[Tensor]) -> Guesses:
    """The network's answers at a moment of the round, from 0 to 1, and its last layer."""
    from gi_core.networks import set_batch_norm

    model = set_batch_norm(knowledge.model, knowledge.batch_norm)
    layer = last_dense(model)
    if layer is None:
        raise Refused("the network's last layer is not dense, so no label can be read from its gradient")
    if moment:
        assert knowledge.schedule is not None
        for parameter, change in zip(model.parameters(), update.tensors.values(), strict=True):
            parameter.add_((moment / knowledge.schedule.scale) * change.to(parameter))
    inputs: list[Tensor] = []
    layer.register_forward_hook(lambda module, given, result: inputs.append(given[0].detach()))
    first, of, found = next(model.parameters()), outputs(knowledge), []
    for shown in pictures:
        logits = model(shown.to(first.device, first.dtype)).cpu().double()
        found.append(Guess(of(logits).mean(0), inputs[-1].flatten(0, -2).cpu().double().mean(0)))
    weight, bias = layer.weight.detach().cpu().double(), layer.bias
    positive = all(bool((x >= 0).all()) for x in inputs)
    return found, Head(weight, None if bias is None else bias.detach().cpu().double(), positive)
