"""What a page shows, in its address: a refresh, a second tab or a shared link shows the same.

Each page with a form has an address of its own, which comes back with the page. The session is the truth and the address its mirror. A request that was on its way while the address
changed still carries the old one, so an address that was just replaced is no wish of the person.
"""

from __future__ import annotations

import time
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from gi_core.runs.job import valid_id
from gi_core.spec import SpecError, build
from pages.components import form, link
from pages.components.session import store

NAMES = ("run", "experiment", "view", "present", "overlay", "beside")
_SHOWN, _SAY = "address.shown", "address.say"
_STALE_SECONDS, _SAY_SECONDS = 5.0, 12.0


def _at(part: str) -> str:
    return f"address.{form.page()}.{part}"


def get(name: str) -> str | None:
    """One value as the page shows it."""
    return st.session_state.get(_at("state"), {}).get(name)


def put(**values: str | None) -> None:
    """Change values here and in the address."""
    before = st.session_state.get(_at("state"), {})
    state = {**before, **values}
    if state != before:
        _supersede(before)
        st.session_state[_at("state")] = state
    for name in values:
        if st.query_params.get(name) != state[name]:
            if state[name] is None:
                st.query_params.pop(name, None)
            else:
                st.query_params[name] = state[name]


def arrive() -> None:
    """Take over what the address asks for, once; a link fills the form and never starts anything."""
    asked = {name: st.query_params.get(name) for name in NAMES}
    state = st.session_state.get(_at("state"))
    away = state is not None and st.session_state.get(_SHOWN) != form.page()
    st.session_state[_SHOWN] = form.page()
    if asked == state or _stale(asked):
        return
    if away and not any(asked.values()):
        _supersede(asked)
        put(**state)
        return
    _supersede(state or {})
    st.session_state[_at("state")] = asked
    form.replace(form.start())
    if asked["run"] is not None:
        _open(asked["run"])
    if asked["experiment"]:
        try:
            form.replace(link.decode(asked["experiment"]))
        except SpecError as error:
            say(str(error))


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


def _supersede(state: dict[str, str | None]) -> None:
    now = time.monotonic()
    kept = [(old, since) for old, since in st.session_state.get(_at("old"), []) if now - since < _STALE_SECONDS]
    st.session_state[_at("old")] = [*kept, (dict(state), now)]


def _stale(asked: dict[str, str | None]) -> bool:
    now = time.monotonic()
    return any(old == asked and now - since < _STALE_SECONDS for old, since in st.session_state.get(_at("old"), []))


def leave() -> None:
    """A page without a form is shown: the others come back as they were."""
    st.session_state[_SHOWN] = ""


def sync() -> None:
    """Write the form into the address, as short as it can be."""
    run, experiment = get("run"), form.current()
    known = form.start()
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
    """That sentence, if it is recent."""
    sentence, since = st.session_state.get(_SAY, (None, 0.0))
    return sentence if time.monotonic() - since < _SAY_SECONDS else None
