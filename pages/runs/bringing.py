"""An archive of a run or a sweep that was made elsewhere is brought here."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st

from gi_core.jobs import sweeps
from gi_core.reports.archive_opening import Opened, open_archive
from gi_core.reports.archive_vetting import vetted
from gi_core.reports.swept import kind_of
from gi_core.settings import SpecError
from pages.shared import link, telling
from pages.shared.session import store

MOST_MB = 256
_PAGES = {"Sweep": "sweeps", "Frontier": "frontier", "Wall": "wall"}
_TAKEN, _SAID = "runs.archive.taken", "runs.archive.said"


def place() -> None:
    """Where one is handed in."""
    with st.popover("Bring an archive", icon=":material/upload:", key="runs_archive"):
        st.caption(
            "A ZIP that Take away, Archive (ZIP), wrote in another installation. Its numbers stay marked as measured elsewhere."
        )
        file = st.file_uploader("Archive (ZIP)", type=["zip"], key="runs_archive_file", max_upload_size=MOST_MB)
        if file is not None and st.session_state.get(_TAKEN) != file.file_id:
            st.session_state[_TAKEN] = file.file_id
            st.session_state[_SAID] = _open(file.getvalue(), file.name)
            st.rerun()


def told() -> None:
    """What came of it."""
    said = st.session_state.get(_SAID)
    if isinstance(said, Opened):
        _opened(said)
    elif said is not None:
        telling.error(said)


def _open(content: bytes, name: str) -> Opened | str:
    """What was opened, or why it was not, in a sentence."""
    with TemporaryDirectory(prefix="gi_archive_") as folder, st.spinner("Reading the archive"):
        path = Path(folder) / "archive.zip"
        try:
            path.write_bytes(content)
            vetted(path, name[-80:])
            return open_archive(store(), path, name[-80:])
        except SpecError as error:
            return str(error)
        except OSError as error:
            return f"the archive cannot be kept: {error.strerror}"


def _opened(found: Opened) -> None:
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        new = "is here now, marked as done elsewhere" if found.new else "was here already"
        st.html(f'<p class="gi-about" role="status">The {found.kind} of the archive {new}.</p>', width="content")
        if found.kind == "run":
            link.to_lab("Open it", run=found.id)
        else:
            page = _PAGES[kind_of(sweeps.sweep_of(store(), found.id))]
            st.page_link(
                f"pages/{page}/page.py", label="Open it", icon=":material/grid_view:", query_params={"sweep": found.id}
            )
