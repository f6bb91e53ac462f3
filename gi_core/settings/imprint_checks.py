"""What is said, and what is refused, of a layer of bins in front of a network and of the attack that reads it. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from gi_core.settings.client import FedAvg
from gi_core.settings.experiment import Experiment
from gi_core.settings.imprint_attacks import ReadBins
from gi_core.settings.servers import Imprint, Trap
from gi_core.settings.sizes import sides

Found = tuple[str, str, bool]
"""(field, reason, whether it refuses)."""

MOST_WEIGHTS = 2**27
"""Of the two layers; in single precision half a gigabyte, of which a run holds several."""
NONE_THERE = (
    "this attack reads rows that a server prepared, and this one sent the network as it is: choose server=imprint or server=trap, or"
    " another attack"
)
IN_FRONT = (
    "the server put a layer of bins in front of this network, so it is no chain of layers: choose attack=imprint, which reads that"
    " layer, or an attack that matches"
)
SEVERAL_STEPS = (
    "the layer of bins is exact for one local step: in later ones bins and pictures have moved, so expect blurred pictures, or choose"
    " one step"
)
ADAM = (
    "Adam divides every value by its own size, which leaves no differences of rows to read: choose a client that steps by SGD, or an"
    " attack that matches"
)


def of_attack(e: Experiment) -> Iterator[Found]:
    """Of a closed form where bins stand in front of the network, and of reading bins anywhere."""
    if not isinstance(e.server, Imprint | Trap):
        yield "attack", NONE_THERE, True
    elif not isinstance(e.attack, ReadBins):
        yield "attack", IN_FRONT, True
    elif isinstance(e.client, FedAvg) and e.client.optimiser != "sgd":
        yield "attack", ADAM, True


def of_server(e: Experiment, server: Imprint, one_step: bool) -> Iterator[Found]:
    """one_step: whether the client sends one gradient of all its pictures, or a known factor times one."""
    shape = sides(e.size)
    if shape is not None:
        weights = 2 * server.bins * (e.channels or e.model.channels_only or 3) * shape[0] * shape[1]
        if weights > MOST_WEIGHTS:
            yield "server.bins", (
                f"{server.bins} bins of {e.size} pixels are {weights:,} weights, of at most {MOST_WEIGHTS:,}: choose fewer bins or a"
                " smaller size"
            ), True  # fmt: skip
    if not one_step:
        yield "server", SEVERAL_STEPS, False
    if e.pictures > 1:
        yield "server.bins", (
            f"about {100 * server.share(e.pictures):.0f} % of the {e.pictures} pictures should fall alone into one of {server.bins} bins,"
            " and the others come back mixed"
        ), False  # fmt: skip
