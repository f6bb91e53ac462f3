"""Step one of the form: the private picture, chosen by clicking it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import streamlit as st

from gi_core import data
from gi_core.data.types import SampleInfo
from gi_core.spec import SpecError
from pages.components import fetching, fields, form, stage, uploads, words
from pages.components.picture_grid import Item, picture_grid
from pages.components.pictures import data_uri

_FOLDER = Path(__file__).resolve().parents[2] / "assets" / "samples"
_BLANK = data_uri(
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 48 48"><rect width="48" height="48" fill="#8a949e"/>'
    b'<path d="M10 36l9-12 7 8 5-6 8 10z" fill="#fff"/><circle cx="32" cy="16" r="4" fill="#fff"/></svg>',
    "image/svg+xml",
)
MOST = 64


@st.cache_data(ttl=60, show_spinner=False)
def known() -> list[SampleInfo]:
    """What can be chosen on this machine."""
    return list(data.catalogue())


@lru_cache(maxsize=512)
def thumbnail(name: str) -> str:
    """A committed thumbnail as a data URI, or a placeholder."""
    path = _FOLDER / name
    return data_uri(path.read_bytes()) if name and path.is_file() else _BLANK


def draw() -> None:
    """Groups of thumbnails, an upload, and how the picture is prepared."""
    if stage.attackers_view():
        st.html('<p class="gi-about">Hidden in the attacker\'s view.</p>')
        return
    infos = known()
    groups = list(dict.fromkeys(info.group for info in infos if info.available))
    chosen = form.current().samples
    mine = next((i.group for i in infos if i.ref == chosen[0]), None)
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="sample_bar"):
        group = st.segmented_control(
            "Kind of picture", groups, default=mine if mine in groups else groups[0], required=True,
            key="sample_group", label_visibility="collapsed", wrap=False,
        )  # fmt: skip
    shown = [i for i in infos if i.group == group and i.available]
    several = len(chosen) > 1 or st.session_state.get("sample_several", False)
    items = [
        Item(i.ref, thumbnail(i.thumbnail), i.title, hint=i.missing or i.title, disabled=not i.available)
        for i in shown
    ]
    extra = [ref for ref in chosen if ref not in {i.ref for i in infos}]
    items = [Item(ref, _BLANK, words.sample_name(ref)) for ref in extra] + items
    picture_grid("Private picture", items, chosen, _pick, key="sample_grid", several=several, cell=72)
    missing = [i for i in infos if not i.available]
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        with st.popover("Your own", icon=":material/upload:", key="sample_own"):
            _upload()
        if missing:
            with st.popover("More", icon=":material/database:", key="sample_sets"):
                st.html('<p class="gi-about">Fetched once from their publishers, then kept on this machine.</p>')
                fetching.follow({i.ref.split(":")[0]: i.title for i in missing}, "sets")
        with st.popover("Size, batch", icon=":material/tune:", key="sample_more"):
            st.toggle(
                "Several pictures at once", key="sample_several", on_change=_one_again,
                help="The client computes one gradient on all of them together, which hides each a little.",
            )  # fmt: skip
            fields.widgets(form.current(), (), ["size", "channels", "normalise"])
            _labels(infos)


def _pick(ref: str) -> None:
    chosen = list(form.current().samples)
    if not (st.session_state.get("sample_several") or len(chosen) > 1):
        chosen = [ref]
    elif ref in chosen:
        chosen = [c for c in chosen if c != ref] or chosen
    else:
        chosen = [*chosen, ref][:MOST]
    form.change(("labels",), None)
    form.change(("samples",), chosen)


def _one_again() -> None:
    if not st.session_state["sample_several"]:
        form.change(("labels",), None)
        form.change(("samples",), [form.current().samples[0]])


def _upload() -> None:
    file = st.file_uploader("A picture of yours", type=["png", "jpg", "jpeg", "webp", "bmp"], key="sample_file")
    st.caption("It stays on this machine. The middle square is used, made small.")
    if file is None or st.session_state.get("sample_taken") == file.file_id:
        return
    st.session_state["sample_taken"] = file.file_id
    try:
        form.change(("samples",), [uploads.keep_picture(file.getvalue())])
    except SpecError as error:
        st.error(words.plain(error))
        return
    st.rerun(scope="fragment")


def _labels(infos: list[SampleInfo]) -> None:
    now = form.current()
    if len(now.samples) > 1:
        return
    key = form.key("label")
    st.number_input(
        "Label", 0, 21_999, now.labels[0] if now.labels else None, step=1, placeholder="the picture's own",
        key=key, on_change=_set_label, args=(key,), help="The class that the client trains this picture on.",
    )  # fmt: skip


def _set_label(key: str) -> None:
    value = st.session_state[key]
    form.change(("labels",), None if value is None else [int(value)])
