"""More pictures than the bundled ones: data sets that can be fetched."""

from __future__ import annotations

import streamlit as st

from gi_core.data.types import SampleInfo
from pages.components import fetching, words


def draw(missing: list[SampleInfo]) -> None:
    """A button for each data set that is not on this machine, or its progress."""
    st.html('<p class="gi-about">Fetched once from their publishers, then kept on this machine.</p>')
    every = 0.7 if fetching.active() else None
    st.fragment(_list, run_every=every, key="fetching")(missing)


def _list(missing: list[SampleInfo]) -> None:
    was = st.session_state.get("fetching.active", False)
    now = fetching.active()
    st.session_state["fetching.active"] = now
    for info in missing:
        name = info.ref.split(":")[0]
        fetch = fetching.find(name)
        if fetch is not None and not fetch.over:
            st.progress(fetch.share, text=words.plain(f"{info.title}: {fetch.text}"))
            continue
        st.button(f"Fetch {info.title}", key=f"fetch_{name}", on_click=fetching.start, args=(name,), width="stretch")
        if fetch is not None and fetch.error:
            st.caption(words.plain(fetch.error))
    if was != now:
        st.cache_data.clear()
        st.rerun(scope="app")
