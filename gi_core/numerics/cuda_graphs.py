"""A step of fixed shape is captured once as a CUDA graph and replayed; elsewhere it runs eagerly."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Move = Callable[[Tensor, dict[str, Tensor], Tensor], dict[str, Tensor]]
WARM_UP = 3


class Replay:
    """Runs `move(z, parts, rates)`; after a few eager steps on CUDA, replays its captured graph.

    Small networks are bound by kernel launches there, and one replay is one launch. If the capture
    fails, the run goes on eagerly and its log says so.
    """

    def __init__(self, wanted: bool):
        self.wanted, self.calls = wanted, 0
        self.graph: torch.cuda.CUDAGraph | None = None
        self.events: list[str] = []
        self.addresses: tuple[int, ...] = ()

    def run(self, move: Move, z: Tensor, parts: dict[str, Tensor], rates: Tensor) -> dict[str, Tensor]:
        addresses = (z.data_ptr(), *(p.data_ptr() for p in parts.values()))
        if self.graph is not None and addresses != self.addresses:
            self.graph, self.calls = None, 0  # trials left the batch: other tensors, another graph
        if not self.wanted or not z.is_cuda:
            return move(z, parts, rates)
        self.calls += 1
        if self.graph is None and self.calls > WARM_UP:
            self._capture(move, z, parts, rates)
            self.addresses = addresses
        if self.graph is None:
            return self._beside(move, z, parts, rates)
        self.rates.copy_(rates)
        self.graph.replay()
        return self.terms

    def _beside(self, move: Move, z: Tensor, parts: dict[str, Tensor], rates: Tensor) -> dict[str, Tensor]:
        """Warm up on a side stream, as a capture needs."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            terms = move(z, parts, rates)
        torch.cuda.current_stream().wait_stream(side)
        return terms

    def _capture(self, move: Move, z: Tensor, parts: dict[str, Tensor], rates: Tensor) -> None:
        self.rates = rates.clone()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self.terms = move(z, parts, self.rates)
        except RuntimeError as error:
            self.wanted = False
            torch.cuda.synchronize()
            self.events.append(
                f"the step could not be captured as a CUDA graph and runs eagerly: {str(error).splitlines()[0]}"
            )
            return
        self.graph = graph
        self.events.append("the step is replayed as a CUDA graph")

    def take_events(self) -> list[str]:
        events, self.events = self.events, []
        return events
