"""A Flower mod that writes each round of a client to files and, with a gate, withholds what leaks too much.

    app = ClientApp(mods=[recorder("rounds"), ...])

Put it first: it then sees what really leaves, after the mods behind it. Made for Flower 1.42.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from gi_core.recorders.gate import Decision, Gate
from gi_core.recorders.rounds import Arrays, Origin, Unrecorded, arrays, difference, judged

_ROUNDS = ("server-round", "server_round")  # as Flower's strategies say it, and as older examples do
_STATE = "gi_core.recorders"
REASON = "withheld by the client's leakage audit"
log = logging.getLogger(__name__)

Mod = Callable[[Any, Any, Callable[[Any, Any], Any]], Any]


def recorder(folder: str, *, pickled: bool = False, gate: Gate | None = None) -> Mod:
    """folder: where the rounds of all clients of this machine go. pickled: files of the published schema, else files
    without pickles. gate: what must agree before an update leaves; None records only.

    A withheld update leaves as an error reply, as Flower's own mods refuse: strategies count it as a
    failure and average the other clients. Received weights sent back unchanged would dilute their mean.
    """

    def mod(msg: Any, ctx: Any, call_next: Callable[[Any, Any], Any]) -> Any:
        if not (msg.has_content() and msg.content.array_records):
            return call_next(msg, ctx)
        before = _arrays(msg)
        reply = call_next(msg, ctx)
        if reply.has_error() or not reply.content.array_records:  # evaluation, or a client that failed
            return reply
        try:
            received, origin = _one(before), Origin("flower", _client(msg, ctx), _round(msg, ctx))
            change = difference(_one(_arrays(reply)), received)
        except Unrecorded as error:
            if gate is None:
                raise
            decision = Decision(False, f"withheld, as the round cannot be audited: {error}")
        else:
            decision = judged(folder, received, change, origin, pickled=pickled, gate=gate)
        for said in (*decision.notices, decision.sentence):
            log.info(said)
        return reply if decision.send else _refusal(msg)

    return mod


def _arrays(message: Any) -> dict[str, Arrays]:
    records = message.content.array_records
    return {key: arrays({name: value.numpy() for name, value in record.items()}) for key, record in records.items()}


def _one(records: dict[str, Arrays]) -> Arrays:
    """The only record of arrays. Plain lists of arrays are named 0, 1, 2 by Flower."""
    if len(records) != 1:
        raise Unrecorded(f"a message with {len(records)} records of arrays is not understood: send one")
    return next(iter(records.values()))


def _round(message: Any, ctx: Any) -> int:
    """From the server's configuration; else counted here, in the state that this client keeps from round to round."""
    for record in message.content.config_records.values():
        for key in _ROUNDS:
            if key in record:
                return int(record[key])
    kept = ctx.state.config_records
    number = int(kept[_STATE]["rounds"]) + 1 if _STATE in kept else 1
    from flwr.app import ConfigRecord

    ctx.state[_STATE] = ConfigRecord({"rounds": number})
    return number


def _client(message: Any, ctx: Any) -> str:
    """The partition in a simulation, else the node."""
    partition = ctx.node_config.get("partition-id")
    return f"client{ctx.node_id if partition is None else partition}"


def _refusal(message: Any) -> Any:
    """The server learns that it was withheld, not why: the reason speaks of the client's pictures and files."""
    from flwr.app import Error, Message
    from flwr.common.constant import ErrorCode

    return Message(Error(code=ErrorCode.MOD_FAILED_PRECONDITION, reason=REASON), reply_to=message)
