"""What is refused of a server that sets traps in the first dense layer. No torch."""

from __future__ import annotations

from collections.abc import Iterator

from gi_core.common.errors import SpecError
from gi_core.settings.experiment import Experiment
from gi_core.settings.graph import Dense
from gi_core.settings.own_network import OwnNetwork
from gi_core.settings.sizes import sides
from gi_core.settings.spear_checks import MASKS

Found = tuple[str, str, bool]
"""(field, reason, whether it refuses)."""

NO_ROWS = (
    "traps are rows of a dense layer with a bias that reads the pictures themselves, and this network does not begin with one: choose"
    " server=imprint, which needs none"
)
NO_SWITCH = "traps need ReLU after the first layer, which switches units off: choose ReLU, or server=imprint"
SEVERAL_STEPS = (
    "traps are exact for one local step: in later ones rows have moved, so expect mixed pictures, or choose one step"
)


def of_server(e: Experiment, one_step: bool) -> Iterator[Found]:
    """one_step: whether the client sends one gradient of all its pictures, or a known factor times one."""
    if not isinstance(e.model, OwnNetwork):
        reason = _refusal(e)
        if reason:
            yield "server", reason, True
    if not one_step:
        yield "server", SEVERAL_STEPS, False


def _refusal(e: Experiment) -> str:
    from gi_core.settings.chain import Affine, chain
    from gi_core.settings.layer_graphs import layer_graph

    shape = sides(e.size) or (e.model.side_for(32),) * 2
    try:
        graph = layer_graph(e.model, (e.channels or e.model.channels_only or 3, *shape), 10)
    except SpecError:
        return ""  # said where the true size is known
    blocks = () if graph is None else chain(graph)
    first = blocks[0] if blocks else None
    if not isinstance(first, Affine) or not isinstance(first.op, Dense) or not first.op.bias:
        return NO_ROWS
    return "" if first.activation is not None and first.activation.kind in MASKS else NO_SWITCH
