"""A report or a summary as a file, HTML or PDF by its ending."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gi_core.common import whole_files
from gi_core.common.paths import user_path
from gi_core.reports import runs
from gi_core.reports.page import html_page
from gi_core.reports.parts import Report
from gi_core.reports.pdf import print_pdf
from gi_core.reports.summary import Summary, html_summary, of_runs
from gi_core.reports.taken import Run
from gi_core.settings import SpecError

ENDINGS = (".html", ".pdf")
Document = Report | Summary


def document(target: Document | Run | Sequence[Run], summary: bool = False) -> Document:
    """The report, or the summary, of a run or several; what is a document already stays one. Raises SpecError."""
    if isinstance(target, (Report, Summary)):
        return target
    taken = [target] if isinstance(target, Run) else list(target)
    return of_runs(taken) if summary else runs.report(taken)


def html(found: Document) -> str:
    """The document as one HTML file."""
    return html_summary(found) if isinstance(found, Summary) else html_page(found)


def content(found: Document, ending: str) -> bytes:
    """The document as the bytes of a file with that ending, `.html` or `.pdf`. Raises SpecError."""
    if ending not in ENDINGS:
        raise SpecError(f"a report is a file that ends with .html or .pdf, not with {ending[:20]!r}: name it so")
    page = html(found)
    return page.encode() if ending == ".html" else print_pdf(page)


def write(target: Document | Run | Sequence[Run], path: str | Path, summary: bool = False) -> Path:
    """Write the report (or the one-page summary) of a run, several runs or a made document; where it lies. Raises SpecError.

    The ending says which: `.html` opens anywhere without network, `.pdf` needs a Chromium on this machine.
    """
    place = writable(str(path), ENDINGS, "a report")
    return put(place, content(document(target, summary), place.suffix.lower()))


def writable(name: str, endings: Sequence[str], what: str) -> Path:
    """The path, where a file of that kind may be written. Raises SpecError before anything is made."""
    path = user_path(name)
    if path.suffix.lower() not in endings:
        raise SpecError(f"{what} is a file that ends with {' or '.join(endings)}, not {path.name[-60:]!r}: name it so")
    if path.is_dir() or not path.parent.is_dir():
        raise SpecError(f"cannot write {name[-200:]!r}: give a file in a folder that exists")
    return path


def put(path: Path, made: bytes) -> Path:
    """Write the bytes, whole or not at all. Raises SpecError."""
    try:
        whole_files.replace(path, lambda file: file.write(made))
    except OSError as error:
        raise SpecError(f"cannot write {str(path)[-200:]!r}: {error.strerror}") from None
    return path
