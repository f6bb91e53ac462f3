"""What a server knows of a client's defense when it only has the update: its settings, and what the update shows.

The words are those of `Defense.known`, which attacks read (`attacks.adaptive.undoing`). A mask is where values are not zero; the cells
of a quantisation are read off its levels; the noise of DP-SGD and of a percentile follows from settings, schedule and update.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.defenses.percentile_noise import percentile
from gi_core.defenses.soteria import layer_of
from gi_core.defenses.withheld_layers import chosen_of, of_batch_norm
from gi_core.settings.defense_base import DefenseSettings
from gi_core.types.updates import Schedule, Update


def read_defense(
    settings: DefenseSettings, model: nn.Module, update: Update, schedule: Schedule | None
) -> dict[str, Any]:
    """`Defense.known` of a defense that was applied elsewhere, to `update` as it was sent. Raises SpecError."""
    kind, values = settings.kind, settings.model_dump()  # type: ignore[attr-defined]
    if settings.unread:
        raise SpecError(settings.unread)
    known: dict[str, Any] = {"kind": kind}
    sent = {name: t for name, t in update.tensors.items() if name not in update.withheld}
    if kind == "gaussian_noise":
        return known | {"sigma": values["std"]}
    if kind == "laplace_noise":
        return known | {"sigma": math.sqrt(2) * values["scale"], "law": "laplace"}
    if kind == "percentile_noise":
        sizes = torch.cat([t.detach().flatten().double().abs() for t in sent.values()])
        return known | {"sigma": values["sigma0"] * _clean(percentile(sizes[sizes > 0], values["percentile"]), values)}
    if kind == "protective_direction":
        return known | {"strength": values["strength"]}
    if kind == "clipping":
        return known | {"clip": values["norm"]}
    if kind == "dp_sgd":
        return known | _private(values, update, schedule)
    if kind in ("pruning", "random_pruning", "top_k"):
        share = values.get("fraction", 1 - values.get("kept", 1.0))
        return known | {"fraction": share, "mask": {name: t != 0 for name, t in sent.items()}}
    if kind == "quantisation":
        steps = {name: _step(t, values["bits"]) for name, t in update.tensors.items()}
        return known | {"levels": 2 ** values["bits"]} | ({"steps": steps} if values["bits"] > 1 else {})
    if kind == "half_precision":
        return known | {"format": values["format"], "relative_step": torch.finfo(getattr(torch, values["format"])).eps}
    if kind == "soteria":
        name = f"{layer_of(model, values['layer'])}.weight"
        return known | {
            "layer": name.removesuffix(".weight"),
            "fraction": values["fraction"],
            "mask": _columns(name, sent),
        }
    if kind == "withheld_layers":
        return known | {"withheld": chosen_of(settings, list(update.tensors), of_batch_norm(model))}
    raise SpecError(f"what a server knows of {settings.title} cannot be read off an update: leave it out")


def not_sent(update: Update, known: tuple[dict[str, Any], ...]) -> Update:
    """`update` without what the client is known to have withheld."""
    names = {name for one in known for name in one.get("withheld", ())} | set(update.withheld)
    if names == set(update.withheld):
        return update
    if len(names) == len(update.tensors):
        raise SpecError("withheld_layers leaves nothing of this update: withhold fewer tensors")
    tensors = {k: torch.zeros_like(t) if k in names else t for k, t in update.tensors.items()}
    return replace(update, tensors=tensors, withheld=tuple(k for k in tensors if k in names))


def _clean(seen: float, values: dict[str, Any]) -> float:
    """The percentile before the noise, from that after it: of a normal law both add up as squares."""
    normal = torch.distributions.Normal(0.0, 1.0).icdf(
        torch.tensor(0.5 + values["percentile"] / 200).clamp(max=1 - 1e-6)
    )
    return seen / math.sqrt(1 + (values["sigma0"] * float(normal)) ** 2)


def _private(values: dict[str, Any], update: Update, schedule: Schedule | None) -> dict[str, Any]:
    clip, multiplier = values["clip"], values["noise_multiplier"]
    known = {"clip": clip, "noise_multiplier": multiplier, "per_picture": True}
    if schedule is None:
        return known | {"sigma": multiplier * clip / update.images}
    if schedule.optimiser != "sgd" or schedule.momentum:
        return known
    size = max(1, min(schedule.batch_size, update.images))
    total = math.sqrt(schedule.steps * schedule.clients) * multiplier * clip / size
    return known | {"sigma": total * schedule.learning_rate / schedule.clients}


def _step(values: Tensor, bits: int) -> float:
    """Width of the cells: of the range by so many levels, or one less where an end was rounded away, what divides all values."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    most = 2**bits - 1
    widths = [(high - low) / count for count in (most, most - 1) if count]
    levels = torch.unique(values.detach().double())

    def odd(width: float) -> float:
        cells = levels / (width or 1.0)
        return float((cells - cells.round()).abs().max())

    return min(widths, key=odd)


def _columns(name: str, sent: dict[str, Tensor]) -> dict[str, Tensor]:
    """Features of the defended layer whose whole column was cleared."""
    if name not in sent:
        return {}
    weight = sent[name]
    return {name: (weight != 0).any(0).expand(weight.shape).clone()}
