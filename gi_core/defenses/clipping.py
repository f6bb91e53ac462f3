"""g' = g * min(1, C / ||g||_2): the whole update, scaled so that its L2 norm is at most C.

A scaled gradient carries the same information; the bound matters together with noise.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gi_core.defenses.base import Defense, Sent
from gi_core.types.updates import Update


class Clipping(Defense):
    """Server knows: the bound (clip), not the norm that was there before."""

    def filter_update(self, update: Update) -> Update:
        bound = self.settings.norm
        self.known["clip"] = bound
        norm = update.norm()
        if norm <= bound:
            return update
        return replace(update, tensors={k: t * (bound / norm) for k, t in update.tensors.items()})

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        return {"clip": settings.norm}
