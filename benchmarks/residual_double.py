"""A client that computes in double precision, which the product's does not: what its rounding costs the recursion."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import nn

from gi_core.clients import Round
from gi_core.clients.fedsgd import gradient
from gi_core.data import Pictures
from gi_core.networks.trainable import client_model


def in_double(done: Round, model: nn.Module, pictures: Pictures, mode: str, sent: torch.dtype) -> Round:
    """The round of one gradient played again in float64, and sent in the type `sent`; statistics stay in float64."""
    private = client_model(copy.deepcopy(model).double(), mode)
    mean, std = (torch.tensor(v, dtype=torch.float64).view(-1, 1, 1) for v in (pictures.mean, pictures.std))
    inputs = (torch.from_numpy(pictures.images).double() - mean) / std
    update = gradient(private, inputs, done.labels)
    after = private.state_dict()
    shared = None if done.update.statistics is None else {name: after[name] for name in done.update.statistics}
    tensors = {name: t.to(sent) for name, t in update.tensors.items()}
    return replace(done, update=replace(done.update, tensors=tensors, statistics=shared))
