"""Step 1: the files, uploaded one by one or taken from this machine."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from gi_core.settings import SpecError
from pages.shared import telling, words
from pages.shared.experiment import press, uploads
from pages.updates import names, question, shelf

_SAID, _TAKEN = "updates.said", "updates.taken"
_ARRAYS = ["npz", "safetensors", "pt", "pth"]
_NEEDED = {
    "update": ("Update", "What the client sent: how each weight changed (.npz, .safetensors or .pt)."),
    "checkpoint": ("Checkpoint", "The network's weights before the round: everybody in the federation has them (.pt or .safetensors)."),
}  # fmt: skip
_MORE = {
    "statistics": ("Batch norm statistics", "Sent beside some updates; without it they are worked out from update and checkpoint."),
    "reference": ("Private picture, only to judge", "If you know it: the attack never sees it, the result is compared with it."),
}  # fmt: skip
_MEGABYTES = uploads.MOST_UPDATE_BYTES // 2**20


def draw() -> None:
    """Two files that are needed, two that help, and what is here already."""
    for part, (label, text) in _NEEDED.items():
        _file(part, label, text)
    more = sum(part in question.files() for part in _MORE)
    title = f"More files: {more} given" if more else "More files, if you have them"
    with st.expander(title, type="compact", key="fold.files"):
        for part, (label, text) in _MORE.items():
            _file(part, label, text)
        st.html('<p class="gi-about">A prior picture, if the server has one, is chosen with the attack.</p>')
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        with st.popover("On this machine", icon=":material/folder:", key="updates_shelf"):
            _shelf()
        if question.files():
            press.act("updates_clear", "Start over", question.clear, icon=":material/restart_alt:")


def _file(part: str, label: str, text: str) -> None:
    """The file that is there, or a place to drop one."""
    ref = question.files().get(part)
    if ref is not None:
        with st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key=f"given_{part}"):
            name = names.of(ref) if ref.startswith("upload:") else words.sample_name(ref)
            st.html(f'<p class="gi-file"><b>{label}</b> {words.escape(name)}</p>', width="stretch")
            press.act(
                f"updates_remove_{part}", "Remove", _put, part, None, icon=":material/close:", type="tertiary",
                help=f"Take the {label.lower()} away",
            )  # fmt: skip
        return
    picture = part == "reference"
    file = st.file_uploader(
        label, uploads.PICTURES if picture else _ARRAYS, key=f"updates_{part}", help=text,
        max_upload_size=uploads.MOST_BYTES // 2**20 if picture else _MEGABYTES,
    )  # fmt: skip
    said = st.session_state.get(_SAID, {}).get(part)
    if said:
        telling.problem(said)
    if file is not None and st.session_state.get(_TAKEN) != file.file_id:
        st.session_state[_TAKEN] = file.file_id
        _take(part, file.name, file.getvalue(), uploads.keep_picture if picture else uploads.keep_update)


def _take(part: str, name: str, content: bytes, keep: Callable[[bytes], str]) -> None:
    """Keep it by its hash; what it holds is looked into by a worker."""
    try:
        ref = keep(content)
    except SpecError as error:
        st.session_state[_SAID] = {part: str(error)}
    else:
        names.remember(ref, name, part)
        _put(part, ref)
    st.rerun(scope="app")


def _put(part: str, ref: str | None) -> None:
    st.session_state.pop(_SAID, None)
    question.give(part, ref)


def _shelf() -> None:
    """Recorded rounds, whole; and files that were given before, by their names."""
    rounds = {one.key: one.title for one in shelf.rounds()}
    if rounds:
        st.selectbox(
            "A recorded round", list(rounds), None, key="updates_round", format_func=lambda k: rounds.get(k, k), on_change=_round,
            placeholder="choose one",
        )  # fmt: skip
    else:
        st.html('<p class="gi-about">No federation has recorded a round here yet.</p>')
    for part, (label, _) in (_NEEDED | _MORE).items():
        files = {one.ref: f"{one.name} · {words.size(one.size)}" for one in names.kept(part)}
        if files:
            st.selectbox(
                f"{label}, given before", list(files), None, key=f"updates_kept_{part}", on_change=_kept, args=(part,),
                format_func=partial(_named, files), placeholder="choose one",
            )  # fmt: skip


def _named(files: dict[str, str], ref: str) -> str:
    return files.get(ref, ref)


def _round() -> None:
    chosen = next((one for one in shelf.rounds() if one.key == st.session_state["updates_round"]), None)
    st.session_state.pop(_SAID, None)
    try:
        if chosen is not None:
            shelf.take(chosen)
    except SpecError as error:
        st.session_state[_SAID] = {"update": str(error)}


def _kept(part: str) -> None:
    """What is chosen is one of this person's files; anything else is left alone."""
    ref = st.session_state[f"updates_kept_{part}"]
    if ref in {one.ref for one in names.kept(part)}:
        _put(part, ref)
