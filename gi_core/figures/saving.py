"""Figures as files: SVG, PDF and PNG by kaleido with the machine's Chromium, HTML that opens without a network."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from gi_core.common.errors import SpecError

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

STILL, SHARP = (".svg", ".pdf", ".png"), 2.0
"""Formats that a browser draws; pixels of a PNG for each pixel of the figure."""
INSTALL = "saving as {} needs kaleido: pip install 'gradient-inversion-studio[figures]', or save as .html"
BROWSER = "saving as {} needs Chromium or Chrome: install one, or save as .html"


def script() -> Path:
    """plotly's own script, as the wheel brings it. Raises SpecError where plotly is not whole."""
    found = find_spec("plotly")
    path = Path(str(found.origin)).parent / "package_data" / "plotly.min.js" if found and found.origin else None
    if path is None or not path.is_file():
        raise SpecError("plotly's script is missing: pip install --force-reinstall plotly")
    return path


def save(figure: Figure, path: str | Path) -> Path:
    """Write the figure in the format that the path's ending names: .svg, .pdf, .png or .html; the path.

    The caption is drawn below the title. HTML holds plotly's script, 5 MB, and asks nobody for anything. Raises SpecError for
    another ending, a folder that is not there, and a format that needs what this machine lacks.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in (*STILL, ".html"):
        raise SpecError(
            f"a figure is not saved as {path.suffix or 'a file without ending'}: end the name in .svg, .pdf, .png or .html"
        )
    content = html(figure).encode() if ending == ".html" else still(figure, ending.removeprefix("."))
    try:
        path.write_bytes(content)
    except OSError as error:
        raise SpecError(f"cannot write {path}: {error.strerror}") from None
    return path


def html(figure: Figure) -> str:
    """A whole page with the figure and plotly's script inside."""
    import plotly.io

    page: str = plotly.io.to_html(figure, include_plotlyjs=True, include_mathjax=False, full_html=True, config=CONFIG)
    title = figure.layout.meta["title"] if figure.layout.meta else "Figure"
    escaped = str(title).replace("&", "&amp;").replace("<", "&lt;")
    head = f'<meta charset="utf-8"/><title>{escaped}</title><style>body {{ background: {figure.layout.paper_bgcolor}; }}</style>'
    return page.replace("<html>", '<html lang="en">', 1).replace("<head>", f"<head>{head}", 1)


CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "showSendToCloud": False,
    "modeBarButtonsToRemove": ["lasso2d", "select2d", "autoScale2d"],
}
"""plotly's, for a figure on a page: no button that leads to another host."""


def still(figure: Figure, form: str) -> bytes:
    """The figure as svg, pdf or png. Raises SpecError without kaleido or without a browser that it can start."""
    if find_spec("kaleido") is None:
        raise SpecError(INSTALL.format(form.upper()))
    import kaleido
    from choreographer.errors import BrowserClosedError, BrowserFailedError, ChromeNotFoundError

    options = {
        "format": form,
        "width": figure.layout.width,
        "height": figure.layout.height,
        "scale": SHARP if form == "png" else 1,
    }
    # by default it would fetch MathJax from another host
    local = {"plotlyjs": str(script()), "mathjax": False}
    try:
        content: bytes = kaleido.calc_fig_sync(figure, opts=options, kopts=local)
    except (ChromeNotFoundError, BrowserFailedError, BrowserClosedError):
        raise SpecError(BROWSER.format(form.upper())) from None
    return content
