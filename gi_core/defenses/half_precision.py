"""g'_i = g_i rounded to 16 bits: |g'_i - g_i| <= u |g_i|, u = 2^-11 (float16) or 2^-8 (bfloat16) above its smallest normal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from gi_core.common.errors import SpecError
from gi_core.defenses.base import Defense, Sent
from gi_core.types.updates import Update


class HalfPrecision(Defense):
    """Server knows: the format, and relative_step: the width of a value's cell as a share of its power of two."""

    def filter_update(self, update: Update) -> Update:
        dtype = getattr(torch, self.settings.format)
        self.known |= {"format": self.settings.format, "relative_step": torch.finfo(dtype).eps}
        tensors = {k: t.to(dtype).to(t.dtype) for k, t in update.tensors.items()}
        if not all(bool(torch.isfinite(t).all()) for t in tensors.values()):
            raise SpecError(
                f"the update is too large for {self.settings.format}: choose half_precision:format=bfloat16"
            )
        return replace(update, tensors=tensors)

    @classmethod
    def read(cls, settings: Any, sent: Sent) -> dict[str, Any]:
        return {"format": settings.format, "relative_step": torch.finfo(getattr(torch, settings.format)).eps}
