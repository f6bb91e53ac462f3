"""Networks of a person's own: held in memory, imported, or read from a file; described for the settings, and built."""

from __future__ import annotations

import hashlib
import math
from contextlib import suppress

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from gi_core.common.errors import SpecError
from gi_core.networks.init import redraw, seeded
from gi_core.networks.library import MAX_PARAMETERS, UNSAID, make
from gi_core.networks.own_sources import load
from gi_core.networks.prepared import facts, looked_at, prepared, takes
from gi_core.networks.tracing import trace
from gi_core.settings import own_network
from gi_core.settings.graph import Conv, Dense, Graph, Shape
from gi_core.settings.library_network import LibraryNetwork
from gi_core.settings.own_network import MEMORY, OwnNetwork, allow

__all__ = ["allow", "build_own", "hold", "let_go", "named", "of_library"]

MAX_CLASSES = 22_000
_SIDES = (32, 28, 64, 96, 128, 224, 256, 299, 384)
_held: dict[str, nn.Module] = {}


def hold(module: nn.Module, input_shape: Shape | None = None) -> OwnNetwork:
    """Settings of a module that this process keeps a copy of, until `let_go`; it may be run here and nowhere else.

    input_shape: (C, H, W) of its pictures; without it usual sizes are tried. The name is made of the class and a hash of the
    weights: equal modules have equal settings. Raises SpecError.
    """
    network = prepared(module)
    found = _described(f"{MEMORY}{_name(module, network)}", network, input_shape)
    _held[found.source] = network
    allow(found.source)
    return found


def let_go(settings: OwnNetwork) -> None:
    """Forget a module that `hold` has kept."""
    _held.pop(settings.source, None)


def named(source: str, input_shape: Shape | None = None, sides: tuple[int, int] | None = None) -> OwnNetwork:
    """Settings of `package.module:callable` or of a `.pt2` file, whose code may be run from now on. Raises SpecError.

    input_shape: (C, H, W) of its pictures. sides: (H, W) alone, tried before usual ones.
    """
    if source.startswith(MEMORY):
        raise SpecError(f"{source} lives in the Python process that made it: give {own_network.FORMS}")
    OwnNetwork(source=source)
    allow(source)
    with seeded(0):
        module = load(source)
    return _described(source, prepared(module), input_shape, sides)


def build_own(settings: OwnNetwork, input_shape: Shape, classes: int) -> nn.Module:
    """The network for pictures (C, H, W), with its own weights or, if `init` asks, redrawn ones. Raises SpecError.

    classes: of the data. Code is called with torch's generator seeded, so that equal settings give equal weights.
    """
    network = looked_at(_fresh(settings, classes, input_shape[0]), input_shape)[0]
    with torch.no_grad(), seeded(settings.seed):
        outputs = network(torch.zeros(1, *input_shape)).shape[1]
        redraw(network, settings.init)
    wanted = settings.outputs(classes)
    if outputs != wanted:
        raise SpecError(
            f"this network has {outputs} outputs, where {wanted} were expected: set model.classes={outputs}"
        )
    return network


def of_library(
    settings: LibraryNetwork, input_shape: Shape | None = None, sides: tuple[int, int] | None = None
) -> LibraryNetwork:
    """`settings` with what checks need to know of the network; see `named`. Raises SpecError."""
    channels = input_shape[0] if input_shape else 3
    found = _described(
        settings.source, _fresh(settings, settings.classes or 1000, channels, described=False), input_shape, sides
    )
    left = {"kind", "source", "classes", "single", *settings.model_fields_set}
    return settings.model_copy(update=found.model_dump(exclude=left))


def _fresh(settings: OwnNetwork, classes: int = 10, channels: int = 3, described: bool = True) -> nn.Module:
    """A prepared copy with its own weights. described: whether `settings` have gone through checks. Raises SpecError."""
    reason = own_network.barred(settings)
    if reason:
        raise SpecError(reason)
    if settings.source.startswith(MEMORY):
        if settings.source not in _held:
            raise SpecError(f"the network {settings.source} was let go: hold it again")
        return prepared(_held[settings.source])
    with seeded(settings.seed):
        if isinstance(settings, LibraryNetwork):
            most = MAX_PARAMETERS if settings.parameters > UNSAID or not described else UNSAID
            return prepared(make(settings.source, settings.outputs(classes), channels, most))
        return prepared(load(settings.source))


def _drawn(settings: OwnNetwork, input_shape: Shape, opaque: bool) -> Graph:
    return trace(_fresh(settings, channels=input_shape[0]), input_shape, opaque=opaque).graph


own_network.draw_with(_drawn)


def _name(module: nn.Module, network: nn.Module) -> str:
    digest = hashlib.sha256(repr(network).encode())
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return f"{type(module).__name__}-{digest.hexdigest()[:12]}"


def _described(
    source: str, network: nn.Module, input_shape: Shape | None, sides: tuple[int, int] | None = None
) -> OwnNetwork:
    """The settings of a prepared network, with what checks need to know of it."""
    shape, only = _taken(network, input_shape, sides)
    network, seen = looked_at(network, shape)
    with torch.no_grad():
        outputs = network(torch.zeros(1, *shape)).shape[1]
    if outputs > MAX_CLASSES:
        raise SpecError(f"this network has {outputs} outputs: at most {MAX_CLASSES} classes are taken")
    layers = seen.graph.layers if seen is not None else ()
    last = layers[-1].op if layers else None
    channels, height, width = shape
    return OwnNetwork(
        source=source, classes=None if outputs == 1 else outputs, single=outputs == 1,
        input=(channels, height, width) if only else None, channels=channels, bias=last.bias if isinstance(last, (Dense, Conv)) else True,
        batch_norm=any(isinstance(m, _BatchNorm) for m in network.modules()), kinks=seen is None or seen.kinked,
        frozen=len(known.frozen) if (known := facts(network)) is not None else 0,
        parameters=sum(p.numel() for p in network.parameters()),
        values=-(-sum(math.prod(layer.shape) for layer in layers) // (shape[1] * shape[2])),
    )  # fmt: skip


def _taken(network: nn.Module, given: Shape | None, sides: tuple[int, int] | None) -> tuple[Shape, bool]:
    """(pictures that the network takes, whether it takes no other size). Raises SpecError."""
    first = next((m for m in network.modules() if isinstance(m, nn.Conv2d)), None)
    channels = [given[0]] if given else [first.in_channels] if first is not None else [3, 1]
    tried = [*([sides] if sides else []), *((side, side) for side in _SIDES)]
    shapes = [given] if given else [(c, *pair) for c in channels for pair in tried]
    said: SpecError | None = None
    for shape in shapes:
        try:
            takes(network, shape)
        except SpecError as error:
            said = said or error
            continue
        with suppress(SpecError):
            takes(network, (shape[0], shape[1] + 32, shape[2] + 32))
            return shape, False
        return shape, True
    assert said is not None
    if given is None:
        raise SpecError(f"{said}; nor those of other usual sizes: say their size, as --size 48 or --input 3x48x48")
    raise said
