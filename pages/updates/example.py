"""The example: a round played here by a worker, kept as a client would have left it, then attacked. One click."""

from __future__ import annotations

import streamlit as st

from gi_core.jobs.job import Job
from gi_core.settings import SpecError, build
from pages.shared import address
from pages.shared.experiment import launch
from pages.shared.session import dispatcher, store, viewer
from pages.updates import shelf

_JOB, _SAID = "updates.example", "updates.example_said"
_ROW = {"kind": "conv", "kernel": 5, "stride": 2, "padding": 2, "batch_norm": True, "activation": "sigmoid"}
_SHALLOW = {"kind": "custom", "layers": [_ROW | {"channels": 48}, _ROW | {"channels": 32}]}
_CLIENT = {"kind": "fedavg", "learning_rate": 0.01, "batch_norm": "train", "statistics": "shared"}
_ATTACK = {
    "kind": "fl_gradient_inversion", "iterations": 600, "learning_rate": 0.1, "total_variation": 1e-2,
    "batch_norm_weight": 1.0,
}  # fmt: skip
ROUND = build({
    "samples": ["bundled/patient"], "size": 64, "channels": 3, "model": _SHALLOW, "client": _CLIENT, "attack": _ATTACK,
})  # fmt: skip
"""A shallow network gives the picture back, name and all (30 dB in 20 s on two cores); deep ones resist far longer."""
SECONDS = 20.0
"""How long its attack takes, as measured."""


def ask() -> None:
    """Have a worker play the round, unless its files are here."""
    st.session_state.pop(_SAID, None)
    try:
        dispatcher().ensure()
        key = f"record:{ROUND.key()}"
        st.session_state[_JOB] = store().submit(
            "record", ROUND.model_dump(mode="json"), owner=viewer() or "", cache_key=key, title="Example round", priority=1
        )  # fmt: skip
    except SpecError as error:
        st.session_state[_SAID] = str(error)


def job() -> Job | None:
    """The round that is being played for this person, if any."""
    return store().job(st.session_state.get(_JOB, ""))


def waiting() -> bool:
    """Whether it is still being played."""
    now = job()
    return now is not None and not now.over


def said() -> str | None:
    """What went wrong with it."""
    return st.session_state.get(_SAID)


def settle() -> None:
    """Once the round is there: fill the form with it and start the attack, as the button promised."""
    now = job()
    if now is None or not now.over:
        return
    del st.session_state[_JOB]
    if now.state != "done":
        st.session_state[_SAID] = now.error or "the example was cancelled: press the button again"
        return
    try:
        one = next((r for r in shelf.rounds() if r.job == now.id), None)
        if one is None:
            raise SpecError("the example's files are not here any more: press the button again")
        asked = shelf.take(one)
        address.put(run=launch.submit(asked))
    except SpecError as error:
        st.session_state[_SAID] = str(error)
