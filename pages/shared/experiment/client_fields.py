"""Which settings of a client's training are shown: those that mean something beside what is chosen already."""

from __future__ import annotations

from gi_core.settings.client import FedAvg
from gi_core.settings.client_base import Client

_BY_OPTIMISER = {
    "sgd": ["momentum", "dampening", "nesterov", "weight_decay"],
    "adam": ["weight_decay", "beta1", "beta2", "epsilon"],
    "adamw": ["weight_decay", "beta1", "beta2", "epsilon"],
}
_BY_DECAY = {
    "none": [],
    "step": ["decay_factor", "decay_period", "decay_every"],
    "exponential": ["decay_factor", "decay_every"],
    "cosine": ["decay_factor", "decay_period", "decay_every"],
    "linear": ["decay_start", "decay_factor", "decay_period", "decay_every"],
}
_CLASSES = ("auto", "cross_entropy", "multi_label")


def repeating(client: Client) -> list[str]:
    """What of the network trains, how often on the same pictures, and how the network moves in between."""
    adapters = ["adapter_rank", "adapter_start"] if client.trains == "adapter" else []
    return ["trains", *adapters, "rounds", *(["server_rate"] if client.rounds > 1 else [])]


def stepping(client: Client) -> list[str]:
    """How the client steps; nothing for one that sends a gradient."""
    if not isinstance(client, FedAvg):
        return []
    own = [name for name in _BY_OPTIMISER[client.optimiser] if name != "dampening" or client.momentum]
    return ["optimiser", *own, "decay", *_BY_DECAY[client.decay], "clip_norm", "clip_value", "accumulate"]


def losing(client: Client, one_logit: bool = False) -> list[str]:
    """What the client minimises."""
    found = ["loss", "reduction", "loss_scale"]
    if client.loss in _CLASSES and not one_logit:
        found += ["class_weights"] if client.loss == "multi_label" else ["label_smoothing", "class_weights"]
    if client.loss == "multi_label":
        found.append("more_labels")
    # A value that stands from before, and is refused now, must be there to be changed.
    kept = ("label_smoothing", "class_weights", "more_labels")
    return [*found, *(n for n in kept if n not in found and getattr(client, n)), "dropout"]
