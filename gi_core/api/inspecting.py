"""`gi.inspect_model`: whether a network that a client received asks for single pictures."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from gi_core.analysis.model_check import check
from gi_core.api.pictures import shape_of
from gi_core.common.errors import SpecError
from gi_core.networks.prepared import prepared, unwrapped
from gi_core.networks.trace_words import first_line
from gi_core.types.model_check import ModelCheck


def inspect_model(model: nn.Module, before: Mapping[str, Any] | None = None, input_shape: Any = None) -> ModelCheck:
    """What a client can notice of a network before it trains on it (docs/servers.md).

    model: the torch module that was received, which is left as it is.
    before: state dict of the last round's network, where the client kept it.
    input_shape: (C, H, W) of a picture; with it the network is run once, so that its last layer is known for sure.

    Returns a dictionary: `suspicious`, `score` (1 and more is noticed), `sentence`, `of_class`, and `noticed`, one entry for each
    check. Raises SpecError, one sentence.
    """
    if not isinstance(model, nn.Module):
        raise SpecError(
            f"model is a torch.nn.Module, not a {type(model).__name__}: load the weights into the network first"
        )
    if before is not None and not (
        isinstance(before, Mapping) and all(isinstance(v, torch.Tensor) for v in before.values())
    ):
        raise SpecError("before is the state dict of the last round's network: name -> tensor")
    shape = None if input_shape is None else shape_of(input_shape)
    try:
        whole = copy.deepcopy(unwrapped(model)).requires_grad_(True)  # a frozen layer is looked at as any other
    except Exception as error:
        raise SpecError(
            f"this network cannot be copied ({first_line(error)}): give it as it was before any pass"
        ) from None
    return check(prepared(whole, shape), before)
