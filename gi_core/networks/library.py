"""Networks of torchvision's and timm's zoo, made by name. Nothing is fetched here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from gi_core.common.errors import SpecError
from gi_core.common.vision import declare, import_torchvision
from gi_core.networks.trace_words import first_line
from gi_core.settings.registry import suggestion

MAX_PARAMETERS = 200_000_000
"""0.8 GB of float32; update, targets and their derivatives are as large again."""
UNSAID = 120_000_000
"""Most of a network whose settings do not say how large it is, so that no check of memory has seen it."""
_AUXILIARY: dict[str, dict[str, Any]] = {
    name: {"aux_logits": False, "init_weights": True} for name in ("googlenet", "inception_v3")
}
"""What training adds beside the network: heads whose outputs an eval pass does not have."""
INSTALL = "pip install timm==1.0.31, or pip install '.[models]'"


@functools.lru_cache(maxsize=2)
def names(library: str) -> tuple[str, ...]:
    """What the library offers for classification. Raises SpecError where it is not installed."""
    if library == "torchvision":
        models = import_torchvision().models
        return tuple(models.list_models(module=models))
    return tuple(timm().list_models())


def make(source: str, classes: int, channels: int, most: int = MAX_PARAMETERS) -> nn.Module:
    """A network with fresh weights from torch's current generator. Raises SpecError: no such name, more than `most`
    parameters, other channels.
    """
    library, _, name = source.partition(":")
    create = checked(source, most)
    if library == "torchvision" and channels != 3:
        raise SpecError(f"{source} takes colour pictures, these have {channels}: set channels to 3")
    more: dict[str, Any] = {"in_chans": channels} if library == "timm" else _AUXILIARY.get(name, {})
    try:
        return create(num_classes=classes, **more)
    except SpecError:
        raise
    except Exception as error:
        raise SpecError(
            f"{source} cannot be made for {classes} classes and {channels} channels: {first_line(error)}"
        ) from None


def checked(source: str, most: int = MAX_PARAMETERS) -> Callable[..., nn.Module]:
    """What makes the network, once its name is known and its size is bounded. Raises SpecError."""
    library, _, name = source.partition(":")
    known, plain = names(library), name.partition(".")[0] if library == "timm" else name
    if plain not in known:
        near = suggestion(plain, known)
        hint = near if near.startswith("did") else f"python -m gi_core list {library} prints their names"
        raise SpecError(f"{library} has no network {name!r}: {hint}")
    size = _parameters(library, plain)
    if size > most:
        raise SpecError(
            f"{source} has {size / 1e6:.0f} million parameters, at most {most / 1e6:.0f} are taken: choose a smaller one"
        )
    if library == "torchvision":
        return functools.partial(import_torchvision().models.get_model, plain, weights=None)
    return functools.partial(timm().create_model, name, pretrained=False)


def _parameters(library: str, name: str) -> int:
    """Trainable values, worked out without making them."""
    if library == "torchvision":
        weights = import_torchvision().models.get_model_weights(name)
        return max(int(one.meta["num_params"]) for one in weights)
    with torch.device("meta"), torch.random.fork_rng(devices=[]):
        try:
            return sum(p.numel() for p in timm().create_model(name, pretrained=False).parameters())
        except Exception as error:
            raise SpecError(
                f"the size of timm:{name} is not known before it is made ({first_line(error)}): choose another"
            ) from None


def timm() -> Any:
    """The library. Raises SpecError where it is not installed."""
    declare()
    try:
        import timm as library
    except ImportError:
        raise SpecError(f"timm is not installed here: {INSTALL}") from None
    return library
