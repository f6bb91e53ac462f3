"""What a server that fished makes of the update: the gradient of the fished pictures alone, as any attack takes it.

With delta = dL/dz of a picture of class c (`networks.fishing.slope`), the same for all of them and known, m such pictures of B
have in the update

    dL/db_c = -m / B,    dL/dW_c = -(1 / B) sum_i h_i,    and every tensor before the head is theirs alone, times m / B.

So their own mean gradient is the update over m / B, with the head's rows delta_k (1 / m) sum_i h_i and its bias delta: the
gradient of m pictures of class c in the network that was sent, whatever the batch was. The factor is read off dL/db_c where
it was sent, which a client that rescales its update changes too. Exact for one local step and where no batch norm in train
mode mixes the pictures.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from gi_core.attacks.batch_norm.fixed import with_batch_statistics
from gi_core.attacks.batch_norm.revealed import by_batch
from gi_core.attacks.client_round.local_steps import as_mean_gradient
from gi_core.attacks.client_round.scaling import unscaled
from gi_core.common.errors import SpecError
from gi_core.networks.fishing import head, slope
from gi_core.types.updates import Knowledge, Update

REST = 2.0**-24
"""Share of a tensor's largest value below which a value is taken for what the other pictures left."""
MIXED = (
    "batch norm in train mode mixes the pictures of a batch, so the fished gradient is approximate; the statistics that are {}"
    " are held fixed"
)
SEVERAL_STEPS = (
    "after the first local step the head is no longer the server's, so all pictures come back mixed: the update is taken for that"
    " of the whole batch"
)


def none_of_class(of_class: int) -> str:
    """Why there is nothing to attack."""
    return (
        f"no picture of this client is of class {of_class}, so the server fished in vain: fish for a class that it has"
    )


def lost(of_class: int) -> str:
    """Why the update does not say how large the fished gradient is."""
    return (
        f"what was done to the update hides that class {of_class} was fished for: the last bias gradient is not below zero"
        " there"
    )


def past_fishing(update: Update, knowledge: Knowledge) -> tuple[Update, Knowledge, tuple[str, ...]]:
    """(update, knowledge, notices) of the fished pictures; as given where nothing was fished for. Raises SpecError."""
    fished = knowledge.fished
    if fished is None or fished.alone:
        return update, knowledge, ()
    if not fished.count:
        raise SpecError(none_of_class(fished.of_class))
    plain, knowledge = unscaled(update, knowledge)
    unit = 1.0
    if plain.kind == "weight_change":
        if knowledge.schedule is None or not knowledge.schedule.single:
            return update, replace(knowledge, fished=None), (SEVERAL_STEPS,)
        unit = abs(knowledge.schedule.scale)
        plain = replace(as_mean_gradient(plain, knowledge.schedule, knowledge.model), kind="gradient")
    update = plain
    path, layer = head(knowledge.model)
    bias, weight = update.tensors[f"{path}.bias"].double(), update.tensors[f"{path}.weight"].double()
    share = fished.count / update.images
    if f"{path}.bias" not in update.withheld:
        rounding = 2 * REST * float(layer.bias.abs().max()) * unit  # a change is rounded where the bias -tau is
        share = _share(share, -float(bias[fished.of_class]), rounding, fished.of_class)
    delta = slope(knowledge.classes, fished.of_class).to(bias.device)
    features = _alone(-weight[fished.of_class] / share)
    tensors = {name: _alone(t.double() / share).to(t.dtype) for name, t in update.tensors.items()}
    tensors[f"{path}.weight"] = torch.outer(delta, features).to(weight.device, update.tensors[f"{path}.weight"].dtype)
    tensors[f"{path}.bias"] = delta.to(update.tensors[f"{path}.bias"].dtype)
    seen = replace(
        update, tensors=tensors, images=fished.count, statistics=None,
        withheld=tuple(name for name in update.withheld if name != f"{path}.bias"),  # it is known without being sent
        rounding=update.rounding and {name: width * (unit / share) for name, width in update.rounding.items()},
    )  # fmt: skip
    model, said = knowledge.model, tuple[str, ...]()
    if by_batch(knowledge):
        held = with_batch_statistics(update, knowledge)
        said = (MIXED.format("stored" if held is None else "shared"),)
        model = model if held is None else held.to(next(model.parameters()).dtype)
    labels = torch.full((fished.count,), fished.of_class).to(bias.device)
    about = replace(
        knowledge, model=model, batch_norm="eval", schedule=None, fished=replace(fished, alone=True),
        labels=labels if knowledge.labels is not None or fished.count > 1 else None,
        defenses=tuple(_rescaled(known, unit / share) for known in knowledge.defenses),
    )  # fmt: skip
    return seen, about, said


def _share(usual: float, shown: float, rounding: float, of_class: int) -> float:
    """m / B as the update has it: -dL/db_c, or m / B itself where both agree to rounding. Raises SpecError."""
    if not shown > 0:
        raise SpecError(lost(of_class))
    return usual if abs(shown - usual) <= rounding else shown


def _alone(t: torch.Tensor) -> torch.Tensor:
    """The tensor with zeros where only the other pictures left something: below single precision of its largest value. A unit
    that the fished pictures do not excite has a gradient of exactly zero, and recursions tell it by that.
    """
    return torch.where(t.abs() > REST * t.abs().max(), t, 0.0)


def _rescaled(known: dict[str, Any], factor: float) -> dict[str, Any]:
    """What is known of a defense, in the units of the fished pictures' gradient, from which a clipping has dropped out."""
    found = {key: value for key, value in known.items() if key != "clip"}
    if "sigma" in known:
        found["sigma"] = float(known["sigma"]) * factor
    if "steps" in known:
        found["steps"] = {name: float(step) * factor for name, step in known["steps"].items()}
    return found
