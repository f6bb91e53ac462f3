"""What a person hands in as an update, checked against the network by name before anything runs.

A sequence stands in the order of `named_parameters()`, a dictionary goes by its names; where there is a name nothing goes by
its place. Every refusal is one sentence that names the tensor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gi_core.common.errors import SpecError
from gi_core.settings.registry import suggestion
from gi_core.tensor_files.naming import COUNTER

WRAPPINGS = ("module.", "_orig_mod.", "_module.")
"""Put in front of every name by data parallel training, `torch.compile` and Opacus."""
_PREFIX = re.compile(r"^(?:(?:module|_orig_mod|_module)\.)+")
_RUNNING = ("running_mean", "running_var", COUNTER)


@dataclass(frozen=True)
class Given:
    """An update as it was given.

    arrays: by the network's own names, float32 or float64; those of batch norm's buffers too, of a state dict's difference.
    withheld: parameters without a gradient. notices: sentences about what was done.
    """

    arrays: dict[str, np.ndarray]
    withheld: tuple[str, ...] = ()
    notices: tuple[str, ...] = field(default=())

    @property
    def of_state(self) -> bool:
        """Whether it holds buffers, as only the difference of two state dicts does."""
        return any(name.rpartition(".")[2] in _RUNNING for name in self.arrays)


def checked(model: nn.Module, gradients: object) -> Given:
    """The update by the network's own names. Raises SpecError, one sentence that names the tensor.

    model: the network before the round. gradients: what `torch.autograd.grad` gives (a sequence in the order of
    `named_parameters()`, of all of them or of those that train), a dictionary by name such as
    `{n: p.grad for n, p in model.named_parameters()}`, or the difference of two state dicts.
    """
    if isinstance(gradients, nn.Module):
        gradients = {name: p.grad for name, p in gradients.named_parameters()}
        if all(g is None for g in gradients.values()):
            raise SpecError("this module holds no gradients: call loss.backward() first, or give its gradients")
    if isinstance(gradients, Mapping):
        return _by_name(model, gradients)
    if isinstance(gradients, (Tensor, np.ndarray)):
        raise SpecError(
            "the gradients are one tensor: give one for each parameter, as torch.autograd.grad(loss,"
            " list(model.parameters())) does"
        )
    if isinstance(gradients, (str, bytes)) or not isinstance(gradients, Sequence):
        if not hasattr(gradients, "__iter__") or isinstance(gradients, (str, bytes)):
            raise SpecError(
                f"the gradients are a {type(gradients).__name__}: give a sequence of tensors in the order of"
                " model.named_parameters(), or a dictionary by name"
            )
        gradients = list(gradients)
    return _by_place(model, gradients)


def _by_place(model: nn.Module, gradients: Sequence[object]) -> Given:
    """A sequence, as long as the parameters or as those that train."""
    named = dict(model.named_parameters())
    trains = [name for name, p in named.items() if p.requires_grad]
    if not gradients:
        raise SpecError("the sequence of gradients is empty: give one tensor for each parameter")
    pairs = [g for g in gradients if isinstance(g, tuple) and len(g) == 2 and isinstance(g[0], str)]
    if len(pairs) == len(gradients):  # what .items() gives
        return _by_name(model, dict(pairs))
    names = list(named) if len(gradients) == len(named) else trains
    if len(gradients) != len(names):
        counts = f"{len(named)} parameters" + (f", {len(trains)} of which train" if len(trains) < len(named) else "")
        raise SpecError(
            f"{len(gradients)} gradients for {counts}: give one for each in the order of model.named_parameters(), or a"
            " dictionary by name"
        )
    shapes = [_shape(g) for g in gradients]
    for place, (name, shape) in enumerate(zip(names, shapes, strict=True)):
        if shape is not None and shape != tuple(named[name].shape):
            own = [tuple(named[n].shape) for n in names]
            why = (
                ": the gradients stand in another order than model.named_parameters(), so give a dictionary by name"
                if sorted(map(str, shapes)) == sorted(map(str, own))
                else ": give the gradients of this network, in the order of model.named_parameters()"
            )
            raise SpecError(
                f"gradient {place + 1} of {len(names)} has shape {shape}, and the parameter {name} at this place"
                f" {tuple(named[name].shape)}{why}"
            )
    return _taken(model, dict(zip(names, gradients, strict=True)), [n for n in named if n not in names])


def _by_name(model: nn.Module, gradients: Mapping[Any, object]) -> Given:
    """A dictionary by name, behind any wrapper's prefix."""
    if not gradients:
        raise SpecError("the dictionary of gradients is empty: give one tensor for each parameter by its name")
    odd = next((key for key in gradients if not isinstance(key, str)), None)
    if odd is not None:
        raise SpecError(
            f"the gradients go by {type(odd).__name__} keys: give a dictionary by the names of model.named_parameters()"
        )
    named, state = dict(model.named_parameters()), model.state_dict()
    alias = aliases(model)
    found: dict[str, object] = {}
    unknown: list[str] = []
    for key, value in gradients.items():
        name = _own(key, state, alias)
        if name is None:
            unknown.append(key)
            continue
        if name in found and not _equal(found[name], value):
            raise SpecError(
                f"{key} and another name stand for the parameter {name}, which layers share, with different values:"
                " give the shared gradient once"
            )
        found[name] = value
    missing = [name for name, p in named.items() if name not in found and p.requires_grad]
    if unknown:
        near = suggestion(_PREFIX.sub("", unknown[0]), missing or list(named))
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise SpecError(f"the network has no parameter {unknown[0]!r}{more}: {near}")
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise SpecError(
            f"the gradient of {missing[0]}{more} is missing: give it, or None for a parameter whose gradient was not sent"
        )
    for name, value in found.items():
        shape = _shape(value)
        if shape is not None and shape != tuple(state[name].shape):
            turned = shape == tuple(reversed(tuple(state[name].shape)))
            raise SpecError(
                f"the gradient of {name} has shape {shape}, and the parameter {tuple(state[name].shape)}: "
                + ("it is transposed" if turned else "give the gradient of this network")
            )
    return _taken(model, found, [name for name in named if name not in found])


def aliases(model: nn.Module) -> dict[str, str]:
    """Every further name of a parameter that layers share -> its name in `named_parameters()`."""
    first = {id(p): name for name, p in model.named_parameters()}
    every = model.named_parameters(remove_duplicate=False)
    return {name: first[id(p)] for name, p in every if first[id(p)] != name}


def _own(key: str, state: Mapping[str, Tensor], alias: Mapping[str, str]) -> str | None:
    """The network's own name for a key; None where there is none."""
    bare = _PREFIX.sub("", key)
    for wrapping in WRAPPINGS:  # inside, where a part of the network was wrapped
        bare = bare if bare in state else bare.replace(f".{wrapping}", ".")
    for name in (key, bare):
        if name in state:
            return alias.get(name, name)
    return None


def _taken(model: nn.Module, found: Mapping[str, object], absent: Sequence[str]) -> Given:
    """Values as arrays; what has none was not sent."""
    named = dict(model.named_parameters())
    arrays: dict[str, np.ndarray] = {}
    withheld, notices = list(absent), []
    for name, value in found.items():
        if value is None:
            withheld.append(name)
            if name in named and named[name].requires_grad:
                notices.append(f"{name} has no gradient (None), so it is taken for not sent")
            continue
        arrays[name] = _array(name, value)
    frozen = [name for name in withheld if name in named and not named[name].requires_grad]
    if frozen:
        more = f" and {len(frozen) - 1} more" if len(frozen) > 1 else ""
        notices.append(f"{frozen[0]}{more} is frozen, so its gradient is taken for not sent")
    sent = [name for name in arrays if name in named]
    if not sent:
        raise SpecError("every gradient is None, so there is no update: call loss.backward() first")
    if not any(arrays[name].any() for name in sent):
        raise SpecError(
            "every gradient is zero, so the update says nothing about the picture: give the gradients of a loss"
        )
    order = [name for name in [*named, *model.state_dict()] if name in arrays]
    return Given({name: arrays[name] for name in dict.fromkeys(order)}, tuple(dict.fromkeys(withheld)), tuple(notices))


def _array(name: str, value: object) -> np.ndarray:
    """A tensor's finite values, float32, or float64 where they came so."""
    if isinstance(value, nn.Parameter) and not value.requires_grad:
        value = value.data
    if isinstance(value, (list, float, int, np.generic)):
        value = np.asarray(value)
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "fiu":
            raise SpecError(f"the gradient of {name} holds {value.dtype} values: give real numbers")
        value = torch.from_numpy(np.ascontiguousarray(value))
    if not isinstance(value, Tensor):
        raise SpecError(f"the gradient of {name} is a {type(value).__name__}: give a tensor or an array")
    if value.is_meta:
        raise SpecError(f"the gradient of {name} is on the meta device and holds no values: give the computed one")
    if value.is_complex() or value.dtype == torch.bool or value.is_quantized:
        raise SpecError(f"the gradient of {name} is of type {value.dtype}: give real numbers")
    dense = value.detach().to_dense() if value.layout != torch.strided else value.detach()
    wide = torch.float64 if dense.dtype == torch.float64 else torch.float32
    found: np.ndarray = dense.to("cpu", wide).contiguous().numpy()
    if not np.isfinite(found).all():
        raise SpecError(
            f"the gradient of {name} holds values that are not finite: a loss that overflowed gives such, so compute it"
            " again (without a loss scale, in float32)"
        )
    return found


def _shape(value: object) -> tuple[int, ...] | None:
    """A tensor's shape; None of None."""
    found: Any = value
    return None if value is None else tuple(found.shape if hasattr(found, "shape") else np.shape(found))


def _equal(one: object, other: object) -> bool:
    if one is other:
        return True
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.shape == other.shape and bool(torch.equal(one, other))
    return False
