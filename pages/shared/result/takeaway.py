"""The dialog with all that can be taken away: documents, figures for a paper, files, and how to run it again.

Nothing is made before its click; what takes seconds is made in a thread or a process of its own, while the page goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from gi_core.jobs.job import FINISHED, FOLLOWS, Job
from gi_core.jobs.store import Store
from gi_core.reports import (
    analyses,
    archive_writing,
    asked,
    commands,
    grid,
    grid_files,
    latex,
    pdf,
    references,
    repeat,
    subjects,
    sweeps,
    swept,
    widths,
    writing,
)
from gi_core.settings import SpecError
from pages.shared import address, taking, telling
from pages.shared.result import downloads
from pages.shared.result.source import StoredRun
from pages.shared.session import store
from pages.shared.taking import Asked

_MIMES = {
    "html": "text/html", "pdf": "application/pdf", "svg": "image/svg+xml", "tex": "application/x-tex", "bib": "application/x-bibtex",
    "zip": "application/zip",
}  # fmt: skip
Make = Callable[[], bytes | str]


def draw(page: str) -> None:
    """The dialog that was asked for. It is drawn in every run of the page until it is closed, as a form's own refresh would take it away."""
    wanted = taking.asked(page)
    if wanted is not None:
        _dialog(wanted)


@st.dialog("Take away", width="large", on_dismiss=taking.close)
def _dialog(wanted: Asked) -> None:
    mine = store()  # what is made later is made in a thread that knows no session
    job = mine.job(wanted.ids[0]) if wanted.ids else None
    if job is None and wanted.rank is None:
        telling.error("it was deleted: there is nothing to take away")
        return
    try:
        _documents(mine, wanted, job)
        if job is not None and job.kind in ("run", FOLLOWS):
            _paper(mine, wanted, job)
            _files(mine, wanted, job)
        if job is not None and job.kind == "run" and wanted.truth:
            _again(mine, wanted.ids)
    except SpecError as error:
        telling.error(error)


def _documents(mine: Store, wanted: Asked, job: Job | None) -> None:
    """Report and summary."""
    if job is None:
        report = analyses.rank(wanted.rank or {})
        _heading("Report", "Everything about it in one file that opens without a network.")
        _pair("report", "rank analysis", lambda ending: writing.content(report, ending))
        return
    made = subjects.report_of(mine, wanted.ids, wanted.truth)
    _heading("Report", "Everything about it in one file that opens without a network.")
    _pair("report", job.id, lambda ending: writing.content(made, ending))
    if job.kind in ("run", FOLLOWS, "federation"):
        page = subjects.summary_of(mine, wanted.ids, wanted.truth)
        _heading("One page for decision makers", "In plain words: how bad, how sure, what helps, and the limits.")
        _pair("summary", job.id, lambda ending: writing.content(page, ending))


def _pair(what: str, name: str, make: Callable[[str], bytes]) -> None:
    """HTML, and PDF where something prints it."""
    with st.container(horizontal=True, gap="xsmall"):
        _button(f"{what.capitalize()} (HTML)", lambda: make(".html"), what, name, "html")
        lacking = pdf.lacking()
        _button(f"{what.capitalize()} (PDF)", lambda: make(".pdf"), what, name, "pdf", lacking)
    if lacking:
        telling.caption(lacking)


def _paper(mine: Store, wanted: Asked, job: Job) -> None:
    """Pictures at the width of a column, metrics as LaTeX, references."""
    ended = [run for run in _jobs(mine, wanted, job) if run.result is not None]
    if not ended:
        return
    _heading("For a paper", "Pictures keep every pixel.")
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        width = st.segmented_control(
            "Width", list(widths.WIDTHS), default="one column", required=True, key="take_width",
            format_func=lambda n: f"{n.capitalize()}, {widths.WIDTHS[n]:g} mm",
        )  # fmt: skip
        apart = len(ended) == 1 and wanted.truth and st.checkbox("With difference", key="take_difference")
    runs = subjects.runs_of(mine, wanted.ids, wanted.truth)
    size = widths.WIDTHS[width or "one column"]

    def figure(ending: str) -> bytes:
        return grid_files.content(grid.of_runs(runs, size, None, bool(apart)), ending)

    with st.container(horizontal=True, gap="xsmall"):
        _button("Figure (SVG)", lambda: figure(".svg"), "figure", job.id, "svg")
        _button("Figure (PDF)", lambda: figure(".pdf"), "figure", job.id, "pdf")
        if wanted.truth:
            _button("Table (LaTeX)", lambda: _table(mine, wanted, job), "table", job.id, "tex")
        _button("References (BibTeX)", lambda: references.bibtex(references.of_runs(runs)), "references", job.id, "bib")


def _table(mine: Store, wanted: Asked, job: Job) -> str:
    if job.kind == FOLLOWS:
        found = swept.of_store(mine, job.id)
        return latex.of_sweep(found.rows, sweeps.columns(found.rows, found.sweep), found.sweep.name)
    return latex.of_runs(subjects.runs_of(mine, wanted.ids))


def _jobs(mine: Store, wanted: Asked, job: Job) -> list[Job]:
    if job.kind == FOLLOWS:
        return subjects.ended(mine, job.id)
    return [found for one in wanted.ids if (found := mine.job(one)) is not None]


def _files(mine: Store, wanted: Asked, job: Job) -> None:
    """What the run left, and the archive that another installation opens."""
    _heading("Files", "An archive opens in another installation, on its page of runs.")
    if wanted.truth and job.state in FINISHED and len(wanted.ids) == 1:
        _button("Archive (ZIP)", lambda: archive_writing.archive(mine, job.id), "archive", job.id, "zip")
    for one in wanted.ids if job.kind == "run" and len(wanted.ids) == 1 else ():
        run = mine.job(one)
        if run is not None:
            downloads.draw(StoredRun(mine, run), wanted.trial, wanted.truth)


def _again(mine: Store, ids: Sequence[str]) -> None:
    """Link, command line and Python."""
    _heading("Run it again", "With the same versions and the same plan: the same pictures, bit for bit.")
    for run in subjects.runs_of(mine, ids):
        more = {n: value for n in ("view", "overlay") if (value := address.get(n))}
        st.code(address.url(run=run.id, **more), language=None, wrap_lines=True)
        experiment = asked.experiment(run)
        if experiment is None:
            telling.caption("its question can no longer be read by this edition of the program")
            continue
        st.code(commands.command(experiment), language="bash", wrap_lines=True)
        if experiment.model.kind == "custom":
            st.caption("The rank-analysis page saves the drawn network as network.json.")
        plan, device = (run.result["plan"], run.result["device"]) if run.result else (None, "")
        st.code(repeat.repeat(run.spec, plan, device), language="python", wrap_lines=True)


def _heading(title: str, about: str) -> None:
    st.html(f'<h3 class="gi-sub">{title} <small>{about}</small></h3>')


def _button(label: str, make: Make, what: str, name: str, ending: str, lacking: str = "") -> None:
    st.download_button(
        label, make, f"gradient-inversion-{what}-{name.replace(' ', '-')}.{ending}", _MIMES[ending], key=f"take_{what}_{ending}",
        on_click="ignore", icon=":material/download:", disabled=bool(lacking),
    )  # fmt: skip
