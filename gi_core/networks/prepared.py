"""A person's own module as an attack runs it: a copy in eval mode, float32, on the CPU, without operations in place.

Frozen parameters become buffers of the same names, so they take no part in gradients, as on the client that froze them. What
the module itself does not show (which are frozen, which layer is last) is remembered on the copy, and copies of it keep it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedParameter

from gi_core.common.errors import SpecError
from gi_core.networks.bottleneck import Head
from gi_core.networks.plain_kernels import use_plain_kernels
from gi_core.networks.trace_words import first_line
from gi_core.networks.tracing import Trace, trace
from gi_core.settings.graph import Shape

_KEY = "gradient_inversion_facts"
_WRAPPERS = ("_orig_mod", "module", "_module")


@dataclass(frozen=True)
class Facts:
    """frozen: names of parameters that do not train. last: path of the dense layer whose output is the network's; None where
    there is none. looked: whether the network was run, so that `last` is known. normalised: see `tracing.Trace`.
    """

    frozen: tuple[str, ...] = ()
    last: str | None = None
    looked: bool = False
    normalised: bool = False


def facts(model: nn.Module) -> Facts | None:
    """What is remembered of a prepared module; None of any other."""
    return model.__dict__.get(_KEY)


def remember(model: nn.Module, known: Facts) -> None:
    """Keep what is known of a module on it."""
    model.__dict__[_KEY] = known


def unwrapped(module: nn.Module) -> nn.Module:
    """The module inside `torch.compile`, `DataParallel`, `DistributedDataParallel` and Opacus's `GradSampleModule`."""
    wrappers = ("OptimizedModule", "DataParallel", "DistributedDataParallel", "GradSampleModule")
    while type(module).__name__ in wrappers and type(module).__module__.startswith(("torch.", "opacus.")):
        module = next(getattr(module, key) for key in _WRAPPERS if key in module._modules)
    return module


def prepared(module: nn.Module, input_shape: Shape | None = None) -> nn.Module:
    """A copy of `module` as an attack runs it; the module, its mode, gradients and buffers stay as they are.

    input_shape: (C, H, W) of its pictures, with which it is run once, so that its last layer is known. Raises SpecError where
    it cannot be copied, has nothing to train, or does not take such pictures.
    """
    module = unwrapped(module)
    if isinstance(module, torch.jit.ScriptModule):
        raise SpecError("this network is a script of torch.jit: give the nn.Module that it was made from")
    _check(module)
    try:
        with torch.random.fork_rng(devices=[]):
            network = copy.deepcopy(module)
    except Exception as error:
        raise SpecError(
            f"this network cannot be copied ({first_line(error)}): keep no results of a pass in the module, or detach them"
        ) from None
    network = network.to(device="cpu", dtype=torch.float32).eval()
    for part in network.modules():
        if getattr(part, "inplace", False) is True:
            part.inplace = False  # type: ignore[assignment]  # of nn.ReLU and its like
    network.register_forward_pre_hook(_own_memory)
    use_plain_kernels(network)
    remember(network, Facts(_freeze(network)))
    return network if input_shape is None else looked_at(network, input_shape)[0]


def looked_at(network: nn.Module, input_shape: Shape) -> tuple[nn.Module, Trace | None]:
    """A prepared network, run once on pictures (C, H, W), and what that showed; None where it decides by values."""
    takes(network, input_shape)
    try:
        seen = trace(network, input_shape, opaque=True)
    except SpecError:
        seen = None
    frozen = known.frozen if (known := facts(network)) is not None else ()
    last, normalised = (seen.last, seen.normalised) if seen is not None else (None, False)
    remember(network, Facts(frozen, last, True, normalised))
    return network, seen


def last_layer(model: nn.Module) -> tuple[str, nn.Linear] | None:
    """(path, layer) of the last layer if it is dense: of a prepared network the one whose output is the network's; of
    another, whose layers were made in order, the one whose parameters come last.
    """
    known = facts(model)
    if known is not None and known.looked:
        if known.last is None:
            return None
        name, layer = known.last, model.get_submodule(known.last)
        if isinstance(layer, Head):  # a defense has put a bottleneck in front of it
            name, layer = f"{name}.classifier", layer.classifier
    else:
        layers = [(n, m) for n, m in model.named_modules() if next(m.parameters(recurse=False), None) is not None]
        if not layers:
            return None
        name, layer = layers[-1]
    return (name, layer) if isinstance(layer, nn.Linear) else None


def _check(module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        if isinstance(parameter, UninitializedParameter):
            raise SpecError(
                f"{name} has no values yet: call the network once on a picture, which sizes its lazy layers"
            )
        if parameter.device.type == "meta":
            raise SpecError(f"{name} lies on the meta device and has no values: load the network's weights first")
    if not any(p.requires_grad for p in module.parameters()):
        what = "is frozen throughout" if next(module.parameters(), None) is not None else "has no parameters"
        raise SpecError(f"this network {what}, so there is no gradient to attack: give one with parameters that train")


def _freeze(network: nn.Module) -> tuple[str, ...]:
    """Make buffers of the parameters that do not train; their names."""
    frozen = []
    for path, part in network.named_modules():
        for name, parameter in list(part.named_parameters(recurse=False)):
            if not parameter.requires_grad:
                del part._parameters[name]
                part.register_buffer(name, parameter.detach())
                frozen.append(f"{path}.{name}".lstrip("."))
    return tuple(frozen)


def takes(network: nn.Module, input_shape: Shape) -> None:
    """Raises SpecError where the network does not take pictures (C, H, W), or gives no logits."""
    said: SpecError | None = None
    for pictures in (2, 1):
        x = torch.rand((pictures, *input_shape), generator=torch.Generator().manual_seed(0))
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                output = network(x)
        except Exception as error:
            size = "x".join(map(str, input_shape))
            said = said or SpecError(f"this network does not take pictures of {size}: {first_line(error)}")
            continue
        _check_output(output, pictures)
        return
    assert said is not None
    raise said


def _check_output(output: Any, pictures: int) -> None:
    if not isinstance(output, Tensor):
        kind = type(output).__name__
        raise SpecError(
            f"this network returns a {kind}, and an attack needs one tensor (N, K): return the logits alone"
        )
    if output.dim() != 2 or len(output) != pictures or not output.shape[1]:
        shape = "x".join(map(str, output.shape)) or "a single number"
        raise SpecError(
            f"this network returns {shape} for {pictures} pictures, and an attack needs (N, K): return logits"
        )


def _own_memory(module: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Before each pass: the network may write into what it gets, and `view` needs it in the usual order."""
    return tuple(v.clone(memory_format=torch.contiguous_format) if isinstance(v, Tensor) else v for v in given)
