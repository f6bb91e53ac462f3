"""A drawn network as a file, and back."""

from __future__ import annotations

from functools import partial

import streamlit as st

from gi_core.reports.commands import network_file
from gi_core.settings import SpecError
from gi_core.settings.custom import CustomNet
from gi_core.settings.parse import read_network
from gi_core.settings.sizes import sides
from pages.shared import address, form, link, telling, words


def draw() -> None:
    """Save, load, share."""
    now = form.current()
    with st.popover("Save, load, share", icon=":material/ios_share:", key="rank_files"):
        st.markdown("**Link to this network**")
        st.code(address.url(experiment=link.encode(now)), language=None, wrap_lines=True)
        st.markdown("**The same on a command line**")
        side = "x".join(map(str, (now.channels or 3, *(sides(now.size) or (32, 32)))))
        st.code(
            f"python -m gi_core rank --model {words.model(now.model)} --input {side}", language="bash", wrap_lines=True
        )
        if isinstance(network := now.model, CustomNet):
            st.download_button(
                "Save the network (JSON)", partial(network_file, network), "network.json", "application/json",
                key="rank_save", on_click="ignore", icon=":material/download:", width="stretch",
            )  # fmt: skip
        file = st.file_uploader("Load a network (JSON)", type=["json"], key="rank_file", max_upload_size=1)
        if file is not None and st.session_state.get("rank.taken") != file.file_id:
            st.session_state["rank.taken"] = file.file_id
            _load(file.getvalue())


def _load(content: bytes) -> None:
    try:
        network = read_network(content)
    except SpecError as error:
        telling.error(error)
        return
    form.change(("model",), network.model_dump(mode="json"))
    form.replace(form.current())
    st.rerun(scope="app")
