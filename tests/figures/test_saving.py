"""Figures as files: each format, the caption in it, and one sentence where something is missing."""

from __future__ import annotations

import shutil

import pytest

from gi_core import figures
from gi_core.common.errors import SpecError
from gi_core.figures import saving
from tests.figures import samples

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="module")
def figure():
    return figures.of_run(samples.RESULT, samples.POINTS, samples.ASKED)["losses"]


def test_html_holds_the_script_the_figure_and_its_caption_and_asks_nobody(figure, tmp_path):
    text = figures.save(figure, tmp_path / "loss.html").read_text()
    assert "plotly.js v" in text and "32 pixels; network lenet:init=uniform" in text and "<title>Loss" in text
    assert 'src="http' not in text and "cdn.plot.ly" not in text.replace(figures.script().read_text(), "")


def test_other_endings_and_folders_are_one_sentence(figure, tmp_path):
    with pytest.raises(SpecError, match="end the name in"):
        figures.save(figure, tmp_path / "loss.gif")
    with pytest.raises(SpecError, match="cannot write"):
        figures.save(figure, tmp_path / "no such folder" / "loss.html")


def test_without_kaleido_the_sentence_says_how_to_get_it(figure, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r"PDF needs kaleido: pip install .*\[figures\]"):
        figures.save(figure, tmp_path / "loss.pdf")


def test_without_a_browser_the_sentence_says_so(figure, tmp_path, monkeypatch):
    kaleido = pytest.importorskip("kaleido")
    from choreographer.errors import ChromeNotFoundError

    def none(*_, **__):
        raise ChromeNotFoundError

    monkeypatch.setattr(kaleido, "calc_fig_sync", none)
    with pytest.raises(SpecError, match="SVG needs Chromium"):
        figures.save(figure, tmp_path / "loss.svg")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_svg_pdf_and_png_are_drawn(figure, tmp_path):
    pytest.importorskip("kaleido")
    svg = figures.save(figure, tmp_path / "loss.svg").read_text()
    assert "<svg" in svg and "Picture bundled/astronaut" in svg and "iteration" in svg
    assert figures.save(figure, tmp_path / "loss.pdf").read_bytes().startswith(b"%PDF")
    assert figures.save(figure, tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
