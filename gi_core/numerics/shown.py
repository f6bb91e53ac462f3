"""What of a client's round a server sees of a change of the picture: M J^T D v, by products.

v (d,): a change of the pictures in [0, 1]. D: to the network's units, 1 / std of each channel. M: keeps the values that were sent, and
takes out the direction of the update itself where a factor on it is unknown: what only makes it longer is then not seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from gi_core.numerics.jacobian import JacobianProducts
from gi_core.numerics.picture_jacobian import Sample
from gi_core.numerics.spectrum import Array


class Shown:
    """kept: one tensor of ones and zeros per parameter, None where all of it was sent. scaled: whether a factor is unknown. at: pictures
    (N, C, H, W) in the network's units, in place of the sample's own.

    size: d. count: values that were sent. value: what was sent; norm: its length, in a gradient's units.
    """

    def __init__(
        self, sample: Sample, kept: Sequence[Tensor] | None = None, scaled: bool = False, at: Tensor | None = None
    ):
        self.sample, self.size, self.scaled = sample, sample.size, scaled
        self.products = sample.products if at is None else JacobianProducts(sample.gradient, at, sample.target)
        like = self.products.x
        std = torch.tensor(sample.knowledge.std, dtype=torch.float64).to(like).view(-1, 1, 1)
        self.units = (1 / std).expand(sample.shape[1:]).expand(sample.shape).reshape(-1)
        self.kept = None if kept is None else [k.to(like) for k in kept]
        self.count = sample.parameters if kept is None else int(sum(float(k.sum()) for k in kept))
        self.value = self.sent(self.products.value)
        self.norm = float(sum((g.double() ** 2).sum() for g in self.value)) ** 0.5
        self.along = [g / self.norm for g in self.value] if scaled and self.norm > 0 else None

    def there(self, x: Tensor) -> Shown:
        """The same of other pictures x (N, C, H, W), in the network's units."""
        return Shown(self.sample, self.kept, self.scaled, x)

    def push(self, v: Tensor) -> list[Tensor]:
        """M J^T D v: v (d,) -> one part for each parameter."""
        return self._masked(self.products.jt(v * self.units))

    def pull(self, parts: Sequence[Tensor]) -> Tensor:
        """D J M parts: one part for each parameter -> (d,)."""
        return self.products.j(self._masked(parts)) * self.units

    def product(self, v: Tensor) -> Tensor:
        """D J M J^T D v, (d,) -> (d,)."""
        if self.kept is None and self.along is None:
            return self.products.jjt(v * self.units) * self.units
        return self.pull(self.push(v))

    def drawn(self, source: torch.Generator) -> Tensor:
        """D J M w (d,) of independent normal numbers w."""
        value = self.products.value
        return self.pull([torch.randn(g.shape, generator=source, dtype=torch.float64).to(g) for g in value])

    def beside(self, sent: Sequence[Tensor]) -> list[Tensor]:
        """a g - sent, of what is sent here; a = 1, or what fits best where a factor is unknown."""
        a = 1.0
        if self.scaled and self.norm:
            a = sum(float((g * s).sum()) for g, s in zip(self.value, sent, strict=True)) / self.norm**2
        return [a * g - s for g, s in zip(self.value, sent, strict=True)]

    def gram(self) -> Array:
        """D J M J^T D (d, d), by a product for each value of the pictures."""
        out, unit = np.empty((self.size, self.size)), torch.zeros_like(self.units)
        for i in range(self.size):
            unit[i] = 1
            out[i] = self.product(unit).cpu().double().numpy()
            unit[i] = 0
        return (out + out.T) / 2

    def sent(self, parts: Sequence[Tensor]) -> list[Tensor]:
        """Zeros in place of what was not sent."""
        return list(parts) if self.kept is None else [p * k for p, k in zip(parts, self.kept, strict=True)]

    def _masked(self, parts: Sequence[Tensor]) -> list[Tensor]:
        sent = self.sent(parts)
        if self.along is None:
            return sent
        share = sum(float((p * a).sum()) for p, a in zip(sent, self.along, strict=True))
        return [p - share * a for p, a in zip(sent, self.along, strict=True)]
