"""What the page shows, in its address: a refresh, a second tab or a shared link shows the same."""

from __future__ import annotations

import time
from urllib.parse import urlencode, urlsplit, urlunsplit

import streamlit as st

from gi_core.runs.job import valid_id
from gi_core.spec import SpecError, build
from pages.components import form, link
from pages.components.session import store

_SEEN, _RUN, _AWAY, _SAY = "address.seen", "address.run", "address.away", "address.say"
_SECONDS = 12.0


def arrive() -> None:
    """Take over what the address asks for, once; a link fills the form and never starts anything."""
    asked = (st.query_params.get("run"), st.query_params.get("experiment"))
    away = st.session_state.pop(_AWAY, False)
    if asked == st.session_state.get(_SEEN, ("", "")):
        return
    if away and asked == (None, None):
        return
    st.session_state[_SEEN] = asked
    run, text = asked
    st.session_state[_RUN] = None
    form.replace(form.start())
    if run is not None:
        _open(run)
    if text:
        try:
            form.replace(link.decode(text))
        except SpecError as error:
            say(str(error))


def _open(run: str) -> None:
    job = store().job(run) if valid_id(run) else None
    if job is None or job.kind != "run":
        say("There is no such run here: it may have been deleted, or the link is incomplete.")
        return
    st.session_state[_RUN] = run
    try:
        form.replace(build(job.spec))
    except SpecError as error:
        say(f"This run's experiment can no longer be read: {error}")


def leave() -> None:
    """Another page is shown: the lab comes back as it was."""
    st.session_state[_AWAY] = True


def open_run(run: str | None) -> None:
    """Show a run (or none) from now on."""
    st.session_state[_RUN] = run


def shown() -> str | None:
    """Id of the run on show."""
    return st.session_state.get(_RUN)


def sync() -> None:
    """Write run and form into the address, as short as they can be."""
    run, experiment = shown(), form.current()
    known = form.start()
    if run is not None:
        job = store().job(run)
        try:
            known = build(job.spec) if job is not None else None
        except SpecError:
            known = None
    text = None if experiment == known else link.encode(experiment)
    for name, value in (("run", run), ("experiment", text)):
        if st.query_params.get(name) != value:
            if value is None:
                st.query_params.pop(name, None)
            else:
                st.query_params[name] = value
    st.session_state[_SEEN] = (run, text)


def url(**query: str) -> str:
    """The full address of this page with a query."""
    parts = urlsplit(str(st.context.url or "http://127.0.0.1:8501/"))
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))


def say(sentence: str) -> None:
    """A sentence that the page shows for a while."""
    st.session_state[_SAY] = (sentence, time.monotonic())


def word() -> str | None:
    """That sentence, if it is recent."""
    sentence, since = st.session_state.get(_SAY, (None, 0.0))
    return sentence if time.monotonic() - since < _SECONDS else None
