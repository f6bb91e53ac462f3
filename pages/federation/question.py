"""The question of the federation page: one client's round as the form holds it, and the plan around it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from gi_core import data
from gi_core.jobs.job import Job, valid_id
from gi_core.settings import Experiment, SpecError
from gi_core.settings.client import FedAvg
from gi_core.settings.federation import Federation, build_federation, round_of
from gi_core.settings.federation_checks import federation_problems
from pages.shared import address, form
from pages.shared.session import dispatcher, store, viewer

ROUND = ("size", "channels", "normalise", "model", "client", "server", "defenses", "seed", "device")
PLAN = (
    "data", "clients", "pictures", "partition", "alpha", "rounds", "participation", "attacked", "attack_every", "together",
    "attack_seconds", "record",
)  # fmt: skip
FIRST = build_federation({
    "pictures": [40, 40, 40, 8, 1], "attacked": [4, 5], "seed": 8, "client": {"learning_rate": 0.1, "batch_size": 8},
    "model": {"kind": "lenet", "activation": "tanh"},
    "attack": {"kind": "auto", "iterations": 1200, "labels": "known"},
})  # fmt: skip
_PLAN, _ATTACKS, _WRONG, _SHOWN = (f"federation.{n}" for n in ("plan", "attacks", "wrong", "shown"))


def bare(federation: Federation) -> Experiment:
    """One client's round, as the form and its widgets hold it."""
    return round_of(federation, seed=federation.seed)


def plan() -> dict[str, Any]:
    """What the form holds besides."""
    return st.session_state.setdefault(_PLAN, {name: getattr(FIRST, name) for name in PLAN})


def attacks() -> bool:
    """Whether the server attacks at all."""
    return st.session_state.get(_ATTACKS, True)


def current() -> Federation:
    """The federation as it stands in the form."""
    now = form.current()
    client = now.client if isinstance(now.client, FedAvg) else FedAvg()
    values = {name: getattr(now, name) for name in ROUND} | {"client": client}
    return Federation(**values, **plan(), attack=now.attack if attacks() else None)


def fill(federation: Federation) -> None:
    """Fill the whole form."""
    st.session_state[_PLAN] = {name: getattr(federation, name) for name in PLAN}
    st.session_state[_ATTACKS] = federation.attack is not None
    st.session_state.pop(_WRONG, None)
    form.replace(bare(federation))


def change(name: str, value: Any) -> None:
    """Set one value of the plan; one that does not fit is refused with a sentence and nothing changes."""
    try:
        asked = build_federation({**plan(), name: value})
    except SpecError as error:
        form.replace(form.current())
        st.session_state[_WRONG] = str(error).partition(": ")[2]
        return
    found = getattr(asked, name)
    st.session_state[_PLAN] = {**plan(), name: found}
    st.session_state.pop(_WRONG, None)
    if asked.model_dump(mode="json")[name] != value:
        form.turn()


def set_attacks(key: str) -> None:
    """Switch the server's attacks as the toggle of that key stands."""
    st.session_state[_ATTACKS] = bool(st.session_state[key])
    form.turn()


def problems() -> list[tuple[str, bool]]:
    """(sentence, whether it stops the federation), what was refused last first."""
    asked = current()
    said = [(text, False) for text in (form.complaint(), st.session_state.get(_WRONG)) if text]
    if not data.browser_allowed(asked.data):
        said.append(("a page takes only bundled pictures and data sets of this machine: choose one in step 1", True))
    return said + [(p.reason, p.fatal) for p in federation_problems(asked)]


def find(asked: Federation) -> Job | None:
    """The newest job about this very question."""
    found = store().jobs(kinds=("federation",), limit=50)
    key = asked.key()
    return next((job for job in found if job.cache_key == f"federation:{key}"), None)


def ask(asked: Federation) -> None:
    """Have a worker do it, unless it has been done; show it. Raises SpecError."""
    dispatcher().ensure()
    number = store().submit(
        "federation", asked.model_dump(mode="json"), title=asked.title, owner=viewer() or "",
        cache_key=f"federation:{asked.key()}",
    )  # fmt: skip
    show(number)


def show(number: str) -> None:
    """This federation is looked at; its address says so."""
    st.session_state[_SHOWN] = number
    address.show(job=number)


def shown() -> Job | None:
    """The federation looked at: as asked for or linked to, else what is known of the form's."""
    return store().job(st.session_state.get(_SHOWN, ""))


def federation_of(job: Job) -> Federation | None:
    """What a job was asked, or None where that can no longer be read."""
    try:
        return build_federation(job.spec)
    except SpecError:
        return None


def arrive() -> None:
    """Take over the job that the address names, once, and write the one that is shown into it."""
    wanted = address.value("job")
    if wanted and wanted != st.session_state.get(_SHOWN):
        job = store().job(wanted) if valid_id(wanted) else None
        asked = federation_of(job) if job is not None and job.kind == "federation" else None
        if job is None or asked is None:
            address.show(job=None)
            st.session_state[_WRONG] = "There is no such federation here: it may have been deleted."
            return
        fill(asked)
        show(job.id)
    elif not wanted and _SHOWN not in st.session_state:
        job = find(FIRST)
        if job is not None and job.state != "failed":
            show(job.id)
    if st.session_state.get(_SHOWN):
        address.show(job=st.session_state[_SHOWN])
