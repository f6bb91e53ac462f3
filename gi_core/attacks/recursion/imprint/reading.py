"""What the gradient of prepared rows holds: for each bin a quotient of differences of neighbouring rows, and how exact it is.

With G_j = dL/dw_j and q_j = dL/dbias_j of row j,

    G_j - G_{j+1} = sum_i g_i x_i,    q_j - q_{j+1} = sum_i g_i,    over pictures i with t_j < w x_i < t_{j+1},

so their quotient is the picture that is alone there. A value of it has the error sigma_G / |q_j - q_{j+1}|, with sigma_G the noise
of a difference; rounding counts as noise of a row's own size. Of rows that are traps each is a bin of its own, without a difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gi_core.attacks import explaining
from gi_core.attacks.base import Refused
from gi_core.attacks.priors import Pixels
from gi_core.networks.imprint import FRONT, Bins, bins_of
from gi_core.networks.trap import first_dense, set_here
from gi_core.types.updates import Knowledge, Update

ROUNDING = 2.0**-22
"""Relative error of a value of float32 that is a sum over pictures."""
WHOLE = 2.0**-24
"""Relative rounding of a weight, where whole weights were sent."""
LOUD = 6.0
"""Times its noise from which a difference of rows is of a picture."""
INSIDE, SLACK = 0.995, 0.02
"""Share of values that lie in their range, and how far beyond it they may, of what is a picture."""
ALIKE = 1.6
"""Times the quietest difference up to which others count as noise of its size; that of the last row, which has no neighbour, is 1.4 times
smaller."""
EDGE = 0.05
"""Share of a bin by which a measurement may lie beside it."""


@dataclass(frozen=True)
class Reading:
    """One row for each bin that holds something. at: (M,) its bin, from 0. pictures (M, C, H, W) in pixels; x: the same in the
    network's units. size: (M,) q_j - q_{j+1}; unsure: its relative noise. error: (M,) expected of a pixel. plausible: (M,) whether it is in
    range and measures as its bin says. bins: how many there are. noise: of one value of a gradient, relative to the largest row.
    """

    at: Tensor
    pictures: Tensor
    x: Tensor
    size: Tensor
    unsure: Tensor
    error: Tensor
    plausible: Tensor
    bins: int
    noise: float


@dataclass(frozen=True)
class Prepared:
    """Rows that a server prepared. path: of their layer. bins: whether neighbours are looked at, or each is a trap."""

    path: str
    layer: nn.Linear
    bins: Bins | None = None


def prepared_rows(model: nn.Module) -> Prepared | None:
    """Where a server prepared rows; None where it did not."""
    front = bins_of(model)
    if front is not None:
        return Prepared(f"{FRONT}.measure", front.measure, front)
    found = first_dense(model)
    return Prepared(*found) if found is not None and set_here(found[1]) else None


def read(update: Update, knowledge: Knowledge, source: Prepared) -> Reading:
    """float64 on the CPU. Raises Refused where the layer's gradient was not sent."""
    names = [f"{source.path}.weight", f"{source.path}.bias"]
    for name in names:
        if name not in update.tensors or name in update.withheld:
            raise Refused(f"the gradient of {name} was not sent, so there are no rows to read")
    rows, biases = (update.tensors[name].detach().cpu().double() for name in names)
    weight, size, layer = rows, biases, source.layer
    if source.bins is not None:  # above the last row there is nothing
        weight, size = rows - torch.cat([rows[1:], 0 * rows[:1]]), biases - torch.cat([biases[1:], 0 * biases[:1]])
    exact = max(ROUNDING, explaining.rounding(update, knowledge) if knowledge.schedule is None else 0.0)
    blur, blur_bias = exact * _pair(rows.square().mean(1).sqrt()), exact * _pair(biases.abs())
    if update.kind == "weight_change":
        blur = blur + WHOLE * layer.weight.detach().cpu().double().square().mean(1).sqrt()
        blur_bias = blur_bias + WHOLE * _pair(layer.bias.detach().cpu().double().abs())
    loud = weight.square().mean(1).sqrt()
    pixels = Pixels(knowledge.mean, knowledge.std, torch.zeros((), dtype=torch.float64))
    noise = _noise(weight, size, loud, blur, knowledge, pixels)
    blur, blur_bias = torch.hypot(blur, noise), torch.hypot(blur_bias, noise)
    kept = ((loud > LOUD * blur) & (size.abs() > 0)).nonzero()[:, 0]
    x = weight[kept] / size[kept, None]
    spread = float(torch.tensor(knowledge.std).mean())
    unsure = blur_bias[kept] / size[kept].abs()
    error = spread * torch.hypot(blur[kept] / size[kept].abs(), unsure * x.square().mean(1).sqrt())
    pictures = pixels.decode(x.view(-1, *knowledge.input_shape))
    room = torch.hypot(unsure, error / spread)
    inside = _inside(pictures, error)
    fits = inside & (_in_bin(x, source.bins, kept, room) if source.bins is not None else _on(x, layer, kept, room))
    return Reading(
        kept, pictures, x.view_as(pictures), size[kept], unsure, error, fits, len(rows),
        float(noise.max()) / max(float(rows.abs().max()), 1e-300),
    )  # fmt: skip


def _pair(values: Tensor) -> Tensor:
    """Of a row and its neighbour the larger."""
    return torch.maximum(values, torch.cat([values[1:], 0 * values[:1]]))


def _noise(weight: Tensor, size: Tensor, loud: Tensor, blur: Tensor, knowledge: Knowledge, pixels: Pixels) -> Tensor:
    """Noise of a difference, by the quietest one that is more than rounding and yet no picture; zero where there is none."""
    some = (loud > LOUD * blur).nonzero()[:, 0]
    none = torch.zeros_like(loud)
    if not len(some):
        return none
    least = some[loud[some].argmin()]
    quiet = loud[some][loud[some] < ALIKE * loud[least]]  # noise is as loud in all rows that hold nothing else
    picture = pixels.decode((weight[least] / size[least]).view(1, *knowledge.input_shape))
    several = len(quiet) >= max(3, len(loud) // 20)
    return none + quiet.median() if several and not bool(_inside(picture, torch.zeros(1))) else none


def _inside(pictures: Tensor, error: Tensor) -> Tensor:
    """(M,) whether nearly all values lie in [0, 1], give or take their error."""
    room = (SLACK + 4 * error).view(-1, 1, 1, 1)
    return ((pictures > -room) & (pictures < 1 + room)).flatten(1).double().mean(1) > INSIDE


def _in_bin(x: Tensor, front: Bins, at: Tensor, error: Tensor) -> Tensor:
    """(M,) whether w x lies between its bin's thresholds. x (M, D)."""
    measured, thresholds = x @ front.measure.weight[0].detach().cpu().double(), front.thresholds
    upper = torch.cat([thresholds[1:], thresholds.new_full((1,), math.inf)])
    width = (upper - thresholds)[at].clamp(max=float(thresholds[-1] - thresholds[-2]) if len(thresholds) > 1 else 1.0)
    room = EDGE * width + 4 * error * measured.abs()
    return (measured > thresholds[at] - room) & (measured < upper[at] + room)


def _on(x: Tensor, layer: nn.Linear, at: Tensor, error: Tensor) -> Tensor:
    """(M,) whether the picture (M, D) switches its own unit on."""
    weight, bias = layer.weight[at].detach().cpu().double(), layer.bias[at].detach().cpu().double()
    return (x * weight).sum(1) + bias > -4 * error * (x.norm(dim=1) * weight.norm(dim=1) + bias.abs())
