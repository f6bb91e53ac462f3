"""v = g + e, g' = v where |v_i| is among the k largest, else 0, and e <- v - g' is added to the client's next update.

Aji and Heafield, Sparse Communication for Distributed Gradient Descent, EMNLP 2017; error feedback: Stich et al.,
Sparsified SGD with Memory, NeurIPS 2018. floor((1 - share) n) values stay behind. Within a federation the remainder e is the client's own;
in a single round it is that of `rounds` earlier ones, each taken to be like this one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gi_core.defenses.base import Defense, Sent
from gi_core.defenses.pruning import masks
from gi_core.types.updates import Update


class TopK(Defense):
    """Server knows: the mask (name -> bool, True where a value was sent); not the remainder that went in."""

    _remainder: dict[str, Tensor] | None = None

    def recall(self, memory: dict[str, Tensor]) -> None:
        self._remainder = dict(memory)

    def remember(self) -> dict[str, Tensor] | None:
        return self._remainder

    def filter_update(self, update: Update) -> Update:
        share = self.settings.kept
        self.known["fraction"] = round(1 - share, 12)
        earlier = self.settings.rounds if self._remainder is None else 0
        left = self._remainder or {name: torch.zeros_like(t) for name, t in update.tensors.items()}
        for _ in range(earlier):
            _, left = self._sent(update.tensors, left)
        mask, rest = self._sent(update.tensors, left)
        tensors = {k: (t + left[k].to(t)) * mask[k] for k, t in update.tensors.items()}
        self._remainder = rest
        if share < 1:
            self.known["mask"] = mask
        return replace(update, tensors=tensors)

    def _sent(self, tensors: dict[str, Tensor], left: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """(mask, remainder) of one round."""
        whole = {k: t + left[k].to(t) for k, t in tensors.items()}
        mask = masks(whole, round(1 - self.settings.kept, 12), self.settings.scope)
        return mask, {k: t * ~mask[k] for k, t in whole.items()}

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        return {"fraction": 1 - settings.kept, "mask": {name: t != 0 for name, t in sent.there.items()}}
