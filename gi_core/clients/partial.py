"""A client that trains a part of the network alone: adapters or the head. The rest stands still and is not sent."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from gi_core.networks.adapters import adapted, trained_names
from gi_core.settings.client_base import Client
from gi_core.types.updates import Update


def prepared(client: Client, model: nn.Module, seed: int) -> nn.Module:
    """The network that client and server share: with adapters where they train. Raises SpecError."""
    if client.trains != "adapter":
        return model
    return adapted(model, client.adapter_rank, client.adapter_start, seed)


def sent(client: Client, model: nn.Module, update: Update) -> Update:
    """What of an update leaves such a client. Raises SpecError."""
    if client.trains == "all":
        return update
    kept = trained_names(model, client.trains)
    still = tuple(name for name in update.tensors if name not in kept)
    tensors = {name: torch.zeros_like(t) if name in still else t for name, t in update.tensors.items()}
    withheld = tuple(dict.fromkeys((*update.withheld, *still)))
    return replace(update, tensors=tensors, withheld=withheld, frozen=still)
