"""What the server sends to a client in place of the network, and what it knows of that."""

from __future__ import annotations

import torch
from torch import nn

from gi_core.data import Pictures
from gi_core.networks.fishing import fishing, head
from gi_core.networks.imprint import imprinted
from gi_core.networks.trap import trapped
from gi_core.settings.servers import Fishing, Imprint, Server, Trap
from gi_core.types.updates import Fished, Schedule, Update


def served(
    server: Server, model: nn.Module, labels: torch.Tensor, pictures: Pictures
) -> tuple[nn.Module, Fished | None]:
    """(the network that the client gets, what was fished for). labels: (N,) of the pictures, of which nothing else is looked at but
    shape and normalisation. Raises SpecError.
    """
    if isinstance(server, Imprint):
        return in_front(server, model, pictures), None
    if isinstance(server, Trap):
        channels, height, width = pictures.images.shape[1:]
        return trapped(model, server, (channels, height, width), tuple(pictures.mean), tuple(pictures.std)), None
    if not isinstance(server, Fishing):
        return model, None
    of_class = int(labels[0]) if server.of_class is None else server.of_class
    return fishing(model, of_class, server.tau, server.softness), Fished(of_class, int((labels == of_class).sum()))


def in_front(server: Server, model: nn.Module, pictures: Pictures) -> nn.Module:
    """The network with what the server puts in front of it; itself of a server that puts nothing there."""
    if not isinstance(server, Imprint):
        return model
    channels, height, width = pictures.images.shape[1:]
    return imprinted(model, server, (channels, height, width), tuple(pictures.mean), tuple(pictures.std))


def count_of(update: Update, model: nn.Module, of_class: int, schedule: Schedule | None) -> int:
    """How many of the pictures have the class that was fished for, by dL/db_c = -m / B; 1 at least.

    update: of a round that was recorded elsewhere, of which only the number of its pictures is known.
    """
    path, _ = head(model)
    scale = schedule.scale if schedule is not None and update.kind == "weight_change" else 1.0
    shown = -update.images * scale * float(update.tensors[f"{path}.bias"][of_class])
    return min(max(1, round(shown)), update.images)
