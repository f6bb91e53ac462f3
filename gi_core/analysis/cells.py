"""How far a picture is from where a unit of a piecewise linear network switches.

A network of affine layers and units with kinks (ReLU and its like) is affine inside the cell of pictures that switch the same units. There
a unit's input is z_i(y) = z_i(x) + <grad z_i(x), y - x>, so the distance from x to where z_i takes a value t at which it has a kink is

    |z_i(x) - t| / |grad z_i(x)|,

and the least of all units is the radius of the largest ball about x inside its cell (Montufar et al. 2014 on such regions). It is exact. Inside
the cell the gradient of the loss is smooth in x, which is what `analysis.radius` needs. Max pooling has a kink for each pair of a window,
and layers that are neither affine nor piecewise linear in front of a kink bend it: both are refused.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import jacrev, jvp, vmap

from gi_core.common.errors import SpecError
from gi_core.networks.module import Average, GraphModule, Sum

AFFINE = (
    nn.Linear, nn.Conv2d, nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Identity, nn.Dropout, Average, Sum,
)  # fmt: skip
KINKS: dict[type[nn.Module], tuple[float, ...]] = {
    nn.ReLU: (0.0,), nn.LeakyReLU: (0.0,), nn.PReLU: (0.0,), nn.ReLU6: (0.0, 6.0),
}  # fmt: skip
"""Where each kind of unit switches."""
MOST = 20_000_000
"""Most numbers of the units' slopes at one picture."""
CHUNK = 64


def refuse(model: nn.Module, batch_norm: str = "eval") -> None:
    """Raises SpecError where the network is not piecewise linear, layer by layer. batch_norm: the mode of the client's."""
    if not isinstance(model, (GraphModule, nn.Sequential)):
        raise SpecError("what the network does between its layers is not seen")
    for module in model.modules():
        if batch_norm == "train" and isinstance(module, nn.BatchNorm2d):
            raise SpecError("batch norm in train mode beside kinks is not affine")
        if next(module.children(), None) is not None or isinstance(module, AFFINE) or type(module) in KINKS:
            continue
        name = type(module).__name__
        pools = isinstance(module, (nn.MaxPool2d, nn.AdaptiveMaxPool2d))
        raise SpecError(f"{name} switches at every pair of a window" if pools else f"{name} beside kinks is not affine")


def distance(model: nn.Module, x: Tensor, units: Tensor, batch_norm: str = "eval") -> float:
    """Length of the shortest change of the pictures x (N, C, H, W), in the network's units, at which a unit switches; inf where none does.

    units (d,): the network's units of a pixel, for each value of x. Lengths are in pixels. Raises SpecError as `refuse`, and where the
    slopes are too many.
    """
    refuse(model, batch_norm)
    model = copy.deepcopy(model).double().eval().requires_grad_(False)
    seen: list[tuple[Tensor, tuple[float, ...]]] = []
    for module in model.modules():
        if type(module) in KINKS:
            module.register_forward_pre_hook(lambda m, inputs: seen.append((inputs[0], KINKS[type(m)])))

    def inputs(picture: Tensor) -> Tensor:
        """Inputs of all units less where they switch, of one picture (d,)."""
        seen.clear()
        model(picture.view(1, *x.shape[1:]))
        return torch.cat([(z - t).reshape(-1) for z, kinks in seen for t in kinks])

    found = float("inf")
    scale = units.double().cpu().view(len(x), -1)
    for picture, unit in zip(x.detach().cpu().double().reshape(len(x), -1), scale, strict=True):
        with torch.no_grad():
            z = inputs(picture)
        if z.numel() * picture.numel() > MOST:
            raise SpecError(f"the slopes of {z.numel():,} units by {picture.numel():,} values are too many")
        steep = (_slopes(inputs, picture, z.numel()) * unit).norm(dim=1)
        moves = steep > 0
        if bool(moves.any()):
            found = min(found, float((z[moves].abs() / steep[moves]).min()))
    return found


def _slopes(inputs: Callable[[Tensor], Tensor], picture: Tensor, units: int) -> Tensor:
    """dz/dx (units, d), by the fewer of rows and columns."""
    if units < picture.numel():
        return jacrev(inputs, chunk_size=CHUNK)(picture)
    ways = torch.eye(picture.numel(), dtype=picture.dtype)
    columns = vmap(lambda v: jvp(inputs, (picture,), (v,))[1], chunk_size=CHUNK)(ways)
    return columns.T
