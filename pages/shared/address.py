"""What a page shows, in its address: a refresh, a second tab or a shared link shows the same.

Each page has an address of its own, which comes back with the page. The session is the truth and the address its mirror:
the address is asked on the first look at a page, when a person comes to it from another one, and when the person goes
back or forward. Any other request may have been on its way while the address changed, and carries an old one, however
long that takes: it is no wish of the person, and the address is written anew.
"""

from __future__ import annotations

import time
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from gi_core.jobs.job import valid_id
from gi_core.settings import Experiment, SpecError, build
from pages.shared import form, link
from pages.shared.session import store

NAMES = ("run", "experiment", "view", "present", "overlay", "beside")
_SHOWN, _SAY, _SAY_SECONDS = "address.shown", "address.say", 12.0


def _state(page: str) -> dict[str, str | None] | None:
    return st.session_state.get(f"address.{page}")


def get(name: str) -> str | None:
    """One value as the page of the form shows it."""
    return (_state(form.page()) or {}).get(name)


def put(**values: str | None) -> None:
    """Change values here and in the address."""
    _set(form.page(), values)


def value(name: str) -> str | None:
    """One value of the page that `visit` named."""
    return (_state(st.session_state.get(_SHOWN, "")) or {}).get(name)


def show(**values: str | None) -> None:
    """Change values of the page that `visit` named, here and in its address."""
    _set(st.session_state.get(_SHOWN, ""), values)


def _set(page: str, values: dict[str, str | None]) -> None:
    state = {**(_state(page) or {}), **values}
    st.session_state[f"address.{page}"] = state
    _write(state)


def _write(state: dict[str, str | None]) -> None:
    """All at once: one step of Back for one change."""
    others = {name: value for name, value in st.query_params.to_dict().items() if name not in state}
    wanted = others | {name: value for name, value in state.items() if value is not None}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


def _asked(page: str, names: tuple[str, ...]) -> dict[str, str | None] | None:
    """What the address asks for, where that is a person's wish and new."""
    asked = {name: st.query_params.get(name) for name in names}
    state, context = _state(page), get_script_run_ctx()
    away = st.session_state.get(_SHOWN) != page
    st.session_state[_SHOWN] = page
    moved = bool(getattr(context, "is_history_navigation", False))
    if state is None or moved or (away and any(asked.values())):
        return asked if asked != state else None
    return None


def visit(page: str, *names: str) -> None:
    """A page without a form: take over what its address asks for; coming to it by its name alone begins anew."""
    away = st.session_state.get(_SHOWN) != page
    asked = _asked(page, names)
    if asked is not None or away:
        st.session_state[f"address.{page}"] = asked or {name: st.query_params.get(name) for name in names}
    _write(_state(page) or {})


def arrive() -> None:
    """Take over what the address asks for, once; a link fills the form and never starts anything."""
    page = form.page()
    asked = _asked(page, NAMES)
    if asked is None:
        _write(_state(page) or {})
        return
    st.session_state[f"address.{page}"] = asked
    form.replace(form.start())
    if asked["run"] is not None:
        _open(asked["run"])
    if asked["experiment"]:
        try:
            form.replace(link.decode(asked["experiment"]))
        except SpecError as error:
            say(str(error))


def open_run(run: str) -> None:
    """Show this run, and its experiment in the form."""
    put(run=run, beside=None, experiment=None)
    _open(run)


def _open(run: str) -> None:
    job = store().job(run) if valid_id(run) else None
    if job is None or job.kind != "run":
        put(run=None)
        say("There is no such run here: it may have been deleted, or the link is incomplete.")
        return
    try:
        form.replace(build(job.spec))
    except SpecError as error:
        say(f"This run's experiment can no longer be read: {error}")


def sync() -> None:
    """Write the form into the address, as short as it can be."""
    run, experiment = get("run"), form.current()
    known: Experiment | None = form.start()
    if run is not None:
        job = store().job(run)
        try:
            known = build(job.spec) if job is not None else None
        except SpecError:
            known = None
    put(run=run, experiment=None if experiment == known else link.encode(experiment))


def url(**query: str) -> str:
    """The full address of this page with a query."""
    parts = urlsplit(str(st.context.url or "http://127.0.0.1:8501/"))
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", urlencode(query), ""))


def say(sentence: str) -> None:
    """A sentence that the page shows for a while."""
    st.session_state[_SAY] = (sentence, time.monotonic())


def word() -> str | None:
    """The sentence of `say`, if it is recent."""
    sentence, since = st.session_state.get(_SAY, (None, 0.0))
    return sentence if time.monotonic() - since < _SAY_SECONDS else None


def control(job_id: str, action: str) -> None:
    """Pause, resume or cancel a job, as a button's callback; a refusal is said on the page."""
    try:
        store().control(job_id, action)
    except SpecError as error:
        say(str(error))
