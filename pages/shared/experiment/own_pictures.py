"""A person's own pictures: uploaded, several at once, and what could not be read of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from gi_core.settings import SpecError
from gi_core.settings.bounds import MAX_BATCH
from pages.shared import telling, thumbnails
from pages.shared.experiment import uploads

_TAKEN, _SAID = "sample_taken", "sample_said"


def upload(take: Callable[[list[str]], None]) -> None:
    """A field for files; take(references) is called once for those that are new."""
    files = st.file_uploader(
        "Pictures of yours", type=uploads.PICTURES, key="sample_file", accept_multiple_files=True,
        max_upload_size=uploads.MOST_BYTES // 2**20,
    )  # fmt: skip
    st.caption(
        "They stay on this machine. The middle square is used, made small, unless you crop it or set a size. "
        "Leave this open until the pictures are shown: an upload that is not finished when it closes is lost."
    )
    for said in st.session_state.get(_SAID, ()):
        telling.problem(said)
    taken = st.session_state.get(_TAKEN, ())
    new = [file for file in files or () if file.file_id not in taken]
    if not new:
        return
    st.session_state[_TAKEN] = tuple(file.file_id for file in files)
    refs, said = [], []
    for file in new[:MAX_BATCH]:
        try:
            refs.append(uploads.keep_picture(file.getvalue()))
        except SpecError as error:
            said.append(f"The file {file.name[:80]}: {error}")
    if len(new) > MAX_BATCH:
        said.append(f"{len(new)} files were given: the first {MAX_BATCH} are taken")
    st.session_state[_SAID] = said
    if refs:
        take(list(dict.fromkeys(refs)))
    st.rerun(scope="app")


def unreadable(refs: Sequence[str]) -> None:
    """What a worker could not read, in a sentence each; and the pictures come as soon as they are made."""
    for said in thumbnails.refused(refs).values():
        telling.problem(said)
    if thumbnails.awaited():
        st.fragment(_come, run_every=0.6, key="sample_thumbnails")()


def _come() -> None:
    if not thumbnails.awaited():
        st.rerun(scope="app")
