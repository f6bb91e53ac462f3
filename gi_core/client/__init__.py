"""A client's local round -> Update; what the server knows -> Knowledge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gi_core.client.round import Round, play
from gi_core.defenses import wrapped
from gi_core.types.updates import Knowledge, Update

if TYPE_CHECKING:
    import torch
    from torch import nn

    from gi_core.data import Pictures
    from gi_core.settings import Experiment

__all__ = ["Knowledge", "Round", "Update", "client_round", "play", "wrapped"]


def client_round(
    experiment: Experiment, model: nn.Module, pictures: Pictures, device: str | torch.device
) -> tuple[Update, Knowledge]:
    """What an attack may see of one client's round; `round.play` returns the rest too."""
    done = play(experiment, model, pictures, device)
    return done.update, done.knowledge
