"""Settings that name a file: an attack's prior picture and its generator, picked or uploaded, never typed as a path."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st
from pydantic import BaseModel

from gi_core import data
from gi_core.data.types import SampleInfo
from gi_core.settings import SpecError
from pages.shared import form, telling, thumbnails, words
from pages.shared.experiment import uploads

Path = tuple[str | int, ...]


@st.cache_data(ttl=60, show_spinner=False)
def known() -> list[SampleInfo]:
    """Pictures that can be named on this machine."""
    return list(data.catalogue())


def prior(attack: BaseModel, path: Path) -> None:
    """A picture that the server already has: from a list, by its reference, or uploaded; none when empty."""
    now = getattr(attack, "prior", None)
    infos = {i.ref: i for i in known() if i.available}
    options = [*infos, *([now] if now and now not in infos else [])]
    key = form.key("attack.prior", now)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="bottom", key="prior"):
        if now and data.browser_allowed(now):
            shown = thumbnails.sources([infos[now]] if now in infos else [], [] if now in infos else [now])
            st.html(f'<img class="gi-prior" src="{shown[now]}" alt="the prior picture">', width="content")
        st.selectbox(
            "Prior picture", options, options.index(now) if now else None, key=key, accept_new_options=True,
            placeholder="none", format_func=lambda r: infos[r].title if r in infos else words.sample_name(r),
            help="A picture like the private one that the server has: the attack starts from it. One of the list, or a"
            " reference such as mnist:7.", on_change=form.report, args=(key, _set_prior, key, path, attack), width="stretch",
        )  # fmt: skip
        with st.popover("Upload", icon=":material/upload:", key="prior_own"):
            _upload("prior", path, uploads.PICTURES, uploads.keep_picture)


def _set_prior(key: str, path: Path, attack: BaseModel) -> None:
    ref = st.session_state[key]
    if form.kind_at(path[:-1]) != getattr(attack, "kind", ""):
        return
    if ref and not data.browser_allowed(ref):
        form.refuse(f"a page cannot open {ref!r}: choose a prior picture of the list, upload it, or write mnist:7")
        return
    form.change(path, ref or None, seen=True)


def generator(attack: BaseModel, path: Path) -> None:
    """The file of a generator, where one is searched."""
    if getattr(attack, "parametrisation", "") != "generator":
        return
    _upload("generator", path, ["safetensors", "pt", "pth"], uploads.keep_weights)
    now = getattr(attack, "generator", None)
    if now:
        st.caption(f"Using the file {words.plain(now.removeprefix('upload:')[:12])}…")


def _upload(name: str, path: Path, kinds: list[str], keep: Callable[[bytes], str]) -> None:
    """A file becomes the value of this setting once."""
    file = st.file_uploader(
        f"{name.capitalize()} file", type=kinds, key=f"{name}_file", max_upload_size=uploads.MOST_BYTES // 2**20
    )
    if file is None or st.session_state.get(f"{name}_taken") == file.file_id:
        return
    st.session_state[f"{name}_taken"] = file.file_id
    try:
        form.change(path, keep(file.getvalue()))
    except SpecError as error:
        telling.error(error)
        return
    st.rerun(scope="fragment")


PICKERS: dict[str, Callable[[BaseModel, Path], None]] = {"prior": prior, "generator": generator}
"""Name of a setting -> what picks its file."""
SHOWN_FIRST = ("prior",)
