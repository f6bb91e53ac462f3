"""The attack on a client that trains the head or adapters alone, as settings, and where it does not apply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from gi_core.settings.base import setting
from gi_core.settings.closed_form_attacks import ClosedForm
from gi_core.settings.own_network import OwnNetwork

if TYPE_CHECKING:
    from gi_core.settings.experiment import Experiment

ALL_TRAINS = (
    "it reads what a client sends that trains the head or adapters alone, and this one trains all of the network: set client.trains,"
    " or choose another attack"
)
ONE_PICTURE = (
    "of several pictures what trains shows a mixture of the layer's inputs, or the space that they span: choose one picture, or an"
    " attack that matches"
)
ZERO_B = (
    "B is zero before the first training, so dL/dA is zero and A x alone shows, as many numbers as the adapter's rank: take a later round"
    " (client.rounds=2 or client.adapter_start=trained), or an attack that matches"
)
NO_HEAD = "this network does not end in a dense layer whose gradient was sent, so no input is read off it"
SEVERAL_POSITIONS = "the first layer with an adapter sees several positions of a picture, whose inputs its gradient adds up: choose an attack that matches"


class TrainedPart(ClosedForm):
    kind: Literal["trained_part"] = "trained_part"
    walks: ClassVar[bool] = False
    mixes: ClassVar[bool] = False
    machine: ClassVar[str] = "recursion.partial.machine:TrainedPart"
    title: ClassVar[str] = "Head or adapter"
    description: ClassVar[str] = (
        "Of a client that trains the head or adapters alone: reads the input of what trains off its gradient, then searches a picture with"
        " these features."
    )
    paper: ClassVar[str] = "this project, after Geiping et al., Inverting Gradients, NeurIPS 2020, proposition 3.1"
    link: ClassVar[str] = "https://arxiv.org/abs/2003.14053"

    inversion: int = setting(
        100, "Most steps of the search for a picture with the layer's input (0: the input alone).", title="Inversion steps", ge=0, le=10_000,
        basic=True,
    )  # fmt: skip
    total_variation: float = setting(
        1e-7, "Weight of smoothness, which chooses where several pictures have the same features.", title="Total variation", ge=0, le=100
    )  # fmt: skip


def refusals(e: Experiment) -> Iterator[str]:
    """Why this attack does not apply, before anything runs."""
    client = e.client
    if client.trains == "all" and isinstance(e.model, OwnNetwork):
        return  # which of its parameters stand still is seen once it is built
    if client.trains == "all":
        yield ALL_TRAINS
    elif e.pictures > 1:
        yield ONE_PICTURE
    elif client.trains == "adapter" and client.adapter_start == "zero" and client.rounds == 1:
        yield ZERO_B
    elif client.trains == "adapter" and e.model.kind == "vit":
        yield SEVERAL_POSITIONS
