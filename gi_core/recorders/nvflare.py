"""An NVFlare filter that writes each round of a client to files and, with a gate, withholds what leaks too much.

It stands at both ends of the client's `train` task: it remembers the global weights that come in, and takes what goes
out. Attach it behind the privacy filters, so that it sees what really leaves. Made for NVFlare 2.9.
"""

from __future__ import annotations

import logging
from typing import Any

from gi_core.recorders.gate import Gate, gate
from gi_core.recorders.rounds import Arrays, Origin, Unrecorded, arrays, checked, difference, judged

try:
    from nvflare.apis.dxo_filter import DXOFilter as _Filter
except ImportError:

    class _Filter:  # type: ignore[no-redef]
        def __init__(self, *_: Any, **__: Any) -> None:
            raise ModuleNotFoundError("NVFlare is not installed here: pip install -r requirements-nvflare.txt")


# NVFlare's own words, so that this file loads without it.
WEIGHTS, WEIGHT_DIFF = "WEIGHTS", "WEIGHT_DIFF"
_ROUND, _CHAIN, _INCOMING = "current_round", "__chain_type", "task_data"
_REMEMBERED = "gi_core.recorders.received"
log = logging.getLogger(__name__)


class RoundRecorder(_Filter):
    """folder: where the rounds of all clients of this machine go. pickled: files of the published schema, else files
    without pickles. gate: settings of `gate.Gate` as plain values, or None to record only.

    An update that the gate withholds leaves as a message without weights, which the server's FedAvg skips.
    """

    def __init__(self, folder: str, pickled: bool = False, gate: dict[str, Any] | None = None) -> None:
        super().__init__([WEIGHTS, WEIGHT_DIFF], [WEIGHTS, WEIGHT_DIFF])
        self.folder = folder
        self.pickled = pickled
        self.gate = gate  # plain, as NVFlare writes a filter's attributes into the job's configuration

    def process_dxo(self, dxo: Any, shareable: Any, fl_ctx: Any) -> Any:
        """The DXO, emptied where it is withheld; None where it passes as it is."""
        if getattr(self, _CHAIN, None) == _INCOMING:
            received = (shareable.get_header(_ROUND), arrays(dxo.data))
            fl_ctx.set_prop(_REMEMBERED, received, private=True, sticky=True)
            return None
        asked: Gate | None = gate(self.gate)
        decision = None
        try:
            before, change, origin = _round(dxo, shareable, fl_ctx)
        except Unrecorded as error:
            if asked is None:
                raise
            sentence = f"withheld, as the round cannot be audited: {error}"
        else:
            decision = judged(self.folder, before, change, origin, pickled=self.pickled, gate=asked)
            sentence = f"{origin.name}: {decision.sentence}"
        for said in (*(decision.notices if decision is not None else ()), sentence):
            log.info(said)
        if decision is not None and decision.send:
            return None
        dxo.data = {}
        return dxo


def _round(dxo: Any, shareable: Any, fl_ctx: Any) -> tuple[Arrays, Arrays, Origin]:
    number, before = fl_ctx.get_prop(_REMEMBERED) or (None, None)
    if before is None:
        raise Unrecorded(
            "the global weights were not seen: attach the recorder to incoming tasks too, as attach() does"
        )
    here = shareable.get_header(_ROUND)
    number = number if here is None else here
    if number is None:
        raise Unrecorded("the server does not say which round this is (header current_round)")
    if dxo.data_kind == WEIGHT_DIFF:
        change = checked(arrays(dxo.data), before)
    else:
        change = difference(dxo.data, before)
    return before, change, Origin("nvflare", str(fl_ctx.get_identity_name()), int(number))


def attach(recipe: Any, folder: str, *, tasks: tuple[str, ...] = ("train",), **settings: Any) -> None:
    """Put the recorder at both ends of a recipe's tasks. settings: `pickled`, `gate` of RoundRecorder."""
    recipe.add_client_input_filter(RoundRecorder(folder, **settings), tasks=list(tasks))
    recipe.add_client_output_filter(RoundRecorder(folder, **settings), tasks=list(tasks))
