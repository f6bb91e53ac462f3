"""g'_l = 0 for the tensors that are not sent. Everyone knows which: attacks leave them out, a server does not move them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.common.errors import SpecError
from gi_core.defenses.base import Defense, LocalRound, Sent
from gi_core.types.updates import Update


class WithheldLayers(Defense):
    """Everyone sees which tensors are missing (`Update.withheld`)."""

    _of_batch_norm: frozenset[str] = frozenset()

    def local_round(self, compute: LocalRound) -> LocalRound:
        """Looks at the network, for the names of its batch norms."""

        def looking(model: nn.Module, inputs: Tensor, labels: Tensor) -> Update:
            self._of_batch_norm = of_batch_norm(model)
            return compute(model, inputs, labels)

        return looking

    def filter_update(self, update: Update) -> Update:
        chosen = chosen_of(self.settings, list(update.tensors), self._of_batch_norm)
        if len(chosen) == len(update.tensors):
            raise SpecError("withheld_layers leaves nothing to send: withhold fewer tensors")
        if self.settings.which in ("biases", "batch_norm", "named") and not chosen:
            raise SpecError(f"this network has no {self._words()} to withhold: choose other tensors")
        self.known["withheld"] = chosen
        if not chosen:
            return update
        tensors = {k: torch.zeros_like(t) if k in chosen else t for k, t in update.tensors.items()}
        return replace(update, tensors=tensors, withheld=tuple(dict.fromkeys((*update.withheld, *chosen))))

    def _words(self) -> str:
        which = self.settings.which
        if which == "named":
            return f"tensor with {self.settings.part!r} in its name"
        return {"biases": "bias", "batch_norm": "batch norm parameter"}[which]

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        return {"withheld": chosen_of(settings, list(sent.update.tensors), of_batch_norm(sent.model))}


def of_batch_norm(model: nn.Module) -> frozenset[str]:
    """Names of the parameters of all batch norms."""
    return frozenset(
        f"{name}.{key}"
        for name, module in model.named_modules()
        if isinstance(module, _BatchNorm)
        for key, _ in module.named_parameters(recurse=False)
    )


def chosen_of(settings: Any, names: list[str], normed: frozenset[str]) -> tuple[str, ...]:
    """The tensors among `names` that the settings withhold; normed: those of batch norm."""
    which, count = settings.which, settings.count
    if which == "first":
        return tuple(names[:count])
    if which == "last":
        return tuple(names[max(0, len(names) - count) :])
    if which == "biases":
        return tuple(n for n in names if n.rpartition(".")[2] == "bias" and n not in normed)
    if which == "batch_norm":
        return tuple(n for n in names if n in normed)
    return tuple(n for n in names if settings.part in n)
