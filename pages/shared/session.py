"""Who is looking, and the store that everybody shares."""

from __future__ import annotations

import copy
import hashlib
import secrets

import streamlit as st

from gi_core.jobs.dispatcher import Dispatcher
from gi_core.jobs.store import Store

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@st.cache_resource(show_spinner=False)
def dispatcher() -> Dispatcher:
    """One for the server's life: keeps a warm worker per lane."""
    return Dispatcher(Store())


@st.cache_resource(show_spinner=False, max_entries=64)
def _store(viewer: str | None) -> Store:
    return Store(viewer=viewer)


def signed_in() -> bool:
    """Whether Streamlit's sign-in is configured and this person has signed in."""
    return bool(getattr(st.user, "is_logged_in", False))


def needs_sign_in() -> bool:
    """Whether sign-in is configured and this person has not done it."""
    return getattr(st.user, "is_logged_in", None) is False


def viewer() -> str | None:
    """The owner of this person's jobs; None for the one trusted user without sign-in.

    The address of a person, unless the provider says that nobody checked whose it is: then anybody could take another's.
    """
    if not signed_in():
        return None
    email, subject = st.user.get("email"), st.user.get("sub")
    checked = str(st.user.get("email_verified", True)).lower() != "false"
    if email and checked:
        return str(email)
    return f"{subject} at {st.user.get('iss')}" if subject else "signed in"


def browser() -> str:
    """Who takes turns in the queue where nobody signs in: a browser by the cookie that Streamlit gives it, else a tab.

    The cookie is `2|mask|token xor mask|time`, under a new mask in every answer; only its hash is kept.
    """
    try:
        _, mask, masked, _ = str(st.context.cookies.get("_streamlit_xsrf")).strip("\"'").split("|")
        key = bytes.fromhex(mask)
        token = bytes(byte ^ key[i % 4] for i, byte in enumerate(bytes.fromhex(masked)))
    except (ValueError, IndexError):
        return st.session_state.setdefault("session.browser", "tab " + secrets.token_hex(8))
    return "browser " + hashlib.sha256(token).hexdigest()[:16]


def store() -> Store:
    """The store as this person may see it."""
    seen = copy.copy(_store(viewer()))
    seen.asker = browser()
    return seen


def exposed() -> bool:
    """Whether other machines can reach the page while nobody has to sign in."""
    return st.get_option("server.address") not in _LOOPBACK and not signed_in()
