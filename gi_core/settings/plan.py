"""How the engine runs a network: measured once per model, shape and device, then kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gi_core.settings.base import Settings


class Plan(Settings):
    """onednn: oneDNN kernels on a CPU. channels_last: memory format. chunk: trials advanced
    together. cuda_graph: replay a captured step. device: the torch device it was measured on.
    threads: torch threads. seconds: measured seconds of one gradient evaluation of one trial.
    most: trials at once that the memory allows, where that is fewer than would have advanced together.
    """

    onednn: bool = True
    channels_last: bool = False
    chunk: int = Field(8, ge=1, le=2**20)
    cuda_graph: bool = False
    device: str = "cpu"
    threads: int = Field(1, ge=1, le=4096)
    seconds: float | None = None
    most: int | None = Field(None, ge=1, le=2**20)
    source: Literal["default", "measured", "cached", "checkpoint"] = "default"
