"""Analytic recovery through dense layers: dL/dW = (dL/dz) x^T and dL/db = dL/dz, hence x = dL/dW_i / dL/db_i.

Where the first layer has a bias nothing else is needed. Where only a later one has, the recursion goes down from
it. Of a batch each row gives sum_n k_ni x_n / sum_n k_ni, a mixture. Geiping et al. 2020, proposition 3.1.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from gi_core.attacks.base import Refused, State, Step
from gi_core.attacks.recursion.layers import Numbers
from gi_core.attacks.recursion.machine import Recursion
from gi_core.attacks.recursion.top import Candidate
from gi_core.attacks.recursion.tracks import Track
from gi_core.networks.prepared import last_layer
from gi_core.numerics.convolution_maps import Array
from gi_core.settings import closed_form_attacks
from gi_core.settings.chain import Block
from gi_core.settings.recursion_checks import first_biased

ROWS = "each answer is one class's row: mostly the picture of that class, where no two share it"


class AnalyticLinear(Recursion):
    """The machine: a recursion of dense layers that begins at the first one with a bias."""

    settings: closed_form_attacks.AnalyticLinear

    def _passed(self, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
        at = first_biased(blocks)
        assert at is not None  # a chain without any is refused
        return blocks[: at + 1]

    def _candidates(self) -> list[Candidate]:
        first, k = self._begins()
        if not np.abs(k).max() > 0:
            raise Refused("the bias gradient is zero everywhere, so there is nothing to divide by")
        return [Candidate(k, self._input(first, k), self._label(), "dL/dz is the bias gradient")]

    def _begins(self) -> tuple[Numbers, Array]:
        """The layer that the recursion begins at, and its dL/dz."""
        first = self.walk.numbers(self.last)
        assert first.bias_gradient is not None  # the first layer with a bias
        return first, first.bias_gradient

    def _input(self, first: Numbers, k: Array) -> Array:
        """sum_i k_i dL/dW_i / sum_i k_i^2, or the row of the largest |k_i| alone."""
        if self.settings.rows == "largest":
            i = int(np.abs(k).argmax())
            return first.gradient[i] / k[i]
        return first.gradient.T @ k / (k @ k)

    def _label(self) -> int:
        """The class whose dL/dz is negative, where the last layer has a bias; else -1."""
        delta = self._delta()
        if delta is None:
            return -1
        return int(delta[0] < 0) if delta.numel() == 1 else int(delta.argmin())

    def _labels(self, c: Track) -> Tensor:
        """(N,): of a batch, the classes whose dL/dz is most negative."""
        delta, n = self._delta(), self.update.images
        if n > 1 and delta is not None and delta.numel() >= n:
            return delta.argsort()[:n]
        return torch.full((n,), c["label"])

    def _delta(self) -> Tensor | None:
        """dL/dz of the last layer, where it has a bias."""
        found = last_layer(self.knowledge.model)
        name = f"{found[0]}.bias" if found is not None else ""
        tensor = self.update.tensors.get(name)
        return tensor.cpu() if tensor is not None and name not in self.update.withheld else None

    def step(self, state: State) -> tuple[State, Step]:
        state, step = super().step(state)
        return state, replace(step, note=ROWS) if step.done and self._rows() is not None else step

    def _finish(self, state: State) -> None:
        super()._finish(state)
        rows = self._rows()
        if rows is not None:
            for c in state["candidates"]:
                c["image"] = self.pixels.decode(rows)

    def _rows(self) -> Tensor | None:
        """Pictures of a batch through a linear model, one row of each: row y_n is mostly the picture of class y_n."""
        n, top = self.update.images, last_layer(self.knowledge.model)
        if n == 1 or len(self.blocks) > 1 or top is None or top[0] != self.last.name or top[1].bias is None:
            return None
        first, k = self._begins()
        rows = np.argsort(k)[:n]
        if len(rows) < n or not np.all(k[rows] != 0):
            return None
        return torch.from_numpy(first.gradient[rows] / k[rows, None]).reshape(self.shape)
