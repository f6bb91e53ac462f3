"""PRECODE: a variational bottleneck before the last dense layer, whose draw only the client knows.

Scheliga et al., WACV 2022; the module is `networks.bottleneck`. The client minimises L + beta KL. The server knows the
network and its weights, not the draw: it plays with one of its own, or, if it knows the defense, with the mean.
"""

from __future__ import annotations

from torch import nn

from gi_core.common.errors import SpecError
from gi_core.defenses.base import Defense
from gi_core.networks.bottleneck import bottlenecks, insert
from gi_core.networks.prepared import last_layer


class Precode(Defense):
    """Server knows: that there is a bottleneck (it sees the network anyway)."""

    def wrap_model(self, model: nn.Module) -> nn.Module:
        self.known["bottleneck"] = True
        if bottlenecks(model):
            return model  # a federation's network has its own from the start
        found = last_layer(model)
        if found is None or not found[0]:
            raise SpecError("PRECODE goes before a dense last layer, which this network does not have: leave it out")
        settings = self.settings
        return insert(model, found[0], settings.features, settings.noise, settings.beta, self.generator)
