"""One residual block with batch norm in train mode, whose statistics are known: from what comes out of it to what went in.

As `descent` does in eval mode, but k = dL/dz depends on the layer's own input (`train_layer`): each layer is solved in closed
form where its gradient has the rank of its positions less one (`centred`), and by Levenberg-Marquardt elsewhere
(`quadratic`), from a few rounds of solving for x with the k of the last one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.attacks.recursion.residual import centred, equations, quadratic
from gi_core.attacks.recursion.residual.descent import Network, Passed, Place
from gi_core.attacks.recursion.residual.equations import WEAK, Found
from gi_core.attacks.recursion.residual.masks import INACTIVE, QUANTILE, Mask, check_sums, classify
from gi_core.attacks.recursion.residual.quadratic import Read, Shown
from gi_core.attacks.recursion.residual.train_layer import TrainLayer
from gi_core.numerics.convolution_maps import Array
from gi_core.settings.chain import Affine, Residual
from gi_core.types.updates import Update

ROUNDS = 4
"""Rounds that the search of a layer begins with."""
HIDDEN = 1e-3
"""Share of a position's unit that the equations do not see, from which its error is told apart."""
SPARE = 1.2
"""Equations over unknowns of a channel that clean filters must give before the others are left out."""
USUAL, TIMES = 0.68, 4.0
"""What a bias gradient may be missed by: so many times what this share of the channels misses it by, as errors add up."""


class TrainNetwork(Network):
    """The numbers of a network whose batch norms have the client's batch statistics in place of stored ones."""

    def __init__(self, model: nn.Module, update: Update):
        super().__init__(model, update)
        self._layers: dict[str, TrainLayer] = {}

    def _norm(self, affine: Affine) -> tuple[Array, Array, Array]:
        """gamma, beta and the root of v / (v + eps) of a layer's batch norm, each (F,)."""
        norm = self.model.get_submodule(affine.batch_norm or "")
        assert isinstance(norm, _BatchNorm) and norm.running_var is not None  # others are refused
        scale, shift, var = (t.detach().cpu().double().numpy() for t in (norm.weight, norm.bias, norm.running_var))
        return scale, shift, np.sqrt(var / (var + norm.eps))

    def layer(self, affine: Affine) -> TrainLayer:
        """The quadratic equations of a layer."""
        if affine.name not in self._layers:
            mine, (scale, shift, whitened) = self.numbers(affine), self._norm(affine)
            along = self.update.tensors[f"{affine.batch_norm}.weight"].detach().cpu().double().numpy()
            slope = np.divide(along, scale, out=np.zeros_like(along), where=scale != 0) / math.prod(affine.shape[1:])
            numbers = (mine.weight, mine.gradient, shift - mine.bias, np.abs(scale) * whitened, slope, scale**2)
            self._layers[affine.name] = TrainLayer.of(affine, *numbers)
        return self._layers[affine.name]

    def middle(self, affine: Affine) -> Array:
        """(F,): what batch norm adds, the mean of its output."""
        return self._norm(affine)[1]

    def mask(self, found: Found, back: Array, before: Affine) -> Mask:
        mask, sums = classify(found.x, found.error, self.floor), self.sums(before)
        if sums is None:
            return mask
        sizes = np.abs(back).sum((1, 2))
        missed = np.abs(sums - (mask.active * back).sum((1, 2))) / (sizes + sizes.mean() + 1e-300)
        return check_sums(
            mask, back, sums, max(self.tolerance, TIMES * float(np.quantile(missed, USUAL))), unsure=-INACTIVE
        )


def descend(net: TrainNetwork, block: Residual, out: Place, before: Affine) -> Passed:
    """Pass one block. before: the layer that its input came out of, whose bias gradient checks the mask."""
    first, second = (net.layer(part) for part in block.main)
    skip = None if block.skip is None else net.layer(block.skip)
    inner, (seconds,) = _solve(second, out.mask, out.back)
    inner_mask, toward = _settled(net, inner, block.main[0], seconds.back)
    shown = None
    if skip is None and out.value.any():
        a = torch.from_numpy(np.where(inner_mask.active, inner.x, 0.0))
        beside = second.off(a) + torch.from_numpy(net.middle(block.main[1]))[:, None]
        value = torch.from_numpy(out.value) - beside.reshape(out.value.shape)
        shown = Shown(torch.from_numpy(out.mask.active), value, 1.0)
    outer, reads = _solve(first, inner_mask, toward, [] if skip is None else [Read(skip, seconds.e)], shown)

    def back(x: Tensor) -> Tensor:
        beside = seconds.e.reshape(x.shape) if skip is None else reads[1].back(x)
        return reads[0].back(x) + beside

    mask, found = _settled(net, outer, before, back)
    return Passed(Place(outer.x, mask, found), inner, inner_mask, outer)


def _settled(net: TrainNetwork, found: Found, before: Affine, back: Callable[[Tensor], Tensor]) -> tuple[Mask, Array]:
    """The mask of a recovered value and dL/d(value), which the value's zeros enter."""
    x = torch.from_numpy(found.x)
    mask = net.mask(found, back(x.clamp_min(0)).numpy(), before)
    return mask, back(torch.where(torch.from_numpy(mask.active), x, 0.0)).numpy()


def _flat(e: Array) -> Tensor:
    return torch.from_numpy(e.reshape(len(e), -1).copy())


def _solve(
    layer: TrainLayer, mask: Mask, back: Array, others: Sequence[Read] = (), shown: Shown | None = None
) -> tuple[Found, list[Read]]:
    """A layer's input, and the layers that read it as they were found. Filters with doubtful units are left out first, and settled
    by what is found; so is every filter's c.
    """
    e, doubt, start = _flat(mask.active * back), mask.doubtful & (back != 0), None
    if doubt.any():
        clean = torch.from_numpy(~doubt.any((1, 2)))
        if int(clean.sum()) * layer.op.kernel**2 >= SPARE * math.prod(layer.shape[1:]):
            few = layer.only(clean)
            near = None if centred.enough(few) or not centred.enough(layer) else _once([Read(layer, e), *others], None)
            start, _ = _input([Read(few, e[clean]), *others], shown, near)
            e = _told(layer, e, _flat(doubt), _flat(back), start)
    x, reads = _input([Read(layer, e), *others], shown, start)
    left = layer.products(x, reads[0].dealt(x)) - layer.gradient
    residual = float(left.norm() / layer.gradient.norm().clamp_min(1e-300))
    error, condition = _expected([_rows(read.layer, read.dealt(x)) for read in reads], x.numpy())
    return Found(x.numpy(), error, x[0].numel(), condition, residual), reads


def _input(reads: list[Read], shown: Shown | None, start: Tensor | None = None) -> tuple[Tensor, list[Read]]:
    """The input of the first layer, and the layers with the c that it tells of them."""
    x = _once(reads, shown, start)
    reads = [Read(read.layer.told(read.e, x), read.e) for read in reads]
    return _once(reads, shown, x), reads


def _once(reads: list[Read], shown: Shown | None, start: Tensor | None = None) -> Tensor:
    """The input of the first layer; the others read it too. start: where a search begins."""
    if centred.enough(reads[0].layer):
        x = centred.solve(reads[0].layer, reads[0].e.numpy(), [r.layer for r in reads[1:]])
        return torch.from_numpy(x)
    return quadratic.solve(reads, _begun(reads[0], shown) if start is None else start, shown).x


def _told(layer: TrainLayer, e: Tensor, doubtful: Tensor, back: Tensor, x: Tensor) -> Tensor:
    """e with the doubtful units settled by their filter's own gradient, which is linear in them and in c once x is known."""
    patches, off, e = layer.patches(x), layer.off(x), e.clone()
    patches = patches - patches.mean(1, keepdim=True)
    for f in torch.nonzero(doubtful.any(1)).ravel().tolist():
        at = torch.nonzero(doubtful[f]).ravel()
        e[f, at] = 0.0
        left = layer.gradient[f] - patches @ e[f]
        columns = torch.cat([patches[:, at] * back[f, at], -(patches @ off[f])[:, None]], 1)
        found = torch.linalg.lstsq(columns, left[:, None]).solution[:-1, 0]
        e[f, at] = torch.where(found > 0.5, back[f, at], 0.0)
    return e


def _expected(parts: list[equations.Rows], x: Array) -> tuple[Array, float]:
    """(what rounding does to each value, up to a common factor; condition) by the equations at the solution.

    k sums to zero, so a constant is unseen where no padding shows it: it comes from the means, and how well, the negative
    values there tell.
    """
    kernel, target = (np.concatenate(rows) for rows in zip(*((p.kernel, p.target) for p in parts), strict=True))
    _, values, right = np.linalg.svd(kernel, full_matrices=False)
    seen = values > WEAK * values[0]
    spread = np.sqrt(((right[seen].T / values[seen]) ** 2).sum(1))
    spread = np.maximum(spread, 1e-3 * np.median(spread) + 1e-300)
    size = np.sqrt((target**2).mean(0)) + 1e-300
    error = equations.ROUNDING * size[:, None] * spread[None]
    hidden = (right[seen] ** 2).sum(0) < 1 - HIDDEN
    if hidden.any() and not hidden.all():
        ratio = x.reshape(error.shape) / error
        there, elsewhere = (
            np.quantile(-t[t < 0], QUANTILE) if (t < 0).any() else 0.0 for t in (ratio[:, hidden], ratio[:, ~hidden])
        )
        error[:, hidden] *= max(1.0, there / max(elsewhere, 1e-300)) if elsewhere else 1.0
    return error.reshape(x.shape), float(values[seen][0] / values[seen][-1])


def _begun(read: Read, shown: Shown | None) -> Tensor:
    """Where the search of a layer's input begins: the best of a few rounds."""
    layer = read.layer
    off, found = torch.zeros_like(read.e), []
    for _ in range(ROUNDS):
        x = torch.from_numpy(equations.solve([_rows(layer, layer.dealt(read.e, off))], layer.shape).x).clamp_min(0)
        x = x if shown is None else torch.where(shown.where, shown.value, x)
        off = layer.off(x)
        found.append((float(read.at(x).residual.norm()), x))
    return min(found, key=lambda pair: pair[0])[1]


def _rows(layer: TrainLayer, k: Tensor) -> equations.Rows:
    """The linear equations that the layer's gradient gives with this k."""
    gradient = layer.gradient.numpy().reshape(len(k), -1, layer.op.kernel, layer.op.kernel)
    return equations.rows(
        layer.op, k.reshape(len(k), *layer.side).numpy(), gradient, layer.shape, np.ones(len(k), bool)
    )
